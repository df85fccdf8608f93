//! Runs a compiled template.

use std::cell::Cell;
use std::cmp::Ordering;
use std::rc::Rc;

use crate::fault::{Outcome, raised, unsupported};
use crate::render::compile::{
    DICT_ATTRIBUTES, DICT_METHODS, LIST_ATTRIBUTES, OTHER_ATTRIBUTES, SANDBOXED_DICT,
    SANDBOXED_LIST, STR_ATTRIBUTES, STR_METHODS,
};
use crate::render::filters::{Given, apply, run_test, sequence};
use crate::render::methods;
use crate::render::program::{
    Args, Attr, BinOp, CmpOp, Const, Expr, Filter, For, Load, Loads, Program, Slot, Stmt, Target,
};
use crate::render::value::{
    Func, Map, Number, Seq, Text, Undef, Value, char_count, python_type, range_len,
};

/// Macros nested deeper than this leave the render to Jinja2, whose limit depends on Python's.
const MACRO_DEPTH: usize = 100;

/// Lists and dicts that a template nests deeper than this leave the render to Jinja2: to print,
/// compare and drop them recurses, and the stack ends the process where Python raises.
const MAX_NESTING: usize = 100;

/// The sandbox's limit for `range`.
const MAX_RANGE: usize = 100_000;

enum Flow {
    Next,
    Break,
    Continue,
}

struct LoopState<'a> {
    items: Seq<'a>,
    index: usize,
}

/// One render: the slots of its scopes, its namespaces and loops, and its output.
pub struct Vm<'a> {
    program: &'a Program,
    /// The values of [`Program::names`].
    context: &'a [Value<'a>],
    /// What `strftime_now` gives for each of [`Program::date_formats`].
    dates: &'a [String],
    stack: Vec<Value<'a>>,
    base: usize,
    depth: usize,
    namespaces: Vec<Vec<(Text<'a>, Value<'a>)>>,
    loops: Vec<LoopState<'a>>,
    /// For each macro that was defined, its index among the program's.
    macros: Vec<usize>,
    /// Number of times that something was read, and that something was written, whose value
    /// depends on when that happens: attributes of namespaces, generators that a variable holds.
    reads: Cell<usize>,
    writes: usize,
    out: String,
}

