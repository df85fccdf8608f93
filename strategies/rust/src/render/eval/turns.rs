//! Renders the turns of a conversation one after the other, each as a change to the one before.
//!
//! A unit is a statement of the template's own, or a pass of a loop over the messages. What it
//! read and did is remembered. In the next turn it is run again only if something that it read
//! would come out otherwise; else its text stays where it is. README.md says how.

use std::mem::take;

use super::scan::Scan;
use super::trace::{Attribute, Bound, has_generator};
use super::{Evaluator, Flow, Run, TOO_MANY_STEPS};
use crate::fault::{Fault, Outcome, unsupported};
use crate::prefix::common_prefix;
use crate::render::growing::{Interval, Tail, signed};
use crate::render::limits;
use crate::render::program::{For, Stmt};
use crate::render::state::{Cell, LoopState};
use crate::render::value::{Seq, Value};

/// The prompt of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grown<'t> {
    pub text: &'t str,
    /// Number of bytes at its start that are those of the last prompt before it.
    pub kept: usize,
}

/// A turn that was rendered.
#[derive(Debug)]
pub struct Rendered<'t> {
    pub prompt: Outcome<Grown<'t>>,
    /// Number of statements that were run for it.
    pub statements: u64,
}

/// A unit of the template, and what is known of it from the turn before.
#[derive(Default)]
struct Unit<'a> {
    /// Length of its text in bytes.
    len: usize,
    /// Where its namespaces are.
    places: Vec<usize>,
    memo: Memo<'a>,
}

#[derive(Default)]
enum Memo<'a> {
    /// It is run in every turn.
    #[default]
    None,
    Statement(Box<Statement<'a>>),
    Forward(Box<Forward<'a>>),
    Backward(Backward<'a>),
}

type Reads<'a> = Vec<(Attribute<'a>, Bound<'a>)>;

/// A statement that was run as a whole.
struct Statement<'a> {
    slots: Vec<(usize, Value<'a>)>,
    attributes: Reads<'a>,
    seen: Interval,
    steps: Steps,
    /// No text of it was longer, in bytes.
    longest: usize,
    sets: Vec<(usize, Value<'a>)>,
    sets_attributes: Vec<(Attribute<'a>, Value<'a>)>,
    namespaces: Vec<(usize, Vec<Cell<'a>>)>,
}

/// A loop over the messages from the first on.
///
/// Everything about a pass is about those before it, too. So the passes that stay are found by
/// looking for the first one that would come out otherwise.
struct Forward<'a> {
    start: usize,
    passes: Vec<Pass>,
    /// Variables, the first pass that has read each, and its value.
    slots: Vec<(usize, usize, Value<'a>)>,
    /// Attributes that no pass before had set; with each pass that needs more of them, what all
    /// up to it need.
    reads: Vec<(Attribute<'a>, Vec<(usize, Bound<'a>)>)>,
    /// Attributes, and the passes that have set them.
    writes: Vec<(Attribute<'a>, Vec<(usize, Value<'a>)>)>,
    watched: Vec<Watched<'a>>,
    /// Whether the last pass ended the loop.
    broken: bool,
    /// Whether the passes after the last one that is known cannot be remembered.
    sealed: bool,
}

/// A loop inside of passes that has to go on over the messages of each turn.
struct Watched<'a> {
    scan: Scan<'a>,
    /// The first pass with it.
    first: usize,
    /// How many passes have it.
    passes: u64,
    /// Up to where the messages make no difference to it.
    to: usize,
    /// Steps that it takes for messages that came after the passes.
    steps: u64,
    /// No text of it was longer, in bytes.
    longest: usize,
}

/// The passes up to one of a loop, together.
#[derive(Debug, Clone, Copy)]
struct Pass {
    /// Length of their text in bytes.
    len: usize,
    steps: Steps,
    seen: Interval,
    longest: usize,
}

/// The steps that something takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Steps {
    counted: u64,
    /// At most that many more for each message that there is.
    open: u64,
}

