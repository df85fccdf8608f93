//! Splits a text into words, as the pre-tokenizer of a byte-level tokenizer does.

pub(crate) mod automaton;
mod sets;
pub(crate) mod syntax;
mod unicode;

use serde_json::Value;
use tokenizers::utils::SysRegex;

use automaton::{Automaton, Between};
use sets::Set;
use syntax::Node;

/// The expression of a `ByteLevel` step that splits.
const BYTE_LEVEL: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Finds the places where a step splits.
#[derive(Debug)]
enum Finder {
    Own(Box<Automaton>),
    Library(SysRegex),
}

/// A step: a match is a piece, unless it is removed, and so is the text between two matches.
#[derive(Debug)]
struct Step {
    finder: Finder,
    removes: bool,
}

/// The steps of a pre-tokenizer that ends with a step for the bytes of words.
#[derive(Debug)]
pub struct Splits {
    steps: Vec<Step>,
    /// Whether a space is put before a text that begins with none.
    prefix: bool,
}

impl Splits {
    /// Reads what the library writes of a pre-tokenizer; None if it does something else, too.
    pub fn of(pre_tokenizer: &str) -> Option<Self> {
        let pre_tokenizer: Value = serde_json::from_str(pre_tokenizer).ok()?;
        let all = match pre_tokenizer["type"].as_str()? {
            "Sequence" => pre_tokenizer["pretokenizers"].as_array()?.as_slice(),
            _ => std::slice::from_ref(&pre_tokenizer),
        };
        let (last, first) = all.split_last()?;
        if last["type"] != "ByteLevel" {
            return None;
        }
        let mut steps = first.iter().map(step).collect::<Option<Vec<_>>>()?;
        if last["use_regex"].as_bool()? {
            steps.push(expression(BYTE_LEVEL)?);
        }
        let prefix = last["add_prefix_space"].as_bool()?;
        // After other steps each piece would get a space.
        (!prefix || first.is_empty()).then_some(Self { steps, prefix })
    }

    /// Whether a space is put before this text.
    #[inline]
    pub fn wants_space(&self, text: &str) -> bool {
        self.prefix && !text.starts_with(' ')
    }

    /// Whether a text is always split between two ASCII characters, into words that are those of
    /// its two parts.
    ///
    /// The steps before the one that splits must leave the place alone: then they find the same
    /// in the parts as in the whole.
    pub fn always_between(&self, last: u8, next: u8) -> bool {
        let between = |step: &Step| match &step.finder {
            Finder::Own(own) => own.between(last, next),
            Finder::Library(_) => Between::Unknown,
        };
        let mut steps = self.steps.iter().map(between);
        // A text that goes on would get a space of its own.
        !self.prefix && steps.find(|found| *found != Between::Nothing) == Some(Between::Ends)
    }

