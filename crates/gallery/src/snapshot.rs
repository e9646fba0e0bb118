//! A gallery in a file, so that a restart need not read every embedding from the database.
//!
//! The file is little-endian: the magic, the format version and a header, then the sections, each followed by its
//! CRC-32. The header holds a stamp of the caller, such as the version of the collection and the model. A file with
//! another stamp is stale. Whatever is wrong with a file, the gallery can be built again from its rows.

use std::hash::Hash;
use std::io::{self, Read, Write};

use bytemuck::Pod;
use thiserror::Error;

use crate::approximate::{AXES, Sketcher, Sketches};
use crate::distance::{BLOCK_BYTES, BLOCK_ROWS};
use crate::gallery::Gallery;
use crate::members::Members;
use crate::rows::Rows;

const MAGIC: [u8; 8] = *b"VULTUSGA";
/// Grows with every change of the format. Older files are not read, because a rebuild has the same result.
const VERSION: u64 = 1;
/// Longest stamp. So a damaged length is reported before anything is read.
const STAMP_MAX: u64 = 4_096;
/// Most components of an embedding. Those of face models have some hundreds.
const DIMENSION_MAX: u64 = 1 << 16;
/// How much of a section is read at a time.
const STEP_BYTES: usize = 256 << 10;
/// Most memory that is reserved for a section before it is read.
const RESERVED_BYTES: usize = 64 << 20;

const _: () = assert!(cfg!(target_endian = "little"), "sections are written as they lie in memory");

/// Why a snapshot was not loaded. In every case: rebuild the gallery and save it again.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file could not be read, or ends too early.
    #[error("the snapshot cannot be read ({0}); rebuild the gallery")]
    Io(#[from] io::Error),
    /// The file is not a snapshot.
    #[error("this is not a snapshot of a gallery; rebuild the gallery")]
    NotASnapshot,
    /// Another version of the program wrote it.
    #[error("the snapshot has format {found}, but this program reads format {VERSION}; rebuild the gallery")]
    Version {
        /// The format of the file.
        found: u64,
    },
    /// The snapshot belongs to another state of the collection or to another model.
    #[error("the snapshot belongs to another state of the collection; rebuild the gallery")]
    Stale,
    /// The contents differ from what was written.
    #[error("the snapshot is damaged in its {part}; rebuild the gallery")]
    Damaged {
        /// The damaged section.
        part: &'static str,
    },
}

/// Sizes of the sections, in the order in which they are written.
struct Header {
    dimension: u64,
    rows: u64,
    subjects: u64,
    subject_bytes: u64,
    arrived: u64,
    trained: u64,
    sketched: u64,
}

impl<S: Clone + Eq + Hash> Gallery<S> {
    /// Writes the gallery with a `stamp` of at most 4,096 bytes that [`Gallery::load`] will ask for; `encode` appends the
    /// bytes of a subject. Write to a new file and rename it, and use a buffered writer for small galleries.
    ///
    /// # Errors
    /// The errors of `out`.
    pub fn save(&self, out: &mut impl Write, stamp: &[u8], encode: impl Fn(&S, &mut Vec<u8>)) -> io::Result<()> {
        if stamp.len() as u64 > STAMP_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the stamp of a snapshot is too long"));
        }
        let subjects = lengths_and_bytes(&self.members.subjects, encode);
        let header = Header {
            dimension: self.dimension as u64,
            rows: self.len() as u64,
            subjects: self.subjects() as u64,
            subject_bytes: subjects.len() as u64,
            arrived: self.members.arrived,
            trained: self.trained as u64,
            sketched: u64::from(self.sketches.is_some()),
        };
        out.write_all(&MAGIC)?;
        write(out, &[VERSION, stamp.len() as u64])?;
        write(out, stamp)?;
        write(out, &header.words())?;
        write(out, &subjects)?;
        write(out, &self.members.arrivals)?;
        write(out, &self.members.keys)?;
        write(out, &self.members.owners)?;
        write(out, &self.rows.scales)?;
        write(out, &self.rows.coarse)?;
        write(out, &self.rows.fine)?;
        if let Some(Sketches { sketcher, blocks }) = &self.sketches {
            write(out, &[sketcher.shortlist])?;
            write(out, &sketcher.axes)?;
            write(out, &sketcher.steps)?;
            write(out, blocks)?;
        }
        out.flush()
    }

    /// Reads a gallery that was saved with the same `stamp`; `decode` makes a subject of the bytes that it was encoded
    /// to. A million embeddings of 512 dimensions take about a second from a file in memory.
    ///
    /// # Errors
    /// [`SnapshotError`] if a part of the file is missing, changed or stale.
    pub fn load(
        input: &mut impl Read,
        stamp: &[u8],
        decode: impl Fn(&[u8]) -> Option<S>,
    ) -> Result<Self, SnapshotError> {
        let header = Header::read(input, stamp)?;
        let [dimension, count] = [header.dimension, header.rows].map(|size| size as usize);
        let size = dimension.checked_mul(count).ok_or(damaged("header"))?;
        let subject_bytes: Vec<u8> = read(input, header.subject_bytes as usize, "subjects")?;
        let arrivals: Vec<u64> = read(input, header.subjects as usize, "arrivals")?;
        let keys: Vec<u128> = read(input, count, "keys")?;
        let owners: Vec<u32> = read(input, count, "owners")?;
        let scales: Vec<f32> = read(input, count, "scales")?;
        let (coarse, fine) = (read(input, size, "coarse rows")?, read(input, size, "fine rows")?);
        let sketches = if header.sketched == 1 { Some(read_sketches(input, dimension, count)?) } else { None };
        if input.read(&mut [0])? != 0 {
            return Err(damaged("end"));
        }
        let subjects = split(&subject_bytes, arrivals.len(), decode).ok_or(damaged("subjects"))?;
        let subjects = subjects.into_iter().zip(arrivals).collect();
        let rows = Rows::from_planes(dimension, coarse, fine, scales).ok_or(damaged("rows"))?;
        let members = Members::from_parts(subjects, keys, &owners, header.arrived).ok_or(damaged("owners"))?;
        Ok(Self::from_parts(dimension, rows, members, sketches, header.trained as usize))
    }
}

