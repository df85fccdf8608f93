//! Counts the tokens of a BPE model that does not split a text into words.
//!
//! The text between two markers is one sequence for such a model. Here it is divided where no
//! merge can join the two sides, and a part that comes again is looked up. The library's count of
//! the whole is the sum over the parts if C1 to C6 of docs/cutting.md hold; [`Pieces::of`] checks
//! each, and C4 and C5 for each pair of characters.
//!
use rustc_hash::FxHashSet;
use tokenizers::models::bpe::BPE;
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::bpe::{Bpe, Tables};
use super::memory::{Memory, TOGETHER, Worker, go_on, place};
use super::rule::Unmet;
use super::saved::{Reader, Writer};
use super::span::Span;

/// ASCII characters.
const ASCII: usize = 128;

const STARTS: [Starts; 4] = [
    Starts::Never,
    Starts::Always,
    Starts::Missing,
    Starts::First,
];

const DAMAGED: &str = "the saved pieces are damaged";

#[derive(Debug)]
pub struct Pieces {
    bpe: Bpe,
    reads: Reads,
    /// The pairs of characters that a token holds in a row.
    held: Pairs,
    /// For each pair of ASCII characters whether a part ends between them.
    ascii: Box<[bool]>,
    /// Whether a run of unknown characters is one token.
    fuses: bool,
}

/// How the text comes to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reads {
    /// What a space becomes.
    space: char,
    starts: Starts,
    /// Whether each mark begins a sequence of its own.
    splits: bool,
}

/// Where a text gets a mark that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Starts {
    Never,
    /// Every text gets one.
    Always,
    /// Every text that does not start with one.
    Missing,
    /// The same, but only at the start of the prompt.
    First,
}

impl Pieces {
    /// Whether the text comes to the model in a way that is known here.
    #[must_use]
    pub fn reads(tokenizer: &Tokenizer) -> bool {
        Reads::of(tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()).is_some()
    }

    /// Takes over a model if all of the conditions hold.
    ///
    /// # Errors
    ///
    /// The condition that does not hold.
    pub fn of(tokenizer: &Tokenizer, model: &BPE, tables: Tables) -> Result<Self, Unmet> {
        let reads = Reads::of(tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer());
        let reads = reads.ok_or("C6")?;
        // Such a token is looked for in the normalized text, and here in the text itself.
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let hidden = |text: &str| text.contains([' ', reads.space]);
        if added
            .values()
            .any(|token| token.normalized && hidden(&token.content))
        {
            return Err("C13");
        }
        let mut pairs = FxHashSet::default();
        // Most pairs are of ASCII characters and come again and again.
        let mut seen = vec![false; ASCII * ASCII];
        for (token, _) in tables.tokens.iter() {
            for (last, next) in token.chars().zip(token.chars().skip(1)) {
                let again = last.is_ascii() && next.is_ascii() && {
                    let place = u32::from(last) as usize * ASCII + u32::from(next) as usize;
                    std::mem::replace(&mut seen[place], true)
                };
                if !again {
                    pairs.insert(pair(last, next));
                }
            }
        }
        let bpe = Bpe::new(model, tables).ok_or("C1")?;
        if bpe.ignores_merges() {
            return Err("C1");
        }
        if bpe.merges_any(&bpe.stand_ins().ok_or("C3")?) {
            return Err("C2");
        }
        let mut pieces = Self {
            fuses: bpe.fuses_unknown(),
            bpe,
            reads,
            held: Pairs::new(&pairs),
            ascii: Box::default(),
        };
        pieces.fill();
        Ok(pieces)
    }

    /// Fills the table for ASCII.
    fn fill(&mut self) {
        let characters = || (0..ASCII).filter_map(|byte| u8::try_from(byte).ok().map(char::from));
        self.ascii = characters()
            .flat_map(|last| characters().map(move |next| (last, next)))
            .map(|(last, next)| self.ends(last, next))
            .collect();
    }

    /// Whether a part ends between two characters of a text.
    fn ends(&self, last: char, next: char) -> bool {
        let (last, next) = (self.reads.seen(last), self.reads.seen(next));
        if self.reads.splits && next == self.reads.space {
            return true;
        }
        let unknown = |character| self.bpe.character(character).is_none();
        !(self.held.contains(pair(last, next)) || self.fuses && unknown(last) && unknown(next))
    }

