//! Expressions of pre-tokenizers in texts: the core's scanner finds what the library finds.
#![no_main]

use core_alone::compare::compare_matches;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// The library's search goes back and forth, so a long expression may take it forever.
const LONGEST_EXPRESSION: usize = 40;
const LONGEST_TEXT: usize = 60;

/// Expressions of published tokenizers.
const KNOWN: [&str; 4] = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
];

/// What expressions are made of.
const PIECES: [&str; 40] = [
    "a",
    "b",
    "'",
    " ",
    "\\s",
    "\\S",
    "\\d",
    "\\D",
    "\\w",
    "\\p{L}",
    "\\P{L}",
    "\\p{N}",
    "\\p{Lu}",
    "\\p{Ll}",
    "\\p{M}",
    "[ab]",
    "[^a]",
    "[^\\s\\p{L}]",
    "[\\r\\n]",
    "[a-z]",
    "+",
    "*",
    "?",
    "{1,3}",
    "{2}",
    "|",
    "(?:",
    ")",
    "(?i:",
    "(?!",
    "(?=",
    "\\S)",
    "a)",
    "'s",
    "é",
    "日",
    "\\r",
    "\\n",
    ".",
    "ſ",
];

#[derive(Arbitrary, Debug)]
enum Expression {
    Known(u8),
    Pieces(Vec<u8>),
    Text(String),
}

#[derive(Arbitrary, Debug)]
struct Input {
    expression: Expression,
    text: String,
}

fuzz_target!(|input: Input| {
    let expression = match input.expression {
        Expression::Known(number) => KNOWN[usize::from(number) % KNOWN.len()].to_owned(),
        Expression::Pieces(numbers) => {
            let pieces = numbers
                .iter()
                .map(|each| PIECES[usize::from(*each) % PIECES.len()]);
            pieces.take(12).collect()
        }
        Expression::Text(text) if text.len() <= LONGEST_EXPRESSION => text,
        Expression::Text(_) => return,
    };
    let text: String = input.text.chars().take(LONGEST_TEXT).collect();
    if let Err(differs) = compare_matches(&expression, &text) {
        panic!("{differs}");
    }
});
