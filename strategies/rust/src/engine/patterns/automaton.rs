//! Turns an expression into a table that finds its matches in one pass.
//!
//! An expression with alternatives and repetitions has many ways to match. The library tries
//! them in order and takes the first that works. All of them go on here at the same time, as a
//! list in that order; such a list is a state of the automaton. A way that has matched ends the
//! list: those after it would not have been tried. Whether a way has matched is only known from
//! the next character, because an expression may ask about it. So a step of the table says two
//! things: whether there was a match before the character, and which state follows.

use std::collections::HashMap;

use super::sets::Set;
use super::syntax::{Node, can_be_empty};

/// What a way does next.
#[derive(Debug)]
enum Instruction {
    Set(usize, usize),
    NotBefore(usize, usize),
    /// First the one, then the other.
    Split(usize, usize),
    Match,
}

/// Bit of a step: there was a match before the character.
const MATCH: u16 = 1 << 15;
/// Bit of a step to a state that letters lead back to, from another state.
const RUN: u16 = 1 << 14;
/// The bits of a step for the state that follows.
const STATE: u16 = RUN - 1;
/// The state without a way to go on.
const DEAD: u16 = 0;
/// The state at the start of a match.
const START: u16 = 1;
/// The step of a byte that is not a character: the class of its character decides.
const WIDE: u16 = STATE;

/// Expressions with more states or sets are left to the library.
const MOST_STATES: usize = 2_000;
const MOST_SETS: usize = 64;
const MOST_INSTRUCTIONS: usize = 2_000;

/// Blocks of code points that share a table of classes.
const BLOCK: u32 = 256;
const BLOCKS: u32 = 0x11_0000 / BLOCK;

/// The class of each code point: those of one class are in the same sets.
#[derive(Debug)]
pub struct Classes {
    blocks: Box<[u16]>,
    /// The classes of each block's code points.
    contents: Vec<u8>,
    /// For each class a bit for each set that its code points are in.
    members: Vec<u64>,
    /// The characters at which another class begins.
    edges: String,
}

impl Classes {
    fn new(sets: &[Set]) -> Option<Self> {
        if sets.len() > MOST_SETS {
            return None;
        }
        let mut edges: Vec<u32> = vec![0, 0x11_0000];
        for (start, end) in sets.iter().flat_map(Set::ranges) {
            edges.extend([*start, *end]);
        }
        edges.sort_unstable();
        edges.dedup();
        let mut places = vec![0; sets.len()];
        let mut numbers: HashMap<u64, u8> = HashMap::new();
        let mut all_members = Vec::new();
        let mut runs: Vec<(u32, u32, u8)> = Vec::with_capacity(edges.len());
        for edge in edges.windows(2) {
            let mut members = 0;
            for (index, set) in sets.iter().enumerate() {
                let ranges = set.ranges();
                while places[index] < ranges.len() && ranges[places[index]].1 <= edge[0] {
                    places[index] += 1;
                }
                if places[index] < ranges.len() && ranges[places[index]].0 <= edge[0] {
                    members |= 1 << index;
                }
            }
            let next = u8::try_from(numbers.len()).ok()?;
            let number = *numbers.entry(members).or_insert_with_key(|members| {
                all_members.push(*members);
                next
            });
            runs.push((edge[0], edge[1], number));
        }
        let mut classes = Self {
            blocks: vec![0; BLOCKS as usize].into(),
            contents: Vec::new(),
            members: all_members,
            edges: edges.into_iter().filter_map(char::from_u32).collect(),
        };
        let mut known: HashMap<Vec<u8>, u16> = HashMap::new();
        let mut run = 0;
        for block in 0..BLOCKS {
            let (start, end) = (block * BLOCK, (block + 1) * BLOCK);
            let mut content = Vec::with_capacity(BLOCK as usize);
            let mut from = start;
            while from < end {
                while runs[run].1 <= from {
                    run += 1;
                }
                let to = runs[run].1.min(end);
                content.resize((to - start) as usize, runs[run].2);
                from = to;
            }
            let next = u16::try_from(known.len()).ok()?;
            let number = *known.entry(content).or_insert_with_key(|content| {
                classes.contents.extend(content);
                next
            });
            classes.blocks[block as usize] = number;
        }
        Some(classes)
    }

