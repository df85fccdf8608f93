//! Expressions.

use super::Compiler;
use crate::data::Text;
use crate::render::attributes::{Owners, SANDBOXED_DICT, SANDBOXED_LIST};
use crate::render::environment::{Filter, Form};
use crate::render::ops::{BinOp, CmpOp};
use crate::render::program::{Args, Attr, Const, Expr};
use crate::render::tree::{Node, Refusal, field, kind, list_field, refuse, text_field};

type CompileExpression = fn(&mut Compiler, &Node) -> Refusal<Expr>;

/// Expressions that are evaluated, by their class in Jinja2's syntax tree.
#[rustfmt::skip] // a table
pub const EXPRESSIONS: &[(&str, CompileExpression)] = &[
    ("Add", |this, node| this.binary(BinOp::Add, node)),
    ("And", |this, node| this.pair(Expr::And, node)),
    ("Call", Compiler::call),
    ("Compare", Compiler::compare),
    ("Concat", |this, node| Ok(Expr::Concat(this.exprs(list_field(node, "nodes")?)?))),
    ("CondExpr", Compiler::conditional),
    ("Const", |_, node| Ok(Expr::Const(constant(field(node, "value")?)?))),
    ("Dict", Compiler::dict),
    ("Div", |this, node| this.binary(BinOp::Div, node)),
    ("Filter", Compiler::filter),
    ("FloorDiv", |this, node| this.binary(BinOp::FloorDiv, node)),
    ("Getattr", Compiler::getattr),
    ("Getitem", Compiler::getitem),
    ("List", |this, node| Ok(Expr::List(this.exprs(list_field(node, "items")?)?))),
    ("Mod", |this, node| this.binary(BinOp::Mod, node)),
    ("Mul", |this, node| this.binary(BinOp::Mul, node)),
    ("Name", Compiler::read),
    ("Neg", |this, node| Ok(Expr::Neg(this.boxed(node, "node")?))),
    ("Not", |this, node| Ok(Expr::Not(this.boxed(node, "node")?))),
    ("Or", |this, node| this.pair(Expr::Or, node)),
    ("Pos", |this, node| Ok(Expr::Pos(this.boxed(node, "node")?))),
    ("Slice", |_, _| refuse("a slice other than as an index")),
    ("Sub", |this, node| this.binary(BinOp::Sub, node)),
    ("TemplateData", |_, node| Ok(Expr::Const(Const::Str(Text::new(text_field(node, "data")?))))),
    ("Test", Compiler::test),
    ("Tuple", |this, node| Ok(Expr::Tuple(this.exprs(list_field(node, "items")?)?))),
];

/// Names that Jinja2 defines by itself and that are not rendered.
const JINJA_GLOBALS: &[&str] = &["cycler", "joiner", "lipsum", "self", "super"];

impl Compiler {
    pub fn exprs(&mut self, nodes: &[Node]) -> Refusal<Vec<Expr>> {
        nodes.iter().map(|node| self.expr(node)).collect()
    }

    fn boxed(&mut self, node: &Node, name: &str) -> Refusal<Box<Expr>> {
        Ok(Box::new(self.expr(field(node, name)?)?))
    }

    fn binary(&mut self, op: BinOp, node: &Node) -> Refusal<Expr> {
        Ok(Expr::Bin(
            op,
            self.boxed(node, "left")?,
            self.boxed(node, "right")?,
        ))
    }

    pub fn expr(&mut self, node: &Node) -> Refusal<Expr> {
        match EXPRESSIONS.iter().find(|row| row.0 == kind(node)) {
            Some((_, compile)) => compile(self, node),
            None => refuse(format!("the expression {}", kind(node))),
        }
    }

    fn pair(&mut self, make: fn(Box<Expr>, Box<Expr>) -> Expr, node: &Node) -> Refusal<Expr> {
        Ok(make(self.boxed(node, "left")?, self.boxed(node, "right")?))
    }

    fn dict(&mut self, node: &Node) -> Refusal<Expr> {
        let pairs = list_field(node, "items")?
            .iter()
            .map(|pair| {
                Ok((
                    self.expr(field(pair, "key")?)?,
                    self.expr(field(pair, "value")?)?,
                ))
            })
            .collect::<Refusal<_>>()?;
        Ok(Expr::Dict(pairs))
    }

    fn conditional(&mut self, node: &Node) -> Refusal<Expr> {
        let otherwise = field(node, "expr2")?;
        Ok(Expr::Cond(
            self.boxed(node, "test")?,
            self.boxed(node, "expr1")?,
            if otherwise.is_null() {
                None
            } else {
                Some(Box::new(self.expr(otherwise)?))
            },
        ))
    }

