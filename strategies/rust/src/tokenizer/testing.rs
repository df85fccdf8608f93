//! Small tokenizers for the unit tests.

use ahash::AHashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, Tokenizer};

/// A tokenizer that gives every character one token, with these added tokens.
///
/// A prefix says what kind of token it is: `word:`, `normalized:`, `plain:` (not special),
/// `left:` or `right:` (stripping).
pub fn tokenizer(added: &[&str]) -> Tokenizer {
    let model = WordLevel::builder()
        .vocab([("[UNK]".to_owned(), 0)].into_iter().collect())
        .unk_token("[UNK]".to_owned())
        .build()
        .unwrap();
    let mut tokenizer = Tokenizer::new(model);
    let split = Split::new(
        SplitPattern::Regex("(?m:.)".to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    );
    tokenizer.with_pre_tokenizer(Some(split.unwrap()));
    with_added(tokenizer, added)
}

/// A byte-level BPE tokenizer with a few merges and these added tokens.
pub fn byte_level(added: &[&str]) -> Tokenizer {
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    let mut vocab: Vec<String> = alphabet.into_iter().map(String::from).collect();
    let mut merges = Vec::new();
    for (left, right) in [
        ("t", "h"),
        ("th", "e"),
        ("Ġ", "the"),
        ("a", "a"),
        ("aa", "aa"),
    ] {
        merges.push((left.to_owned(), right.to_owned()));
        vocab.push(format!("{left}{right}"));
    }
    let vocab: Vec<(String, u32)> = vocab.into_iter().zip(0..).collect();
    let model = BPE::builder()
        .vocab_and_merges(vocab.into_iter().collect::<AHashMap<_, _>>(), merges)
        .build()
        .unwrap();
    let mut tokenizer = Tokenizer::new(model);
    let split = Split::new(
        SplitPattern::Regex(r"\s?\p{L}+|\p{N}|\s+".to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    )
    .unwrap();
    let steps: Vec<PreTokenizerWrapper> = vec![
        split.into(),
        ByteLevel::default()
            .add_prefix_space(false)
            .use_regex(false)
            .into(),
    ];
    tokenizer.with_pre_tokenizer(Some(Sequence::new(steps)));
    with_added(tokenizer, added)
}

fn with_added(mut tokenizer: Tokenizer, added: &[&str]) -> Tokenizer {
    for text in added {
        let (kind, text) = match text.split_once(':') {
            Some((kind, text)) => (kind, text),
            None => ("", *text),
        };
        let token = AddedToken::from(text, kind != "plain")
            .single_word(kind == "word")
            .normalized(kind == "normalized")
            .lstrip(kind == "left")
            .rstrip(kind == "right");
        tokenizer.add_tokens([token]).unwrap();
    }
    tokenizer
}