    /// Where the part ends that begins at `from`.
    #[must_use]
    #[inline]
    pub fn part_end(&self, text: &str, from: usize) -> usize {
        let bytes = text.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            let last = bytes[at];
            let Some(next) = bytes.get(at + 1) else { break };
            if last < 0x80 && *next < 0x80 {
                at += 1;
                if self.ascii[usize::from(last) * ASCII + usize::from(*next)] {
                    return at;
                }
                continue;
            }
            let mut characters = text[at..].chars();
            let Some(last) = characters.next() else { break };
            at += last.len_utf8();
            if characters.next().is_none_or(|next| self.ends(last, next)) {
                return at;
            }
        }
        bytes.len()
    }

    /// Whether a text may be cut between two ASCII characters.
    #[must_use]
    pub fn may_cut(&self, last: u8, next: u8) -> bool {
        self.ends(char::from(last), char::from(next))
    }

    /// Tokens of a text without added tokens.
    ///
    /// # Errors
    ///
    /// If the call was cancelled.
    pub fn count(&self, span: Span, memory: &mut Memory) -> Result<u32, String> {
        let text = span.text;
        let bytes = text.as_bytes();
        let (mut total, mut from) = (0, 0);
        memory.worker.words.clear();
        if !text.is_empty() && !span.goes_on && self.reads.adds_mark(text, span.first) {
            // The mark and the first part in one: parts may always be joined.
            from = self.part_end(text, 0);
            let start = format!(" {}", &text[..from]);
            memory.worker.words.push((0, place(start.len())));
            total += self.count_parts(start.as_bytes(), memory)?;
        }
        while from < bytes.len() {
            let end = self.part_end(text, from);
            memory.worker.words.push((place(from), place(end)));
            if memory.worker.words.len() == TOGETHER {
                total += self.count_parts(bytes, memory)?;
            }
            from = end;
        }
        Ok(total + self.count_parts(bytes, memory)?)
    }

    /// Counts the parts that the worker has put together.
    fn count_parts(&self, text: &[u8], memory: &mut Memory) -> Result<u32, String> {
        let stop = memory.stop;
        let Worker {
            known,
            work,
            words,
            mapped,
            ..
        } = &mut *memory.worker;
        let total = known.count(text, words, |part| {
            go_on(stop)?;
            let part = std::str::from_utf8(part).map_err(|error| error.to_string())?;
            mapped.clear();
            mapped.extend(part.chars().map(|each| self.reads.seen(each)));
            Ok(self.bpe.count(mapped, work))
        });
        words.clear();
        total
    }

    pub fn save(&self, out: &mut Writer) {
        self.bpe.save(out);
        self.reads.save(out);
        out.words(&self.held.slots);
    }

    /// # Errors
    ///
    /// If the bytes are no such engine.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let bpe = Bpe::restore(saved)?;
        let mut pieces = Self {
            fuses: bpe.fuses_unknown(),
            bpe,
            reads: Reads::restore(saved)?,
            held: Pairs::restore(saved)?,
            ascii: Box::default(),
        };
        pieces.fill();
        Ok(pieces)
    }
}