    /// Calls `word` with the start and the end of each word of a text.
    #[inline]
    pub fn each(
        &self,
        text: &str,
        word: &mut impl FnMut(usize, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        if let [
            Step {
                finder: Finder::Own(own),
                removes: false,
            },
        ] = self.steps.as_slice()
        {
            return own.pieces(text, word);
        }
        split(&self.steps, text, 0, text.len(), word)
    }
}

fn split(
    steps: &[Step],
    text: &str,
    start: usize,
    end: usize,
    word: &mut impl FnMut(usize, usize) -> Result<(), String>,
) -> Result<(), String> {
    if start == end {
        return Ok(());
    }
    let Some((step, later)) = steps.split_first() else {
        return word(start, end);
    };
    let mut from = start;
    let mut piece = |found: (usize, usize)| {
        split(later, text, from, found.0, word)?;
        from = found.1;
        if step.removes {
            return Ok(());
        }
        split(later, text, found.0, found.1, word)
    };
    match &step.finder {
        Finder::Own(own) => {
            let text = &text[..end];
            let mut at = start;
            while let Some(found) = own.find(text, at) {
                at = found.1;
                piece(found)?;
            }
        }
        Finder::Library(library) => {
            for (first, last) in library.find_iter(&text[start..end]) {
                piece((start + first, start + last))?;
            }
        }
    }
    split(later, text, from, end, word)
}

/// A step before the last one.
fn step(written: &Value) -> Option<Step> {
    match written["type"].as_str()? {
        "Split" if written["invert"] == false => {
            let removes = match written["behavior"].as_str()? {
                "Isolated" => false,
                "Removed" => true,
                _ => return None,
            };
            let pattern = &written["pattern"];
            let step = match pattern["String"].as_str() {
                Some(text) => own(&Node::All(
                    text.chars().map(Set::of).map(Node::Set).collect(),
                )),
                None => expression(pattern["Regex"].as_str()?),
            }?;
            Some(Step { removes, ..step })
        }
        "Digits" => {
            let digits = (0..=u32::from(char::MAX))
                .filter_map(char::from_u32)
                .filter(|character| character.is_numeric());
            let digits = digits.map(|one| (u32::from(one), u32::from(one) + 1));
            let digit = Node::Set(Set::new(digits.collect()));
            own(&if written["individual_digits"].as_bool()? {
                digit
            } else {
                Node::Repeat(Box::new(digit), 1, None)
            })
        }
        _ => None,
    }
}

fn own(node: &Node) -> Option<Step> {
    Some(Step {
        finder: Finder::Own(Box::new(Automaton::new(node)?)),
        removes: false,
    })
}

/// A step that splits at the matches of an expression.
fn expression(expression: &str) -> Option<Step> {
    let library = SysRegex::new(expression).ok()?;
    let automaton = syntax::read(expression).and_then(|node| Automaton::new(&node));
    let finder = match automaton {
        Some(automaton) if agrees(&automaton, &library) => Finder::Own(Box::new(automaton)),
        _ => Finder::Library(library),
    };
    Some(Step {
        finder,
        removes: false,
    })
}

/// Whether both find the same around each character where the sets of Unicode's versions differ.
fn agrees(automaton: &Automaton, library: &SysRegex) -> bool {
    let text: String = automaton
        .edges()
        .chars()
        .flat_map(|edge| ['a', edge, 'a', 'A', edge, 'A', ' ', edge, '1', '\'', edge])
        .collect();
    let mut from = 0;
    let same = library.find_iter(&text).all(|found| {
        let own = automaton.find(&text, from);
        from = found.1;
        own == Some(found)
    });
    same && automaton.find(&text, from).is_none()
}

#[cfg(test)]
mod tests {
    use super::{Automaton, BYTE_LEVEL, Finder, Splits, expression, syntax};
    use crate::engine::testing::Random;
    use serde_json::json;
    use tokenizers::tokenizer::pre_tokenizer::PreTokenizedString;
    use tokenizers::utils::SysRegex;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizer, PreTokenizerWrapper};

