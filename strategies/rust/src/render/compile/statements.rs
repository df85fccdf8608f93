//! Statements.

use super::Compiler;
use crate::render::environment::Filter;
use crate::render::program::{Args, Expr, For, Loads, Macro, Param, Stmt, Target};
use crate::render::tree::{
    Node, Refusal, field, kind, list_field, mentions, refuse, text_field, walk,
};

type CompileStatement = fn(&mut Compiler, &Node, &mut Vec<Stmt>) -> Refusal<()>;

/// Statements that are rendered, by their class in Jinja2's syntax tree.
pub const STATEMENTS: &[(&str, CompileStatement)] = &[
    ("Assign", Compiler::assign),
    ("AssignBlock", Compiler::assign_block),
    ("Break", |_, _, out| push(out, Stmt::Break)),
    ("CallBlock", Compiler::generation),
    ("Continue", |_, _, out| push(out, Stmt::Continue)),
    ("FilterBlock", Compiler::filter_block),
    ("For", Compiler::for_statement),
    ("If", Compiler::if_statement),
    ("Macro", Compiler::macro_statement),
    ("Output", Compiler::output),
    ("With", Compiler::with_statement),
];

/// Names that a macro has by itself in Jinja2, and that are not rendered.
const OF_MACROS: [&str; 3] = ["caller", "kwargs", "varargs"];

#[allow(clippy::unnecessary_wraps)] // one of the functions of the table
fn push(out: &mut Vec<Stmt>, statement: Stmt) -> Refusal<()> {
    out.push(statement);
    Ok(())
}

impl Compiler {
    pub fn block(&mut self, nodes: &[Node]) -> Refusal<Vec<Stmt>> {
        let mut out = Vec::new();
        for node in nodes {
            let Some((_, compile)) = STATEMENTS.iter().find(|row| row.0 == kind(node)) else {
                return refuse(format!("the statement {}", kind(node)));
            };
            compile(self, node, &mut out)?;
        }
        Ok(out)
    }

    /// Compiles statements that have a scope of their own.
    fn scoped(&mut self, nodes: &[Node]) -> Refusal<(Loads, Vec<Stmt>)> {
        self.scopes.enter();
        self.scopes.analyse(nodes)?;
        let body = self.block(nodes)?;
        Ok((self.scopes.leave(), body))
    }

    fn output(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        for part in list_field(node, "nodes")? {
            out.push(if kind(part) == "TemplateData" {
                Stmt::Text(text_field(part, "data")?.into())
            } else {
                Stmt::Print(self.expr(part)?)
            });
        }
        Ok(())
    }

    fn assign(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        let value = self.expr(field(node, "node")?)?;
        let target = self.target(field(node, "target")?)?;
        push(out, Stmt::Set(target, value))
    }

    fn assign_block(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        self.scopes.enter();
        let nodes = list_field(node, "body")?;
        self.scopes.analyse(nodes)?;
        let body = self.block(nodes)?;
        let filters = self.filters_of(node)?;
        let loads = self.scopes.leave();
        let target = self.target(field(node, "target")?)?;
        push(out, Stmt::SetBlock(target, loads, body, filters))
    }

    fn filter_block(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        self.scopes.enter();
        let nodes = list_field(node, "body")?;
        self.scopes.analyse(nodes)?;
        self.scopes.analyse_node(field(node, "filter")?)?;
        let body = self.block(nodes)?;
        let filters = self.filters_of(node)?;
        let loads = self.scopes.leave();
        push(out, Stmt::FilterBlock(loads, body, filters))
    }

    /// The filters of a block, from the inside out.
    fn filters_of(&mut self, node: &Node) -> Refusal<Vec<(&'static Filter, Args)>> {
        let mut filters = Vec::new();
        let mut filter = field(node, "filter")?;
        while !filter.is_null() {
            filters.push(self.filter_parts(filter)?);
            filter = field(filter, "node")?;
        }
        filters.reverse();
        Ok(filters)
    }

    /// `{% generation %}`, the only call block that is rendered.
    fn generation(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        let callee = field(field(node, "call")?, "node")?;
        let generation = kind(callee) == "ExtensionAttribute"
            && text_field(callee, "name")? == "_generation_support";
        if !generation {
            return refuse("a call block");
        }
        let body = field(node, "body")?;
        let mut jumps = false;
        walk(body, &mut |inner| {
            jumps |= matches!(kind(inner), "Break" | "Continue" | "Macro");
        });
        if jumps {
            return refuse("break, continue or a macro inside a generation block");
        }
        if mentions(body, &OF_MACROS) {
            return refuse("caller, kwargs or varargs in a generation block");
        }
        let (loads, body) = self.scoped(list_field(node, "body")?)?;
        push(out, Stmt::Scope(loads, body))
    }

    fn with_statement(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        let values = self.exprs(list_field(node, "values")?)?;
        self.scopes.enter();
        let mut pairs = Vec::new();
        for (target, value) in list_field(node, "targets")?.iter().zip(values) {
            if kind(target) != "Name" {
                return refuse("a tuple as the target of with");
            }
            pairs.push((self.scopes.declare(text_field(target, "name")?), value));
        }
        let nodes = list_field(node, "body")?;
        self.scopes.analyse(nodes)?;
        let body = self.block(nodes)?;
        let loads = self.scopes.leave();
        push(out, Stmt::With(pairs, loads, body))
    }

