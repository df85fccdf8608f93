//! Where a prompt may be cut, as conditions that docs/cutting.md numbers and proves.
//!
//! `strategies/exactness` has the same conditions for Python, and a test holds the two together.

use tokenizers::AddedToken;

/// A condition that does not hold, by its number in docs/cutting.md.
pub type Unmet = &'static str;

/// Which of the conditions A6 to A9 an added token does not meet. None if it ends a span wherever
/// the search finds it.
///
/// `splits_special` says whether special tokens are read as plain text. The library then ignores
/// all texts that were special at any time, and Python cannot ask it for them.
///
/// What markers strip from a span is nothing but white space of the span. If a token that strips on
/// its right takes the beginning of a marker too, the tokenizer still finds that marker whole, and
/// goes on after it.
#[must_use]
pub fn unmet(token: &AddedToken, splits_special: bool) -> Option<Unmet> {
    let reaches_back = token.lstrip && token.content.starts_with(char::is_whitespace);
    if splits_special {
        Some("A6")
    } else if token.normalized {
        Some("A7")
    } else if token.single_word {
        Some("A8")
    } else if reaches_back {
        Some("A9")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::unmet;
    use tokenizers::AddedToken;

    #[test]
    fn each_flag_has_its_condition() {
        let token = |text: &str| AddedToken::from(text, true).normalized(false);
        assert_eq!(unmet(&token("<a>"), false), None);
        assert_eq!(unmet(&token("<a>"), true), Some("A6"));
        assert_eq!(unmet(&token("<a>").normalized(true), false), Some("A7"));
        assert_eq!(unmet(&token("<a>").single_word(true), false), Some("A8"));
        assert_eq!(unmet(&token("\u{2003}<a>").lstrip(true), false), Some("A9"));
        for text in [" <a>", "<a> ", "\u{1c}<a>"] {
            let strips = text.starts_with('\u{1c}');
            let token = token(text).lstrip(strips).rstrip(true);
            assert_eq!(unmet(&token, false), None);
        }
    }
}