    #[inline]
    fn of(&self, character: char) -> usize {
        let code = u32::from(character);
        let block = usize::from(self.blocks[(code / BLOCK) as usize]);
        usize::from(self.contents[block * BLOCK as usize + (code % BLOCK) as usize])
    }
}

/// Letters that lead from a state back to it, for a look at eight bytes at once.
#[derive(Debug, Clone, Copy)]
struct Run {
    letters: Letters,
    /// The step that they take.
    step: u16,
}

#[derive(Debug, Clone, Copy)]
enum Letters {
    All,
    Small,
    Capital,
}

impl Run {
    /// The letters that all take the same step from a state, back to it.
    fn of(state: u16, step: impl Fn(u8) -> u16) -> Option<Self> {
        let alike = |mut letters: std::ops::RangeInclusive<u8>, wanted: u16| {
            letters.all(|letter| step(letter) == wanted)
        };
        let run = |letters, step| Self { letters, step };
        let (small, capital) = (step(b'a'), step(b'A'));
        let back = |wanted: u16| wanted & STATE == state;
        let small = (back(small) && alike(b'a'..=b'z', small)).then_some(small);
        let capital = (back(capital) && alike(b'A'..=b'Z', capital)).then_some(capital);
        match (small, capital) {
            (Some(small), Some(capital)) if small == capital => Some(run(Letters::All, small)),
            (Some(small), _) => Some(run(Letters::Small, small)),
            (None, Some(capital)) => Some(run(Letters::Capital, capital)),
            (None, None) => None,
        }
    }

    /// The first place from `place` on whose byte is none of the letters, or one before the end.
    ///
    /// The letters are no data in the loop, so that it need not wait until the state is known.
    #[inline]
    fn end(self, bytes: &[u8], place: usize) -> usize {
        match self.letters {
            Letters::All => run_end::<0x20, b'a', b'z'>(bytes, place),
            Letters::Small => run_end::<0, b'a', b'z'>(bytes, place),
            Letters::Capital => run_end::<0, b'A', b'Z'>(bytes, place),
        }
    }
}

/// The first place from `place` on whose byte is not from `FIRST` to `LAST`, or one before the
/// end. `FOLD` is a bit that does not matter, in each byte.
#[inline]
fn run_end<const FOLD: u64, const FIRST: u8, const LAST: u8>(
    bytes: &[u8],
    mut place: usize,
) -> usize {
    while let Some(eight) = bytes.get(place..).and_then(<[u8]>::first_chunk::<8>) {
        let eight = u64::from_le_bytes(*eight);
        let small = (eight | (EACH * FOLD)) & (EACH * 0x7f);
        // The high bit of each byte says whether it is at least the first letter, and
        // whether it is beyond the last one. No byte carries into the next.
        let reached = small + EACH * (0x80 - u64::from(FIRST));
        let beyond = small + EACH * (0x7f - u64::from(LAST));
        let others = !(reached & !beyond & !eight) & (EACH * 0x80);
        if others != 0 {
            return place + others.trailing_zeros() as usize / 8;
        }
        place += 8;
    }
    place
}

/// The lowest bit of each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// What an expression does between two characters that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// A match always ends there, whatever stands around them.
    Ends,
    /// The first one is in no match.
    Nothing,
    Unknown,
}

/// Finds the matches of one expression.
#[derive(Debug)]
pub struct Automaton {
    classes: Classes,
    /// Steps by state and byte, [`WIDE`] for bytes beyond ASCII.
    narrow: Box<[u16]>,
    /// Steps by state and class.
    wide: Box<[u16]>,
    /// Whether there is a match at the end of the text, by state.
    ends: Box<[bool]>,
    runs: Box<[Option<Run>]>,
    /// Whether a match may begin with a byte.
    begins: Box<[bool; 256]>,
}

