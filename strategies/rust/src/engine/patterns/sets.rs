//! Sets of code points, as the expressions of the library's engine know them.

use super::unicode::{CATEGORIES, SPACES};

/// One past the last code point.
const END: u32 = 0x11_0000;

/// Ranges that neither touch nor overlap, in order; the end is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Set(Vec<(u32, u32)>);

impl Set {
    pub fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    pub fn of(character: char) -> Self {
        Self::between(character, character)
    }

    /// The characters from one to another, both in it.
    pub fn between(first: char, last: char) -> Self {
        Self(vec![(u32::from(first), u32::from(last) + 1)])
    }

    /// White space: `\s`.
    pub fn space() -> Self {
        Self(SPACES.to_vec())
    }

    /// Code points of a general category such as `Lu`, or of all that begin with its letter.
    pub fn category(name: &str) -> Option<Self> {
        let known = |number: &u8| {
            let category = NAMES[usize::from(*number)];
            category == name || (name.len() == 1 && category.starts_with(name))
        };
        let wanted: Vec<u8> = (0..30).filter(known).collect();
        if wanted.is_empty() {
            return None;
        }
        let ends = CATEGORIES.iter().skip(1).map(|entry| entry >> 5);
        let ranges = CATEGORIES
            .iter()
            .zip(ends.chain([END]))
            .filter(|(entry, _)| wanted.iter().any(|one| u32::from(*one) == *entry & 31))
            .map(|(entry, end)| (entry >> 5, end));
        Some(Self::new(ranges.collect()))
    }

    pub fn union(&self, other: &Self) -> Self {
        Self::new([self.0.as_slice(), &other.0].concat())
    }

    pub fn complement(&self) -> Self {
        let mut from = 0;
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        for (start, end) in &self.0 {
            ranges.push((from, *start));
            from = *end;
        }
        ranges.push((from, END));
        ranges.retain(|(start, end)| start < end);
        Self(ranges)
    }

    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }
}

/// The general categories; their places are the numbers in [`CATEGORIES`].
pub const NAMES: [&str; 30] = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
];

#[cfg(test)]
mod tests {
    use super::{NAMES, Set};
    use std::fmt::Write;
    use tokenizers::utils::SysRegex;

    fn all() -> String {
        (0..=u32::from(char::MAX))
            .filter_map(char::from_u32)
            .collect()
    }

    /// The code points that an expression of the library matches, surrogates left out.
    fn matched(text: &str, expression: &str) -> Set {
        let expression = SysRegex::new(expression).unwrap();
        let ranges = expression
            .find_iter(text)
            .flat_map(|(start, end)| text[start..end].chars())
            .map(|character| (u32::from(character), u32::from(character) + 1));
        Set::new(ranges.collect())
    }

    /// Without the surrogates, which no text holds.
    fn real(set: &Set) -> Set {
        let surrogates = Set(vec![(0xd800, 0xe000)]);
        set.complement().union(&surrogates).complement()
    }

    #[test]
    fn every_code_point_is_in_the_sets_of_the_library() {
        let text = all();
        let mut wrong = Vec::new();
        let mut check = |name: &str, ours: &Set| {
            if real(ours) != matched(&text, name) {
                wrong.push(name.to_owned());
            }
        };
        for name in NAMES {
            check(&format!(r"\p{{{name}}}+"), &Set::category(name).unwrap());
        }
        for name in ["L", "M", "N", "P", "S", "Z", "C"] {
            check(&format!(r"\p{{{name}}}+"), &Set::category(name).unwrap());
        }
        check(r"\s+", &Set::space());
        check(r"\S+", &Set::space().complement());
        check(r"\d+", &Set::category("Nd").unwrap());
        assert!(wrong.is_empty(), "run `tables_are_written`: {wrong:?}");
    }

    /// Writes `unicode.rs` anew, for another version of the library.
    #[test]
    #[ignore = "it changes a source file"]
    fn tables_are_written() {
        let text = all();
        let mut found: Vec<(u32, u32)> = Vec::new();
        for (number, name) in (0..).zip(NAMES) {
            let set = matched(&text, &format!(r"\p{{{name}}}+"));
            found.extend(set.ranges().iter().map(|range| (range.0, number)));
        }
        // No text holds a surrogate, so none is found.
        found.push((0xd800, 27));
        found.sort_unstable();
        let entries = found.iter().map(|(start, number)| start << 5 | *number);
        let mut out = "//! Code points as the library's expressions know them; `sets.rs` writes this file.\n\n\
             /// Starts of runs of code points with the same general category: the start, and in the\n\
             /// lowest five bits the category.\n\
             #[rustfmt::skip]\n#[allow(clippy::unreadable_literal)]\npub const CATEGORIES: &[u32] = &[\n"
            .to_owned();
        let entries: Vec<String> = entries.map(|entry| format!("0x{entry:x}")).collect();
        for line in entries.chunks(10) {
            writeln!(out, "    {},", line.join(", ")).unwrap();
        }
        out.push_str("];\n\n/// White space: starts, and ends that are not in it.\npub const SPACES: &[(u32, u32)] = &[\n");
        for (start, end) in matched(&text, r"\s+").ranges() {
            writeln!(out, "    (0x{start:x}, 0x{end:x}),").unwrap();
        }
        out.push_str("];\n");
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/engine/patterns/unicode.rs"
        );
        std::fs::write(file, out).unwrap();
    }

    #[test]
    fn sets_are_joined_and_turned_around() {
        let set = Set::between('a', 'c')
            .union(&Set::of('d'))
            .union(&Set::of('x'));
        assert_eq!(set.ranges(), [(0x61, 0x65), (0x78, 0x79)]);
        let other = set.complement();
        assert_eq!(other.ranges(), [(0, 0x61), (0x65, 0x78), (0x79, 0x11_0000)]);
        assert_eq!(other.complement(), set);
        assert_eq!(Set::category("Xx"), None);
    }
}