impl<'a> Vm<'a> {
    /// Renders `program` to the end of `out`.
    ///
    /// # Errors
    ///
    /// What the template raises, or the construct at which it left the known ground.
    pub fn render(
        program: &'a Program,
        context: &'a [Value<'a>],
        dates: &'a [String],
        out: &mut String,
    ) -> Outcome<()> {
        let mut vm = Vm {
            program,
            context,
            dates,
            stack: vec![Value::Missing; program.slots],
            base: 0,
            depth: 0,
            namespaces: Vec::new(),
            loops: Vec::new(),
            macros: Vec::new(),
            reads: Cell::new(0),
            writes: 0,
            out: std::mem::take(out),
        };
        vm.load(&program.loads);
        let result = vm.run(&program.body);
        *out = vm.out;
        result.map(|_| ())
    }

    fn at(&self, slot: Slot) -> usize {
        if slot.root {
            slot.index
        } else {
            self.base + slot.index
        }
    }

    fn load(&mut self, loads: &Loads) {
        for (slot, load) in loads {
            let value = match load {
                Load::Context(index) => self.context[*index].clone(),
                Load::Alias(outer) => self.stack[self.at(*outer)].clone(),
                Load::Missing => Value::Missing,
            };
            let at = self.at(*slot);
            self.stack[at] = value;
        }
    }

    fn run(&mut self, body: &'a [Stmt]) -> Outcome<Flow> {
        for statement in body {
            match self.step(statement)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn step(&mut self, statement: &'a Stmt) -> Outcome<Flow> {
        match statement {
            Stmt::Text(text) => self.out.push_str(text),
            Stmt::Print(expr) => self.print(expr)?,
            Stmt::If(arms, otherwise) => {
                for (test, body) in arms {
                    if self.truth(test)? {
                        return self.run(body);
                    }
                }
                return self.run(otherwise);
            }
            Stmt::For(inner) => return self.run_for(inner),
            Stmt::Set(target, expr) => {
                let value = self.eval(expr)?;
                self.assign(target, value)?;
            }
            Stmt::SetBlock(target, loads, body, filters) => {
                self.load(loads);
                let (flow, text) = self.captured(body)?;
                if !matches!(flow, Flow::Next) {
                    return Ok(flow);
                }
                let mut value = Value::text(text);
                for (filter, args) in filters {
                    value = self.filter(*filter, value, args)?;
                }
                self.assign(target, value)?;
            }
            Stmt::Macro(slot, index) => {
                let at = self.at(*slot);
                self.stack[at] = Value::Macro(self.macros.len());
                self.macros.push(*index);
            }
            Stmt::Scope(loads, body) => {
                self.load(loads);
                self.run(body)?;
            }
            Stmt::With(pairs, loads, body) => {
                let values = pairs
                    .iter()
                    .map(|(_, expr)| self.eval(expr))
                    .collect::<Outcome<Vec<_>>>()?;
                self.load(loads);
                for ((slot, _), value) in pairs.iter().zip(values) {
                    let at = self.at(*slot);
                    self.stack[at] = value;
                }
                return self.run(body);
            }
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn run_for(&mut self, inner: &'a For) -> Outcome<Flow> {
        let iterable = self.eval(&inner.iter)?;
        let (mut items, mut fault) = sequence(&iterable)?;
        // Python reads a generator one item at a time, and the loop's body could read it, too.
        iterable.read_ahead();
        let (reads, writes) = (self.reads.get(), self.writes);
        if let Some((target, loads, condition)) = &inner.filter {
            let mut kept = Vec::new();
            for item in items.iter() {
                self.load(loads);
                let test = match self.assign(target, item.clone()) {
                    Ok(()) => self.truth(condition),
                    Err(found) => Err(found),
                };
                match test {
                    Ok(true) => kept.push(item),
                    Ok(false) => {}
                    Err(found) => {
                        fault = Some(found);
                        break;
                    }
                }
            }
            items = Seq::Own(kept.into());
        }
        if self.writes != writes {
            return unsupported("a loop condition that changes something");
        }
        // Jinja2 tests each item when the loop reaches it; testing them all before is the same
        // only if nothing that runs meanwhile changes what the condition reads.
        let reads_state = self.reads.get() != reads;
        let mut finished_one = false;
        let mut broken = false;
        let count = items.len();
        let state = self.loops.len();
        if let Some(slot) = inner.loop_slot {
            let at = self.at(slot);
            self.stack[at] = Value::Loop(state);
        }
        self.loops.push(LoopState {
            items: items.clone(),
            index: 0,
        });
        for index in 0..count {
            let Some(item) = items.get(index) else { break };
            self.loops[state].index = index;
            self.assign(&inner.target, item)?;
            self.load(&inner.loads);
            match self.run(&inner.body)? {
                Flow::Next => finished_one = true,
                Flow::Continue => {}
                Flow::Break => {
                    broken = true;
                    break;
                }
            }
        }
        self.loops.truncate(state);
        if reads_state && self.writes != writes {
            return unsupported("a loop condition that its body changes");
        }
        match (fault, broken) {
            // A loop object looks ahead, so that Jinja2 may have met the error before the break.
            (Some(_), true) if inner.loop_slot.is_some() => {
                return unsupported("an error behind the end of a loop");
            }
            (Some(fault), false) => return Err(fault),
            _ => {}
        }
        if !broken {
            iterable.forget_reader();
        }
        if let (Some((loads, body)), false) = (&inner.or_else, finished_one) {
            self.load(loads);
            return self.run(body);
        }
        Ok(Flow::Next)
    }

    fn assign(&mut self, target: &'a Target, value: Value<'a>) -> Outcome<()> {
        match target {
            Target::Slot(slot) => {
                let at = self.at(*slot);
                self.stack[at] = value;
            }
            Target::Tuple(targets) => {
                let items = value.collect()?;
                if items.len() != targets.len() {
                    return raised(format!(
                        "cannot unpack {} values into {}",
                        items.len(),
                        targets.len()
                    ));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
            Target::Namespace(slot, name) => {
                let Value::Namespace(index) = self.stack[self.at(*slot)] else {
                    return raised("cannot assign attribute on non-namespace object");
                };
                check_name(name)?;
                self.writes += 1;
                let attributes = &mut self.namespaces[index];
                match attributes
                    .iter_mut()
                    .find(|(known, _)| known.as_str() == &**name)
                {
                    Some(entry) => entry.1 = value,
                    None => attributes.push((Text::Ref(name), value)),
                }
            }
        }
        Ok(())
    }

    /// Runs `body` into a string of its own.
    fn captured(&mut self, body: &'a [Stmt]) -> Outcome<(Flow, String)> {
        let outside = std::mem::take(&mut self.out);
        let result = self.run(body);
        let inside = std::mem::replace(&mut self.out, outside);
        result.map(|flow| (flow, inside))
    }

    fn truth(&mut self, expr: &'a Expr) -> Outcome<bool> {
        match expr {
            Expr::Not(inner) => Ok(!self.truth(inner)?),
            Expr::And(left, right) => Ok(self.truth(left)? && self.truth(right)?),
            Expr::Or(left, right) => Ok(self.truth(left)? || self.truth(right)?),
            other => self.eval(other)?.truth(),
        }
    }

    /// Prints the value of `expr`, without building strings that are only printed.
    fn print(&mut self, expr: &'a Expr) -> Outcome<()> {
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
            Expr::Filter(Filter::ToJson, inner, args)
                if args.positional.is_empty() && args.named.is_empty() =>
            {
                let value = self.eval(inner)?;
                crate::render::json::push_value(
                    &value,
                    &crate::render::json::Style::default(),
                    0,
                    &mut self.out,
                )
            }
            Expr::Filter(Filter::Safe | Filter::String, inner, _) => self.print(inner),
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
        let mut operands = Vec::new();
        let mut rest = expr;
        while let Expr::Bin(BinOp::Add, left, right) = rest {
            operands.push(&**right);
            rest = left;
        }
        let start = self.out.len();
        let mut sum = self.eval(rest)?;
        let mut printed = false;
        while let Some(operand) = operands.pop() {
            let value = self.eval(operand)?;
            match (&sum, &value) {
                (Value::Str(left), Value::Str(right)) => {
                    if !printed {
                        self.out.push_str(left.as_str());
                        printed = true;
                    }
                    self.out.push_str(right.as_str());
                }
                _ if printed => {
                    // Not a plain string after all: go on with the sum as a value.
                    let text = self.out.split_off(start);
                    sum = add(&Value::text(text), &value)?;
                    printed = false;
                }
                _ => sum = add(&sum, &value)?,
            }
        }
        if printed {
            return Ok(());
        }
        sum.print(&mut self.out)
    }

    fn eval(&mut self, expr: &'a Expr) -> Outcome<Value<'a>> {
        Ok(match expr {
            Expr::Const(constant) => match constant {
                Const::None => Value::None,
                Const::Bool(value) => Value::Bool(*value),
                Const::Int(value) => Value::Int(*value),
                Const::Float(value) => Value::Float(*value),
                Const::Str(text) => Value::Str(Text::Ref(text)),
            },
            Expr::Name(slot, name) => match &self.stack[self.at(*slot)] {
                Value::Missing => Value::Undefined(Undef::Name(name)),
                value => value.clone(),
            },
            Expr::List(items) => shallow(Value::list(self.eval_all(items)?))?,
            Expr::Tuple(items) => shallow(Value::Tuple(self.eval_all(items)?.into()))?,
            Expr::Dict(pairs) => {
                if let [(Expr::Const(Const::Int(_)), _), ..] = pairs.as_slice() {
                    return self.table(pairs);
                }
                let mut out: Vec<(Text<'a>, Value<'a>)> = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let key = match self.eval(key)? {
                        Value::Str(key) => key,
                        other => return unsupported(format!("a {} as a key", other.kind())),
                    };
                    let value = self.eval(value)?;
                    insert(&mut out, key, value);
                }
                shallow(Value::Dict(Map::Own(Rc::new(out))))?
            }
            Expr::Attr(inner, attr) => {
                let object = self.eval(inner)?;
                self.get_attr(&object, attr)?
            }
            Expr::Item(inner, key) => {
                let object = self.eval(inner)?;
                let key = self.eval(key)?;
                if let Value::Namespace(index) = object {
                    return match &key {
                        Value::Str(name) => Ok(self.namespace_item(index, name.as_str())),
                        _ => Ok(Value::Undefined(Undef::Element("Namespace"))),
                    };
                }
                get_item(&object, &key)?
            }
            Expr::Slice(inner, bounds) => {
                let object = self.eval(inner)?;
                let mut given = [None, None, None];
                for (bound, expr) in given.iter_mut().zip(bounds) {
                    if let Some(expr) = expr {
                        *bound = bound_of(&self.eval(expr)?)?;
                    }
                }
                slice(&object, given)?
            }
            Expr::Call(callee, args) => self.call(callee, args)?,
            Expr::Filter(filter, inner, args) => {
                let value = self.eval(inner)?;
                self.filter(*filter, value, args)?
            }
            Expr::Test(test, inner, args) => {
                let value = self.eval(inner)?;
                if args.is_empty() {
                    Value::Bool(run_test(*test, &value, &[])?)
                } else {
                    let args = self.eval_all(args)?;
                    Value::Bool(run_test(*test, &value, &args)?)
                }
            }
            Expr::Not(inner) => Value::Bool(!self.truth(inner)?),
            Expr::Neg(inner) => negative(&self.eval(inner)?)?,
            Expr::Pos(inner) => {
                let value = self.eval(inner)?;
                match value.number() {
                    Some(Number::Int(number)) => Value::Int(number),
                    Some(Number::Float(number)) => Value::Float(number),
                    None => return bad_unary("+", &value),
                }
            }
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
                    Value::Undefined(Undef::Message(
                        "the inline if-expression evaluated to false and no else section was defined.",
                    ))
                }
            }
            Expr::Compare(first, rest) => {
                let mut left = self.eval(first)?;
                for (op, operand) in rest {
                    let right = self.eval(operand)?;
                    if !compare(*op, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Value::Bool(true)
            }
            Expr::Concat(parts) => {
                let mut out = String::new();
                for part in parts {
                    self.eval(part)?.print(&mut out)?;
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
        shallow(Value::Table(Rc::new(out)))
    }

    fn eval_all(&mut self, exprs: &'a [Expr]) -> Outcome<Vec<Value<'a>>> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    fn filter(&mut self, filter: Filter, value: Value<'a>, args: &'a Args) -> Outcome<Value<'a>> {
        let positional = self.eval_all(&args.positional)?;
        let mut named = Vec::with_capacity(args.named.len());
        for (name, expr) in &args.named {
            named.push((&**name, self.eval(expr)?));
        }
        if value.is_held() {
            self.reads.set(self.reads.get() + 1);
            self.writes += 1;
        }
        apply(
            filter,
            value,
            &Given {
                positional: &positional,
                named: &named,
            },
        )
    }

    fn namespace_item(&self, index: usize, name: &str) -> Value<'a> {
        self.reads.set(self.reads.get() + 1);
        self.namespaces[index]
            .iter()
            .find_map(|(known, value)| (known.as_str() == name).then(|| value.clone()))
            .unwrap_or_else(|| {
                Value::Undefined(Undef::Attribute("Namespace", Text::own(name.to_owned())))
            })
    }

    fn get_attr(&self, object: &Value<'a>, attr: &'a Attr) -> Outcome<Value<'a>> {
        let name = &*attr.name;
        match object {
            Value::Dict(map) => {
                if attr.of_dict {
                    return dict_attribute(object, name);
                }
                Ok(map
                    .get(name)
                    .unwrap_or(Value::Undefined(Undef::Attribute("dict", Text::Ref(name)))))
            }
            Value::Undefined(undef) => raised(undef.message()),
            Value::Namespace(index) => Ok(self.namespace_item(*index, name)),
            Value::Loop(index) => self.loop_attr(*index, name),
            Value::Str(_) if attr.of_str => str_attribute(object, name),
            Value::List(_) if attr.of_list => list_attribute(name),
            Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
                object.known().map(|()| Value::Missing)
            }
            Value::Str(_) | Value::List(_) | Value::None => Ok(Value::Undefined(Undef::Attribute(
                object.kind(),
                Text::Ref(name),
            ))),
            other if attr.of_other || attr.of_list || attr.of_dict => {
                unsupported(format!("the attribute {name} of a {}", other.kind()))
            }
            other => Ok(Value::Undefined(Undef::Attribute(
                other.kind(),
                Text::Ref(name),
            ))),
        }
    }

    fn loop_attr(&self, index: usize, name: &str) -> Outcome<Value<'a>> {
        let Some(state) = self.loops.get(index) else {
            return unsupported("a loop object outside its loop");
        };
        let at = state.index;
        let count = state.items.len();
        let number = |value: usize| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
        Ok(match name {
            "index" => number(at + 1),
            "index0" => number(at),
            "revindex" => number(count - at),
            "revindex0" => number(count - at - 1),
            "first" => Value::Bool(at == 0),
            "last" => Value::Bool(at + 1 == count),
            "length" => number(count),
            "depth" => Value::Int(1),
            "depth0" => Value::Int(0),
            "previtem" => match at.checked_sub(1).and_then(|before| state.items.get(before)) {
                Some(item) => item,
                None => Value::Undefined(Undef::Message("there is no previous item")),
            },
            "nextitem" => match state.items.get(at + 1) {
                Some(item) => item,
                None => Value::Undefined(Undef::Message("there is no next item")),
            },
            other => return unsupported(format!("loop.{other}")),
        })
    }

    fn call(&mut self, callee: &'a Expr, args: &'a Args) -> Outcome<Value<'a>> {
        if let Expr::Attr(inner, attr) = callee {
            let object = self.eval(inner)?;
            let ready = match &object {
                Value::Dict(_) => attr.of_dict && DICT_METHODS.contains(&&*attr.name),
                Value::Str(_) => attr.of_str && STR_METHODS.contains(&&*attr.name),
                _ => false,
            };
            if ready {
                let positional = self.eval_all(&args.positional)?;
                if !args.named.is_empty() {
                    if let Value::Dict(_) = object {
                        return raised(format!("dict.{}() takes no keyword arguments", attr.name));
                    }
                    return unsupported(format!("named arguments of {}", attr.name));
                }
                return methods::call(&object, &attr.name, &positional);
            }
            let function = self.get_attr(&object, attr)?;
            return self.call_value(&function, args);
        }
        let function = self.eval(callee)?;
        self.call_value(&function, args)
    }

    fn call_value(&mut self, function: &Value<'a>, args: &'a Args) -> Outcome<Value<'a>> {
        match function {
            Value::Macro(index) => {
                let outside = std::mem::take(&mut self.out);
                let result = self.run_macro(*index, args);
                let inside = std::mem::replace(&mut self.out, outside);
                result.map(|()| Value::text(inside))
            }
            Value::Func(func) => self.call_func(*func, args),
            Value::Method(bound) => {
                let positional = self.eval_all(&args.positional)?;
                if !args.named.is_empty() {
                    return unsupported("named arguments of a method");
                }
                methods::call(&bound.0, bound.1.as_str(), &positional)
            }
            Value::Undefined(undef) => raised(undef.message()),
            Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
                function.known().map(|()| Value::Missing)
            }
            Value::Loop(_) => unsupported("a recursive loop"),
            other => raised(format!("'{}' object is not callable", python_type(other))),
        }
    }

    fn call_func(&mut self, func: Func, args: &'a Args) -> Outcome<Value<'a>> {
        let positional = self.eval_all(&args.positional)?;
        let mut named: Vec<(Text<'a>, Value<'a>)> = Vec::with_capacity(args.named.len());
        for (name, expr) in &args.named {
            let value = self.eval(expr)?;
            named.push((Text::Ref(name), value));
        }
        match func {
            _ if positional.iter().any(|value| value.known().is_err()) => {
                unsupported("a function of such a value")
            }
            Func::RaiseException => match (positional.as_slice(), named.as_slice()) {
                ([message], []) => match message.to_text() {
                    Ok(text) => raised(text.as_str()),
                    Err(_) => raised("an exception whose message cannot be shown"),
                },
                _ => raised("raise_exception() takes one argument"),
            },
            Func::StrftimeNow => {
                let [Value::Str(format)] = positional.as_slice() else {
                    return unsupported("strftime_now with these arguments");
                };
                let known = self
                    .program
                    .date_formats
                    .iter()
                    .position(|known| &**known == format.as_str());
                match known.and_then(|index| self.dates.get(index)) {
                    Some(date) => Ok(Value::Str(Text::Ref(date))),
                    None => unsupported("strftime_now with a format that is not a literal"),
                }
            }
            Func::Dict | Func::Namespace => {
                let mut pairs = Vec::new();
                match positional.as_slice() {
                    [] => {}
                    [Value::Dict(map)] => pairs.extend(map.pairs()),
                    _ => return unsupported("dict() or namespace() of something else than a dict"),
                }
                for (key, value) in named {
                    insert(&mut pairs, key, value);
                }
                if func == Func::Dict {
                    return shallow(Value::Dict(Map::Own(Rc::new(pairs))));
                }
                for (name, _) in &pairs {
                    check_name(name.as_str())?;
                }
                self.namespaces.push(pairs);
                Ok(Value::Namespace(self.namespaces.len() - 1))
            }
            Func::Range => {
                if !named.is_empty() {
                    return raised("range() takes no keyword arguments");
                }
                let mut bounds = Vec::new();
                for value in &positional {
                    match value {
                        Value::Int(number) => bounds.push(*number),
                        Value::Bool(flag) => bounds.push(i64::from(*flag)),
                        Value::Undefined(_) | Value::None | Value::Str(_) | Value::Float(_) => {
                            return raised(format!(
                                "'{}' object cannot be interpreted as an integer",
                                python_type(value)
                            ));
                        }
                        other => return unsupported(format!("range of a {}", other.kind())),
                    }
                }
                let (start, stop, step) = match bounds.as_slice() {
                    [stop] => (0, *stop, 1),
                    [start, stop] => (*start, *stop, 1),
                    [start, stop, step] => (*start, *stop, *step),
                    _ => return raised("range expected 1 to 3 arguments"),
                };
                if step == 0 {
                    return raised("range() arg 3 must not be zero");
                }
                if range_len(start, stop, step) > MAX_RANGE {
                    return raised(
                        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
                    );
                }
                Ok(Value::Range(start, stop, step))
            }
        }
    }

    /// Runs a macro into the current output.
    fn run_macro(&mut self, value: usize, args: &'a Args) -> Outcome<()> {
        let program = self.program;
        let inner = &program.macros[self.macros[value]];
        if self.depth >= MACRO_DEPTH {
            return unsupported("macros nested very deeply");
        }
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
        let outer_base = self.base;
        let outer_len = self.stack.len();
        self.base = outer_len;
        self.depth += 1;
        self.stack.resize(outer_len + inner.slots, Value::Missing);
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

    fn run_body(
        &mut self,
        defaults: &[&'a crate::render::program::Param],
        body: &'a [Stmt],
    ) -> Outcome<()> {
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

/// Lists in lists without end are left to Python, which has a limit of its own.
fn shallow(value: Value) -> Outcome<Value> {
    if value.deeper_than(MAX_NESTING) {
        return unsupported("deeply nested values");
    }
    Ok(value)
}

/// Escapes text for HTML as `markupsafe` does.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

fn insert<'a>(pairs: &mut Vec<(Text<'a>, Value<'a>)>, key: Text<'a>, value: Value<'a>) {
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some(entry) => entry.1 = value,
        None => pairs.push((key, value)),
    }
}

/// Namespaces of chat templates refuse names that start with an underscore.
fn check_name(name: &str) -> Outcome<()> {
    if name.starts_with('_') {
        return raised(format!(
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{name}'. Please rename the attribute."
        ));
    }
    Ok(())
}

fn method<'a>(object: &Value<'a>, name: &str) -> Value<'a> {
    Value::Method(Rc::new((object.clone(), Text::own(name.to_owned()))))
}

fn sandboxed<'a>(
    names: &'static [&'static str],
    kind: &'static str,
    name: &str,
) -> Option<Value<'a>> {
    names
        .iter()
        .find(|known| **known == name)
        .map(|known| Value::Undefined(Undef::Unsafe(kind, known)))
}