impl Reads {
    fn of(
        normalizer: Option<&NormalizerWrapper>,
        pre_tokenizer: Option<&PreTokenizerWrapper>,
    ) -> Option<Self> {
        let (mut replaced, mut prepended) = (None, None);
        let steps = match normalizer {
            None => &[],
            Some(NormalizerWrapper::Sequence(steps)) => steps.as_ref(),
            Some(step) => std::slice::from_ref(step),
        };
        for step in steps {
            let (place, mark) = match step {
                NormalizerWrapper::Replace(replace) => {
                    let written = serde_json::to_value(replace).ok()?;
                    if written["pattern"]["String"] != " " {
                        return None;
                    }
                    (&mut replaced, only(written["content"].as_str()?)?)
                }
                NormalizerWrapper::Prepend(prepend) => (&mut prepended, only(&prepend.prepend)?),
                _ => return None,
            };
            if mark == ' ' || place.replace(mark).is_some() {
                return None;
            }
        }
        let mut reads = Self {
            space: replaced.unwrap_or(' '),
            starts: Starts::Never,
            splits: false,
        };
        match pre_tokenizer {
            None => {}
            Some(PreTokenizerWrapper::Metaspace(metaspace)) => {
                let written = serde_json::to_value(metaspace).ok()?;
                reads.starts = match written["prepend_scheme"].as_str()? {
                    "always" => Starts::Missing,
                    "first" => Starts::First,
                    "never" => Starts::Never,
                    _ => return None,
                };
                reads.space = metaspace.get_replacement();
                reads.splits = metaspace.get_split();
                if replaced.is_some_and(|mark| mark != reads.space) {
                    return None;
                }
            }
            // It finds nothing if no space is left.
            Some(PreTokenizerWrapper::Split(split)) => {
                let written = serde_json::to_value(split).ok()?;
                let idle = written["pattern"]["String"] == " " && written["invert"] == false;
                if !idle || replaced.is_none() {
                    return None;
                }
            }
            Some(_) => return None,
        }
        if let Some(mark) = prepended {
            // Two marks in a row would be split, and here they are one part.
            if mark != reads.space || reads.splits {
                return None;
            }
            // What has got its mark is given no other.
            reads.starts = Starts::Always;
        }
        Some(reads)
    }

    /// The character as the model sees it.
    fn seen(self, character: char) -> char {
        if character == ' ' {
            self.space
        } else {
            character
        }
    }

    /// Whether a text that is not empty gets a mark at its start.
    fn adds_mark(self, text: &str, first: bool) -> bool {
        let missing = || !text.starts_with([' ', self.space]);
        match self.starts {
            Starts::Never => false,
            Starts::Always => true,
            Starts::Missing => missing(),
            Starts::First => first && missing(),
        }
    }

    fn save(self, out: &mut Writer) {
        let starts = STARTS.iter().position(|each| *each == self.starts);
        out.halves(&[
            u32::from(self.space),
            u32::try_from(starts.unwrap_or(0)).unwrap_or(0),
            u32::from(self.splits),
        ]);
    }

    fn restore(saved: &mut Reader) -> Result<Self, String> {
        let [space, starts, splits] = *saved.halves()? else {
            return Err(DAMAGED.to_owned());
        };
        let starts = STARTS.get(starts as usize);
        let (Some(space), Some(starts)) = (char::from_u32(space), starts) else {
            return Err(DAMAGED.to_owned());
        };
        Ok(Self {
            space,
            starts: *starts,
            splits: splits == 1,
        })
    }
}