    const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const QWEN_35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const DEEPSEEK: [&str; 3] = [
        r"\p{N}{1,3}",
        r"[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    ];
    const DEEPSEEK_LLM: [&str; 4] = ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+"];
    /// Expressions that try what the real ones do not.
    const ODD: [&str; 7] = [
        r"a|ab|abc",
        r"(?:ab|a)(?:c|bcd)?\d*",
        r"\s+(?!\S)",
        r"a{2,3}(?!b)|b{2}",
        r"(?:a|b(?!a))+",
        r"(?i:'k|'re)+[^a]",
        r"[ab]*c|\P{L}\D",
    ];

    /// Characters on which expressions turn, all kinds of others, and long runs of one.
    fn text(random: &mut Random, edges: &[char]) -> String {
        const TURNS: [char; 44] = [
            ' ', ' ', ' ', '\n', '\r', '\t', '\'', '\'', 's', 'S', 't', 'r', 'e', 'v', 'm', 'l',
            'L', 'd', 'D', 'a', 'b', 'c', 'A', 'Z', '0', '9', '/', '.', '-', '_', '<', 'ſ',
            '\u{212a}', 'é', '日', 'の', '한', '\u{301}', '\u{a0}', '\u{3000}', '\u{85}', 'ǅ',
            '😀', '\u{200d}',
        ];
        let mut text = String::new();
        for _ in 0..random.below(24) {
            let character = match random.below(8) {
                0 | 1 => *random.choose(edges),
                2 => char::from_u32(u32::try_from(random.below(0x3000)).unwrap()).unwrap(),
                _ => *random.choose(&TURNS),
            };
            let times = match random.below(40) {
                0 => random.below(300),
                1..=4 => 2 + random.below(4),
                _ => 1,
            };
            text.extend(std::iter::repeat_n(character, times));
        }
        text
    }

    #[test]
    fn a_place_between_words_is_one_in_every_text() {
        let mut random = Random::new(21);
        let step = |regex: &&str| {
            json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated",
                "invert": false})
        };
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false});
        for expressions in [&[CL100K][..], &[QWEN], &[O200K], &[TEKKEN], &DEEPSEEK, &ODD] {
            let steps: Vec<_> = expressions
                .iter()
                .map(step)
                .chain([bytes.clone()])
                .collect();
            let written = json!({"type": "Sequence", "pretokenizers": steps});
            let splits = Splits::of(&written.to_string()).unwrap();
            let words = |text: &str| {
                let mut found = Vec::new();
                let keep = &mut |start, end| {
                    found.push(text[start..end].to_owned());
                    Ok(())
                };
                splits.each(text, keep).unwrap();
                found
            };
            let mut cut = 0;
            for _ in 0..400 {
                let text = text(&mut random, &['\'', 'é', ' ']);
                for at in 1..text.len() {
                    let [last, next] = text.as_bytes()[at - 1..=at] else {
                        continue;
                    };
                    if last < 0x80 && next < 0x80 && splits.always_between(last, next) {
                        let (left, right) = text.split_at(at);
                        let parts = [words(left), words(right)].concat();
                        assert_eq!(parts, words(&text), "{text:?} {at}");
                        cut += 1;
                    }
                }
            }
            assert!(cut > 300 || expressions == ODD, "{cut}");
        }
    }

    fn assert_found_alike(seed: u64, rounds: usize) {
        let mut random = Random::new(seed);
        let all = [BYTE_LEVEL, CL100K, QWEN, QWEN_35, O200K, TEKKEN];
        for expression in all.iter().chain(&DEEPSEEK).chain(&DEEPSEEK_LLM).chain(&ODD) {
            let library = SysRegex::new(expression).unwrap();
            let automaton = Automaton::new(&syntax::read(expression).unwrap()).unwrap();
            let edges: Vec<char> = automaton.edges().chars().collect();
            for _ in 0..rounds {
                let text = text(&mut random, &edges);
                let mut found = Vec::new();
                while let Some(next) = automaton.find(
                    &text,
                    found.last().map_or(0, |last: &(usize, usize)| last.1),
                ) {
                    found.push(next);
                }
                assert_eq!(
                    found,
                    library.find_iter(&text).collect::<Vec<_>>(),
                    "{expression} on {text:?}"
                );
                let (mut expected, mut from) = (Vec::new(), 0);
                for (start, end) in found {
                    expected.extend((from < start).then_some((from, start)));
                    expected.push((start, end));
                    from = end;
                }
                expected.extend((from < text.len()).then_some((from, text.len())));
                let mut pieces = Vec::new();
                let each = |start, end| {
                    pieces.push((start, end));
                    Ok(())
                };
                automaton.pieces(&text, each).unwrap();
                assert_eq!(pieces, expected, "{expression} on {text:?}");
            }
        }
    }

    #[test]
    fn matches_are_those_of_the_library() {
        assert_found_alike(1, 500);
    }

    #[test]
    #[ignore = "it takes minutes: run it with --release"]
    fn matches_are_those_of_the_library_on_millions_of_texts() {
        assert_found_alike(2, 500_000);
    }

    #[test]
    fn the_expressions_of_known_tokenizers_are_read() {
        let all = [BYTE_LEVEL, CL100K, QWEN, QWEN_35, O200K, TEKKEN];
        for text in all.iter().chain(&DEEPSEEK).chain(&DEEPSEEK_LLM) {
            assert!(
                matches!(expression(text).unwrap().finder, Finder::Own(_)),
                "{text}"
            );
        }
        let other = expression(r"[\p{Han}]+|\p{L}+").unwrap();
        assert!(matches!(other.finder, Finder::Library(_)));
    }

    fn split(regex: &str, behavior: &str) -> serde_json::Value {
        json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": false})
    }

    fn bytes(regex: bool, prefix: bool) -> serde_json::Value {
        json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": regex})
    }

    #[test]
    fn texts_are_split_as_the_library_splits_them() {
        let sequence =
            |steps: Vec<serde_json::Value>| json!({"type": "Sequence", "pretokenizers": steps});
        let deepseek = DEEPSEEK.map(|regex| split(regex, "Isolated"));
        let digits = |individual: bool| json!({"type": "Digits", "individual_digits": individual});
        let literal = json!({"type": "Split", "pattern": {"String": "a b"}, "behavior": "Isolated", "invert": false});
        let mut random = Random::new(5);
        let edges: Vec<char> = "一龥٣²½Ⅷ\u{1e95f}".chars().collect();
        for written in [
            bytes(true, false),
            bytes(true, true),
            bytes(false, true),
            sequence(vec![split(QWEN, "Isolated"), bytes(false, false)]),
            sequence(vec![split(r"\s+", "Removed"), bytes(true, false)]),
            sequence([&deepseek[..], &[bytes(false, false)]].concat()),
            sequence(vec![digits(true), bytes(true, false)]),
            sequence(vec![digits(false), literal, bytes(false, false)]),
            sequence(vec![split(r"\p{Han}+", "Isolated"), bytes(true, false)]),
        ] {
            let library: PreTokenizerWrapper = serde_json::from_value(written.clone()).unwrap();
            let splits = Splits::of(&written.to_string()).unwrap();
            for _ in 0..100 {
                let mut text = text(&mut random, &edges);
                let mut expected = PreTokenizedString::from(text.as_str());
                library.pre_tokenize(&mut expected).unwrap();
                let expected: Vec<usize> = expected
                    .get_splits(OffsetReferential::Normalized, OffsetType::Byte)
                    .iter()
                    .map(|piece| piece.0.chars().count())
                    .collect();
                if !text.is_empty() && splits.wants_space(&text) {
                    text.insert(0, ' ');
                }
                let mut found = Vec::new();
                let each = &mut |start, end| {
                    found.push(end - start);
                    Ok(())
                };
                splits.each(&text, each).unwrap();
                let nothing: &[usize] = &[0];
                let expected = if expected == nothing {
                    Vec::new()
                } else {
                    expected
                };
                assert_eq!(found, expected, "{written} on {text:?}");
            }
        }
    }

    #[test]
    fn other_steps_are_refused() {
        let sequence =
            |steps: [serde_json::Value; 2]| json!({"type": "Sequence", "pretokenizers": steps});
        let inverted = json!({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated", "invert": true});
        for written in [
            json!(null),
            json!({"type": "Whitespace"}),
            split("a", "Isolated"),
            sequence([split("a", "MergedWithNext"), bytes(false, false)]),
            sequence([inverted, bytes(false, false)]),
            sequence([split("a", "Isolated"), bytes(false, true)]),
            sequence([json!({"type": "Whitespace"}), bytes(false, false)]),
            sequence([split("(", "Isolated"), bytes(false, false)]),
        ] {
            assert!(Splits::of(&written.to_string()).is_none(), "{written}");
        }
    }
}
