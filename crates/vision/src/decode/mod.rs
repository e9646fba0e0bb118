//! Bytes to pixels: tells formats apart, checks the limits before anything is decoded, turns the picture upright.
//!
//! A decoder keeps buffers from one picture to the next, and pictures of different people pass through it. Two things keep
//! them apart: a kept buffer is cleared before it is used, and a picture that is not wholly decoded is refused.

mod budget;
mod foreign;
mod jpeg;
mod other;

use std::sync::Arc;

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, RgbImage};

pub use self::budget::Budget;
pub(crate) use self::budget::Lease;
use self::other::Raw;
use crate::image::Image;

/// What is refused before a pixel is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest encoded picture, in bytes.
    pub max_bytes: usize,
    /// Most pixels (width x height).
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 32 MiB, three times the 10 MB that the API promises to accept, and 51 megapixels: room for the 8192 x 6144 pixels
    /// of phones.
    fn default() -> Self {
        Self { max_bytes: 32 << 20, max_pixels: 51_000_000 }
    }
}

/// Why bytes are not a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing was sent.
    #[error("the image is empty")]
    Empty,
    /// The encoded picture is longer than the limit.
    #[error("the image has {bytes} bytes, the limit is {limit}")]
    TooManyBytes {
        /// Length of what was sent.
        bytes: usize,
        /// [`Limits::max_bytes`].
        limit: usize,
    },
    /// The first bytes belong to no known format.
    #[error("not an image: send JPEG, PNG, WebP, BMP, GIF or TIFF")]
    Unrecognised,
    /// The first bytes belong to a known format that is not decoded.
    #[error("this is {format}, which is not supported: {advice}")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// What to send.
        advice: &'static str,
    },
    /// The header announces more pixels than the limit.
    #[error("the image has {width} x {height} pixels, the limit is {limit} in all")]
    TooManyPixels {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
        /// [`Limits::max_pixels`].
        limit: u64,
    },
    /// Decoding takes more memory than all pictures together may have.
    #[error(
        "decoding the image takes {bytes} bytes of memory, the limit is {limit}: send it smaller, or as JPEG that is not \
         progressive"
    )]
    NeedsTooMuchMemory {
        /// What it takes.
        bytes: u64,
        /// The whole [`Budget`].
        limit: u64,
    },
    /// Other pictures have the memory. The same picture may be decoded later.
    #[error("the memory for decoding images is in use: try again shortly")]
    NoMemory,
    /// The file ends before its picture does.
    #[error("the image is cut off: it ends before its last row")]
    Truncated,
    /// The format is known, the content is not valid, or uses a feature that is not supported.
    #[error("the image cannot be decoded: {0}")]
    Corrupt(String),
}

/// Longest buffer that a decoder keeps, in bytes: that of a picture of 16 megapixels.
const KEPT_BYTES: usize = 48 << 20;

/// Decodes pictures into buffers that it keeps for reuse: touching fresh pages costs a 12-megapixel JPEG 23 ms of 61.
///
/// For every input it gives exactly what a new decoder gives.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    budget: Arc<Budget>,
    rows: Vec<u8>,
    copy: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Decoder {
    /// A decoder with a budget of its own.
    pub fn new(limits: Limits) -> Self {
        Self::with_budget(limits, Arc::default())
    }

    /// A decoder that takes memory from a budget which others may use too.
    pub fn with_budget(limits: Limits, budget: Arc<Budget>) -> Self {
        Self { limits, budget, rows: Vec::new(), copy: Vec::new() }
    }

    /// What it refuses.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes back the buffer of a picture that is no longer needed.
    pub fn recycle(&mut self, image: Image) {
        self.keep(image.into_pixels());
    }

    /// Decodes a JPEG, PNG, WebP, BMP, GIF (first frame) or TIFF, told apart by content; turned upright by its EXIF
    /// orientation; transparent parts become white.
    ///
    /// # Errors
    /// See [`DecodeError`]; the limits are checked, and memory is taken from the budget, before pixels are decoded.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Image, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Empty);
        }
        if bytes.len() > self.limits.max_bytes {
            return Err(DecodeError::TooManyBytes { bytes: bytes.len(), limit: self.limits.max_bytes });
        }
        match image::guess_format(bytes) {
            Ok(ImageFormat::Jpeg) => self.decode_jpeg(bytes),
            Ok(format) if format.reading_enabled() => self.decode_other(bytes, format),
            _ => Err(foreign::name(bytes)),
        }
    }

    fn decode_jpeg(&mut self, bytes: &[u8]) -> Result<Image, DecodeError> {
        let opened = jpeg::Opened::new(bytes)?;
        let orientation = opened.exif().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
        let (width, height) = opened.size();
        let lease = self.admit((width, height), opened.scratch_bytes())?;
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        rows.resize(3 * width as usize * height as usize, 0);
        if let Err(error) = opened.decode_into(&mut rows, &mut self.copy) {
            self.keep(rows);
            return Err(error);
        }
        Ok(upright(Raw { width, height, rows, orientation }, lease))
    }

    fn decode_other(&mut self, bytes: &[u8], format: ImageFormat) -> Result<Image, DecodeError> {
        let opened = other::Opened::new(bytes, format)?;
        let lease = self.admit(opened.size(), opened.scratch_bytes())?;
        let rows = std::mem::take(&mut self.rows);
        let raw = opened.decode(rows)?;
        Ok(upright(raw, lease))
    }

    /// Checks the number of pixels, and takes the memory for the rows and `scratch` bytes beside them.
    fn admit(&self, (width, height): (u32, u32), scratch: u64) -> Result<Lease, DecodeError> {
        let (pixels, limit) = (u64::from(width) * u64::from(height), self.limits.max_pixels);
        if pixels > limit {
            return Err(DecodeError::TooManyPixels { width, height, limit });
        }
        // To be turned upright, a picture is copied once its scratch space is free.
        self.budget.take(3 * pixels + scratch.max(3 * pixels))
    }

    fn keep(&mut self, rows: Vec<u8>) {
        if (self.rows.capacity()..=KEPT_BYTES).contains(&rows.capacity()) {
            self.rows = rows;
        }
        if self.copy.capacity() > KEPT_BYTES {
            self.copy = Vec::new();
        }
    }
}

/// Turns a picture upright. It holds the memory of its rows from now on.
fn upright(raw: Raw, mut lease: Lease) -> Image {
    let Raw { width, height, rows, orientation } = raw;
    let bytes = rows.len() as u64;
    let (width, height, rows) = match orientation {
        Orientation::NoTransforms => (width, height, rows),
        turn => {
            let rgb = RgbImage::from_raw(width, height, rows).expect("rows of this size");
            let mut picture = DynamicImage::ImageRgb8(rgb);
            picture.apply_orientation(turn);
            let rgb = picture.into_rgb8();
            (rgb.width(), rgb.height(), rgb.into_raw())
        }
    };
    lease.shrink(bytes);
    Image::leased(width, height, rows, lease)
}