    fn if_statement(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        let mut arms = vec![(
            self.expr(field(node, "test")?)?,
            self.block(list_field(node, "body")?)?,
        )];
        for arm in list_field(node, "elif_")? {
            arms.push((
                self.expr(field(arm, "test")?)?,
                self.block(list_field(arm, "body")?)?,
            ));
        }
        let otherwise = self.block(list_field(node, "else_")?)?;
        out.push(Stmt::If(arms, otherwise));
        Ok(())
    }

    fn for_statement(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        if field(node, "recursive")?.as_bool() != Some(false) {
            return refuse("a recursive loop");
        }
        let target_node = field(node, "target")?;
        let test = field(node, "test")?;
        let nodes = list_field(node, "body")?;
        let iter = self.expr(field(node, "iter")?)?;

        let filter = self.loop_filter(target_node, test)?;

        self.scopes.enter();
        let loop_slot =
            mentions(field(node, "body")?, &["loop"]).then(|| self.scopes.declare_passing("loop"));
        self.scopes.analyse_params(target_node)?;
        self.scopes.analyse(nodes)?;
        let target = self.target(target_node)?;
        let body = self.block(nodes)?;
        let loads = self.scopes.leave();

        let else_nodes = list_field(node, "else_")?;
        let or_else = match else_nodes {
            [] => None,
            nodes => Some(self.scoped(nodes)?),
        };
        out.push(Stmt::For(Box::new(For {
            target,
            iter,
            loop_slot,
            loads,
            body,
            filter,
            or_else,
        })));
        Ok(())
    }

    /// The condition of a loop, which has a scope of its own.
    fn loop_filter(
        &mut self,
        target: &Node,
        test: &Node,
    ) -> Refusal<Option<(Target, Loads, Expr)>> {
        if test.is_null() {
            return Ok(None);
        }
        if mentions(test, &["loop"]) {
            return refuse("loop inside the condition of a loop");
        }
        self.scopes.enter();
        self.scopes.analyse_params(target)?;
        self.scopes.analyse_node(test)?;
        let target = self.target(target)?;
        let condition = self.expr(test)?;
        Ok(Some((target, self.scopes.leave(), condition)))
    }

    fn macro_statement(&mut self, node: &Node, out: &mut Vec<Stmt>) -> Refusal<()> {
        let name = text_field(node, "name")?;
        if mentions(field(node, "body")?, &OF_MACROS) {
            return refuse("caller, kwargs or varargs in a macro");
        }
        if !self.scopes.enter_macro() {
            return refuse("a macro inside a macro");
        }
        let args = list_field(node, "args")?;
        let defaults = list_field(node, "defaults")?;
        let nodes = list_field(node, "body")?;
        self.scopes.analyse(args)?;
        self.scopes.analyse(defaults)?;
        self.scopes.analyse(nodes)?;
        let params = self.params(args, defaults)?;
        let body = self.block(nodes)?;
        let (loads, slots) = self.scopes.leave_macro();
        self.macros.push(Macro {
            name: name.into(),
            params,
            loads,
            slots,
            body,
        });
        let Some(slot) = self.scopes.find(name) else {
            return refuse(format!("cannot resolve the macro {name}"));
        };
        out.push(Stmt::Macro(slot, self.macros.len() - 1));
        Ok(())
    }

    fn params(&mut self, args: &[Node], defaults: &[Node]) -> Refusal<Vec<Param>> {
        let mut params = Vec::new();
        let required = args.len() - defaults.len();
        for (index, arg) in args.iter().enumerate() {
            let arg = text_field(arg, "name")?;
            if OF_MACROS.contains(&arg) {
                return refuse(format!("a macro parameter named {arg}"));
            }
            let Some(slot) = self.scopes.find(arg) else {
                return refuse(format!("cannot resolve the parameter {arg}"));
            };
            let default = match index.checked_sub(required) {
                Some(at) => Some(self.expr(&defaults[at])?),
                None => None,
            };
            params.push(Param {
                name: arg.into(),
                slot,
                default,
            });
        }
        Ok(params)
    }

    fn target(&mut self, node: &Node) -> Refusal<Target> {
        match kind(node) {
            "Name" => {
                let name = text_field(node, "name")?;
                match self.scopes.find(name) {
                    Some(slot) => Ok(Target::Slot(slot)),
                    None => refuse(format!("cannot resolve the variable {name}")),
                }
            }
            "Tuple" => Ok(Target::Tuple(
                list_field(node, "items")?
                    .iter()
                    .map(|item| self.target(item))
                    .collect::<Refusal<_>>()?,
            )),
            "NSRef" => {
                let name = text_field(node, "name")?;
                let attr = text_field(node, "attr")?;
                match self.scopes.find(name) {
                    Some(slot) => Ok(Target::Namespace(slot, attr.into())),
                    None => refuse(format!("cannot resolve the variable {name}")),
                }
            }
            other => refuse(format!("{other} as a target")),
        }
    }
}