/// A loop over the messages from the last on.
#[derive(Default)]
struct Backward<'a> {
    start: usize,
    /// Those that change nothing, by their places, lowest first.
    quiet: Vec<Quiet<'a>>,
}

/// Passes of a loop that print and change nothing.
struct Quiet<'a> {
    /// The place of the first message, and the one after the last.
    low: usize,
    high: usize,
    slots: Vec<(usize, Value<'a>)>,
    attributes: Reads<'a>,
    seen: Interval,
    /// Of each pass.
    steps: Steps,
    longest: usize,
}

/// Renders the turns of a conversation.
pub struct Turns<'a> {
    run: Evaluator<'a>,
    units: Vec<Unit<'a>>,
    /// The place in the prompt of the turn before up to which it was looked through.
    at: usize,
    /// What followed in that prompt where the new one first differs, and that place. Until then,
    /// the prompt is still in the evaluator's output.
    rest: Option<(usize, String)>,
    /// Length of the prompt up to the last unit that was completed.
    sure: usize,
    /// Number of bytes of the evaluator's output that are those of the last prompt given out.
    common: usize,
    /// Empty texts that have room, for the next piece that is printed and the next rest.
    spare: String,
    unused: String,
    /// Set if the unit that failed has passes that did not.
    partly: bool,
    /// Set if the steps that were counted may be more than those of this turn.
    loose: bool,
    /// Set if this turn must be rendered as a whole.
    give_up: bool,
    /// Number of turns so far.
    rendered: usize,
    /// Why units are run again in every turn.
    reason: Option<&'static str>,
}

const GENERATOR: &str = "a generator in a variable";
const NAMESPACE: &str = "a namespace inside of another";
const CONDITION: &str = "a loop over the messages with a condition or an else";

impl<'a> Turns<'a> {
    pub fn new(run: Run<'a>) -> Self {
        let mut units = Vec::new();
        units.resize_with(run.program.body.len(), Unit::default);
        Self {
            run: Evaluator::new(run),
            units,
            at: 0,
            rest: None,
            sure: 0,
            common: 0,
            spare: String::new(),
            unused: String::new(),
            partly: false,
            loose: false,
            give_up: false,
            rendered: 0,
            reason: None,
        }
    }

