//! Sealed files of any length, written and read a chunk at a time.
//!
//! ```text
//! file    2 | id of the data key, 4 bytes | nonce prefix, 19 bytes | chunks
//! chunk   ciphertext of 64 KiB, of the last one up to 64 KiB | tag, 16 bytes
//! ```
//!
//! This is the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár 2015): the nonce of a chunk is the prefix, the
//! number of the chunk and whether it is the last, so that chunks can be neither moved, left out nor cut off.

use std::io::{self, Read, Write};

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::AeadInOut as _;

use super::{DataKey, Label, Refusal, TAG_BYTES};
use crate::keyring::KEY_ID_BYTES;
use crate::random::random_bytes;

const VERSION: u8 = 2;
const PREFIX_BYTES: usize = 19;
const CHUNK_BYTES: usize = 64 << 10;
const FULL_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// The nonces of a file, one after the other.
struct Nonces {
    prefix: [u8; PREFIX_BYTES],
    next: u32,
}

impl Nonces {
    fn next(&mut self, is_last: bool) -> io::Result<XNonce> {
        let mut nonce = [0; 24];
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..23].copy_from_slice(&self.next.to_be_bytes());
        nonce[23] = is_last.into();
        // 256 TiB.
        self.next = self.next.checked_add(1).ok_or_else(|| io::Error::other("a file is too long to be sealed"))?;
        Ok(nonce.into())
    }
}

/// Seals what is written to it. Only [`Sealer::finish`] makes a whole file.
pub struct Sealer<'k, W> {
    key: &'k DataKey,
    label: Vec<u8>,
    nonces: Nonces,
    chunk: Vec<u8>,
    out: W,
}

impl<'k, W: Write> Sealer<'k, W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`, and when the system gives no random bytes.
    pub fn new(key: &'k DataKey, label: &Label<'_>, mut out: W) -> io::Result<Self> {
        let prefix = random_bytes().map_err(io::Error::other)?;
        out.write_all(&[VERSION])?;
        out.write_all(&key.id)?;
        out.write_all(&prefix)?;
        let chunk = Vec::with_capacity(FULL_BYTES);
        Ok(Self { key, label: label.bytes(), nonces: Nonces { prefix, next: 0 }, chunk, out })
    }

    /// Writes the last chunk, and gives back what the file was written to.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_chunk(true)?;
        Ok(self.out)
    }

    fn write_chunk(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.nonces.next(is_last)?;
        let sealed = self.key.cipher.encrypt_in_place(&nonce, &self.label, &mut self.chunk);
        sealed.map_err(|_| io::Error::other("a chunk cannot be sealed"))?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for what follows: it may be the last one.
        if self.chunk.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.write_chunk(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Does not write the chunk that is being filled.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens a file that a [`Sealer`] wrote while it is read. What was changed, moved or cut off is an error of the kind
/// [`io::ErrorKind::InvalidData`] with a [`Refusal`] in it; what was read before is good, but not all.
pub struct Opener<'k, R> {
    key: &'k DataKey,
    label: Vec<u8>,
    nonces: Nonces,
    input: R,
    /// The chunk after the one that is read, still sealed; nothing after the last.
    ahead: Vec<u8>,
    chunk: Vec<u8>,
    read: usize,
}

impl<'k, R: Read> Opener<'k, R> {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// Those of `input`, and [`Refusal`] in an [`io::Error`].
    pub fn new(key: &'k DataKey, label: &Label<'_>, mut input: R) -> io::Result<Self> {
        let mut header = [0; 1 + KEY_ID_BYTES + PREFIX_BYTES];
        input.read_exact(&mut header)?;
        let mut prefix = [0; PREFIX_BYTES];
        prefix.copy_from_slice(&header[1 + KEY_ID_BYTES..]);
        if header[0] != VERSION {
            return Err(refused(Refusal::Form));
        }
        if header[1..=KEY_ID_BYTES] != key.id {
            return Err(refused(Refusal::Key));
        }
        let nonces = Nonces { prefix, next: 0 };
        let mut opener =
            Self { key, label: label.bytes(), nonces, input, ahead: Vec::new(), chunk: Vec::new(), read: 0 };
        opener.read_ahead()?;
        opener.open_chunk()?;
        Ok(opener)
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        self.ahead.clear();
        self.input.by_ref().take(FULL_BYTES as u64).read_to_end(&mut self.ahead)?;
        Ok(())
    }

    /// Opens the chunk ahead and reads the one after it: it is the last one when none follows.
    fn open_chunk(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.chunk, &mut self.ahead);
        self.read_ahead()?;
        let nonce = self.nonces.next(self.ahead.is_empty())?;
        let opened = self.key.cipher.decrypt_in_place(&nonce, &self.label, &mut self.chunk);
        self.read = 0;
        if opened.is_err() {
            // Who reads on after the error gets nothing.
            self.chunk.clear();
            self.ahead.clear();
        }
        opened.map_err(|_| refused(Refusal::Content))
    }
}

impl<R: Read> Read for Opener<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.read == self.chunk.len() && !self.ahead.is_empty() {
            self.open_chunk()?;
        }
        let left = &self.chunk[self.read..];
        let given = left.len().min(out.len());
        out[..given].copy_from_slice(&left[..given]);
        self.read += given;
        Ok(given)
    }
}

fn refused(refusal: Refusal) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, refusal)
}
