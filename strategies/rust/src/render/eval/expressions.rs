//! Expressions.

use std::sync::Arc;

use super::Evaluator;
use crate::data::{Data, Dict};
use crate::fault::{Outcome, raised, unsupported};
use crate::render::environment::{Gives, Printing, Test};
use crate::render::limits::check_bytes;
use crate::render::lookup::{get_attribute, get_item, slice, slice_bound};
use crate::render::ops::{BinOp, binary, negative, positive};
use crate::render::program::{Attr, Const, Expr};
use crate::render::text::Text;
use crate::render::value::{Map, Pairs, Undef, Value, insert};

/// What Jinja2 says when the value of an inline `if` without `else` is used.
const NO_ELSE: &str =
    "the inline if-expression evaluated to false and no else section was defined.";

/// What a path of keys, such as `message['content']`, leads to in the data.
pub enum Found<'a> {
    Data(&'a Data),
    /// This dict lacks the last key.
    Absent(&'a Dict),
    /// An attribute of this namespace.
    OfNamespace(usize),
    /// An attribute of this loop.
    OfLoop(usize),
    /// It has to be evaluated.
    Elsewhere,
}

impl<'a> Evaluator<'a> {
    /// Follows a path of keys from a variable on, without making values of what lies between.
    pub fn find(&mut self, expr: &'a Expr) -> Found<'a> {
        let (inner, name) = match expr {
            Expr::Attr(inner, attr) if !attr.owners.dict => (inner, &*attr.name),
            Expr::Item(inner, key) => match &**key {
                Expr::Const(Const::Str(name)) => (inner, &**name),
                _ => return Found::Elsewhere,
            },
            _ => return Found::Elsewhere,
        };
        let dict = if let Expr::Name(slot, _) = &**inner {
            match (self.stored(*slot), expr) {
                (Value::Dict(Map::Data(dict)), _) => *dict,
                (Value::Namespace(index), Expr::Attr(..)) => return Found::OfNamespace(*index),
                (Value::Loop(index), Expr::Attr(..)) => return Found::OfLoop(*index),
                _ => return Found::Elsewhere,
            }
        } else {
            match self.find(inner) {
                Found::Data(Data::Dict(dict)) => dict,
                _ => return Found::Elsewhere,
            }
        };
        match dict.get(name) {
            Some(data) => Found::Data(data),
            None => Found::Absent(dict),
        }
    }

    pub fn truth(&mut self, expr: &'a Expr) -> Outcome<bool> {
        match expr {
            Expr::Not(inner) => Ok(!self.truth(inner)?),
            Expr::And(left, right) => Ok(self.truth(left)? && self.truth(right)?),
            Expr::Or(left, right) => Ok(self.truth(left)? || self.truth(right)?),
            Expr::Compare(first, rest) => self.comparison(first, rest),
            Expr::Test(test, inner, args) => self.test(test, inner, args),
            other => self.eval(other)?.truth(),
        }
    }

    /// Prints the value of `expr`, without building strings that are only printed.
    pub fn print(&mut self, expr: &'a Expr) -> Outcome<()> {
        match expr {
            Expr::Const(Const::Str(text)) => {
                self.out.push_str(text);
                Ok(())
            }
            Expr::Bin(BinOp::Add, ..) => self.print_sum(expr),
            Expr::Concat(parts) => {
                for part in parts {
                    // Evaluating a part writes nothing here, so the order of output is kept.
                    let value = self.eval(part)?;
                    value.print(&mut self.out)?;
                    check_bytes(self.out.len())?;
                }
                Ok(())
            }
            Expr::Cond(test, one, two) => {
                if self.truth(test)? {
                    self.print(one)
                } else if let Some(two) = two {
                    self.print(two)
                } else {
                    Ok(())
                }
            }
            Expr::Filter(filter, inner, args) => match filter.printing {
                Printing::AsInput => self.print(inner),
                Printing::By(print) if args.positional.is_empty() && args.named.is_empty() => {
                    let value = self.eval(inner)?;
                    print(&value, &mut self.out)
                }
                _ => self.eval(expr)?.print(&mut self.out),
            },
            Expr::Call(callee, args) => {
                if let Expr::Name(..) = **callee {
                    if let Value::Macro(index) = self.eval(callee)? {
                        return self.run_macro(index, args);
                    }
                }
                let value = self.eval(expr)?;
                value.print(&mut self.out)
            }
            other => {
                let value = self.eval(other)?;
                value.print(&mut self.out)
            }
        }
    }

    /// Prints a chain of additions; strings, which they nearly always are, go straight out.
    fn print_sum(&mut self, expr: &'a Expr) -> Outcome<()> {
        let start = self.out.len();
        match self.sum(expr, start)? {
            Some(sum) => sum.print(&mut self.out),
            None => Ok(()),
        }
    }

    /// The value of a chain of additions; None if it is a text, which is printed then. The output
    /// had the length `start` before.
    fn sum(&mut self, expr: &'a Expr, start: usize) -> Outcome<Option<Value<'a>>> {
        let Expr::Bin(BinOp::Add, left, right) = expr else {
            return self.eval(expr).map(Some);
        };
        let sum = self.sum(left, start)?;
        let value = self.eval(right)?;
        match (sum, &value) {
            (sum @ (None | Some(Value::Str(_))), Value::Str(right)) => {
                if let Some(Value::Str(left)) = sum {
                    self.out.push_str(left.as_str());
                }
                self.out.push_str(right.as_str());
                check_bytes(self.out.len() - start)?;
                Ok(None)
            }
            (None, value) => {
                // Not a plain string after all: go on with the sum as a value.
                let text = self.out.split_off(start);
                binary(BinOp::Add, &Value::text(text), value).map(Some)
            }
            (Some(sum), value) => binary(BinOp::Add, &sum, value).map(Some),
        }
    }

    pub fn eval(&mut self, expr: &'a Expr) -> Outcome<Value<'a>> {
        Ok(match expr {
            Expr::Const(constant) => of_constant(constant),
            Expr::Name(slot, name) => match self.stored(*slot) {
                Value::Missing => Value::Undefined(Undef::Name(name)),
                Value::Line(line) => {
                    let line = *line;
                    self.settle_line(line)
                }
                value => value.clone(),
            },
            Expr::List(items) => Value::list(self.eval_all(items)?).shallow()?,
            Expr::Tuple(items) => Value::Tuple(self.eval_all(items)?.into()).shallow()?,
            Expr::Dict(pairs) => self.dict(pairs)?,
            Expr::Attr(inner, attr) => match self.find(expr) {
                Found::Data(data) => Value::from_data(data),
                Found::Absent(_) => {
                    Value::Undefined(Undef::Attribute("dict", Text::Ref(&attr.name)))
                }
                Found::OfNamespace(index) => self.attribute(index, &attr.name),
                Found::OfLoop(index) => self.loop_attr(index, attr)?,
                Found::Elsewhere => {
                    let object = self.eval(inner)?;
                    self.get_attr(&object, attr)?
                }
            },
            Expr::Item(inner, key) => match self.find(expr) {
                Found::Data(data) => Value::from_data(data),
                Found::Absent(dict) => {
                    let key = self.eval(key)?;
                    self.item_of(&Value::Dict(Map::Data(dict)), &key)?
                }
                // Only attributes are found of others.
                _ => self.item(inner, key)?,
            },
            Expr::Slice(inner, bounds) => self.slice(inner, bounds)?,
            Expr::Call(callee, args) => self.call(callee, args)?,
            Expr::Filter(filter, inner, args) => {
                let value = match &**inner {
                    Expr::Filter(picking, source, test)
                        if filter.gives == Gives::List && picking.gives == Gives::Picks =>
                    {
                        let source = self.eval(source)?;
                        if let Some(picked) = self.picked(picking, &source, test) {
                            return Ok(picked);
                        }
                        self.filter(picking, &source, test)?
                    }
                    inner => self.eval(inner)?,
                };
                self.filter(filter, &value, args)?
            }
            Expr::Test(test, inner, args) => Value::Bool(self.test(test, inner, args)?),
            Expr::Not(inner) => Value::Bool(!self.truth(inner)?),
            Expr::Neg(inner) => negative(&self.eval(inner)?)?,
            Expr::Pos(inner) => positive(&self.eval(inner)?)?,
            Expr::And(left, right) => {
                let left = self.eval(left)?;
                if left.truth()? {
                    self.eval(right)?
                } else {
                    left
                }
            }
            Expr::Or(left, right) => {
                let left = self.eval(left)?;
                if left.truth()? {
                    left
                } else {
                    self.eval(right)?
                }
            }
            Expr::Cond(test, one, two) => {
                if self.truth(test)? {
                    self.eval(one)?
                } else if let Some(two) = two {
                    self.eval(two)?
                } else {
                    Value::Undefined(Undef::Message(NO_ELSE))
                }
            }
            Expr::Compare(first, rest) => Value::Bool(self.comparison(first, rest)?),
            Expr::Concat(parts) => {
                let mut out = String::new();
                for part in parts {
                    self.eval(part)?.print(&mut out)?;
                    check_bytes(out.len())?;
                }
                Value::text(out)
            }
            Expr::Bin(op, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                binary(*op, &left, &right)?
            }
            Expr::Unknown(inner, message) => {
                self.eval(inner)?;
                return raised(&**message);
            }
        })
    }

    fn test(&mut self, test: &'static Test, subject: &'a Expr, args: &'a [Expr]) -> Outcome<bool> {
        let value = self.eval(subject)?;
        // Most tests have no arguments, and an empty list is not allocated.
        let args = self.eval_all(args)?;
        test.holds(&value, &args)
    }

    fn dict(&mut self, pairs: &'a [(Expr, Expr)]) -> Outcome<Value<'a>> {
        if let [(Expr::Const(Const::Int(_)), _), ..] = pairs {
            return self.table(pairs);
        }
        let mut out: Pairs<'a> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = match self.eval(key)? {
                Value::Str(key) => key,
                other => return unsupported(format!("a {} as a key", other.kind())),
            };
            let value = self.eval(value)?;
            insert(&mut out, key, value);
        }
        Value::Dict(Map::Own(Arc::new(out))).shallow()
    }

    /// A dict with integer keys.
    fn table(&mut self, pairs: &'a [(Expr, Expr)]) -> Outcome<Value<'a>> {
        let mut out: Vec<(i64, Value<'a>)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Expr::Const(Const::Int(key)) = key else {
                return unsupported("a dict with keys of several types");
            };
            let value = self.eval(value)?;
            match out.iter_mut().find(|(known, _)| known == key) {
                Some(entry) => entry.1 = value,
                None => out.push((*key, value)),
            }
        }
        Value::Table(Arc::new(out)).shallow()
    }

    pub fn eval_all(&mut self, exprs: &'a [Expr]) -> Outcome<Vec<Value<'a>>> {
        let mut values = Vec::with_capacity(exprs.len());
        for expr in exprs {
            values.push(self.eval(expr)?);
        }
        Ok(values)
    }

    fn item(&mut self, object: &'a Expr, key: &'a Expr) -> Outcome<Value<'a>> {
        let object = self.eval(object)?;
        let key = self.eval(key)?;
        self.item_of(&object, &key)
    }

    /// `object[key]`.
    pub fn item_of(&mut self, object: &Value<'a>, key: &Value<'a>) -> Outcome<Value<'a>> {
        let Value::Namespace(index) = object else {
            return get_item(self.program.environment, object, key);
        };
        match key {
            Value::Str(name) => Ok(self.attribute(*index, name.as_str())),
            _ => Ok(Value::Undefined(Undef::Element("Namespace"))),
        }
    }

    fn slice(
        &mut self,
        object: &'a Expr,
        bounds: &'a [Option<Box<Expr>>; 3],
    ) -> Outcome<Value<'a>> {
        let object = self.eval(object)?;
        let mut given = [None, None, None];
        for (bound, expr) in given.iter_mut().zip(bounds) {
            if let Some(expr) = expr {
                *bound = slice_bound(&self.eval(expr)?)?;
            }
        }
        slice(&object, given)
    }

    /// `object.name`.
    pub fn get_attr(&mut self, object: &Value<'a>, attr: &'a Attr) -> Outcome<Value<'a>> {
        match object {
            Value::Namespace(index) => Ok(self.attribute(*index, &attr.name)),
            Value::Loop(index) => self.loop_attr(*index, attr),
            other => get_attribute(self.program.environment, other, &attr.name, attr.owners),
        }
    }

    pub fn loop_attr(&self, index: usize, attr: &Attr) -> Outcome<Value<'a>> {
        let Some(state) = self.loops.get(index) else {
            return unsupported("a loop object outside its loop");
        };
        match attr.of_loop {
            Some(attribute) => Ok((attribute.get)(state)),
            None => unsupported(format!("loop.{}", attr.name)),
        }
    }
}

fn of_constant(constant: &Const) -> Value<'_> {
    match constant {
        Const::None => Value::None,
        Const::Bool(value) => Value::Bool(*value),
        Const::Int(value) => Value::Int(*value),
        Const::Float(value) => Value::Float(*value),
        Const::Str(text) => Value::Str(Text::Ref(text)),
    }
}
