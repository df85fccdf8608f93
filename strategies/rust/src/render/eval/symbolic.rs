//! Integers and messages that depend on how many messages there are, and comparisons of them.
//!
//! A comparison says little about its operands: its result stays the same as long as they lie
//! inside an interval. Everything else needs the integer itself.

use std::cmp::Ordering;
use std::ptr;
use std::sync::Arc;

use super::Evaluator;
use super::expressions::Found;
use crate::data::Data;
use crate::fault::Outcome;
use crate::render::environment::Gives;
use crate::render::functions::MAX_RANGE;
use crate::render::growing::{Interval, Tail, signed};
use crate::render::limits::check_items;
use crate::render::ops::{BinOp, CmpOp, binary, compare};
use crate::render::picked::{Last, Likeness};
use crate::render::program::{Args, Attr, Const, Expr, Target};
use crate::render::text::Text;
use crate::render::value::{Line, Map, Seq, Value};

/// A value that is not read yet, if it is an integer from outside of the passage or the last message.
#[derive(Debug, Clone)]
enum Symbol<'a> {
    Value(Value<'a>),
    Line(Line),
    /// An attribute of a namespace, by its place and name, and its value.
    Attribute(usize, &'a str, i64),
    /// The last of the messages, or of some of them.
    Last(Last<'a>),
}

/// Where a number may lie so that `number op pivot` stays what it is.
fn alike(op: CmpOp, number: i64, pivot: i64) -> Interval {
    let below = Interval::at_most(pivot.saturating_sub(1));
    let above = Interval::at_least(pivot.saturating_add(1));
    let holds = match (op, number.cmp(&pivot)) {
        (CmpOp::Lt | CmpOp::Ge, Ordering::Less) => below,
        (CmpOp::Lt | CmpOp::Ge, _) => Interval::at_least(pivot),
        (CmpOp::Gt | CmpOp::Le, Ordering::Greater) => above,
        (CmpOp::Gt | CmpOp::Le, _) => Interval::at_most(pivot),
        (_, Ordering::Less) => below,
        (_, Ordering::Equal) => Interval::only(pivot),
        (_, Ordering::Greater) => above,
    };
    // At the ends of the integers there is nothing beyond.
    if holds.holds(number) {
        holds
    } else {
        Interval::only(number)
    }
}

fn holds(op: CmpOp, left: i64, right: i64) -> bool {
    match op {
        CmpOp::Eq => left == right,
        CmpOp::Ne => left != right,
        CmpOp::Lt => left < right,
        CmpOp::Le => left <= right,
        CmpOp::Gt => left > right,
        CmpOp::Ge => left >= right,
        CmpOp::In | CmpOp::NotIn => false,
    }
}

/// The comparison with its sides exchanged.
fn turned(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Ge => CmpOp::Le,
        other => other,
    }
}

fn line_of(symbol: &Symbol) -> Option<Line> {
    match symbol {
        Symbol::Line(line) => Some(*line),
        Symbol::Value(Value::Int(offset)) => Some(Line {
            slope: 0,
            offset: *offset,
        }),
        _ => None,
    }
}

/// A sum or difference of two lines, if at least one of them is no plain number.
fn combined(op: BinOp, left: &Symbol, right: &Symbol) -> Option<Line> {
    let (one, two) = (line_of(left)?, line_of(right)?);
    if one.slope == 0 && two.slope == 0 {
        return None;
    }
    let (slope, offset) = match op {
        BinOp::Add => (
            one.slope.checked_add(two.slope)?,
            one.offset.checked_add(two.offset)?,
        ),
        BinOp::Sub => (
            one.slope.checked_sub(two.slope)?,
            one.offset.checked_sub(two.offset)?,
        ),
        _ => return None,
    };
    Some(Line { slope, offset })
}

/// The last message of a list that has one and grows.
fn last_of<'a>(list: &Value<'a>) -> Option<Last<'a>> {
    let last = match list {
        Value::List(Seq::Tail(tail)) if tail.is_plain() => Last::Tail(tail.clone()),
        Value::List(Seq::Picked(picked)) => Last::Picked(picked.clone()),
        _ => return None,
    };
    last.is_there().then_some(last)
}

