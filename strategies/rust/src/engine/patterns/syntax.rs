//! Reads the part of the library's syntax of expressions that tokenizers use.
//!
//! What is not known here to mean the same as in the library is not read, and the library then
//! runs the expression.

use super::sets::Set;

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Set(Set),
    /// One after another.
    All(Vec<Node>),
    /// The first that fits.
    Any(Vec<Node>),
    /// As often as possible, at least and at most this often.
    Repeat(Box<Node>, u32, Option<u32>),
    /// The next character is not in the set, or there is none.
    NotBefore(Set),
}

/// Copies of what is repeated, and depth of groups: more than any tokenizer has.
const MOST: u32 = 64;

/// Reads an expression; None if it has something that is not known here.
pub fn read(expression: &str) -> Option<Node> {
    let mut reader = Reader {
        rest: expression,
        any_case: false,
        depth: 0,
    };
    let node = reader.any()?;
    reader.rest.is_empty().then_some(node)
}

struct Reader<'e> {
    rest: &'e str,
    any_case: bool,
    depth: u32,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn any(&mut self) -> Option<Node> {
        let mut nodes = vec![self.all()?];
        while self.take("|") {
            nodes.push(self.all()?);
        }
        Some(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::Any(nodes)
        })
    }

    fn all(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        // Letters for upper and lower case may match one character together, as "ss" does. With
        // an apostrophe before them, only those of the same group can stand side by side.
        let begin = self.rest;
        if self.any_case && !begin.starts_with('\'') {
            return None;
        }
        while self.peek().is_some_and(|next| !matches!(next, '|' | ')')) {
            let node = self.one()?;
            nodes.push(self.repeated(node)?);
        }
        let read = begin[..begin.len() - self.rest.len()].to_ascii_lowercase();
        if nodes.is_empty() {
            return None;
        }
        let joined = ["ss", "st", "ff", "fi", "fl"];
        if self.any_case && joined.iter().any(|pair| read.contains(pair)) {
            return None;
        }
        Some(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::All(nodes)
        })
    }

    fn one(&mut self) -> Option<Node> {
        if self.take("(?!") {
            let Node::Set(set) = self.one()? else {
                return None;
            };
            return (self.take(")") && !self.any_case).then_some(Node::NotBefore(set));
        }
        if self.rest.starts_with('(') {
            let before = self.any_case;
            if self.take("(?i:") {
                self.any_case = true;
            } else if !self.take("(?:") {
                self.take("(");
                if self.rest.starts_with('?') {
                    return None;
                }
            }
            self.depth += 1;
            if self.depth > MOST {
                return None;
            }
            let node = self.any()?;
            self.depth -= 1;
            self.any_case = before;
            return self.take(")").then_some(node);
        }
        if self.any_case {
            return self.letter().map(Node::Set);
        }
        if self.take("[") {
            return self.class().map(Node::Set);
        }
        match self.next()? {
            '\\' => self.escape().map(Node::Set),
            '.' | '^' | '$' | '*' | '+' | '?' | '{' | '}' | ']' => None,
            other => Some(Node::Set(Set::of(other))),
        }
    }

    /// A letter of a group for upper and lower case. The library folds as Unicode does.
    fn letter(&mut self) -> Option<Set> {
        let letter = self.next()?;
        if letter == '\'' {
            return Some(Set::of(letter));
        }
        if !letter.is_ascii_alphabetic() {
            return None;
        }
        let (lower, upper) = (letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
        let both = Set::of(lower).union(&Set::of(upper));
        Some(match lower {
            'k' => both.union(&Set::of('\u{212a}')),
            's' => both.union(&Set::of('\u{17f}')),
            _ => both,
        })
    }

    /// After a backslash.
    fn escape(&mut self) -> Option<Set> {
        Some(match self.next()? {
            's' => Set::space(),
            'S' => Set::space().complement(),
            'd' => Set::category("Nd")?,
            'D' => Set::category("Nd")?.complement(),
            'p' => self.property()?,
            'P' => self.property()?.complement(),
            'r' => Set::of('\r'),
            'n' => Set::of('\n'),
            't' => Set::of('\t'),
            other if other.is_ascii_punctuation() => Set::of(other),
            _ => return None,
        })
    }

    fn property(&mut self) -> Option<Set> {
        let (name, rest) = self.rest.strip_prefix('{')?.split_once('}')?;
        self.rest = rest;
        Set::category(name)
    }

    /// After the bracket that opens a class.
    fn class(&mut self) -> Option<Set> {
        let negated = self.take("^");
        let mut set = Set::default();
        let mut empty = true;
        loop {
            // Intersections and classes inside a class have rules of their own.
            if self.rest.starts_with("&&") || self.rest.starts_with('[') {
                return None;
            }
            let next = self.next()?;
            if next == ']' {
                // The library takes a bracket that comes first in several ways.
                return (!empty).then(|| if negated { set.complement() } else { set });
            }
            // A dash is itself only at the edges of a class.
            if next == '-' && !empty && !self.rest.starts_with(']') {
                return None;
            }
            empty = false;
            if next == '\\' {
                set = set.union(&self.escape()?);
                // Whether a dash goes on with a range depends on what was escaped.
                if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                    return None;
                }
                continue;
            }
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.take("-");
                let last = self.next()?;
                if matches!(last, '\\' | '[' | '-') || last < next {
                    return None;
                }
                set = set.union(&Set::between(next, last));
            } else {
                set = set.union(&Set::of(next));
            }
        }
    }

    fn repeated(&mut self, node: Node) -> Option<Node> {
        let (least, most) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') if !self.any_case => return self.counted(node),
            _ => return Some(node),
        };
        if self.any_case {
            return None;
        }
        self.next();
        self.repeat(node, least, most)
    }

    fn counted(&mut self, node: Node) -> Option<Node> {
        let (inside, rest) = self.rest.strip_prefix('{')?.split_once('}')?;
        self.rest = rest;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u32>().ok()).flatten()
        };
        let (least, most) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        let highest = most.unwrap_or(least);
        // The library reads `{0}` and turned-around bounds in ways of its own.
        if highest == 0 || highest > MOST || least > highest {
            return None;
        }
        self.repeat(node, least, most)
    }

    fn repeat(&mut self, node: Node, least: u32, most: Option<u32>) -> Option<Node> {
        // A second sign makes the first one lazy or possessive, or repeats what is repeated.
        let again = matches!(self.peek(), Some('?' | '*' | '+' | '{'));
        if again || can_be_empty(&node) {
            return None;
        }
        Some(Node::Repeat(Box::new(node), least, most))
    }
}