    fn compare(&mut self, node: &Node) -> Refusal<Expr> {
        let mut parts = Vec::new();
        for operand in list_field(node, "ops")? {
            let op = match text_field(operand, "op")? {
                "eq" => CmpOp::Eq,
                "ne" => CmpOp::Ne,
                "lt" => CmpOp::Lt,
                "lteq" => CmpOp::Le,
                "gt" => CmpOp::Gt,
                "gteq" => CmpOp::Ge,
                "in" => CmpOp::In,
                "notin" => CmpOp::NotIn,
                other => return refuse(format!("the comparison {other}")),
            };
            parts.push((op, self.expr(field(operand, "expr")?)?));
        }
        Ok(Expr::Compare(self.boxed(node, "expr")?, parts))
    }

    fn read(&mut self, node: &Node) -> Refusal<Expr> {
        let name = text_field(node, "name")?;
        // After the end of its scope such a macro reads what that scope has lost.
        if self.inner_macros.contains(name) {
            return refuse("a macro inside a scope, other than by a call");
        }
        self.name(name)
    }

    fn filter(&mut self, node: &Node) -> Refusal<Expr> {
        let inner = field(node, "node")?;
        if inner.is_null() {
            return refuse("a filter block");
        }
        if let Some(unknown) = self.unknown(node, "filter")? {
            return Ok(unknown);
        }
        let inner = Box::new(self.expr(inner)?);
        let (filter, args) = self.filter_parts(node)?;
        Ok(Expr::Filter(filter, inner, args))
    }

    fn name(&mut self, name: &str) -> Refusal<Expr> {
        let Some(slot) = self.scopes.find(name) else {
            return refuse(format!("cannot resolve the variable {name}"));
        };
        if name == "loop" {
            return refuse("loop other than by one of its attributes");
        }
        if JINJA_GLOBALS.contains(&name) {
            return refuse(format!("the function {name}"));
        }
        Ok(Expr::Name(slot, name.into()))
    }

    /// A filter or test that Jinja2 does not know either, which raises only if it is reached.
    fn unknown(&mut self, node: &Node, what: &str) -> Refusal<Option<Expr>> {
        if field(node, "known")?.as_bool() != Some(false) {
            return Ok(None);
        }
        let name = text_field(node, "name")?;
        let inner = self.boxed(node, "node")?;
        let message = format!("No {what} named '{name}' found.");
        Ok(Some(Expr::Unknown(inner, message.into())))
    }

    /// An attribute, looked up in everything that has it.
    fn attribute(&self, name: &str) -> Attr {
        Attr {
            name: Text::new(name),
            owners: Owners::of(name),
            dict_method: self.environment.dict_method(name),
            str_method: self.environment.str_method(name),
            of_loop: self.environment.loop_attribute(name),
        }
    }

    fn getattr(&mut self, node: &Node) -> Refusal<Expr> {
        let name = text_field(node, "attr")?;
        if name.starts_with('_') {
            return refuse(format!("the attribute {name}"));
        }
        let inner = field(node, "node")?;
        if kind(inner) == "Name" && text_field(inner, "name")? == "loop" {
            if self.environment.loop_attribute(name).is_none() {
                return refuse(format!("loop.{name}"));
            }
            let Some(slot) = self.scopes.find("loop") else {
                return refuse("loop outside a loop");
            };
            return Ok(Expr::Attr(
                Box::new(Expr::Name(slot, "loop".into())),
                self.attribute(name),
            ));
        }
        Ok(Expr::Attr(
            Box::new(self.expr(inner)?),
            self.attribute(name),
        ))
    }

    fn getitem(&mut self, node: &Node) -> Refusal<Expr> {
        let arg = field(node, "arg")?;
        let inner = self.boxed(node, "node")?;
        if kind(arg) == "Slice" {
            let mut bounds = [None, None, None];
            for (bound, name) in bounds.iter_mut().zip(["start", "stop", "step"]) {
                let part = field(arg, name)?;
                if !part.is_null() {
                    *bound = Some(Box::new(self.expr(part)?));
                }
            }
            return Ok(Expr::Slice(inner, bounds));
        }
        Ok(Expr::Item(inner, Box::new(self.expr(arg)?)))
    }

    fn args(&mut self, node: &Node) -> Refusal<Args> {
        for part in ["dyn_args", "dyn_kwargs"] {
            if !field(node, part)?.is_null() {
                return refuse("unpacked arguments in a call");
            }
        }
        let named = list_field(node, "kwargs")?
            .iter()
            .map(|pair| {
                Ok((
                    text_field(pair, "key")?.into(),
                    self.expr(field(pair, "value")?)?,
                ))
            })
            .collect::<Refusal<_>>()?;
        Ok(Args {
            positional: self.exprs(list_field(node, "args")?)?,
            named,
        })
    }

