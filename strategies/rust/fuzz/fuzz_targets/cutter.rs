//! Texts, cut at markers and counted span by span: as many tokens as the library gives the whole.
//!
//! The tokenizers are those in the folder `tokenizers`; `tokenizers.py` there writes them.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use core_alone::compare::Tokenizer;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const LONGEST_PIECE: usize = 200;

/// A tokenizer, and the texts of its added tokens and of some of its words.
struct Subject {
    tokenizer: Tokenizer,
    texts: Vec<String>,
}

static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tokenizers");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder of tokenizers")
        .map(|entry| entry.expect("an entry of it").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    let subjects: Vec<_> = paths.iter().filter_map(|path| subject(path)).collect();
    assert!(
        !subjects.is_empty(),
        "there are no tokenizers; make them with tokenizers.py"
    );
    subjects
});

fn subject(path: &Path) -> Option<Subject> {
    let json = fs::read_to_string(path).ok()?;
    let state: Value = serde_json::from_str(&json).ok()?;
    let mut texts: Vec<String> = state["added_tokens"]
        .as_array()?
        .iter()
        .filter_map(|token| Some(token["content"].as_str()?.to_owned()))
        .collect();
    texts.extend(
        [
            " ", "\n", "\t", "  ", "a", "Hello", "'s", "é", "e\u{301}", "日本", "12", "▁",
        ]
        .map(str::to_owned),
    );
    Some(Subject {
        tokenizer: Tokenizer::new(&json).ok()?,
        texts,
    })
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Known(u8),
    Text(String),
    /// The prompt goes back to a part of the last one, as if its history had changed.
    Back(u8),
    /// A turn ends here.
    Turn,
}

#[derive(Arbitrary, Debug)]
struct Input {
    subject: u8,
    pieces: Vec<Piece>,
}

fuzz_target!(|input: Input| {
    let subject = &SUBJECTS[usize::from(input.subject) % SUBJECTS.len()];
    let (mut prompt, mut prompts) = (String::new(), Vec::new());
    for piece in input.pieces.iter().take(40) {
        match piece {
            Piece::Known(number) => {
                prompt.push_str(&subject.texts[usize::from(*number) % subject.texts.len()]);
            }
            Piece::Text(text) => prompt.extend(text.chars().take(LONGEST_PIECE)),
            Piece::Back(share) => {
                let mut end = prompt.len() * usize::from(*share) / 256;
                while !prompt.is_char_boundary(end) {
                    end -= 1;
                }
                prompt.truncate(end);
            }
            Piece::Turn => prompts.push(prompt.clone()),
        }
    }
    prompts.push(prompt);
    if let Err(differs) = subject.tokenizer.compare(&prompts) {
        panic!("{differs}");
    }
});