    /// A construct that was rendered again in every turn, if there was one.
    pub fn restarts(&self) -> Option<&'static str> {
        self.reason.filter(|_| self.rendered > 1)
    }

    /// Renders the prompt of the first `end` messages, unless that fails as a render of the whole
    /// prompt fails.
    pub fn render(&mut self, end: usize) -> Rendered<'_> {
        self.rendered += 1;
        if self.run.alike.is_used() && self.run.alike.take_in(&self.run.list) {
            // That an earlier message is not the last one may have been taken for settled.
            self.units.fill_with(Unit::default);
            self.run.state.namespaces.clear();
        }
        let mut result = self.update(end);
        let mut statements = self.run.statements;
        if self.give_up {
            self.give_up = false;
            self.units.fill_with(Unit::default);
            self.common = 0;
            result = self.run.render(end).map(|_| ());
            statements += self.run.statements;
        }
        let kept = self.common;
        if result.is_ok() {
            self.common = self.run.out.len();
        }
        let text = &*self.run.out;
        Rendered {
            prompt: result.map(|()| Grown { text, kept }),
            statements,
        }
    }

    fn update(&mut self, end: usize) -> Outcome<()> {
        self.run.prepare(end);
        self.at = 0;
        self.sure = 0;
        if let Some((_, mut rest)) = self.rest.take() {
            rest.clear();
            self.unused = rest;
        }
        self.loose = false;
        let body = &self.run.program.body;
        for (index, statement) in body.iter().enumerate() {
            self.partly = false;
            let flow = self.unit(index, statement);
            if let (true, Err(fault)) = (self.loose, &flow) {
                let too_many = |reason: &String| reason == TOO_MANY_STEPS;
                self.give_up |= matches!(&**fault, Fault::Unsupported(why) if too_many(why));
            }
            if self.give_up {
                return Ok(());
            }
            self.sure = if flow.is_ok() {
                self.length()
            } else {
                self.sure
            };
            if flow != Ok(Flow::Next) {
                // What comes after it is no part of the prompt any more. Of a loop that fails, the
                // passes before that stay.
                let gone = index + usize::from(flow.is_ok() || self.partly);
                self.units[gone..].fill_with(Unit::default);
                self.end();
                return flow.map(|_| ());
            }
        }
        self.end();
        Ok(())
    }

    /// Cuts off what does not belong to the prompt, and finds how much of the old one it keeps.
    fn end(&mut self) {
        if self.rest.is_none() && self.sure < self.run.out.len() {
            self.at = self.sure;
            self.part();
        }
        let out = &mut self.run.out;
        out.truncate(self.sure);
        if let Some((from, rest)) = &self.rest {
            let from = (*from).min(out.len());
            let common = from + common_prefix(&out[from..], rest);
            self.common = self.common.min(common);
        }
    }

    /// Length of the prompt so far.
    fn length(&self) -> usize {
        match self.rest {
            Some(_) => self.run.out.len(),
            None => self.at,
        }
    }

    /// From here on the prompt may differ from the one before.
    fn part(&mut self) {
        let mut rest = take(&mut self.unused);
        rest.push_str(&self.run.out[self.at..]);
        self.run.out.truncate(self.at);
        self.rest = Some((self.at, rest));
    }

    /// Takes over text from the prompt of the turn before.
    fn keep(&mut self, len: usize) {
        if let Some((from, rest)) = &self.rest {
            let start = self.at - from;
            self.run.out.push_str(&rest[start..start + len]);
        }
        self.at += len;
    }

    /// Leaves out text of the prompt of the turn before.
    fn leave_out(&mut self, len: usize) {
        if self.rest.is_none() && len > 0 {
            self.part();
        }
        self.at += len;
    }

    /// Runs something that prints in place of the next `old` bytes.
    fn print<T>(
        &mut self,
        old: usize,
        run: impl FnOnce(&mut Evaluator<'a>) -> Outcome<T>,
    ) -> Outcome<T> {
        if self.rest.is_some() {
            self.at += old;
            return run(&mut self.run);
        }
        let whole = std::mem::replace(&mut self.run.out, take(&mut self.spare));
        let result = run(&mut self.run);
        let text = std::mem::replace(&mut self.run.out, whole);
        // The length that it has checked lacks what comes before it.
        self.check_length(limits::most())?;
        if result.is_ok() {
            let kept = self.run.out.get(self.at..self.at + old);
            if kept == Some(text.as_str()) {
                self.at += old;
            } else {
                self.part();
                self.run.out.push_str(&text);
                self.at += old;
            }
        }
        self.spare = text;
        self.spare.clear();
        result
    }

    /// Gives up if a text of this length could be too long at this place.
    fn check_length(&mut self, longest: usize) -> Outcome<()> {
        if self.length().saturating_add(longest) > self.run.limits.bytes {
            self.give_up = true;
            return unsupported("near the limit of its length");
        }
        Ok(())
    }

    /// Counts steps of an earlier turn, or more than them if they depend on the messages.
    fn count(&mut self, steps: Steps) -> Outcome<()> {
        let more = steps
            .open
            .saturating_mul(self.run.list.end() as u64)
            .saturating_add(steps.counted);
        self.loose |= steps.open > 0;
        self.run.count_steps(more)
    }

    fn unit(&mut self, index: usize, statement: &'a Stmt) -> Outcome<Flow> {
        limits::check_bytes(self.length())?;
        match statement {
            Stmt::Text(text) => {
                let old = std::mem::replace(&mut self.units[index].len, text.len());
                if old == text.len() {
                    self.keep(old);
                    return Ok(Flow::Next);
                }
                self.leave_out(old);
                if self.rest.is_none() {
                    self.part();
                }
                self.run.out.push_str(text);
                Ok(Flow::Next)
            }
            Stmt::For(inner) => self.repetition(index, inner),
            statement => {
                if self.repeat(index)? {
                    return Ok(Flow::Next);
                }
                self.start(index);
                let begun = self.length();
                let steps = self.run.steps_left;
                let old = self.units[index].len;
                let flow = self.print(old, |run| {
                    run.statements += 1;
                    run.step(statement)
                });
                self.finish(index, begun, steps, flow)
            }
        }
    }

    /// Begins to run a unit.
    fn start(&mut self, index: usize) {
        let places = take(&mut self.units[index].places);
        self.run.begin(places);
    }

    /// Repeats what a statement did in the turn before, if it would do the same.
    fn repeat(&mut self, index: usize) -> Outcome<bool> {
        let memo = take(&mut self.units[index].memo);
        let Memo::Statement(known) = &memo else {
            self.units[index].memo = memo;
            return Ok(false);
        };
        if !self
            .run
            .would_repeat(&known.slots, &known.attributes, known.seen)
        {
            return Ok(false);
        }
        self.check_length(known.longest)?;
        self.count(known.steps)?;
        self.keep(self.units[index].len);
        for (at, value) in &known.sets {
            self.run.stack[*at] = value.clone();
        }
        let namespaces = &mut self.run.state.namespaces;
        for (place, cells) in &known.namespaces {
            namespaces[*place].cells.clone_from(cells);
        }
        for (attribute, value) in &known.sets_attributes {
            let state = &mut self.run.state;
            state.set(attribute.namespace, &attribute.name, value.clone())?;
        }
        self.units[index].memo = memo;
        Ok(true)
    }

    /// Remembers what a statement did.
    fn finish(
        &mut self,
        index: usize,
        begun: usize,
        steps: u64,
        flow: Outcome<Flow>,
    ) -> Outcome<Flow> {
        let made = take(&mut self.run.state.made);
        let mut places = take(&mut self.run.state.places);
        if made.len() > places.len() {
            places.clone_from(&made);
        }
        self.units[index].places = places;
        let flow = flow?;
        self.units[index].len = self.length() - begun;
        self.units[index].memo = self.statement(&made, steps);
        // Its memory serves the next statement.
        self.run.state.made = made;
        Ok(flow)
    }

    fn statement(&mut self, made: &[usize], steps: u64) -> Memo<'a> {
        let seen = self.run.list.seen();
        if seen.low == seen.high {
            // The next turn has more messages, so that it has to be run again.
            return Memo::None;
        }
        let trace = &mut self.run.trace;
        let stack = &self.run.stack;
        let state = &self.run.state;
        let sets: Vec<_> = trace
            .slots_written
            .iter()
            .map(|at| (*at, stack[*at].clone()))
            .collect();
        let mut sets_attributes = Vec::with_capacity(trace.attributes_written.len());
        for attribute in trace.attributes_written.drain(..) {
            if let Some(cell) = state.find(attribute.namespace, attribute.name.as_str()) {
                sets_attributes.push((attribute, cell.value.clone()));
            }
        }
        // Of the namespaces that it has made, those that can be found by somebody else.
        let mut namespaces: Vec<(usize, Vec<Cell<'a>>)> = Vec::new();
        if !made.is_empty() {
            let mut next = Vec::new();
            for (_, value) in &sets {
                find_namespaces(value, &mut next);
            }
            for (_, value) in &sets_attributes {
                find_namespaces(value, &mut next);
            }
            while let Some(place) = next.pop() {
                let known = namespaces.iter().any(|(known, _)| *known == place);
                if made.contains(&place) && !known {
                    let cells = state.namespaces[place].cells.clone();
                    for cell in &cells {
                        find_namespaces(&cell.value, &mut next);
                    }
                    namespaces.push((place, cells));
                }
            }
        }
        let set = sets.iter().map(|(_, value)| value);
        let changed = sets_attributes.iter().map(|(_, value)| value);
        let kept = namespaces
            .iter()
            .flat_map(|(_, cells)| cells.iter().map(|cell| &cell.value));
        if trace.reads_generator() || set.chain(changed).chain(kept).any(has_generator) {
            self.reason.get_or_insert(GENERATOR);
            return Memo::None;
        }
        Memo::Statement(Box::new(Statement {
            slots: take(&mut trace.slots),
            attributes: take(&mut trace.attributes),
            seen,
            steps: self.run.steps_since(steps),
            longest: limits::most(),
            sets,
            sets_attributes,
            namespaces,
        }))
    }

    /// A loop: over the messages, or over anything else.
    fn repetition(&mut self, index: usize, inner: &'a For) -> Outcome<Flow> {
        if self.repeat(index)? {
            return Ok(Flow::Next);
        }
        self.start(index);
        let begun = self.length();
        let steps = self.run.steps_left;
        let old = self.units[index].len;
        let iterable = match self.run.iterable(&inner.iter) {
            Ok(iterable) => iterable,
            Err(fault) => return self.finish(index, begun, steps, Err(fault)),
        };
        if let Value::List(Seq::Tail(tail)) = &iterable {
            if inner.filter.is_none() && inner.or_else.is_none() {
                // Its own namespaces are those of its passes.
                self.run.statements += 1;
                return if tail.is_backwards() {
                    self.backward(index, inner, tail)
                } else {
                    self.forward(index, inner, tail)
                };
            }
            self.reason.get_or_insert(CONDITION);
        }
        let flow = self.print(old, |run| {
            run.statements += 1;
            run.run_over(inner, &iterable)
        });
        self.finish(index, begun, steps, flow)
    }

    fn forward(&mut self, index: usize, inner: &'a For, tail: &Tail<'a>) -> Outcome<Flow> {
        let mut known = match take(&mut self.units[index].memo) {
            Memo::Forward(known) if known.start == tail.start() => known,
            _ => Box::new(Forward::new(tail.start())),
        };
        let old = self.units[index].len;
        let stay = known.stay(&mut self.run);
        known.cut(stay);
        let before = known.last();
        let begun = self.length();
        let (later, longest) = known.later();
        self.loose |= later > 0;
        let counted = self
            .check_length(before.longest.max(longest))
            .and_then(|()| self.count(before.steps))
            .and_then(|()| self.run.count_steps(later));
        let mut placed = false;
        let result = counted.and_then(|()| {
            for (attribute, values) in &known.writes {
                if let Some((_, value)) = values.last() {
                    let state = &mut self.run.state;
                    state.set(attribute.namespace, &attribute.name, value.clone())?;
                }
            }
            self.keep(before.len);
            self.sure = self.length();
            placed = true;
            if known.broken {
                return Ok(());
            }
            self.passes(&mut known, inner, tail, begun)
        });
        if result.is_ok() {
            self.leave_out(old - before.len);
            self.units[index].len = self.length() - begun;
            self.units[index].memo = Memo::Forward(known);
        } else if placed {
            self.units[index].len = known.last().len;
            self.units[index].memo = Memo::Forward(known);
            self.partly = true;
        }
        result.map(|()| Flow::Next)
    }

    /// Runs the passes of a loop over the messages that are not known.
    fn passes(
        &mut self,
        known: &mut Forward<'a>,
        inner: &'a For,
        tail: &Tail<'a>,
        begun: usize,
    ) -> Outcome<()> {
        let state = self
            .run
            .enter_loop(inner, LoopState::new(Seq::Tail(tail.clone())));
        for index in known.passes.len().. {
            self.run.begin(Vec::new());
            let Some(item) = tail.get(index).map(Value::from_item) else {
                break;
            };
            let namespaces = self.run.state.namespaces.len();
            let steps = self.run.steps_left;
            self.run.scanning = true;
            let flow = self.print(0, |run| {
                run.count_steps(1)?;
                run.loops[state].index = index;
                run.pass(inner, item)
            })?;
            self.run.scanning = false;
            if !known.sealed {
                let len = self.length() - begun;
                match known.add(&mut self.run, namespaces, steps, len) {
                    Ok(()) => self.sure = self.length(),
                    Err(reason) => {
                        self.reason.get_or_insert(reason);
                        known.sealed = true;
                    }
                }
            }
            if !known.sealed {
                // Nobody else can find them.
                self.run.state.namespaces.truncate(namespaces);
            }
            if flow == Flow::Break {
                known.broken = !known.sealed;
                break;
            }
        }
        self.run.loops.truncate(state);
        Ok(())
    }

    fn backward(&mut self, index: usize, inner: &'a For, tail: &Tail<'a>) -> Outcome<Flow> {
        let mut known = match take(&mut self.units[index].memo) {
            Memo::Backward(known) if known.start == tail.start() => known,
            _ => Backward {
                start: tail.start(),
                quiet: Vec::new(),
            },
        };
        let old = self.units[index].len;
        let begun = self.length();
        self.sure = begun;
        let result = self.backward_passes(&mut known, inner, tail);
        result?;
        self.leave_out(old);
        self.units[index].len = self.length() - begun;
        self.units[index].memo = Memo::Backward(known);
        Ok(Flow::Next)
    }

    fn backward_passes(
        &mut self,
        known: &mut Backward<'a>,
        inner: &'a For,
        tail: &Tail<'a>,
    ) -> Outcome<()> {
        let end = tail.list().end();
        let state = self
            .run
            .enter_loop(inner, LoopState::new(Seq::Tail(tail.clone())));
        // Highest first.
        let mut found: Vec<Quiet<'a>> = Vec::new();
        let mut at = end;
        while at > tail.start() {
            while known.quiet.last().is_some_and(|quiet| quiet.low >= at) {
                known.quiet.pop();
            }
            let next = known.quiet.last();
            let skips = next.is_some_and(|quiet| {
                quiet.high >= at
                    && self
                        .run
                        .would_repeat(&quiet.slots, &quiet.attributes, quiet.seen)
            });
            let skipped = if skips { known.quiet.pop() } else { None };
            if let Some(mut quiet) = skipped {
                self.check_length(quiet.longest)?;
                self.count(Steps::default().and(quiet.steps, (at - quiet.low) as u64))?;
                quiet.high = at;
                at = quiet.low;
                join(&mut found, quiet);
                continue;
            }
            at -= 1;
            self.run.begin(Vec::new());
            let Some(item) = tail.at(at).map(Value::from_item) else {
                break;
            };
            let namespaces = self.run.state.namespaces.len();
            let steps = self.run.steps_left;
            let length = self.length();
            let flow = self.print(0, |run| {
                run.count_steps(1)?;
                let state = &mut run.loops[state];
                state.index = end - at - 1;
                match &mut state.place {
                    Some((_, place)) => *place = at,
                    none => *none = Some((tail.clone(), at)),
                }
                run.pass(inner, item)
            })?;
            let is_quiet = self.length() == length
                && flow != Flow::Break
                && self.run.trace.attributes_written.is_empty();
            if is_quiet {
                self.run.state.namespaces.truncate(namespaces);
                if let Some(quiet) = Quiet::of(&mut self.run, at, steps) {
                    join(&mut found, quiet);
                } else {
                    self.reason.get_or_insert(GENERATOR);
                }
            }
            if flow == Flow::Break {
                break;
            }
        }
        while known.quiet.last().is_some_and(|quiet| quiet.low >= at) {
            known.quiet.pop();
        }
        if let Some(quiet) = known.quiet.last_mut() {
            quiet.high = quiet.high.min(at);
        }
        known.quiet.extend(found.into_iter().rev());
        self.run.loops.truncate(state);
        Ok(())
    }
}

