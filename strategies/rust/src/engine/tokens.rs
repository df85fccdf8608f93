//! Tokens and their ids in flat arrays, looked up by their bytes.

use super::saved::{Reader, Writer};

/// Stands for the id of no token.
pub const UNKNOWN: u32 = u32::MAX;

/// A slot without a token: no id has all bits of its part.
const EMPTY: u64 = u64::MAX;

/// Bits of a slot for the id; the others are the highest of the hash.
const ID_BITS: u32 = 21;
const ID: u64 = (1 << ID_BITS) - 1;

/// Bits for the start of a token in the bytes of all; the others are its length.
const START_BITS: u32 = 40;

/// Open addressing. A slot holds bits of the hash and the id; where the token's bytes are stands
/// beside it.
#[derive(Debug)]
pub struct Tokens {
    slots: Box<[u64]>,
    spans: Box<[u64]>,
    bytes: Box<[u8]>,
}

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of some bytes, the same in every run: it is part of what is saved.
#[must_use]
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let fold = |sum: u64, number: u64| {
        let product = u128::from(sum ^ number) * u128::from(MIX);
        // Both halves of the product.
        #[allow(clippy::cast_possible_truncation)]
        let folded = (product >> 64) as u64 ^ product as u64;
        folded
    };
    let mut chunks = bytes.chunks_exact(8);
    let mut sum = (bytes.len() as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    for chunk in &mut chunks {
        sum = fold(
            sum,
            u64::from_le_bytes(chunk.try_into().unwrap_or_default()),
        );
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    let sum = fold(sum, u64::from_le_bytes(last));
    fold(sum, 0)
}

impl Tokens {
    /// Returns None if they do not fit the table.
    pub fn new<'t>(tokens: impl Iterator<Item = (&'t str, u32)> + Clone) -> Option<Self> {
        let mut size = 0;
        let mut count = 0;
        for (token, _) in tokens.clone() {
            size += token.len();
            count += 1;
        }
        let places = (count * 3_usize / 2 + 1).next_power_of_two().max(2);
        let mut table = Self {
            slots: vec![EMPTY; places].into(),
            spans: vec![0; places].into(),
            bytes: Box::default(),
        };
        let mut bytes = Vec::with_capacity(size);
        for (token, id) in tokens {
            let hash = hash(token.as_bytes());
            let mut place = table.first(hash);
            while table.slots[place] != EMPTY {
                // Of tokens that are searched from here on, each has bits of its own.
                if table.slots[place] & !ID == hash & !ID {
                    return None;
                }
                place = (place + 1) & (places - 1);
            }
            let (start, length) = (bytes.len() as u64, token.len() as u64);
            if u64::from(id) >= ID || start >> START_BITS != 0 || length >> 24 != 0 {
                return None;
            }
            table.slots[place] = hash & !ID | u64::from(id);
            table.spans[place] = length << START_BITS | start;
            bytes.extend(token.as_bytes());
        }
        table.bytes = bytes.into();
        Some(table)
    }

    /// The place where the search begins.
    #[inline]
    fn first(&self, hash: u64) -> usize {
        // Masked to the table, whatever is cut off.
        #[allow(clippy::cast_possible_truncation)]
        let place = hash as usize;
        place & (self.slots.len() - 1)
    }

    /// The place of the token with these bits of the hash, as [`Tokens::new`] makes sure.
    #[inline]
    fn place(&self, hash: u64, mut slot: u64) -> Option<usize> {
        let mut place = self.first(hash);
        loop {
            if slot == EMPTY {
                return None;
            }
            if slot & !ID == hash & !ID {
                return Some(place);
            }
            place = (place + 1) & (self.slots.len() - 1);
            slot = self.slots[place];
        }
    }

    #[inline]
    fn id_at(&self, place: usize) -> u32 {
        // The mask leaves 21 bits.
        #[allow(clippy::cast_possible_truncation)]
        let id = (self.slots[place] & ID) as u32;
        id
    }

    /// The ids of texts that are known to be tokens: the bits of the hash tell them apart. All
    /// searches begin together, so that they wait for memory together.
    #[must_use]
    pub fn ids_of<const N: usize>(&self, tokens: [&[u8]; N]) -> Option<[u32; N]> {
        let hashes = tokens.map(hash);
        let slots = hashes.map(|hash| self.slots[self.first(hash)]);
        let mut ids = [0; N];
        for (one, id) in ids.iter_mut().enumerate() {
            *id = self.id_at(self.place(hashes[one], slots[one])?);
        }
        Some(ids)
    }

    fn find(&self, token: &[u8]) -> Option<usize> {
        let hash = hash(token);
        let place = self.place(hash, self.slots[self.first(hash)])?;
        (self.text(place) == token).then_some(place)
    }

    /// The id of a token.
    #[must_use]
    pub fn id(&self, token: &[u8]) -> Option<u32> {
        self.find(token).map(|place| self.id_at(place))
    }

    #[must_use]
    pub fn has(&self, token: &[u8]) -> bool {
        self.find(token).is_some()
    }

    fn text(&self, place: usize) -> &[u8] {
        let (start, length) = bounds(self.spans[place]);
        &self.bytes[start..start + length]
    }

    /// All tokens with their ids, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> + Clone {
        self.up_to(usize::MAX)
    }

    /// The tokens of at most so many bytes with their ids, in no order.
    pub fn up_to(&self, longest: usize) -> impl Iterator<Item = (&str, u32)> + Clone {
        let fits = move |place: &usize| {
            self.slots[*place] != EMPTY && bounds(self.spans[*place]).1 <= longest
        };
        (0..self.slots.len()).filter(fits).map(|place| {
            // They were text when they came in, and a saved table has a checksum.
            let text = std::str::from_utf8(self.text(place)).unwrap_or("");
            (text, self.id_at(place))
        })
    }

    pub fn save(&self, out: &mut Writer) {
        out.words(&self.slots);
        out.words(&self.spans);
        out.bytes(&self.bytes);
    }

    /// # Errors
    ///
    /// If the bytes are no table that can be searched.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let table = Self {
            slots: saved.words()?,
            spans: saved.words()?,
            bytes: saved.bytes()?.into(),
        };
        let inside = |span: &u64| {
            let (start, length) = bounds(*span);
            start + length <= table.bytes.len()
        };
        let sound = table.slots.len().is_power_of_two()
            && table.slots.len() == table.spans.len()
            && table.slots.contains(&EMPTY)
            && table.spans.iter().all(inside);
        if sound {
            Ok(table)
        } else {
            Err("the tokens are damaged".to_owned())
        }
    }
}