fn dict_attribute<'a>(object: &Value<'a>, name: &str) -> Outcome<Value<'a>> {
    if DICT_METHODS.contains(&name) {
        return Ok(method(object, name));
    }
    match sandboxed(SANDBOXED_DICT, "dict", name) {
        Some(value) => Ok(value),
        None => unsupported(format!("the dict method {name}")),
    }
}

fn str_attribute<'a>(object: &Value<'a>, name: &str) -> Outcome<Value<'a>> {
    if STR_METHODS.contains(&name) {
        return Ok(method(object, name));
    }
    unsupported(format!("the str method {name}"))
}

fn list_attribute<'a>(name: &str) -> Outcome<Value<'a>> {
    match sandboxed(SANDBOXED_LIST, "list", name) {
        Some(value) => Ok(value),
        None => unsupported(format!("the list method {name}")),
    }
}

/// The position that a Python index means, if there is one.
fn position(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let index = if index < 0 { index + len } else { index };
    (0..len)
        .contains(&index)
        .then(|| usize::try_from(index).ok())
        .flatten()
}

fn nth_char<'a>(text: &Text<'a>, index: i64) -> Option<Value<'a>> {
    let source = text.as_str();
    if source.is_ascii() {
        let at = position(index, source.len())?;
        return Some(Value::Str(text.slice(at, at + 1)));
    }
    let at = position(index, char_count(source))?;
    let (start, c) = source.char_indices().nth(at)?;
    Some(Value::Str(text.slice(start, start + c.len_utf8())))
}