impl Steps {
    /// These and `times` as many as the others.
    fn and(self, more: Self, times: u64) -> Self {
        let add = |one: u64, two: u64| one.saturating_add(two.saturating_mul(times));
        Self {
            counted: add(self.counted, more.counted),
            open: add(self.open, more.open),
        }
    }
}

impl<'a> Evaluator<'a> {
    /// What this passage has taken since there were `left` steps left.
    fn steps_since(&self, left: u64) -> Steps {
        Steps {
            counted: left - self.steps_left,
            open: self.open_steps,
        }
    }

    fn enter_loop(&mut self, inner: &'a For, state: LoopState<'a>) -> usize {
        let place = self.loops.len();
        if let Some(slot) = inner.loop_slot {
            self.store(slot, Value::Loop(place));
        }
        self.loops.push(state);
        place
    }
}

impl<'a> Forward<'a> {
    fn new(start: usize) -> Self {
        Self {
            start,
            passes: Vec::new(),
            slots: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            watched: Vec::new(),
            broken: false,
            sealed: false,
        }
    }

    /// The known passes together.
    fn last(&self) -> Pass {
        self.passes.last().copied().unwrap_or(Pass {
            len: 0,
            steps: Steps::default(),
            seen: Interval::ALL,
            longest: 0,
        })
    }