impl Header {
    fn words(&self) -> [u64; 7] {
        [self.dimension, self.rows, self.subjects, self.subject_bytes, self.arrived, self.trained, self.sketched]
    }

    /// Reads everything before the first section.
    fn read(input: &mut impl Read, stamp: &[u8]) -> Result<Self, SnapshotError> {
        let mut magic = [0; 8];
        input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(SnapshotError::NotASnapshot);
        }
        let start: Vec<u64> = read(input, 2, "header")?;
        if start[0] != VERSION {
            return Err(SnapshotError::Version { found: start[0] });
        }
        let found: Vec<u8> = read(input, start[1].min(STAMP_MAX) as usize, "stamp")?;
        if found != stamp {
            return Err(SnapshotError::Stale);
        }
        let words: Vec<u64> = read(input, 7, "header")?;
        let [dimension, rows, subjects, subject_bytes, arrived, trained, sketched] = words[..] else {
            return Err(damaged("header"));
        };
        if dimension > DIMENSION_MAX {
            return Err(damaged("header"));
        }
        Ok(Self { dimension, rows, subjects, subject_bytes, arrived, trained, sketched })
    }
}

fn read_sketches(input: &mut impl Read, dimension: usize, rows: usize) -> Result<Sketches, SnapshotError> {
    let axes = AXES.checked_mul(dimension).filter(|_| dimension >= AXES).ok_or(damaged("header"))?;
    let blocks = rows.div_ceil(BLOCK_ROWS).checked_mul(BLOCK_BYTES).ok_or(damaged("header"))?;
    let shortlist = read(input, 1, "index")?[0];
    let sketcher = Sketcher { axes: read(input, axes, "index")?, steps: read(input, AXES, "index")?, shortlist };
    if !sketcher.is_finite() {
        return Err(damaged("index"));
    }
    Ok(Sketches { sketcher, blocks: read(input, blocks, "sketches")? })
}

/// The subjects' bytes, each after its length.
fn lengths_and_bytes<S>(subjects: &[S], encode: impl Fn(&S, &mut Vec<u8>)) -> Vec<u8> {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for subject in subjects {
        one.clear();
        encode(subject, &mut one);
        all.extend_from_slice(&(one.len() as u32).to_le_bytes());
        all.extend_from_slice(&one);
    }
    all
}

/// Undoes [`lengths_and_bytes`]. `None` if the bytes do not hold exactly `count` subjects.
fn split<S>(mut bytes: &[u8], count: usize, decode: impl Fn(&[u8]) -> Option<S>) -> Option<Vec<S>> {
    let mut subjects = Vec::with_capacity(count);
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (subject, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        subjects.push(decode(subject)?);
        bytes = rest;
    }
    (bytes.is_empty() && subjects.len() == count).then_some(subjects)
}

fn write<T: Pod>(out: &mut impl Write, section: &[T]) -> io::Result<()> {
    let bytes: &[u8] = bytemuck::cast_slice(section);
    out.write_all(bytes)?;
    out.write_all(&crc32fast::hash(bytes).to_le_bytes())
}

/// Reads a section. Its memory grows with what was read, so that a wrong length does not matter.
fn read<T: Pod>(input: &mut impl Read, count: usize, part: &'static str) -> Result<Vec<T>, SnapshotError> {
    let mut section: Vec<T> = Vec::new();
    section.reserve_exact(count.min(RESERVED_BYTES / size_of::<T>()));
    while section.len() < count {
        let start = section.len();
        section.resize(count.min(start + STEP_BYTES / size_of::<T>()), T::zeroed());
        input.read_exact(bytemuck::cast_slice_mut(&mut section[start..]))?;
    }
    let mut sum = [0; 4];
    input.read_exact(&mut sum)?;
    let is_whole = crc32fast::hash(bytemuck::cast_slice(&section)) == u32::from_le_bytes(sum);
    // A fuzzer cannot guess checksums.
    if is_whole || cfg!(fuzzing) { Ok(section) } else { Err(damaged(part)) }
}

fn damaged(part: &'static str) -> SnapshotError {
    SnapshotError::Damaged { part }
}
