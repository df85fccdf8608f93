//! Tokens and their ids in flat arrays, looked up by their bytes.

use super::saved::{Reader, Writer};

/// Stands for the id of no token.
pub const UNKNOWN: u32 = u32::MAX;

/// A slot without a token: no token is that long.
const EMPTY: u64 = u64::MAX;

/// Open addressing. A slot holds some bits of the hash, the length and the start of a token.
#[derive(Debug)]
pub struct Tokens {
    slots: Box<[u64]>,
    ids: Box<[u32]>,
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
            if token.len() >= 0xffff {
                return None;
            }
            size += token.len();
            count += 1;
        }
        let places = (count * 2_usize).next_power_of_two().max(2);
        let mut table = Self {
            slots: vec![EMPTY; places].into(),
            ids: vec![UNKNOWN; places].into(),
            bytes: Box::default(),
        };
        let mut bytes = Vec::with_capacity(size);
        for (token, id) in tokens {
            let hash = hash(token.as_bytes());
            let mut place = table.first(hash);
            while table.slots[place] != EMPTY {
                place = (place + 1) % places;
            }
            let start = u32::try_from(bytes.len()).ok()?;
            table.slots[place] =
                (hash & 0xffff) << 48 | (token.len() as u64) << 32 | u64::from(start);
            table.ids[place] = id;
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
        let place = (hash >> 16) as usize;
        place & (self.slots.len() - 1)
    }

    /// Begins the search for a token: its hash, and what the first place holds. Searches that
    /// are begun together wait for memory together.
    #[inline]
    fn search(&self, token: &[u8]) -> (u64, u64) {
        let hash = hash(token);
        (hash, self.slots[self.first(hash)])
    }

    /// The place of a token whose search has begun.
    #[inline]
    fn find(&self, token: &[u8], (hash, mut slot): (u64, u64)) -> Option<usize> {
        let wanted = (hash & 0xffff) << 16 | token.len() as u64;
        let mut place = self.first(hash);
        loop {
            if slot == EMPTY {
                return None;
            }
            if slot >> 32 == wanted && self.text(slot) == token {
                return Some(place);
            }
            place = (place + 1) & (self.slots.len() - 1);
            slot = self.slots[place];
        }
    }

    /// The ids of some tokens.
    #[must_use]
    pub fn ids<const N: usize>(&self, tokens: [&[u8]; N]) -> [Option<u32>; N] {
        let mut searches = [(0, EMPTY); N];
        for (token, search) in tokens.iter().zip(&mut searches) {
            *search = self.search(token);
        }
        std::array::from_fn(|one| {
            let place = self.find(tokens[one], searches[one]);
            place.map(|place| self.ids[place])
        })
    }

    /// The id of a token.
    #[must_use]
    pub fn id(&self, token: &[u8]) -> Option<u32> {
        let [id] = self.ids([token]);
        id
    }

    #[must_use]
    pub fn has(&self, token: &[u8]) -> bool {
        self.find(token, self.search(token)).is_some()
    }

    fn text(&self, slot: u64) -> &[u8] {
        let start = (slot & 0xffff_ffff) as usize;
        &self.bytes[start..start + (slot >> 32 & 0xffff) as usize]
    }

    /// All tokens with their ids, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> + Clone {
        self.up_to(usize::MAX)
    }

    /// The tokens of at most so many bytes with their ids, in no order.
    pub fn up_to(&self, longest: usize) -> impl Iterator<Item = (&str, u32)> + Clone {
        let fits = move |slot: u64| slot != EMPTY && (slot >> 32 & 0xffff) as usize <= longest;
        let taken = self.slots.iter().zip(&self.ids);
        taken
            .filter(move |(slot, _)| fits(**slot))
            // They were text when they came in, and a saved table has a checksum.
            .map(|(slot, id)| (std::str::from_utf8(self.text(*slot)).unwrap_or(""), *id))
    }

    pub fn save(&self, out: &mut Writer) {
        out.words(&self.slots);
        out.halves(&self.ids);
        out.bytes(&self.bytes);
    }

    /// # Errors
    ///
    /// If the bytes are no table that can be searched.
    pub fn restore(saved: &mut Reader) -> Result<Self, String> {
        let table = Self {
            slots: saved.words()?,
            ids: saved.halves()?,
            bytes: saved.bytes()?.into(),
        };
        let inside = |slot: &u64| {
            let end = (slot & 0xffff_ffff) + (slot >> 32 & 0xffff);
            end <= table.bytes.len() as u64
        };
        let sound = table.slots.len().is_power_of_two()
            && table.slots.len() == table.ids.len()
            && table.slots.contains(&EMPTY)
            && table
                .slots
                .iter()
                .all(|slot| *slot == EMPTY || inside(slot));
        if sound {
            Ok(table)
        } else {
            Err("the tokens are damaged".to_owned())
        }
    }
}