    /// At most so many steps, and the longest text, of what passes do with later messages.
    fn later(&self) -> (u64, usize) {
        let mut all = (0_u64, 0);
        for watched in &self.watched {
            let steps = watched.steps.saturating_mul(watched.passes);
            all = (all.0.saturating_add(steps), all.1.max(watched.longest));
        }
        all
    }

    /// How many passes would do the same again.
    fn stay(&mut self, run: &mut Evaluator<'a>) -> usize {
        let end = signed(run.list.end());
        let mut stay = self.passes.partition_point(|pass| pass.seen.holds(end));
        for (at, pass, value) in &self.slots {
            if *pass < stay && !value.same(&run.stack[*at]) {
                stay = *pass;
            }
        }
        for (attribute, bounds) in &self.reads {
            let first = bounds.partition_point(|(_, bound)| run.has(attribute, bound));
            if let Some((pass, _)) = bounds.get(first) {
                stay = stay.min(*pass);
            }
        }
        let end = run.list.end();
        for watched in &mut self.watched {
            if watched.first >= stay || watched.to >= end {
                continue;
            }
            let Some(steps) = run.goes_on(&watched.scan, watched.to, end) else {
                stay = watched.first;
                continue;
            };
            watched.to = end;
            watched.steps = watched.steps.saturating_add(steps);
            for (at, value) in run.trace.slots.drain(..) {
                match self.slots.iter_mut().find(|(known, _, _)| *known == at) {
                    Some((_, pass, _)) => *pass = watched.first.min(*pass),
                    None => self.slots.push((at, watched.first, value)),
                }
            }
            watched.longest = watched.longest.max(limits::most());
        }
        stay
    }

