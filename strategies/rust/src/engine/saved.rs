//! The bytes in which an engine is kept: plain arrays, each after its length.

/// Writes arrays one after another.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    fn length(&mut self, length: usize) {
        self.0.extend((length as u64).to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend(bytes);
    }

    pub fn halves(&mut self, numbers: &[u32]) {
        self.length(numbers.len());
        self.0.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
    }

    pub fn words(&mut self, numbers: &[u64]) {
        self.length(numbers.len());
        self.0.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
    }

    /// What was written, after a checksum.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut out = checksum(&self.0).to_le_bytes().to_vec();
        out.extend(self.0);
        out
    }
}

/// Reads the arrays in the order in which they were written.
#[derive(Debug)]
pub struct Reader<'s>(&'s [u8]);

const DAMAGED: &str = "the saved engine is damaged";

impl<'s> Reader<'s> {
    /// # Errors
    ///
    /// If the bytes are not those that a [`Writer`] has written.
    pub fn new(saved: &'s [u8]) -> Result<Self, String> {
        let (sum, rest) = saved.split_first_chunk().ok_or(DAMAGED)?;
        if u64::from_le_bytes(*sum) != checksum(rest) {
            return Err(DAMAGED.to_owned());
        }
        Ok(Self(rest))
    }

    fn take(&mut self, size: usize) -> Result<&'s [u8], String> {
        let (length, rest) = self.0.split_first_chunk().ok_or(DAMAGED)?;
        let bytes = usize::try_from(u64::from_le_bytes(*length))
            .ok()
            .and_then(|length| length.checked_mul(size))
            .and_then(|length| rest.split_at_checked(length));
        let (taken, rest) = bytes.ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(taken)
    }

    /// # Errors
    ///
    /// If fewer bytes are left.
    pub fn bytes(&mut self) -> Result<&'s [u8], String> {
        self.take(1)
    }

    /// # Errors
    ///
    /// If fewer bytes are left, or they are no text.
    pub fn text(&mut self) -> Result<&'s str, String> {
        std::str::from_utf8(self.take(1)?).map_err(|_| DAMAGED.to_owned())
    }

    /// # Errors
    ///
    /// If fewer bytes are left.
    pub fn halves(&mut self) -> Result<Box<[u32]>, String> {
        let numbers = self.take(4)?.chunks_exact(4);
        Ok(numbers
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
            .collect())
    }

    /// # Errors
    ///
    /// If fewer bytes are left.
    pub fn words(&mut self) -> Result<Box<[u64]>, String> {
        let numbers = self.take(8)?.chunks_exact(8);
        Ok(numbers
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
            .collect())
    }

    /// # Errors
    ///
    /// If something is left.
    pub fn end(&self) -> Result<(), String> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DAMAGED.to_owned())
        }
    }
}

/// A sum that any change of a few bytes changes.
fn checksum(bytes: &[u8]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut chunks = bytes.chunks_exact(8);
    let mut sum = bytes.len() as u64;
    for chunk in &mut chunks {
        let number = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        sum = (sum.rotate_left(23) ^ number).wrapping_mul(MIX);
    }
    for byte in chunks.remainder() {
        sum = (sum.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(MIX);
    }
    sum ^ (sum >> 32)
}

#[cfg(test)]
mod tests {
    use super::{Reader, Writer};

    #[test]
    fn what_is_written_is_read_and_any_changed_byte_is_noticed() {
        let mut out = Writer::default();
        out.bytes("é".as_bytes());
        out.halves(&[1, u32::MAX]);
        out.words(&[]);
        out.words(&[7, u64::MAX]);
        let saved = out.finish();
        let mut reader = Reader::new(&saved).unwrap();
        assert_eq!(reader.text().unwrap(), "é");
        assert_eq!(*reader.halves().unwrap(), [1, u32::MAX]);
        assert!(reader.words().unwrap().is_empty());
        assert!(reader.end().is_err());
        assert_eq!(*reader.words().unwrap(), [7, u64::MAX]);
        assert!(reader.end().is_ok() && reader.bytes().is_err());
        for place in 0..saved.len() {
            let mut other = saved.clone();
            other[place] ^= 1;
            assert!(Reader::new(&other).is_err(), "byte {place}");
            assert!(Reader::new(&saved[..place]).is_err());
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_an_error() {
        let mut out = Writer::default();
        out.length(usize::MAX);
        let saved = out.finish();
        let mut reader = Reader::new(&saved).unwrap();
        assert!(reader.words().is_err() && reader.halves().is_err() && reader.bytes().is_err());
    }
}
