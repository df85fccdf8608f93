//! Calls of filters, functions, methods and macros.

use std::ptr;
use std::sync::Arc;

use super::Evaluator;
use super::picks::Pick;
use crate::data::{Data, Dict};
use crate::fault::{Outcome, raised, unsupported};
use crate::render::environment::{Filter, Given};
use crate::render::growing::Interval;
use crate::render::limits::{OF_A_MACRO, check_bytes};
use crate::render::picked::Picked;
use crate::render::program::{Args, Expr, Macro, Param, Stmt};
use crate::render::text::Text;
use crate::render::value::{Map, Pairs, Seq, Undef, Value, python_type, read};

/// Macros nested deeper than this leave the render to Jinja2, whose limit depends on Python's.
const MACRO_DEPTH: usize = 100;

impl<'a> Evaluator<'a> {
    pub fn filter(
        &mut self,
        filter: &Filter,
        value: &Value<'a>,
        args: &'a Args,
    ) -> Outcome<Value<'a>> {
        let positional = self.eval_all(&args.positional)?;
        let mut named = Vec::with_capacity(args.named.len());
        for (name, expr) in &args.named {
            named.push((&**name, self.eval(expr)?));
        }
        if value.is_held() {
            self.reads += 1;
            self.writes += 1;
        }
        let given = Given {
            positional: &positional,
            named: &named,
            environment: self.program.environment,
        };
        filter.apply(value, &given)
    }

    /// The messages that a filter picks, as a list that grows with them, if the filter fails for
    /// none of them.
    pub fn picked(
        &mut self,
        filter: &Filter,
        messages: &Value<'a>,
        args: &'a Args,
    ) -> Option<Value<'a>> {
        let constant = |arg: &Expr| matches!(arg, Expr::Const(_));
        let Value::List(Seq::Tail(tail)) = messages else {
            return None;
        };
        if !tail.is_plain() || !args.positional.iter().all(constant) || !args.named.is_empty() {
            return None;
        }
        let list = Arc::clone(tail.list());
        let (start, known) = (tail.start(), list.known());
        list.note(Interval::at_most(list.horizon()));
        // What holds for a message holds in every turn, so only new ones are looked at.
        let same = |pick: &Pick| ptr::eq(pick.args, args) && pick.start == start;
        let place = self.picks.iter().position(same).unwrap_or_else(|| {
            self.picks.push(Pick::new(args, start));
            self.picks.len() - 1
        });
        let seen = self.picks[place].seen;
        if seen < known {
            let found = self.filter(filter, &Value::List(Seq::part(&list, seen..known)), args);
            let Ok(Value::Gen(found)) = found else {
                return None;
            };
            let found = read(&found);
            if found.fault.is_some() {
                return None;
            }
            let mut rest = seen..known;
            let mut places = Vec::with_capacity(found.items.len());
            for item in &found.items {
                let Value::Dict(Map::Data(dict)) = item else {
                    return None;
                };
                let is = |data: &Data| matches!(data, Data::Dict(other) if ptr::eq::<Dict>(*dict, other));
                places.push(rest.find(|at| list.any(*at).is_some_and(is))?);
            }
            let pick = &mut self.picks[place];
            pick.seen = known;
            for at in places {
                pick.places.push(at);
            }
        }
        let places = Arc::clone(&self.picks[place].places);
        Some(Value::List(Seq::Picked(Picked::new(list, places))))
    }

    pub fn call(&mut self, callee: &'a Expr, args: &'a Args) -> Outcome<Value<'a>> {
        let Expr::Attr(inner, attr) = callee else {
            let function = self.eval(callee)?;
            return self.call_value(&function, args);
        };
        let object = self.eval(inner)?;
        match (&object, attr.dict_method, attr.str_method) {
            (Value::Dict(map), Some(method), _) => {
                let positional = self.eval_all(&args.positional)?;
                if !args.named.is_empty() {
                    return raised(format!("dict.{}() takes no keyword arguments", attr.name));
                }
                method.with(&positional)?(map, &positional)
            }
            (Value::Str(text), _, Some(method)) => {
                let positional = self.eval_all(&args.positional)?;
                if !args.named.is_empty() {
                    return unsupported(format!("named arguments of {}", attr.name));
                }
                method.with(&positional)?(text, &positional)
            }
            _ => {
                let function = self.get_attr(&object, attr)?;
                self.call_value(&function, args)
            }
        }
    }

    /// Calls a method that a variable holds.
    fn call_method(
        &mut self,
        receiver: &Value<'a>,
        name: &str,
        args: &'a Args,
    ) -> Outcome<Value<'a>> {
        let positional = self.eval_all(&args.positional)?;
        if !args.named.is_empty() {
            return unsupported("named arguments of a method");
        }
        let environment = self.program.environment;
        match receiver {
            Value::Dict(map) => match environment.dict_method(name) {
                Some(method) => method.with(&positional)?(map, &positional),
                None => unsupported(format!("the dict method {name}")),
            },
            Value::Str(text) => match environment.str_method(name) {
                Some(method) => method.with(&positional)?(text, &positional),
                None => unsupported(format!("the str method {name}")),
            },
            other => unsupported(format!("the method {name} of a {}", other.kind())),
        }
    }

    pub fn call_value(&mut self, function: &Value<'a>, args: &'a Args) -> Outcome<Value<'a>> {
        match function {
            Value::Macro(index) => {
                let outside = std::mem::take(&mut self.out);
                let result = self.run_macro(*index, args);
                let inside = std::mem::replace(&mut self.out, outside);
                check_bytes(inside.len())?;
                result.map(|()| Value::text(inside))
            }
            Value::Func(at) => self.call_function(*at, args),
            Value::Method(bound) => self.call_method(&bound.0, bound.1.as_str(), args),
            Value::Undefined(undef) => raised(undef.message()),
            Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
                function.known().map(|()| Value::Missing)
            }
            Value::Loop(_) => unsupported("a recursive loop"),
            other => raised(format!("'{}' object is not callable", python_type(other))),
        }
    }

    fn call_function(&mut self, at: usize, args: &'a Args) -> Outcome<Value<'a>> {
        let positional = self.eval_all(&args.positional)?;
        self.call_with(at, &positional, args)
    }

    /// Calls a function whose positional arguments are evaluated.
    pub fn call_with(
        &mut self,
        at: usize,
        positional: &[Value<'a>],
        args: &'a Args,
    ) -> Outcome<Value<'a>> {
        let mut named: Pairs<'a> = Vec::with_capacity(args.named.len());
        for (name, expr) in &args.named {
            let value = self.eval(expr)?;
            named.push((Text::Ref(name), value));
        }
        if positional.iter().any(|value| value.known().is_err()) {
            return unsupported("a function of such a value");
        }
        let function = &self.program.environment.functions[at];
        (function.call)(&mut self.state, positional, &named)
    }

    /// Runs a macro into the current output.
    pub fn run_macro(&mut self, value: usize, args: &'a Args) -> Outcome<()> {
        let program = self.program;
        let inner = &program.macros[value];
        if self.depth >= MACRO_DEPTH {
            return unsupported("macros nested very deeply");
        }
        self.count_steps(OF_A_MACRO)?;
        let given = self.macro_arguments(inner, args)?;
        let outer_base = self.base;
        let outer_len = self.stack.len();
        self.base = outer_len;
        self.depth += 1;
        self.stack
            .resize_with(outer_len + inner.slots, || Value::Missing);
        self.load(&inner.loads);
        let mut defaults = Vec::new();
        for (param, value) in inner.params.iter().zip(given) {
            let at = self.at(param.slot);
            if let Some(value) = value {
                self.stack[at] = value;
            } else {
                self.stack[at] = Value::Missing;
                defaults.push(param);
            }
        }
        let result = self.run_body(&defaults, &inner.body);
        self.depth -= 1;
        self.stack.truncate(outer_len);
        self.base = outer_base;
        result
    }

    /// The value given for each parameter of a macro; None if none is given.
    fn macro_arguments(
        &mut self,
        inner: &Macro,
        args: &'a Args,
    ) -> Outcome<Vec<Option<Value<'a>>>> {
        let mut given: Vec<Option<Value<'a>>> = Vec::with_capacity(inner.params.len());
        for expr in &args.positional {
            given.push(Some(self.eval(expr)?));
        }
        if given.len() > inner.params.len() {
            return raised(format!(
                "macro '{}' takes not more than {} argument(s)",
                inner.name,
                inner.params.len()
            ));
        }
        let from_position = given.len();
        given.resize(inner.params.len(), None);
        for (name, expr) in &args.named {
            let value = self.eval(expr)?;
            match inner.params.iter().position(|param| param.name == *name) {
                Some(index) if index >= from_position => given[index] = Some(value),
                _ => {
                    return raised(format!(
                        "macro '{}' takes no keyword argument '{name}'",
                        inner.name
                    ));
                }
            }
        }
        Ok(given)
    }

    /// Runs the body of a macro, and before it the defaults of what was not given.
    fn run_body(&mut self, defaults: &[&'a Param], body: &'a [Stmt]) -> Outcome<()> {
        for param in defaults {
            let value = match &param.default {
                Some(expr) => self.eval(expr)?,
                None => Value::Undefined(Undef::Message("parameter was not provided")),
            };
            let at = self.at(param.slot);
            self.stack[at] = value;
        }
        self.run(body).map(|_| ())
    }
}