impl Automaton {
    /// The automaton of an expression, if it is not too large and always matches something.
    pub fn new(node: &Node) -> Option<Self> {
        if can_be_empty(node) {
            return None;
        }
        let mut program = Program::default();
        let end = program.add(Instruction::Match)?;
        let start = program.compile(node, end)?;
        let classes = Classes::new(&program.sets)?;
        let mut states: HashMap<Vec<usize>, u16> = HashMap::new();
        let mut lists = vec![Vec::new(), program.follow(start)];
        states.insert(lists[0].clone(), DEAD);
        states.insert(lists[1].clone(), START);
        let (mut wide, mut ends) = (Vec::new(), Vec::new());
        let mut state = 0;
        while state < lists.len() {
            let list = lists[state].clone();
            ends.push(program.step(&list, None).0);
            for members in &classes.members {
                let (matched, next) = program.step(&list, Some(*members));
                let fresh = u16::try_from(lists.len()).ok()?;
                let next = *states.entry(next).or_insert_with_key(|next| {
                    lists.push(next.clone());
                    fresh
                });
                wide.push(next | if matched { MATCH } else { 0 });
            }
            if lists.len() > MOST_STATES {
                return None;
            }
            state += 1;
        }
        let count = classes.members.len();
        let step = |state: usize, character: u8| wide[state * count + classes.of(character.into())];
        let runs: Vec<Option<Run>> = (0_u16..)
            .take(lists.len())
            .map(|state| Run::of(state, |byte| step(usize::from(state), byte)))
            .collect();
        let mut narrow = Vec::with_capacity(lists.len() << 8);
        for state in 0..lists.len() {
            narrow.extend((0..128).map(|byte| {
                let step = step(state, byte);
                let next = usize::from(step & STATE);
                step | if next != state && runs[next].is_some() {
                    RUN
                } else {
                    0
                }
            }));
            narrow.extend([WIDE; 128]);
        }
        let mut begins = Box::new([true; 256]);
        for byte in 0..128 {
            begins[usize::from(byte)] = step(usize::from(START), byte) != DEAD;
        }
        Some(Self {
            narrow: narrow.into(),
            wide: wide.into(),
            ends: ends.into(),
            runs: runs.into(),
            begins,
            classes,
        })
    }

    /// The end of the match that begins at `from`; `from` if there is none.
    #[inline]
    fn end(&self, text: &str, from: usize) -> usize {
        let bytes = text.as_bytes();
        let (mut state, mut place, mut end) = (START, from, from);
        while let Some(byte) = bytes.get(place) {
            let mut step = self.narrow[usize::from(state) << 8 | usize::from(*byte)];
            let mut size = 1;
            if step == WIDE {
                let character = text[place..].chars().next().unwrap_or_default();
                size = character.len_utf8();
                let class = self.classes.of(character);
                step = self.wide[usize::from(state) * self.classes.members.len() + class];
            }
            if step & MATCH != 0 {
                end = place;
            }
            state = step & STATE;
            if state == DEAD {
                return end;
            }
            place += size;
            if step & RUN != 0 {
                if let Some(run) = &self.runs[usize::from(state)] {
                    let begin = place;
                    place = run.end(bytes, place);
                    if run.step & MATCH != 0 && place > begin {
                        end = place - 1;
                    }
                }
            }
        }
        if self.ends[usize::from(state)] {
            place
        } else {
            end
        }
    }

    /// Calls `piece` with each match and each text between two of them.
    ///
    /// # Errors
    ///
    /// Those of `piece`.
    #[inline]
    pub fn pieces(
        &self,
        text: &str,
        mut piece: impl FnMut(usize, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut from = 0;
        while from < text.len() {
            let mut end = self.end(text, from);
            // Most matches begin at the end of the one before.
            if end == from {
                let next = self.find(text, from);
                let start = next.map_or(text.len(), |found| found.0);
                piece(from, start)?;
                from = start;
                let Some(found) = next else { break };
                end = found.1;
            }
            piece(from, end)?;
            from = end;
        }
        Ok(())
    }

    /// The first match at or after `from`, as the library finds it.
    pub fn find(&self, text: &str, mut from: usize) -> Option<(usize, usize)> {
        loop {
            let end = self.end(text, from);
            if end > from {
                return Some((from, end));
            }
            from += text[from..].chars().next()?.len_utf8();
            let rest = &text.as_bytes()[from..];
            from += rest
                .iter()
                .position(|byte| self.begins[usize::from(*byte)])?;
            // A match begins with a character, not inside one.
            while !text.is_char_boundary(from) {
                from += 1;
            }
        }
    }

    /// What it does between two ASCII characters, the same if the text ends after the first one
    /// or begins with the second.
    ///
    /// A match begins at the first one at the latest, if none goes through it that began before.
    /// So it is enough that no way goes on after it, and that each has matched there.
    pub fn between(&self, last: u8, next: u8) -> Between {
        let step = |state: u16, byte: u8| self.narrow[usize::from(state) << 8 | usize::from(byte)];
        let states = (START..).take(self.ends.len() - usize::from(START));
        let mut lead = states
            .filter(|state| step(*state, last) & STATE != DEAD)
            .peekable();
        if lead.peek().is_none() {
            return Between::Nothing;
        }
        let ends = |state: u16| {
            let state = step(state, last) & STATE;
            let then = step(state, next);
            then & STATE == DEAD && then & MATCH != 0 && self.ends[usize::from(state)]
        };
        if step(START, last) & STATE != DEAD && lead.all(ends) {
            Between::Ends
        } else {
            Between::Unknown
        }
    }

    /// The characters at which another set begins or ends: where versions of Unicode differ.
    pub fn edges(&self) -> &str {
        &self.classes.edges
    }
}

#[derive(Debug, Default)]
struct Program {
    instructions: Vec<Instruction>,
    sets: Vec<Set>,
}

impl Program {
    fn add(&mut self, instruction: Instruction) -> Option<usize> {
        self.instructions.push(instruction);
        (self.instructions.len() <= MOST_INSTRUCTIONS).then_some(self.instructions.len() - 1)
    }

