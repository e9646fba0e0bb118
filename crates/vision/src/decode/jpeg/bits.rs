//! Bits of coded data, and the Huffman codes in them.

use super::Fault;

/// Reads bits from stuffed data.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next bits, in the upper part.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, buffer: 0, count: 0 }
    }

    fn fill(&mut self) {
        if let Some(bytes) = self.data.first_chunk()
            && !bytes.contains(&0xFF)
        {
            let fitting = (64 - self.count) / 8;
            let upper = u64::MAX << (64 - 8 * fitting);
            self.buffer |= (u64::from_be_bytes(*bytes) & upper) >> self.count;
            self.count += 8 * fitting;
            self.data = &self.data[fitting as usize..];
            return;
        }
        while self.count <= 56
            && let Some((&byte, mut rest)) = self.data.split_first()
        {
            if byte == 0xFF {
                // The stuffed zero, and fill bytes that some files have before it.
                let end = rest.iter().position(|&next| next != 0xFF).map_or(rest.len(), |zero| zero + 1);
                rest = &rest[end..];
            }
            self.data = rest;
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `count` bits, at most 16.
    ///
    /// # Errors
    /// [`Fault::Short`] when fewer are left.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Fault> {
        if self.count < count {
            self.fill();
        }
        if self.count < count {
            return Err(Fault::Short);
        }
        let bits = (self.buffer >> 32) as u32 >> (32 - count.max(1)) >> u32::from(count == 0);
        self.drop(count);
        Ok(bits)
    }

    fn drop(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// Passes over `count` bits, at most 64.
    ///
    /// # Errors
    /// [`Fault::Short`] when fewer are left.
    pub(super) fn skip(&mut self, count: u32) -> Result<(), Fault> {
        for _ in 0..count / 16 {
            self.take(16)?;
        }
        self.take(count % 16).map(drop)
    }

    /// The next symbol, with its code and the length of that.
    ///
    /// # Errors
    /// [`Fault::Short`] when the data end within the code, [`Fault::Invalid`] when no symbol has such a code.
    pub(super) fn symbol(&mut self, codes: &Codes) -> Result<Symbol, Fault> {
        if self.count < 16 {
            self.fill();
        }
        let code = (self.buffer >> 48) as u16;
        let (length, value) = codes.0[usize::from(code)];
        let length = u32::from(length);
        if length > self.count || (length == 0 && self.count < 16) {
            return Err(Fault::Short);
        }
        if length == 0 {
            return Err(Fault::Invalid("its data have a code that is in no table"));
        }
        self.drop(length);
        Ok(Symbol { value, code: u32::from(code) >> (16 - length), length })
    }
}

/// A decoded symbol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    pub(super) value: u8,
    pub(super) code: u32,
    pub(super) length: u32,
}

impl Symbol {
    /// The upper four bits: zeros before a coefficient, or the kind of the end of a band.
    pub(super) fn run(self) -> usize {
        usize::from(self.value >> 4)
    }

    /// The lower four bits: how many bits of a coefficient follow.
    pub(super) fn size(self) -> u32 {
        u32::from(self.value & 15)
    }
}

/// The symbol of each 16 bits, with the length of its code; length 0 is none.
pub(super) struct Codes(Vec<(u8, u8)>);

impl Codes {
    /// Assigns the codes (T.81, annex C) of a table of 16 counts and the symbols.
    ///
    /// # Errors
    /// [`Fault::Invalid`] when there is no table, or its codes do not fit.
    pub(super) fn new(table: Option<&[u8]>) -> Result<Self, Fault> {
        let (counts, symbols) =
            table.and_then(|table| table.split_at_checked(16)).ok_or(Fault::Invalid("a Huffman table is missing"))?;
        let mut codes = vec![(0, 0); 1 << 16];
        let (mut next, mut symbols) = (0, symbols.iter());
        for (length, &count) in (1u8..).zip(counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                let end = next + (1 << (16 - length));
                // No code is all ones, so the last place stays free.
                let places = codes.get_mut(next..end).filter(|_| end < 1 << 16);
                places.ok_or(Fault::Invalid("a Huffman table is malformed"))?.fill((length, symbol));
                next = end;
            }
        }
        Ok(Self(codes))
    }
}

/// Writes bits as stuffed data.
#[derive(Default)]
pub(super) struct BitWriter {
    pub(super) data: Vec<u8>,
    buffer: u64,
    count: u32,
}

impl BitWriter {
    /// Appends the lower `count` bits, at most 16.
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(bits);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.buffer >> self.count) as u8;
            self.data.push(byte);
            if byte == 0xFF {
                self.data.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    pub(super) fn finish(&mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.put((1 << missing) - 1, missing);
        (self.buffer, self.count) = (0, 0);
    }
}
