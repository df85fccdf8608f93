//! Small tokenizers for the unit tests.

use tokenizers::models::wordlevel::WordLevel;
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
        SplitPattern::Regex("(?s:.)".to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    );
    tokenizer.with_pre_tokenizer(Some(split.unwrap()));
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