impl<'a> Evaluator<'a> {
    /// Evaluates an expression as far as that reads no integer that may only be compared.
    fn symbol(&mut self, expr: &'a Expr) -> Outcome<Symbol<'a>> {
        Ok(match expr {
            Expr::Bin(op @ (BinOp::Add | BinOp::Sub), left, right) => {
                let left = self.symbol(left)?;
                let right = self.symbol(right)?;
                match combined(*op, &left, &right) {
                    Some(line) if line.slope == 0 => Symbol::Value(Value::Int(line.offset)),
                    Some(line) if self.number_of(line).is_some() => Symbol::Line(line),
                    _ => {
                        let (left, right) = (self.settle(left), self.settle(right));
                        Symbol::Value(binary(*op, &left, &right)?)
                    }
                }
            }
            Expr::Filter(filter, inner, args) if filter.gives == Gives::Length => {
                if let Expr::Name(slot, _) = &**inner
                    && let Value::List(Seq::Tail(tail)) = self.stored(*slot)
                    && args.is_empty()
                {
                    // Mostly it is the number of all messages, and their list is not copied for it.
                    let start = tail.start();
                    if let Some(line) = self.length_line(start) {
                        return Ok(Symbol::Line(line));
                    }
                }
                let value = self.eval(inner)?;
                let line = match &value {
                    Value::List(Seq::Tail(tail)) if args.is_empty() => {
                        self.length_line(tail.start())
                    }
                    _ => None,
                };
                match line {
                    Some(line) => Symbol::Line(line),
                    None => Symbol::Value(self.filter(filter, &value, args)?),
                }
            }
            Expr::Filter(filter, inner, args) if filter.gives == Gives::Last && args.is_empty() => {
                let list = self.eval(inner)?;
                match last_of(&list) {
                    Some(last) => Symbol::Last(last),
                    None => Symbol::Value(self.filter(filter, &list, args)?),
                }
            }
            Expr::Item(inner, key) if matches!(**key, Expr::Neg(_)) => {
                let object = self.eval(inner)?;
                let key = self.eval(key)?;
                match (last_of(&object), &key) {
                    (Some(last), Value::Int(-1)) => Symbol::Last(last),
                    _ => Symbol::Value(self.item_of(&object, &key)?),
                }
            }
            Expr::Name(slot, _) => match self.stored(*slot) {
                Value::Line(line) => Symbol::Line(*line),
                _ => Symbol::Value(self.eval(expr)?),
            },
            Expr::Attr(inner, attr) => match self.find(expr) {
                Found::Data(data) => Symbol::Value(Value::from_data(data)),
                Found::OfNamespace(namespace) => self.attribute_symbol(namespace, &attr.name),
                Found::OfLoop(index) => match self.loop_line(index, attr) {
                    Some(line) => Symbol::Line(line),
                    None => Symbol::Value(self.loop_attr(index, attr)?),
                },
                Found::Absent(_) => Symbol::Value(self.eval(expr)?),
                Found::Elsewhere => match self.eval(inner)? {
                    Value::Namespace(namespace) => self.attribute_symbol(namespace, &attr.name),
                    object => Symbol::Value(self.get_attr(&object, attr)?),
                },
            },
            other => Symbol::Value(self.eval(other)?),
        })
    }

    /// The value of an expression that is assigned to a target.
    pub fn assigned(&mut self, target: &Target, expr: &'a Expr) -> Outcome<Value<'a>> {
        Ok(match (self.symbol(expr)?, target) {
            (Symbol::Line(line), Target::Slot(_)) => Value::Line(line),
            (symbol, _) => self.settle(symbol),
        })
    }

    /// What a loop runs over. Messages that are reversed for it are not copied, and a range up to
    /// the number of messages grows with them.
    pub fn iterable(&mut self, iter: &'a Expr) -> Outcome<Value<'a>> {
        match iter {
            Expr::Filter(filter, inner, args)
                if filter.gives == Gives::Reverse && args.is_empty() =>
            {
                match self.eval(inner)? {
                    Value::List(Seq::Tail(tail)) => {
                        check_items(tail.list().end().saturating_sub(tail.start()))?;
                        Ok(Value::List(Seq::Tail(tail.reversed())))
                    }
                    value => self.filter(filter, &value, args),
                }
            }
            Expr::Call(callee, args) if matches!(**callee, Expr::Name(..)) => {
                match self.eval(callee)? {
                    Value::Func(at) if self.program.environment.functions[at].counts => {
                        self.range(at, args)
                    }
                    function => self.call_value(&function, args),
                }
            }
            iter => self.eval(iter),
        }
    }

    fn range(&mut self, at: usize, args: &'a Args) -> Outcome<Value<'a>> {
        let mut bounds = Vec::with_capacity(args.positional.len());
        for expr in &args.positional {
            bounds.push(self.symbol(expr)?);
        }
        if args.named.is_empty() {
            if let Some(range) = self.growing_range(&bounds) {
                return Ok(Value::List(Seq::Tail(range)));
            }
        }
        let bounds: Vec<_> = bounds.into_iter().map(|each| self.settle(each)).collect();
        self.call_with(at, &bounds, args)
    }

    /// A range that ends, or starts if it runs backwards, with the number of messages.
    fn growing_range(&mut self, bounds: &[Symbol<'a>]) -> Option<Tail<'a>> {
        const ZERO: Line = Line {
            slope: 0,
            offset: 0,
        };
        let (start, stop, step) = match bounds {
            [stop] => (ZERO, line_of(stop)?, 1),
            [start, stop] => (line_of(start)?, line_of(stop)?, 1),
            [start, stop, step] => match line_of(step)? {
                Line { slope: 0, offset } => (line_of(start)?, line_of(stop)?, offset),
                Line { .. } => return None,
            },
            _ => return None,
        };
        let (more, first, length) = match (start.slope, stop.slope, step) {
            (0, 1, 1) => (
                stop.offset,
                start.offset.checked_sub(stop.offset)?,
                stop.offset.checked_sub(start.offset)?,
            ),
            (1, 0, -1) => (
                start.offset.checked_add(1)?,
                stop.offset.checked_sub(start.offset)?,
                start.offset.checked_sub(stop.offset)?,
            ),
            _ => return None,
        };
        let first = usize::try_from(first).ok()?;
        // A longer range raises.
        let most = signed(MAX_RANGE);
        let line = Line {
            slope: 1,
            offset: length.checked_sub(most)?,
        };
        let fits = self.compare_line(CmpOp::Le, line);
        fits.then(|| Tail::range(Arc::clone(&self.list), first, step < 0, more))
    }

    /// The number of messages from a place on, unless there are fewer than that.
    fn length_line(&self, start: usize) -> Option<Line> {
        let offset = -signed(start);
        if self.list.end() < start {
            return None;
        }
        self.list.note(Interval::at_least(-offset));
        Some(Line { slope: 1, offset })
    }

    fn attribute_symbol(&mut self, namespace: usize, name: &'a str) -> Symbol<'a> {
        if !self.is_from_here(namespace, name) {
            let cell = self.state.find(namespace, name);
            if let Some(Value::Int(number)) = cell.map(|cell| &cell.value) {
                let number = *number;
                self.reads += 1;
                return Symbol::Attribute(namespace, name, number);
            }
        }
        Symbol::Value(self.attribute(namespace, name))
    }

    /// An attribute of a loop over the messages, if it depends on how many there are.
    fn loop_line(&self, index: usize, attr: &Attr) -> Option<Line> {
        let state = self.loops.get(index)?;
        let Seq::Tail(tail) = &state.items else {
            return None;
        };
        let start = signed(tail.start());
        let line = |offset| Some(Line { slope: 1, offset });
        match (&*attr.name, &state.place) {
            ("length", _) => line(-start),
            ("index0", Some((_, at))) => line(-1 - signed(*at)),
            ("index", Some((_, at))) => line(-signed(*at)),
            ("revindex0", None) if !tail.is_backwards() => line(-start - signed(state.index) - 1),
            ("revindex", None) if !tail.is_backwards() => line(-start - signed(state.index)),
            _ => None,
        }
    }

    fn number_of(&self, line: Line) -> Option<i64> {
        line.slope
            .checked_mul(signed(self.list.end()))?
            .checked_add(line.offset)
    }

    /// Reads the integer that a line is.
    pub fn settle_line(&self, line: Line) -> Value<'a> {
        self.list.note(Interval::only(signed(self.list.end())));
        Value::Int(self.number_of(line).unwrap_or(i64::MAX))
    }

    /// Reads a symbol.
    fn settle(&mut self, symbol: Symbol<'a>) -> Value<'a> {
        match symbol {
            Symbol::Value(value) => value,
            Symbol::Line(line) => self.settle_line(line),
            Symbol::Attribute(namespace, name, number) => {
                self.note_within(namespace, name, Interval::only(number));
                Value::Int(number)
            }
            Symbol::Last(last) => last.read().map_or(Value::Missing, Value::from_data),
        }
    }

    pub fn comparison(&mut self, first: &'a Expr, rest: &'a [(CmpOp, Expr)]) -> Outcome<bool> {
        let [(op, operand)] = rest else {
            return self.chain(first, rest);
        };
        // Most comparisons are `message.role == 'user'`.
        if let (CmpOp::Eq | CmpOp::Ne, Expr::Const(Const::Str(text))) = (op, operand) {
            if let Found::Data(Data::Str(left)) = self.find(first) {
                return Ok(left.is(text) == (*op == CmpOp::Eq));
            }
            return Ok(match self.eval(first)? {
                Value::Str(left) => text.is(left.as_str()) == (*op == CmpOp::Eq),
                left => compare(*op, &left, &Value::Str(Text::Ref(text)))?,
            });
        }
        let left = self.symbol(first)?;
        let right = self.symbol(operand)?;
        self.compare_symbols(*op, left, right)
    }

    /// `a < b < c` and so on.
    fn chain(&mut self, first: &'a Expr, rest: &'a [(CmpOp, Expr)]) -> Outcome<bool> {
        let mut left = self.symbol(first)?;
        for (op, operand) in rest {
            let right = self.symbol(operand)?;
            if !self.compare_symbols(*op, left, right.clone())? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn compare_symbols(&mut self, op: CmpOp, left: Symbol<'a>, right: Symbol<'a>) -> Outcome<bool> {
        if let CmpOp::In | CmpOp::NotIn = op {
            return compare(op, &self.settle(left), &self.settle(right));
        }
        if let (Symbol::Last(last), Symbol::Value(other))
        | (Symbol::Value(other), Symbol::Last(last)) = (&left, &right)
        {
            if let Some(result) = self.compare_last(op, last, other)? {
                return Ok(result);
            }
        }
        match (left, right) {
            (Symbol::Attribute(namespace, name, number), right) => {
                let right = self.settle(right);
                let Value::Int(pivot) = right else {
                    let left = self.settle(Symbol::Attribute(namespace, name, number));
                    return compare(op, &left, &right);
                };
                self.note_within(namespace, name, alike(op, number, pivot));
                Ok(holds(op, number, pivot))
            }
            (left, Symbol::Attribute(namespace, name, number)) => {
                self.compare_symbols(turned(op), Symbol::Attribute(namespace, name, number), left)
            }
            (left, right) => match combined(BinOp::Sub, &left, &right) {
                Some(line) => Ok(self.compare_line(op, line)),
                None => compare(op, &self.settle(left), &self.settle(right)),
            },
        }
    }

    /// Whether the last message is, or is not, another one. None if it has to be read.
    fn compare_last(
        &mut self,
        op: CmpOp,
        last: &Last<'a>,
        other: &Value<'a>,
    ) -> Outcome<Option<bool>> {
        let (CmpOp::Eq | CmpOp::Ne, Value::Dict(Map::Data(message))) = (op, other) else {
            return Ok(None);
        };
        self.alike.take_in(&self.list);
        let equal = match last.likeness(message, &mut self.alike) {
            Likeness::Unknown => return Ok(None),
            Likeness::Different => false,
            Likeness::Alike(data) => {
                // Mostly it is the same one.
                let same = matches!(data, Data::Dict(last) if ptr::eq(last, *message));
                same || Value::from_data(data).equals(other)?
            }
        };
        Ok(Some(equal == (op == CmpOp::Eq)))
    }

    /// Whether a line compares with zero.
    fn compare_line(&mut self, op: CmpOp, line: Line) -> bool {
        let end = signed(self.list.end());
        let number = self.number_of(line).unwrap_or(i64::MAX);
        match (line.slope, line.offset.checked_neg()) {
            (0, _) => {}
            (1, Some(pivot)) => self.list.note(alike(op, end, pivot)),
            (-1, _) => self.list.note(alike(turned(op), end, line.offset)),
            _ => self.list.note(Interval::only(end)),
        }
        holds(op, number, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{alike, holds};
    use crate::render::ops::CmpOp;

    #[test]
    fn a_comparison_is_the_same_inside_of_its_interval_only() {
        for op in [
            CmpOp::Eq,
            CmpOp::Ne,
            CmpOp::Lt,
            CmpOp::Le,
            CmpOp::Gt,
            CmpOp::Ge,
        ] {
            for pivot in -3..=3 {
                for number in -6..=6 {
                    let interval = alike(op, number, pivot);
                    assert!(interval.holds(number));
                    for other in -9..=9 {
                        let same = holds(op, other, pivot) == holds(op, number, pivot);
                        assert!(
                            same || !interval.holds(other),
                            "{op:?} {number} {pivot} {other}"
                        );
                    }
                }
            }
        }
        assert!(alike(CmpOp::Lt, i64::MIN, i64::MIN).holds(i64::MIN));
    }
}
