//! How many tokens a part of a text takes, so that parts can be joined.

/// Tokens of a part, and whether unknown characters stand at its ends.
///
/// The library makes one token of unknown characters that stand side by side. So where two parts
/// meet in unknown characters, a token is counted in both of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    tokens: u32,
    begins_unknown: bool,
    ends_unknown: bool,
}

impl Tally {
    /// Some tokens at whose ends there are no unknown characters.
    #[must_use]
    pub fn of(tokens: u32) -> Self {
        Self {
            tokens,
            ..Self::default()
        }
    }

    /// Adds one piece of the vocabulary.
    pub fn add_known(&mut self) {
        self.join(Self::of(1));
    }

    /// Adds a piece that the vocabulary lacks.
    pub fn add_unknown(&mut self) {
        self.join(Self {
            tokens: 1,
            begins_unknown: true,
            ends_unknown: true,
        });
    }

    /// Adds a token for each byte of a piece that the vocabulary lacks.
    pub fn add_bytes(&mut self, bytes: usize) {
        self.join(Self::of(u32::try_from(bytes).unwrap_or(u32::MAX)));
    }

    /// Adds the part that follows.
    pub fn join(&mut self, next: Self) {
        if next.tokens == 0 {
            return;
        }
        if self.tokens == 0 {
            *self = next;
            return;
        }
        let shared = u32::from(self.ends_unknown && next.begins_unknown);
        self.tokens = (self.tokens - shared).saturating_add(next.tokens);
        self.ends_unknown = next.ends_unknown;
    }

    #[must_use]
    pub fn tokens(self) -> u32 {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn unknown_pieces_side_by_side_are_one_token() {
        let mut left = Tally::default();
        left.add_known();
        left.add_unknown();
        left.add_unknown();
        assert_eq!(left.tokens(), 2);
        let mut right = Tally::default();
        right.add_unknown();
        let mut whole = left;
        whole.join(right);
        whole.join(Tally::default());
        whole.join(right);
        assert_eq!(whole.tokens(), 2);
        whole.add_bytes(3);
        whole.join(right);
        assert_eq!(whole.tokens(), 6);
        let mut reversed = right;
        reversed.join(left);
        assert_eq!(reversed.tokens(), 3);
    }
}
