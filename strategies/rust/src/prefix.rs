//! How much two texts have in common.

/// Number of bytes at the start of `text` that `other` starts with, too. There `text` can be cut.
pub fn common_prefix(text: &str, other: &str) -> usize {
    let mut common = equal_bytes(text.as_bytes(), other.as_bytes());
    // The bytes before it are the same in both, so that it is a boundary in both or in none.
    while !text.is_char_boundary(common) {
        common -= 1;
    }
    common
}

fn equal_bytes(left: &[u8], right: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let len = left.len().min(right.len());
    let mut at = 0;
    while at + BLOCK <= len && left[at..at + BLOCK] == right[at..at + BLOCK] {
        at += BLOCK;
    }
    at + left[at..len]
        .iter()
        .zip(&right[at..len])
        .take_while(|(one, two)| one == two)
        .count()
}

#[cfg(test)]
mod tests {
    use super::common_prefix;

    #[test]
    fn common_prefixes() {
        assert_eq!(common_prefix("", "a"), 0);
        assert_eq!(common_prefix("ab", "ac"), 1);
        let long = "7".repeat(10_000);
        assert_eq!(common_prefix(&long, &long), 10_000);
        let other = format!("{}1", &long[..9_000]);
        assert_eq!(common_prefix(&long, &other), 9_000);
    }

    #[test]
    fn a_character_is_in_common_as_a_whole() {
        // They share the first byte.
        assert_eq!(common_prefix("aé", "aè"), 1);
    }
}