/// `object[key]`: the item, or else the attribute of that name, or else undefined.
pub fn get_item<'a>(object: &Value<'a>, key: &Value<'a>) -> Outcome<Value<'a>> {
    if let (Value::Table(pairs), Value::Int(wanted)) = (object, key) {
        return Ok(pairs
            .iter()
            .find_map(|(known, value)| (known == wanted).then(|| value.clone()))
            .unwrap_or(Value::Undefined(Undef::Element("dict"))));
    }
    object.known()?;
    key.known()?;
    if let Value::Undefined(undef) = object {
        return raised(undef.message());
    }
    let index = match key {
        Value::Int(index) => Some(*index),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    };
    let found = match (object, key, index) {
        (Value::Dict(map), Value::Str(name), _) => map.get(name.as_str()),
        (Value::List(items), _, Some(index)) => {
            position(index, items.len()).and_then(|at| items.get(at))
        }
        (Value::Tuple(items), _, Some(index)) => {
            position(index, items.len()).and_then(|at| items.get(at).cloned())
        }
        (Value::Str(text), _, Some(index)) => nth_char(text, index),
        (Value::Range(start, stop, step), _, Some(index)) => {
            position(index, range_len(*start, *stop, *step))
                .and_then(|at| i64::try_from(at).ok())
                .map(|at| Value::Int(start + at * step))
        }
        _ => None,
    };
    if let Some(value) = found {
        return Ok(value);
    }
    let Value::Str(name) = key else {
        return Ok(Value::Undefined(Undef::Element(object.kind())));
    };
    let name = name.as_str();
    if name.starts_with('_') {
        return unsupported(format!("the item {name}, which may be an attribute"));
    }
    match object {
        Value::Dict(_) if DICT_ATTRIBUTES.contains(&name) => dict_attribute(object, name),
        Value::Str(_) if STR_ATTRIBUTES.contains(&name) => str_attribute(object, name),
        Value::List(_) if LIST_ATTRIBUTES.contains(&name) => list_attribute(name),
        Value::Namespace(_) => unsupported("a namespace in a filter"),
        Value::Loop(_) => unsupported("an item of a loop object"),
        Value::Dict(_) | Value::Str(_) | Value::List(_) | Value::None => Ok(Value::Undefined(
            Undef::Attribute(object.kind(), Text::own(name.to_owned())),
        )),
        other
            if OTHER_ATTRIBUTES.contains(&name)
                || LIST_ATTRIBUTES.contains(&name)
                || DICT_ATTRIBUTES.contains(&name) =>
        {
            unsupported(format!("the attribute {name} of a {}", other.kind()))
        }
        other => Ok(Value::Undefined(Undef::Attribute(
            other.kind(),
            Text::own(name.to_owned()),
        ))),
    }
}