/// Whether a node matches where nothing is.
pub fn can_be_empty(node: &Node) -> bool {
    match node {
        Node::Set(_) => false,
        Node::NotBefore(_) => true,
        Node::All(nodes) => nodes.iter().all(can_be_empty),
        Node::Any(nodes) => nodes.iter().any(can_be_empty),
        Node::Repeat(node, least, _) => *least == 0 || can_be_empty(node),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, read};
    use crate::engine::patterns::sets::Set;

    #[test]
    fn what_is_known_is_read() {
        let set = |character| Node::Set(Set::of(character));
        assert_eq!(read("a"), Some(set('a')));
        assert_eq!(
            read(r"a|\n{2,3}(?!\S)"),
            Some(Node::Any(vec![
                set('a'),
                Node::All(vec![
                    Node::Repeat(Box::new(set('\n')), 2, Some(3)),
                    Node::NotBefore(Set::space().complement())
                ]),
            ]))
        );
        let dash = Set::of('-').union(&Set::between('a', 'c'));
        assert_eq!(read(r"[a-c\-]"), Some(Node::Set(dash.clone())));
        assert_eq!(read("[-a-c]"), Some(Node::Set(dash.clone())));
        assert_eq!(read("[^a-c-]"), Some(Node::Set(dash.complement())));
        let long_s = Set::of('s').union(&Set::of('S')).union(&Set::of('\u{17f}'));
        assert_eq!(
            read("(?i:'s)"),
            Some(Node::All(vec![set('\''), Node::Set(long_s)]))
        );
    }

    #[test]
    fn what_may_mean_something_else_is_not_read() {
        for expression in [
            "",
            "a|",
            "a**",
            "a+?",
            "a?+",
            "a{2}{3}",
            "a{0}",
            "a{,2}",
            "a{3,2}",
            "(a?)*",
            "^a",
            "a$",
            "a.",
            r"\w",
            r"\b",
            r"\1",
            r"\p{Han}",
            r"\p{^L}",
            "[a-z&&b]",
            "[a[b]]",
            "[]a]",
            "[z-a]",
            "[a-",
            "[+--]",
            r"[\n-\r]",
            r"[\s-a]",
            "(?=a)",
            "(?<a>b)",
            "(?!ab)",
            "(a",
            "a)",
            "(?i:a)",
            "(?i:'ss)",
            "(?i:'s+)",
            "(?i:'[a])",
            "(?i:'é)",
            "(?m:a)",
            "(?i)a",
            "(?>a)",
            "a{100}",
            "[]",
        ] {
            assert_eq!(read(expression), None, "{expression}");
        }
    }
}
