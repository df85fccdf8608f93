//! Finds all texts of a set with which another text begins.

/// Stands for the value of a node at which no text ends.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    /// Its first child; the others follow it, in the order of their bytes.
    first: u32,
    children: u16,
    value: u32,
}

/// A tree of bytes. The children of a node stand side by side.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    /// The byte that leads to each node.
    bytes: Vec<u8>,
    /// Children of the root by byte, or 0. Most searches end there.
    begin: Box<[u32; 256]>,
}

impl Trie {
    /// Builds the tree of some texts, each with a value.
    ///
    /// Neither may a text be empty, nor may there be the same one twice.
    #[must_use]
    pub fn of(mut texts: Vec<(&[u8], u32)>) -> Self {
        texts.sort_unstable();
        let root = Node {
            first: 1,
            children: 0,
            value: NONE,
        };
        let mut trie = Self {
            nodes: vec![root],
            bytes: vec![0],
            begin: Box::new([0; 256]),
        };
        // The texts below each node, in the order of the nodes.
        let mut below = vec![(0..texts.len(), 0)];
        let mut node = 0;
        while node < below.len() {
            let (mut range, depth) = below[node].clone();
            if let Some((text, value)) = texts.get(range.start) {
                if text.len() == depth && !range.is_empty() {
                    trie.nodes[node].value = *value;
                    range.start += 1;
                }
            }
            trie.nodes[node].first = u32::try_from(trie.nodes.len()).unwrap_or(NONE);
            while !range.is_empty() {
                let byte = texts[range.start].0[depth];
                let same = texts[range.clone()].partition_point(|(text, _)| text[depth] == byte);
                if node == 0 {
                    trie.begin[usize::from(byte)] = u32::try_from(trie.nodes.len()).unwrap_or(0);
                }
                trie.nodes.push(root);
                trie.bytes.push(byte);
                trie.nodes[node].children += 1;
                below.push((range.start..range.start + same, depth + 1));
                range.start += same;
            }
            node += 1;
        }
        trie
    }

    /// Calls `found` with the end and the value of each text that stands at `start`, the shortest
    /// first.
    pub fn each_at(&self, text: &[u8], start: usize, mut found: impl FnMut(usize, u32)) {
        let Some(byte) = text.get(start) else { return };
        let mut at = self.begin[usize::from(*byte)] as usize;
        if at == 0 {
            return;
        }
        let mut end = start + 1;
        loop {
            let node = self.nodes[at];
            if node.value != NONE {
                found(end, node.value);
            }
            let Some(byte) = text.get(end) else { return };
            let first = node.first as usize;
            let bytes = &self.bytes[first..first + usize::from(node.children)];
            let Ok(child) = bytes.binary_search(byte) else {
                return;
            };
            at = first + child;
            end += 1;
        }
    }

    /// End of the longest text that stands at `start`.
    #[must_use]
    pub fn longest_at(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut longest = None;
        self.each_at(text, start, |end, _| longest = Some(end));
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::Trie;

    fn found(trie: &Trie, text: &str, start: usize) -> Vec<(usize, u32)> {
        let mut out = Vec::new();
        trie.each_at(text.as_bytes(), start, |end, value| out.push((end, value)));
        out
    }

    #[test]
    fn every_text_that_stands_there_is_found() {
        let texts = ["a", "ab", "abc", "b", "é", "è", "日本"];
        let trie = Trie::of(texts.iter().map(|text| text.as_bytes()).zip(0..).collect());
        assert_eq!(found(&trie, "xabcd", 1), [(2, 0), (3, 1), (4, 2)]);
        assert_eq!(found(&trie, "ab", 0), [(1, 0), (2, 1)]);
        assert_eq!(found(&trie, "é日本", 0), [(2, 4)]);
        assert_eq!(found(&trie, "日本", 0), [(6, 6)]);
        assert_eq!(found(&trie, "日", 0), []);
        assert_eq!(found(&trie, "ab", 2), []);
        assert_eq!(trie.longest_at(b"abx", 0), Some(2));
        assert_eq!(trie.longest_at(b"x", 0), None);
    }

    #[test]
    fn a_set_may_be_empty_or_hold_every_byte() {
        assert_eq!(found(&Trie::of(Vec::new()), "a", 0), []);
        let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
        let trie = Trie::of(bytes.iter().map(|byte| &byte[..]).zip(0..).collect());
        for byte in 0..=255 {
            assert_eq!(trie.longest_at(&[byte], 0), Some(1));
        }
    }
}