fn bound_of(value: &Value) -> Outcome<Option<i64>> {
    match value {
        Value::None => Ok(None),
        Value::Int(number) => Ok(Some(*number)),
        Value::Bool(flag) => Ok(Some(i64::from(*flag))),
        Value::Big(_) => unsupported("this slice bound"),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => value.known().map(|()| None),
        _ => raised("slice indices must be integers or None or have an __index__ method"),
    }
}

/// The indices that a Python slice takes from a sequence of `len` items.
fn slice_indices(len: usize, bounds: [Option<i64>; 3]) -> Outcome<(i64, i64, i64)> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let step = bounds[2].unwrap_or(1);
    if step == 0 {
        return raised("slice step cannot be zero");
    }
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(bound) if bound < 0 => bound.saturating_add(len).max(lowest),
        Some(bound) => bound.min(highest),
    };
    let (first, last) = if step > 0 { (0, len) } else { (len - 1, -1) };
    Ok((clamp(bounds[0], first), clamp(bounds[1], last), step))
}

fn slice<'a>(object: &Value<'a>, bounds: [Option<i64>; 3]) -> Outcome<Value<'a>> {
    let steps = |start: i64, stop: i64, step: i64| {
        (0..range_len(start, stop, step))
            .filter_map(move |nth| usize::try_from(start + i64::try_from(nth).ok()? * step).ok())
    };
    let ends = |start: i64, stop: i64| {
        let start = usize::try_from(start).unwrap_or(0);
        (start, usize::try_from(stop).unwrap_or(0).max(start))
    };
    match object {
        Value::List(items) => {
            let (start, stop, step) = slice_indices(items.len(), bounds)?;
            if let (Seq::Data(data), 1) = (items, step) {
                let (start, stop) = ends(start, stop);
                return Ok(Value::List(Seq::Data(&data[start..stop])));
            }
            Ok(Value::list(
                steps(start, stop, step)
                    .filter_map(|at| items.get(at))
                    .collect(),
            ))
        }
        Value::Tuple(items) => {
            let (start, stop, step) = slice_indices(items.len(), bounds)?;
            let taken: Vec<_> = steps(start, stop, step)
                .filter_map(|at| items.get(at).cloned())
                .collect();
            Ok(Value::Tuple(taken.into()))
        }
        Value::Str(text) => {
            let source = text.as_str();
            let (start, stop, step) = slice_indices(char_count(source), bounds)?;
            if step == 1 {
                let (start, stop) = ends(start, stop);
                if source.is_ascii() {
                    return Ok(Value::Str(text.slice(start, stop)));
                }
                let byte = |nth: usize| {
                    source
                        .char_indices()
                        .nth(nth)
                        .map_or(source.len(), |found| found.0)
                };
                return Ok(Value::Str(text.slice(byte(start), byte(stop))));
            }
            let chars: Vec<char> = source.chars().collect();
            Ok(Value::text(
                steps(start, stop, step).map(|at| chars[at]).collect(),
            ))
        }
        Value::Undefined(undef) => raised(undef.message()),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
            object.known().map(|()| Value::Missing)
        }
        Value::Range(..) | Value::Loop(_) => unsupported(format!("slicing a {}", object.kind())),
        other => raised(format!(
            "'{}' object is not subscriptable",
            python_type(other)
        )),
    }
}