/// The character of a text that has one.
fn only(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// A number for two characters in a row, never 0.
fn pair(last: char, next: char) -> u64 {
    u64::from(u32::from(last)) << 32 | u64::from(u32::from(next)) << 1 | 1
}

/// A set of pairs: open addressing, 0 for a free slot.
#[derive(Debug)]
struct Pairs {
    slots: Box<[u64]>,
}

impl Pairs {
    fn new(pairs: &FxHashSet<u64>) -> Self {
        let mut set = Self {
            slots: vec![0; (pairs.len() * 3).next_power_of_two().max(2)].into(),
        };
        for pair in pairs {
            let place = set.place(*pair);
            set.slots[place] = *pair;
        }
        set
    }

    /// The slot of a pair, or the free one where it would be.
    #[inline]
    fn place(&self, pair: u64) -> usize {
        let last = self.slots.len() - 1;
        let mixed = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Masked to the table, whatever is cut off.
        #[allow(clippy::cast_possible_truncation)]
        let mut place = (mixed >> 32) as usize & last;
        while self.slots[place] != 0 && self.slots[place] != pair {
            place = (place + 1) & last;
        }
        place
    }

    #[inline]
    fn contains(&self, pair: u64) -> bool {
        self.slots[self.place(pair)] != 0
    }

    fn restore(saved: &mut Reader) -> Result<Self, String> {
        let slots = saved.words()?;
        if slots.len().is_power_of_two() && slots.contains(&0) {
            Ok(Self { slots })
        } else {
            Err(DAMAGED.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use ahash::AHashMap;
    use tokenizers::models::bpe::{BPE, BpeBuilder};
    use tokenizers::normalizers::replace::ReplacePattern;
    use tokenizers::normalizers::{NFC, Prepend, Replace, Sequence};
    use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
    use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
    use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
    use tokenizers::tokenizer::SplitDelimiterBehavior::MergedWithPrevious;
    use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

    use super::Pieces;
    use crate::engine::bpe::Tables;
    use crate::engine::memory::{Memory, Worker};
    use crate::engine::saved::{Reader, Writer};
    use crate::engine::span::Span;
    use crate::engine::testing::Random;

    const CHARACTERS: [char; 14] = [
        'a', 'a', 'b', 'b', 'c', ' ', ' ', '▁', 'é', '日', '本', '\n', 'x', '😀',
    ];

    fn text(random: &mut Random, length: usize) -> String {
        (0..length).map(|_| *random.choose(&CHARACTERS)).collect()
    }

    /// Random merges over a few characters, of which some have no token.
    fn random_model(
        random: &mut Random,
        options: impl Fn(BpeBuilder) -> BpeBuilder,
        merged: &[(&str, &str)],
    ) -> BPE {
        let mut tokens: Vec<String> = Vec::new();
        for each in ["a", "b", "c", "▁", "é", "日", "本", "\n", " "] {
            if each < "c" || random.below(4) > 0 {
                tokens.push(each.to_owned());
            }
        }
        let mut merges = Vec::new();
        for _ in 0..random.below(30) {
            let mut token = || random.choose(&tokens).clone();
            let (left, right) = (token(), token());
            let made = format!("{left}{right}");
            if made.len() < 16 {
                merges.push((left, right));
                if !tokens.contains(&made) {
                    tokens.push(made);
                }
            }
        }
        for _ in 0..merges.len() {
            let (one, two) = (random.below(merges.len()), random.below(merges.len()));
            merges.swap(one, two);
        }
        tokens.push("<unk>".to_owned());
        tokens.extend((0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>")));
        for (left, right) in merged {
            merges.push(((*left).to_owned(), (*right).to_owned()));
            tokens.push(format!("{left}{right}"));
        }
        let vocabulary: AHashMap<String, u32> = tokens.into_iter().zip(0..).collect();
        let builder = BPE::builder().vocab_and_merges(vocabulary, merges);
        options(builder).build().unwrap()
    }

    fn mark(scheme: PrependScheme, split: bool) -> PreTokenizerWrapper {
        Metaspace::new('▁', scheme, split).into()
    }

    fn replace() -> NormalizerWrapper {
        Replace::new(" ", "▁").unwrap().into()
    }

    type Ways = (Option<NormalizerWrapper>, Option<PreTokenizerWrapper>);

    fn ways() -> Vec<Ways> {
        let prepend = NormalizerWrapper::from(Prepend::new("▁".to_owned()));
        let pattern = SplitPattern::String(" ".to_owned());
        let idle = Split::new(pattern, MergedWithPrevious, false).unwrap();
        vec![
            (None, None),
            (Some(replace()), Some(idle.into())),
            (Some(Sequence::new(vec![prepend, replace()]).into()), None),
            (None, Some(mark(PrependScheme::Always, false))),
            (None, Some(mark(PrependScheme::First, false))),
            (None, Some(mark(PrependScheme::Never, true))),
            (None, Some(mark(PrependScheme::First, true))),
        ]
    }

    fn tokenizer(model: BPE, (normalizer, pre_tokenizer): &Ways) -> Tokenizer {
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_normalizer(normalizer.clone()).unwrap();
        tokenizer.with_pre_tokenizer(pre_tokenizer.clone());
        tokenizer
            .add_special_tokens([AddedToken::from("<m>", true)])
            .unwrap();
        tokenizer
    }

    fn engine(tokenizer: &Tokenizer, model: &BPE) -> Option<Pieces> {
        Pieces::of(tokenizer, model, Tables::of(model)?).ok()
    }

    /// Counts random texts at the start of a prompt and after a marker.
    fn assert_counts(random: &mut Random, options: impl Fn(BpeBuilder) -> BpeBuilder) {
        let (mut divided, mut cut) = (0, 0);
        for way in ways() {
            for _ in 0..6 {
                let model = random_model(random, &options, &[]);
                let tokenizer = tokenizer(model.clone(), &way);
                let pieces = engine(&tokenizer, &model).unwrap();
                let mut out = Writer::default();
                pieces.save(&mut out);
                let saved = out.finish();
                let mut reader = Reader::new(&saved).unwrap();
                let restored = Pieces::restore(&mut reader).unwrap();
                reader.end().unwrap();
                let (mut worker, stop) = (Worker::default(), AtomicBool::new(false));
                let mut memory = Memory {
                    worker: &mut worker,
                    stop: &stop,
                };
                for _ in 0..60 {
                    let length = random.below(30);
                    let text = text(random, length);
                    divided += usize::from(pieces.part_end(&text, 0) < text.len());
                    let whole = |text: &str| tokenizer.encode_fast(text, false).unwrap().len();
                    let later = whole(&format!("<m>{text}")) - 1;
                    for (first, expected) in [(true, whole(&text)), (false, later)] {
                        for engine in [&pieces, &restored] {
                            let span = |text, first, goes_on| Span {
                                text,
                                first,
                                goes_on,
                            };
                            let mut count = |span| engine.count(span, &mut memory).unwrap();
                            let whole = count(span(&text, first, false)) as usize;
                            assert_eq!(whole, expected, "{text:?} {way:?}");
                            for at in 1..text.len() {
                                let [last, next] = text.as_bytes()[at - 1..=at] else {
                                    continue;
                                };
                                if last.is_ascii() && next.is_ascii() && engine.may_cut(last, next)
                                {
                                    let left = count(span(&text[..at], first, false));
                                    let right = count(span(&text[at..], false, true));
                                    assert_eq!((left + right) as usize, expected, "{text:?} {at}");
                                    cut += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(divided > 1000 && cut > 1000, "{divided} {cut}");
    }

    #[test]
    fn texts_are_counted_as_the_library_counts_them() {
        let mut random = Random::new(11);
        assert_counts(&mut random, |builder| builder.byte_fallback(true));
        for fuse in [false, true] {
            let unknown =
                |builder: BpeBuilder| builder.unk_token("<unk>".to_owned()).fuse_unk(fuse);
            assert_counts(&mut random, unknown);
            assert_counts(&mut random, |builder| unknown(builder).byte_fallback(true));
        }
    }

    #[test]
    fn what_could_join_two_parts_is_refused() {
        let mut random = Random::new(2);
        let way = (Some(replace()), None);
        let mut refused = |options: fn(BpeBuilder) -> BpeBuilder, merged: &[(&str, &str)]| {
            let model = random_model(&mut random, options, merged);
            engine(&tokenizer(model.clone(), &way), &model).is_none()
        };
        let bytes = |builder: BpeBuilder| builder.byte_fallback(true);
        assert!(!refused(bytes, &[]));
        assert!(refused(bytes, &[("<0x41>", "a")]));
        assert!(refused(bytes, &[("a", "<0x41>")]));
        assert!(refused(
            |builder| builder.byte_fallback(true).ignore_merges(true),
            &[]
        ));
        let unknown = |builder: BpeBuilder| builder.unk_token("<unk>".to_owned());
        assert!(!refused(unknown, &[]));
        assert!(refused(unknown, &[("<unk>", "a")]));
        // A character without a token vanishes.
        assert!(refused(|builder| builder, &[]));
    }

    #[test]
    fn other_ways_to_the_model_are_not_known() {
        let model = BPE::default();
        let pattern = ReplacePattern::Regex(" ".to_owned());
        let prepend = NormalizerWrapper::from(Prepend::new("▁".to_owned()));
        let ways: Vec<Ways> = vec![
            (Some(NFC.into()), None),
            (Some(Replace::new(pattern, "▁").unwrap().into()), None),
            (Some(Replace::new(" ", "▁▁").unwrap().into()), None),
            (Some(Sequence::new(vec![replace(), replace()]).into()), None),
            (Some(prepend.clone()), None),
            (Some(prepend), Some(mark(PrependScheme::First, true))),
            (None, Some(WhitespaceSplit.into())),
        ];
        for way in ways {
            assert!(!Pieces::reads(&tokenizer(model.clone(), &way)), "{way:?}");
        }
    }
}
