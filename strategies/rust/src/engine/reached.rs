//! Which tokens the merges make of their own text, found without merging each.
//!
//! Take the first merge that makes a token, of a left and a right part. If both parts are made of
//! their own text, and only merges inside of them happen, then at last this merge happens. What
//! could come between is a merge across the border of the two parts. The symbols on both sides of
//! the border grow, each until a merge inside of its part takes it in. A merge across comes
//! before that if its rank is lower. Here the ranks of merges inside a part only grow, since each
//! part was made before by the same rule; so the next merge has at most the rank of the one that
//! takes in a symbol at the border. No merge across comes between if the rank of each pair that
//! ever stands at the border is higher than that.

use super::merges::{Merges, NEVER};

/// How the tokens are made that the merges make of their own text.
struct Made<'m> {
    merges: &'m Merges,
    /// The left and the right part, and the rank of their merge; by id.
    parts: Vec<(u32, u32, u32)>,
    reached: Vec<bool>,
    /// The symbols that stand at the border one after another, the last one first.
    left: Vec<u32>,
    right: Vec<u32>,
}

/// For each id whether the merges surely make it of its own text, which is a text of `symbols`.
#[must_use]
pub fn reached(merges: &Merges, symbols: &[u32], ids: usize) -> Vec<bool> {
    let mut made = Made {
        merges,
        parts: vec![(0, 0, NEVER); ids],
        reached: vec![false; ids],
        left: Vec::new(),
        right: Vec::new(),
    };
    for symbol in symbols {
        made.reached[*symbol as usize] = true;
    }
    for (rank, (left, right, id)) in (0..).zip(merges.each()) {
        let is_first = made.parts[id as usize].2 == NEVER && !made.reached[id as usize];
        // A pair that comes again has its last rank.
        if !is_first || merges.rank(left, right) != rank {
            continue;
        }
        made.parts[id as usize] = (left, right, rank);
        made.reached[id as usize] = made.reached[left as usize]
            && made.reached[right as usize]
            && !made.is_crossed(left, right);
    }
    made.reached
}

impl Made<'_> {
    /// Whether a merge across the border of two parts may come before that of the parts.
    fn is_crossed(&mut self, left: u32, right: u32) -> bool {
        let (lefts, rights) = (&mut self.left, &mut self.right);
        lefts.clear();
        rights.clear();
        let mut id = left;
        lefts.push(id);
        while self.parts[id as usize].2 != NEVER {
            id = self.parts[id as usize].1;
            lefts.push(id);
        }
        let mut id = right;
        rights.push(id);
        while self.parts[id as usize].2 != NEVER {
            id = self.parts[id as usize].0;
            rights.push(id);
        }
        while let (Some(last), Some(first)) = (lefts.pop(), rights.pop()) {
            // The ranks of the merges that take them in.
            let taken = |whole: &[u32]| whole.last().map_or(NEVER, |id| self.parts[*id as usize].2);
            let (last_taken, first_taken) = (taken(lefts), taken(rights));
            if last_taken == NEVER && first_taken == NEVER {
                return false;
            }
            if self.merges.rank(last, first) <= last_taken.min(first_taken) {
                return true;
            }
            if last_taken <= first_taken {
                rights.push(first);
            } else {
                lefts.push(last);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::reached;
    use crate::engine::merges::{Merges, Work};
    use crate::engine::testing::Random;

    /// Texts of tokens, and merges with ranks in an order of their own.
    fn random_merges(random: &mut Random) -> (Vec<Vec<u32>>, Merges) {
        let mut texts: Vec<Vec<u32>> = (0..3).map(|symbol| vec![symbol]).collect();
        let mut merges = Vec::new();
        for _ in 0..random.below(40) {
            let (left, right) = (random.below(texts.len()), random.below(texts.len()));
            let text = [&texts[left][..], &texts[right]].concat();
            let made = texts.iter().position(|known| *known == text);
            let made = made.unwrap_or_else(|| {
                texts.push(text);
                texts.len() - 1
            });
            merges.push([left, right, made].map(|id| u32::try_from(id).unwrap()));
        }
        for _ in 0..random.below(4) * merges.len() / 8 {
            let (one, two) = (random.below(merges.len()), random.below(merges.len()));
            merges.swap(one, two);
        }
        let merges: Vec<_> = merges
            .into_iter()
            .map(|[a, b, made]| (a, b, made))
            .collect();
        (texts, Merges::new(&merges).unwrap())
    }

    #[test]
    fn a_token_that_is_reached_is_made_of_its_own_text() {
        let mut random = Random::new(4);
        let (mut work, mut yes, mut missed, mut no) = (Work::default(), 0, 0, 0);
        for _ in 0..2_000 {
            let (texts, merges) = random_merges(&mut random);
            let found = reached(&merges, &[0, 1, 2], texts.len());
            for (text, reached) in texts.iter().zip(found) {
                work.symbols.clone_from(text);
                let one = merges.count(&mut work) == 1;
                assert!(one || !reached, "{text:?}");
                yes += u32::from(reached);
                missed += u32::from(one && !reached);
                no += u32::from(!one);
            }
        }
        // Merges in a random order make many tokens in a way that is not looked at.
        assert!(yes > missed && no > 1_000, "{yes} {missed} {no}");
    }
}