fn compare<'a>(op: CmpOp, left: &Value<'a>, right: &Value<'a>) -> Outcome<bool> {
    let ordered = |sign: &str, wanted: &[Ordering]| -> Outcome<bool> {
        Ok(left
            .order(right, sign)?
            .is_some_and(|order| wanted.contains(&order)))
    };
    match op {
        CmpOp::Eq => left.equals(right),
        CmpOp::Ne => Ok(!left.equals(right)?),
        CmpOp::Lt => ordered("<", &[Ordering::Less]),
        CmpOp::Le => ordered("<=", &[Ordering::Less, Ordering::Equal]),
        CmpOp::Gt => ordered(">", &[Ordering::Greater]),
        CmpOp::Ge => ordered(">=", &[Ordering::Greater, Ordering::Equal]),
        CmpOp::In => right.contains(left),
        CmpOp::NotIn => Ok(!right.contains(left)?),
    }
}

fn bad_unary<'a>(sign: &str, value: &Value<'a>) -> Outcome<Value<'a>> {
    match value {
        Value::Undefined(undef) => raised(undef.message()),
        Value::Big(_) => unsupported(format!("unary {sign} of this value")),
        Value::Opaque(_) | Value::Safe(_) | Value::Table(_) => {
            value.known().map(|()| Value::Missing)
        }
        other => raised(format!(
            "bad operand type for unary {sign}: '{}'",
            python_type(other)
        )),
    }
}