/// The start and the length of a token.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn bounds(span: u64) -> (usize, usize) {
    let start = span & ((1 << START_BITS) - 1);
    (start as usize, (span >> START_BITS) as usize)
}

#[cfg(test)]
mod tests {
    use super::Tokens;
    use crate::engine::saved::{Reader, Writer};

    #[test]
    fn tokens_are_found_by_their_bytes() {
        let names: Vec<String> = (0..5000).map(|number| format!("t{number}é")).collect();
        let all = || names.iter().map(String::as_str).zip(0..);
        let tokens = Tokens::new(all()).unwrap();
        let mut out = Writer::default();
        tokens.save(&mut out);
        let saved = out.finish();
        let restored = Tokens::restore(&mut Reader::new(&saved).unwrap()).unwrap();
        for table in [&tokens, &restored] {
            for (name, id) in all() {
                assert_eq!(table.id(name.as_bytes()), Some(id));
                assert_eq!(
                    table.ids_of([name.as_bytes(), b"t7\xc3\xa9"]),
                    Some([id, 7])
                );
            }
            for other in ["", "t", "t1", "t5000é", "t1éé"] {
                assert_eq!(
                    (table.id(other.as_bytes()), table.has(other.as_bytes())),
                    (None, false)
                );
            }
            assert_eq!(table.iter().count(), names.len());
            assert_eq!(table.up_to(4).count(), 10);
            assert!(table.iter().all(|(name, id)| names[id as usize] == name));
        }
    }

    #[test]
    fn what_does_not_fit_is_no_table() {
        assert!(Tokens::new([("a", 1), ("a", 2)].into_iter()).is_none());
        assert!(Tokens::new([("a", 1 << 21)].into_iter()).is_none());
        assert!(Tokens::new([].into_iter()).is_some_and(|tokens| tokens.id(b"a").is_none()));
    }
}