    /// Forgets all passes but the first ones.
    fn cut(&mut self, stay: usize) {
        self.sealed = false;
        if stay == self.passes.len() {
            return;
        }
        self.passes.truncate(stay);
        self.slots.retain(|(_, pass, _)| *pass < stay);
        self.watched.retain(|watched| watched.first < stay);
        for (_, bounds) in &mut self.reads {
            bounds.truncate(bounds.partition_point(|(pass, _)| *pass < stay));
        }
        for (_, values) in &mut self.writes {
            values.truncate(values.partition_point(|(pass, _)| *pass < stay));
        }
        self.broken = false;
    }

    /// Remembers the pass that was run last, or says why that cannot be.
    ///
    /// `namespaces` is the number of those that were there before it.
    fn add(
        &mut self,
        run: &mut Evaluator<'a>,
        namespaces: usize,
        steps: u64,
        len: usize,
    ) -> Result<(), &'static str> {
        let pass = self.passes.len();
        let before = self.last();
        for attribute in &run.trace.attributes_written {
            let cell = run.state.find(attribute.namespace, attribute.name.as_str());
            if let Some(cell) = cell {
                if has_generator(&cell.value) {
                    return Err(GENERATOR);
                }
                if has_namespace(&cell.value) {
                    return Err(NAMESPACE);
                }
            }
        }
        if run.trace.reads_generator() {
            return Err(GENERATOR);
        }
        debug_assert!(
            run.trace.slots_written.is_empty(),
            "a pass sets no outer variable"
        );
        for (at, value) in run.trace.slots.drain(..) {
            if !self.slots.iter().any(|(known, _, _)| *known == at) {
                self.slots.push((at, pass, value));
            }
        }
        for (attribute, bound) in run.trace.attributes.drain(..) {
            let set = self
                .writes
                .iter()
                .any(|(known, values)| known.is(&attribute) && !values.is_empty());
            if set {
                continue;
            }
            match self
                .reads
                .iter_mut()
                .find(|(known, _)| known.is(&attribute))
            {
                None => self.reads.push((attribute, vec![(pass, bound)])),
                Some((_, bounds)) => match bounds.last() {
                    Some((_, known)) if known.covers(&bound) => {}
                    Some((_, known)) => {
                        let both = known.and(&bound);
                        bounds.push((pass, both));
                    }
                    None => bounds.push((pass, bound)),
                },
            }
        }
        for attribute in run.trace.attributes_written.drain(..) {
            if attribute.namespace >= namespaces {
                continue;
            }
            let Some(cell) = run.state.find(attribute.namespace, attribute.name.as_str()) else {
                continue;
            };
            let value = cell.value.clone();
            match self
                .writes
                .iter_mut()
                .find(|(known, _)| known.is(&attribute))
            {
                Some((_, values)) => values.push((pass, value)),
                None => self.writes.push((attribute, vec![(pass, value)])),
            }
        }
        let end = run.list.end();
        for scan in run.scans.drain(..) {
            // Since its first pass stays, it was looked at from there on, in the same state.
            let same = |watched: &&mut Watched<'a>| watched.scan.same(&scan);
            match self.watched.iter_mut().find(same) {
                Some(watched) => watched.passes += 1,
                None => self.watched.push(Watched {
                    scan,
                    first: pass,
                    passes: 1,
                    to: end,
                    steps: 0,
                    longest: 0,
                }),
            }
        }
        self.passes.push(Pass {
            len,
            steps: before.steps.and(run.steps_since(steps), 1),
            seen: before.seen.and(run.list.seen()),
            longest: before.longest.max(limits::most()),
        });
        Ok(())
    }
}