fn negative<'a>(value: &Value<'a>) -> Outcome<Value<'a>> {
    match value.number() {
        Some(Number::Int(number)) => match number.checked_neg() {
            Some(number) => Ok(Value::Int(number)),
            None => unsupported("an integer beyond 64 bits"),
        },
        Some(Number::Float(number)) => Ok(Value::Float(-number)),
        None => bad_unary("-", value),
    }
}

fn add<'a>(left: &Value<'a>, right: &Value<'a>) -> Outcome<Value<'a>> {
    binary(BinOp::Add, left, right)
}

fn binary<'a>(op: BinOp, left: &Value<'a>, right: &Value<'a>) -> Outcome<Value<'a>> {
    match (op, left, right) {
        (BinOp::Add, Value::Safe(one), Value::Str(two)) => {
            let mut out = one.as_str().to_owned();
            escape(two.as_str(), &mut out);
            Ok(Value::Safe(Text::own(out)))
        }
        (BinOp::Add, Value::Str(one), Value::Safe(two)) => {
            let mut out = String::new();
            escape(one.as_str(), &mut out);
            out.push_str(two.as_str());
            Ok(Value::Safe(Text::own(out)))
        }
        (BinOp::Add, Value::Safe(one), Value::Safe(two)) => Ok(Value::Safe(Text::own(
            [one.as_str(), two.as_str()].concat(),
        ))),
        (BinOp::Add, Value::Safe(_), other) | (BinOp::Add, other, Value::Safe(_))
            if matches!(
                other,
                Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_)
            ) =>
        {
            raised(format!(
                "unsupported operand type(s) for +: 'Markup' and '{}'",
                python_type(other)
            ))
        }
        (_, Value::Opaque(_) | Value::Safe(_) | Value::Table(_), _) => {
            left.known().map(|()| Value::Missing)
        }
        (_, _, Value::Opaque(_) | Value::Safe(_) | Value::Table(_)) => {
            right.known().map(|()| Value::Missing)
        }
        (BinOp::Mod, Value::Str(_), _) => unsupported("formatting with %"),
        (_, Value::Undefined(undef), _) | (_, _, Value::Undefined(undef)) => {
            raised(undef.message())
        }
        (BinOp::Add, Value::Str(one), Value::Str(two)) => {
            let mut out = String::with_capacity(one.as_str().len() + two.as_str().len());
            out.push_str(one.as_str());
            out.push_str(two.as_str());
            Ok(Value::text(out))
        }
        (BinOp::Add, Value::List(one), Value::List(two)) => {
            Ok(Value::list(one.iter().chain(two.iter()).collect()))
        }
        (BinOp::Add, Value::Tuple(one), Value::Tuple(two)) => {
            let items: Vec<_> = one.iter().chain(two.iter()).cloned().collect();
            Ok(Value::Tuple(items.into()))
        }
        (BinOp::Mul, Value::Str(_), Value::Bool(_))
        | (BinOp::Mul, Value::Bool(_), Value::Str(_)) => unsupported("repeating by a boolean"),
        (BinOp::Mul, Value::Str(text), Value::Int(times))
        | (BinOp::Mul, Value::Int(times), Value::Str(text)) => {
            let times = usize::try_from(*times).unwrap_or(0);
            if text.as_str().len().saturating_mul(times) > 1 << 24 {
                return unsupported("a very long repetition");
            }
            Ok(Value::text(text.as_str().repeat(times)))
        }
        (_, Value::Big(_), _) | (_, _, Value::Big(_)) => unsupported("arithmetic beyond 64 bits"),
        (BinOp::Mul, Value::List(_) | Value::Tuple(_), _)
        | (BinOp::Mul, _, Value::List(_) | Value::Tuple(_)) => unsupported("repeating a list"),
        (BinOp::Sub, Value::View(..), _) | (BinOp::Sub, _, Value::View(..)) => {
            unsupported("a difference of views")
        }
        _ => match (left.number(), right.number()) {
            (Some(Number::Int(one)), Some(Number::Int(two))) => integers(op, one, two),
            (Some(one), Some(two)) => floats(op, one.float(), two.float()),
            _ => raised(format!(
                "unsupported operand type(s) for {}: '{}' and '{}'",
                sign_of(op),
                python_type(left),
                python_type(right)
            )),
        },
    }
}