    fn set(&mut self, set: &Set) -> usize {
        let known = self.sets.iter().position(|known| known == set);
        known.unwrap_or_else(|| {
            self.sets.push(set.clone());
            self.sets.len() - 1
        })
    }

    /// Adds a node that goes on at `next`, and returns where it begins.
    fn compile(&mut self, node: &Node, next: usize) -> Option<usize> {
        match node {
            Node::Set(set) => {
                let set = self.set(set);
                self.add(Instruction::Set(set, next))
            }
            Node::NotBefore(set) => {
                let set = self.set(set);
                self.add(Instruction::NotBefore(set, next))
            }
            Node::All(nodes) => {
                let mut next = next;
                for node in nodes.iter().rev() {
                    next = self.compile(node, next)?;
                }
                Some(next)
            }
            Node::Any(nodes) => {
                let (last, first) = nodes.split_last()?;
                let mut begin = self.compile(last, next)?;
                for node in first.iter().rev() {
                    let one = self.compile(node, next)?;
                    begin = self.add(Instruction::Split(one, begin))?;
                }
                Some(begin)
            }
            Node::Repeat(node, least, most) => {
                let mut begin = next;
                if let Some(most) = most {
                    for _ in *least..*most {
                        let one = self.compile(node, begin)?;
                        begin = self.add(Instruction::Split(one, next))?;
                    }
                } else {
                    let split = self.add(Instruction::Split(next, next))?;
                    let one = self.compile(node, split)?;
                    self.instructions[split] = Instruction::Split(one, next);
                    begin = split;
                }
                for _ in 0..*least {
                    begin = self.compile(node, begin)?;
                }
                Some(begin)
            }
        }
    }

    fn follow(&self, start: usize) -> Vec<usize> {
        let mut list = Vec::new();
        self.add_ways(start, &mut list);
        list
    }

    /// Adds the ways that lead on from an instruction, the first one first.
    fn add_ways(&self, from: usize, list: &mut Vec<usize>) {
        let mut waiting = vec![from];
        let mut seen = Vec::new();
        while let Some(at) = waiting.pop() {
            if let Instruction::Split(first, second) = self.instructions[at] {
                // A split that comes again leads to ways that are already there.
                if !seen.contains(&at) {
                    seen.push(at);
                    waiting.extend([second, first]);
                }
            } else if !list.contains(&at) {
                list.push(at);
            }
        }
    }

    /// What a state does on a character that is in these sets, or at the end of the text.
    fn step(&self, list: &[usize], members: Option<u64>) -> (bool, Vec<usize>) {
        let is_in = |set: usize| members.is_some_and(|members| members >> set & 1 == 1);
        let mut next = Vec::new();
        let mut seen: Vec<usize> = Vec::new();
        let mut waiting: Vec<usize> = list.iter().rev().copied().collect();
        while let Some(at) = waiting.pop() {
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            match self.instructions[at] {
                Instruction::Match => return (true, next),
                Instruction::NotBefore(set, then) => {
                    if !is_in(set) {
                        waiting.extend(self.follow(then).into_iter().rev());
                    }
                }
                Instruction::Set(set, then) => {
                    if is_in(set) {
                        self.add_ways(then, &mut next);
                    }
                }
                Instruction::Split(..) => {}
            }
        }
        (false, next)
    }
}