    fn call(&mut self, node: &Node) -> Refusal<Expr> {
        let callee_node = field(node, "node")?;
        if kind(callee_node) == "Getattr" {
            let name = text_field(callee_node, "attr")?;
            let known = self.environment.dict_method(name).is_some()
                || self.environment.str_method(name).is_some()
                || SANDBOXED_DICT.contains(&name)
                || SANDBOXED_LIST.contains(&name);
            let exists = Owners::of(name).any();
            if exists && !known {
                return refuse(format!("the method {name}"));
            }
        }
        let callee = Box::new(match kind(callee_node) {
            "Name" => self.name(text_field(callee_node, "name")?)?,
            _ => self.expr(callee_node)?,
        });
        let args = self.args(node)?;
        if let Expr::Name(slot, name) = &*callee {
            let takes_date_format = self.scopes.is_context(*slot)
                && self
                    .environment
                    .function(name)
                    .is_some_and(|at| self.environment.functions[at].takes_date_format);
            if takes_date_format {
                let [Expr::Const(Const::Str(format))] = args.positional.as_slice() else {
                    return refuse(format!("{name} with a format that is not a literal"));
                };
                if !self.date_formats.iter().any(|known| format.is(known)) {
                    self.date_formats.push((&**format).into());
                }
            }
        }
        Ok(Expr::Call(callee, args))
    }

    /// A filter and its arguments.
    pub fn filter_parts(&mut self, node: &Node) -> Refusal<(&'static Filter, Args)> {
        let name = text_field(node, "name")?;
        let args = self.args(node)?;
        let Some(filter) = self.environment.filter(name) else {
            return refuse(format!("the filter {name}"));
        };
        if args.positional.len() > filter.most {
            return refuse(format!("the filter {name} with these arguments"));
        }
        let unknown = |(key, _): &&(Box<str>, Expr)| !filter.named.contains(&&**key);
        if let Some((key, _)) = args.named.iter().find(unknown) {
            return refuse(format!("the filter {name} with {key}="));
        }
        match filter.form {
            Form::Values => {}
            Form::FilterName => self.check_filter_name(&args)?,
            Form::TestName => self.check_test_name(name, &args.positional)?,
            Form::AttributeAndTestName => match args.positional.split_first() {
                Some((Expr::Const(Const::Str(_)), rest)) => self.check_test_name(name, rest)?,
                _ => {
                    return refuse(format!("{name} with an attribute that is not a literal"));
                }
            },
        }
        Ok((filter, args))
    }

    /// Refuses arguments of `map` other than `attribute=` or a filter that `map` may name.
    fn check_filter_name(&self, args: &Args) -> Refusal<()> {
        let by_name = match (args.positional.first(), args.named.as_slice()) {
            (Some(Expr::Const(Const::Str(name))), []) => self
                .environment
                .filter(name)
                .is_some_and(|filter| filter.mappable),
            _ => false,
        };
        let by_attribute = args.positional.is_empty() && args.named.len() == 1;
        if by_name || by_attribute {
            return Ok(());
        }
        refuse("map with these arguments")
    }

    /// Refuses arguments other than none, or the name of a test and what that takes.
    fn check_test_name(&self, filter: &str, named: &[Expr]) -> Refusal<()> {
        let Some((test, arguments)) = named.split_first() else {
            return Ok(());
        };
        let Expr::Const(Const::Str(name)) = test else {
            return refuse(format!("{filter} with a test that is not a literal"));
        };
        match self.environment.test(name) {
            Some(test) if test.arguments == arguments.len() => Ok(()),
            _ => refuse(format!("{filter} with the test {name}")),
        }
    }

    fn test(&mut self, node: &Node) -> Refusal<Expr> {
        if let Some(unknown) = self.unknown(node, "test")? {
            return Ok(unknown);
        }
        let name = text_field(node, "name")?;
        let args = self.args(node)?;
        let Some(test) = self.environment.test(name) else {
            return refuse(format!("the test {name}"));
        };
        if !args.named.is_empty() || args.positional.len() != test.arguments {
            return refuse(format!("the test {name} with these arguments"));
        }
        Ok(Expr::Test(test, self.boxed(node, "node")?, args.positional))
    }
}

fn constant(value: &Node) -> Refusal<Const> {
    Ok(match value {
        Node::Null => Const::None,
        Node::Bool(value) => Const::Bool(*value),
        Node::String(text) => Const::Str(Text::new(text)),
        Node::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Const::Int(value),
            (None, Some(value)) if number.is_f64() => Const::Float(value),
            _ => return refuse("a number that JSON does not carry"),
        },
        Node::Object(_) => return refuse("an integer literal beyond 64 bits"),
        Node::Array(_) => return refuse("a literal of an unknown kind"),
    })
}