fn sign_of(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "+",
        BinOp::Sub => "-",
        BinOp::Mul => "*",
        BinOp::Div => "/",
        BinOp::FloorDiv => "//",
        BinOp::Mod => "%",
    }
}

fn integers<'a>(op: BinOp, one: i64, two: i64) -> Outcome<Value<'a>> {
    let divides = matches!(op, BinOp::Div | BinOp::FloorDiv | BinOp::Mod);
    if divides && two == 0 {
        return raised("division by zero");
    }
    let result = match op {
        BinOp::Add => one.checked_add(two),
        BinOp::Sub => one.checked_sub(two),
        BinOp::Mul => one.checked_mul(two),
        BinOp::FloorDiv => one.checked_div(two).map(|quotient| {
            if one % two != 0 && (one < 0) != (two < 0) {
                quotient - 1
            } else {
                quotient
            }
        }),
        BinOp::Mod => one.checked_rem(two).map(|rest| {
            if rest != 0 && (rest < 0) != (two < 0) {
                rest + two
            } else {
                rest
            }
        }),
        BinOp::Div => {
            if one.unsigned_abs() > 1 << 53 || two.unsigned_abs() > 1 << 53 {
                return unsupported("dividing very large integers");
            }
            let (one, two) = (Number::Int(one).float(), Number::Int(two).float());
            return Ok(Value::Float(one / two));
        }
    };
    match result {
        Some(number) => Ok(Value::Int(number)),
        None => unsupported("an integer beyond 64 bits"),
    }
}

fn floats<'a>(op: BinOp, one: f64, two: f64) -> Outcome<Value<'a>> {
    Ok(Value::Float(match op {
        BinOp::Add => one + two,
        BinOp::Sub => one - two,
        BinOp::Mul => one * two,
        BinOp::Div if two == 0.0 => return raised("float division by zero"),
        BinOp::Div => one / two,
        BinOp::FloorDiv | BinOp::Mod => return unsupported("floor division of floats"),
    }))
}

/// A value for each of the template's outside names: a variable, else a function, else nothing.
pub fn function_named(name: &str) -> Option<Func> {
    match name {
        "raise_exception" => Some(Func::RaiseException),
        "strftime_now" => Some(Func::StrftimeNow),
        "namespace" => Some(Func::Namespace),
        "dict" => Some(Func::Dict),
        "range" => Some(Func::Range),
        _ => None,
    }
}
