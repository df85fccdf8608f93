//! Compiles Jinja2's syntax tree, and refuses what is not known to render to the same text.
//!
//! Jinja2's own parser makes the tree, so white space control, operator precedence and literals
//! cannot differ.

pub mod expressions;
pub mod statements;

use rustc_hash::FxHashSet;

use super::environment::Environment;
use super::program::{Macro, Program};
use super::scope::Scopes;
use super::tree::{Node, Refusal, kind, list_field, refuse, walk};

/// Compiles templates; one for each.
#[derive(Debug)]
pub struct Compiler {
    environment: &'static Environment,
    scopes: Scopes,
    macros: Vec<Macro>,
    date_formats: Vec<Box<str>>,
    /// Names of the macros that live in a scope inside the template's own.
    inner_macros: FxHashSet<String>,
}

/// Compiles a template from the JSON of its syntax tree.
///
/// # Errors
///
/// The first construct found whose rendering is not known to equal Jinja2's.
pub fn compile(environment: &'static Environment, tree: &Node) -> Refusal<Program> {
    if kind(tree) != "Template" {
        return refuse("malformed syntax tree: no template");
    }
    let mut compiler = Compiler {
        environment,
        scopes: Scopes::default(),
        macros: Vec::new(),
        date_formats: Vec::new(),
        inner_macros: FxHashSet::default(),
    };
    walk(tree, &mut |node| {
        if matches!(
            kind(node),
            "For" | "With" | "AssignBlock" | "CallBlock" | "FilterBlock"
        ) {
            walk(node, &mut |inner| {
                if let (true, Some(name)) = (kind(inner) == "Macro", inner["name"].as_str()) {
                    compiler.inner_macros.insert(name.to_owned());
                }
            });
        }
    });
    let nodes = list_field(tree, "body")?;
    compiler.scopes.enter();
    compiler.scopes.analyse(nodes)?;
    let body = compiler.block(nodes)?;
    let loads = compiler.scopes.leave();
    let (slots, names) = compiler.scopes.finish();
    Ok(Program {
        environment,
        loads,
        slots,
        body,
        macros: compiler.macros,
        names,
        date_formats: compiler.date_formats,
    })
}
