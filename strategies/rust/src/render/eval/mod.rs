//! Runs a compiled template.

mod calls;
mod expressions;
mod picks;
mod scan;
mod scans;
mod symbolic;
mod trace;
pub mod turns;
mod variables;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::environment::Filter;
use super::growing::Growing;
use super::iterate::generators_read;
use super::limits::{self, Limits};
use super::picked::Alike;
use super::program::{Args, Expr, For, Load, Loads, Program, Slot, Stmt, Target};
use super::state::{LoopState, State};
use super::text::Text;
use super::value::{Seq, Value};
use crate::fault::{Fault, Outcome, raised, unsupported};
use picks::Pick;
use scan::Scan;
use trace::Trace;

const TOO_MANY_STEPS: &str = "a render beyond the limit of its steps";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// How a loop ended: whether it ran its body to the end for any item, and whether by `break`.
struct Finished {
    any: bool,
    broken: bool,
}

/// What the renders of a conversation are given.
pub struct Run<'a> {
    pub program: &'a Program,
    /// The values of [`Program::names`].
    pub context: Vec<Value<'a>>,
    /// The list of messages among them.
    pub list: Arc<Growing<'a>>,
    pub dates: &'a [String],
    pub limits: Limits,
    /// Becomes true when nobody needs the render any more.
    pub stop: &'a AtomicBool,
}

/// The last passages that have read and written a variable of the template's own scope.
#[derive(Debug, Clone, Copy, Default)]
struct Touched {
    read: u32,
    written: u32,
}

/// One render: the slots of its scopes, its namespaces and loops, and its output.
pub struct Evaluator<'a> {
    program: &'a Program,
    /// The values of [`Program::names`].
    context: Vec<Value<'a>>,
    list: Arc<Growing<'a>>,
    alike: Alike,
    /// One for each filter that picks messages.
    picks: Vec<Pick<'a>>,
    stack: Vec<Value<'a>>,
    /// Of the slots that belong to the template's own scope, which come first.
    own: Vec<Touched>,
    /// Where the slots of the running macro begin.
    base: usize,
    /// Number of macros that are running.
    depth: usize,
    state: State<'a>,
    loops: Vec<LoopState<'a>>,
    trace: Trace<'a>,
    /// The loops of this passage that ended because there were no more messages, if they are
    /// noted.
    scans: Vec<Scan<'a>>,
    scanning: bool,
    /// Number of times that something was read, and that something was written, whose value
    /// depends on when that happens: attributes of namespaces, generators that a variable holds.
    reads: usize,
    writes: usize,
    stop: &'a AtomicBool,
    limits: Limits,
    steps_left: u64,
    /// Steps that this passage would take more, were there one message more.
    open_steps: u64,
    /// Number of times that an item of a loop or `loop` was read.
    passing_reads: u64,
    /// Number of statements that were run.
    statements: u64,
    out: String,
    /// Length of the output of this passage that was checked.
    checked: usize,
}

impl<'a> Evaluator<'a> {
    pub fn new(run: Run<'a>) -> Self {
        let program = run.program;
        Self {
            program,
            context: run.context,
            list: run.list,
            alike: Alike::default(),
            picks: Vec::new(),
            stack: Vec::new(),
            own: vec![Touched::default(); program.loads.len()],
            base: 0,
            depth: 0,
            state: State::new(&program.date_formats, run.dates),
            loops: Vec::new(),
            trace: Trace::default(),
            scans: Vec::new(),
            scanning: false,
            reads: 0,
            writes: 0,
            stop: run.stop,
            limits: run.limits,
            steps_left: 0,
            open_steps: 0,
            passing_reads: 0,
            statements: 0,
            out: String::new(),
            checked: 0,
        }
    }

    /// Prepares a render of the first `end` messages.
    fn prepare(&mut self, end: usize) {
        limits::begin(self.limits);
        self.list.show(end);
        self.base = 0;
        self.depth = 0;
        self.scanning = false;
        self.loops.clear();
        self.stack.clear();
        self.stack
            .resize_with(self.program.slots, || Value::Missing);
        self.steps_left = self.limits.steps;
        self.statements = 0;
        self.begin(Vec::new());
        self.load(&self.program.loads);
    }