impl<'a> Quiet<'a> {
    /// The pass that was run last, which is known to be quiet.
    fn of(run: &mut Evaluator<'a>, at: usize, steps: u64) -> Option<Self> {
        if run.trace.reads_generator() {
            return None;
        }
        Some(Self {
            low: at,
            high: at + 1,
            slots: take(&mut run.trace.slots),
            attributes: take(&mut run.trace.attributes),
            seen: run.list.seen(),
            steps: run.steps_since(steps),
            longest: limits::most(),
        })
    }

    /// Adds the passes below these, if that makes it no harder to repeat them.
    fn takes(&mut self, below: &Self) -> bool {
        let grows = self.seen.high == i64::MAX && below.seen.high == i64::MAX;
        if below.high != self.low || below.steps != self.steps || !grows {
            return false;
        }
        let same_slots = below.slots.len() == self.slots.len()
            && below.slots.iter().all(|(at, value)| {
                self.slots
                    .iter()
                    .any(|(known, other)| known == at && other.same(value))
            });
        let same_attributes = below.attributes.len() == self.attributes.len()
            && below.attributes.iter().all(|(attribute, bound)| {
                self.attributes.iter().any(|(known, other)| {
                    let same = match (other, bound) {
                        (Bound::Value(one), Bound::Value(two)) => one.same(two),
                        (Bound::Absent, Bound::Absent) => true,
                        (Bound::Within(one), Bound::Within(two)) => one == two,
                        _ => false,
                    };
                    known.is(attribute) && same
                })
            });
        if !same_slots || !same_attributes {
            return false;
        }
        self.low = below.low;
        self.seen = self.seen.and(below.seen);
        self.longest = self.longest.max(below.longest);
        true
    }
}

/// Adds passes below those that were found, together with the lowest of them if that can be.
fn join<'a>(found: &mut Vec<Quiet<'a>>, quiet: Quiet<'a>) {
    if !found.last_mut().is_some_and(|above| above.takes(&quiet)) {
        found.push(quiet);
    }
}

fn find_namespaces(value: &Value, places: &mut Vec<usize>) {
    value.any(&mut |value| {
        if let Value::Namespace(place) = value {
            places.push(*place);
        }
        false
    });
}

fn has_namespace(value: &Value) -> bool {
    value.any(&mut |value| matches!(value, Value::Namespace(_)))
}