    /// Renders the prompt of the first `end` messages, all of it.
    ///
    /// # Errors
    ///
    /// What the template raises, the construct that has to be left to Jinja2, or that it was
    /// stopped.
    pub fn render(&mut self, end: usize) -> Outcome<&mut String> {
        self.out.clear();
        self.state.namespaces.clear();
        self.prepare(end);
        self.run(&self.program.body)?;
        Ok(&mut self.out)
    }

    /// Counts the steps of a loop item or a macro call. A render is long only if it has many.
    fn count_steps(&mut self, number: u64) -> Outcome<()> {
        let Some(left) = self.steps_left.checked_sub(number) else {
            return unsupported(TOO_MANY_STEPS);
        };
        self.steps_left = left;
        if self.stop.load(Ordering::Relaxed) {
            return Err(Box::new(Fault::Cancelled));
        }
        Ok(())
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
                Load::Alias(outer) => self.stored(*outer).clone(),
                Load::Missing => Value::Missing,
            };
            let at = self.at(*slot);
            self.stack[at] = value;
        }
    }

    fn run(&mut self, body: &'a [Stmt]) -> Outcome<Flow> {
        for statement in body {
            self.statements += 1;
            self.check_output()?;
            match self.step(statement)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    /// Fails if the output is too long. It is checked once for each length that it reaches.
    fn check_output(&mut self) -> Outcome<()> {
        if self.out.len() <= self.checked {
            return Ok(());
        }
        self.checked = self.out.len();
        limits::check_bytes(self.checked)
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
                let value = self.assigned(target, expr)?;
                self.assign(target, value)?;
            }
            Stmt::SetBlock(target, loads, body, filters) => {
                match self.filtered_block(loads, body, filters)? {
                    Ok(value) => self.assign(target, value)?,
                    Err(flow) => return Ok(flow),
                }
            }
            Stmt::FilterBlock(loads, body, filters) => {
                match self.filtered_block(loads, body, filters)? {
                    Ok(Value::Str(text) | Value::Safe(text)) => self.out.push_str(text.as_str()),
                    // Jinja2 does not make a text of what is none.
                    Ok(other) => {
                        return unsupported(format!("a filter block of a {}", other.kind()));
                    }
                    Err(flow) => return Ok(flow),
                }
            }
            Stmt::Macro(slot, index) => {
                self.store(*slot, Value::Macro(*index));
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

    /// What filters make of the text of a block, or how the block was left.
    fn filtered_block(
        &mut self,
        loads: &Loads,
        body: &'a [Stmt],
        filters: &'a [(&'static Filter, Args)],
    ) -> Outcome<Result<Value<'a>, Flow>> {
        self.load(loads);
        let (flow, text) = self.captured(body)?;
        if !matches!(flow, Flow::Next) {
            return Ok(Err(flow));
        }
        let mut value = Value::text(text);
        for (filter, args) in filters {
            value = self.filter(filter, &value, args)?;
        }
        Ok(Ok(value))
    }

    fn run_for(&mut self, inner: &'a For) -> Outcome<Flow> {
        let iterable = self.iterable(&inner.iter)?;
        self.run_over(inner, &iterable)
    }

    /// Runs a loop over a value.
    fn run_over(&mut self, inner: &'a For, iterable: &Value<'a>) -> Outcome<Flow> {
        let (mut items, mut fault) = iterable.sequence()?;
        // Python reads a generator one item at a time, and the loop's body could read it, too.
        iterable.read_ahead();
        let (reads, writes) = (self.reads, self.writes);
        if let Some((target, loads, condition)) = &inner.filter {
            let (kept, found) = self.passing(&items, target, loads, condition);
            items = Seq::Own(kept.into());
            fault = found.or(fault);
        }
        if self.writes != writes {
            return unsupported("a loop condition that changes something");
        }
        // Jinja2 tests each item when the loop reaches it; testing them all before is the same
        // only if nothing that runs meanwhile changes what the condition reads.
        let reads_state = self.reads != reads;
        let state = self.loops.len();
        if let Some(slot) = inner.loop_slot {
            let at = self.at(slot);
            self.stack[at] = Value::Loop(state);
        }
        self.loops.push(LoopState::new(items));
        let Finished { any, broken } = self.run_items(inner, state)?;
        self.loops.truncate(state);
        if reads_state && self.writes != writes {
            return unsupported("a loop condition that its body changes");
        }
        match (fault, broken) {
            // A loop object looks ahead, so that Jinja2 may have met the error before the break.
            (Some(_), true) if inner.loop_slot.is_some() => {
                return unsupported("an error after the end of a loop");
            }
            (Some(fault), false) => return Err(fault),
            _ => {}
        }
        if !broken {
            iterable.forget_reader();
        }
        if let (Some((loads, body)), false) = (&inner.or_else, any) {
            self.load(loads);
            return self.run(body);
        }
        Ok(Flow::Next)
    }

    /// The items for which a loop's condition holds, and the error that ended the search.
    fn passing(
        &mut self,
        items: &Seq<'a>,
        target: &'a Target,
        loads: &Loads,
        condition: &'a Expr,
    ) -> (Vec<Value<'a>>, Option<Box<Fault>>) {
        let mut kept = Vec::new();
        for item in items.iter() {
            if let Err(fault) = self.count_steps(1) {
                return (kept, Some(fault));
            }
            self.load(loads);
            let test = self.assign(target, item.clone());
            match test.and_then(|()| self.truth(condition)) {
                Ok(true) => kept.push(item),
                Ok(false) => {}
                Err(fault) => return (kept, Some(fault)),
            }
        }
        (kept, None)
    }

    /// Runs the body of a loop for each of its items.
    fn run_items(&mut self, inner: &'a For, state: usize) -> Outcome<Finished> {
        let mut any = false;
        let items = self.loops[state].items.clone();
        for index in 0.. {
            if let Seq::Tail(tail) = &items {
                let ends = tail.start() + index >= self.list.end();
                if ends && self.note_scan(inner, tail) {
                    break;
                }
            }
            let Some(item) = items.get(index) else { break };
            let steps = self.steps_left;
            let before = self.changes();
            self.count_steps(1)?;
            self.loops[state].index = index;
            match self.pass(inner, item)? {
                Flow::Next => any = true,
                Flow::Continue => {}
                Flow::Break => return Ok(Finished { any, broken: true }),
            }
            if self.changes() == before {
                // It has changed nothing and has not read which pass it is. So the others do the
                // same as this one.
                self.count_rest(&items, index + 1, steps - self.steps_left)?;
                break;
            }
        }
        Ok(Finished { any, broken: false })
    }

    /// What a pass of a loop may have changed, and how often it was asked which pass it is.
    fn changes(&self) -> (usize, usize, u64, u64) {
        let generators = generators_read();
        (self.out.len(), self.writes, self.passing_reads, generators)
    }

    /// Counts the steps of the passes that are left of a loop.
    fn count_rest(&mut self, items: &Seq<'a>, done: usize, steps: u64) -> Outcome<()> {
        let left = match items {
            Seq::Tail(tail) => {
                // How many they are makes no other difference, and is not noted as read.
                self.open_steps += steps;
                let all = tail.list().end().saturating_sub(tail.start());
                all.saturating_sub(done)
            }
            items => items.len() - done,
        };
        self.count_steps(steps.saturating_mul(left as u64))
    }

    /// Runs the body of a loop for one item.
    fn pass(&mut self, inner: &'a For, item: Value<'a>) -> Outcome<Flow> {
        self.assign(&inner.target, item)?;
        self.load(&inner.loads);
        self.run(&inner.body)
    }

    fn assign(&mut self, target: &'a Target, value: Value<'a>) -> Outcome<()> {
        match target {
            Target::Slot(slot) => self.store(*slot, value),
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
                let Value::Namespace(index) = *self.stored(*slot) else {
                    return raised("cannot assign attribute on non-namespace object");
                };
                self.set_attribute(index, &Text::Ref(name), value)?;
            }
        }
        Ok(())
    }

    /// Runs `body` into a string of its own.
    fn captured(&mut self, body: &'a [Stmt]) -> Outcome<(Flow, String)> {
        let outside = std::mem::take(&mut self.out);
        let result = self.run(body);
        let inside = std::mem::replace(&mut self.out, outside);
        limits::check_bytes(inside.len())?;
        result.map(|flow| (flow, inside))
    }
}
