//! Bytes to pixels: sniffs the format, checks the limits before anything is decoded, turns the picture upright.

use std::fmt;
use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

/// An upright picture: RGB, 8 bits a channel, rows from top to bottom without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Image {
    /// Wraps RGB rows.
    ///
    /// # Panics
    /// When `pixels` does not hold exactly `3 * width * height` bytes.
    pub fn from_rgb8(width: u32, height: u32, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), 3 * width as usize * height as usize, "RGB rows of {width} x {height}");
        Self { width, height, pixels }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The rows, three bytes (red, green, blue) a pixel.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixel at column `x` and row `y`, each pulled into the picture if it lies outside.
    pub(crate) fn clamped(&self, x: i64, y: i64) -> [u8; 3] {
        let x = x.clamp(0, i64::from(self.width) - 1) as usize;
        let y = y.clamp(0, i64::from(self.height) - 1) as usize;
        let at = 3 * (y * self.width as usize + x);
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }
}

impl fmt::Debug for Image {
    /// Pictures of people never reach a log: only the size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} x {})", self.width, self.height)
    }
}

/// What is refused before a pixel is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest encoded picture, in bytes.
    pub max_bytes: usize,
    /// Most pixels (width x height).
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 16 MiB and 50 megapixels, a step above the 10 MB and 40 megapixels that the API promises to accept.
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_pixels: 50_000_000 }
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
    /// The first bytes belong to no supported format.
    #[error("not an image: send JPEG, PNG, WebP, BMP, GIF or TIFF")]
    Unrecognised,
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
    /// The file ends before its picture does.
    #[error("the image is cut off: it ends before its last row")]
    Truncated,
    /// The format is known, the content is not valid, or uses a feature that is not supported.
    #[error("the image cannot be decoded: {0}")]
    Corrupt(String),
}

/// Decodes pictures into buffers that it keeps for reuse: touching fresh pages costs a 12-megapixel JPEG 23 ms of 61.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    spare: Vec<u8>,
}

impl Decoder {
    /// A decoder without a buffer yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, spare: Vec::new() }
    }

    /// Takes back the buffer of a picture that is no longer needed.
    pub fn recycle(&mut self, image: Image) {
        if image.pixels.capacity() > self.spare.capacity() {
            self.spare = image.pixels;
        }
    }

    /// Decodes a JPEG, PNG, WebP, BMP, GIF (first frame) or TIFF, told apart by content; turned upright by its EXIF
    /// orientation; transparent parts become white.
    ///
    /// # Errors
    /// See [`DecodeError`]; the limits are checked before pixels are decoded.
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
            _ => Err(DecodeError::Unrecognised),
        }
    }

    fn check_pixels(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        let limit = self.limits.max_pixels;
        if u64::from(width) * u64::from(height) > limit {
            return Err(DecodeError::TooManyPixels { width, height, limit });
        }
        Ok(())
    }

    /// zune-jpeg with a kept buffer takes half the time of the image crate's route to the same decoder.
    fn decode_jpeg(&mut self, bytes: &[u8]) -> Result<Image, DecodeError> {
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_max_width(usize::from(u16::MAX))
            .set_max_height(usize::from(u16::MAX));
        let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
        decoder.decode_headers().map_err(jpeg_error)?;
        let (width, height) = decoder.info().map_or((0, 0), |info| (u32::from(info.width), u32::from(info.height)));
        self.check_pixels(width, height)?;
        if !ends_with_picture(bytes) {
            return Err(DecodeError::Truncated);
        }
        let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
        let mut pixels = std::mem::take(&mut self.spare);
        pixels.resize(3 * width as usize * height as usize, 0);
        if let Err(error) = decoder.decode_into(&mut pixels) {
            self.spare = pixels;
            return Err(jpeg_error(error));
        }
        match orientation {
            None | Some(Orientation::NoTransforms) => Ok(Image::from_rgb8(width, height, pixels)),
            Some(turn) => {
                let rgb = RgbImage::from_raw(width, height, pixels)
                    .ok_or_else(|| DecodeError::Corrupt("rows do not match the header".into()))?;
                Ok(upright(DynamicImage::ImageRgb8(rgb), turn))
            }
        }
    }

    fn decode_other(&self, bytes: &[u8], format: ImageFormat) -> Result<Image, DecodeError> {
        let mut decoder =
            ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(|e| image_error(&e))?;
        let (width, height) = decoder.dimensions();
        self.check_pixels(width, height)?;
        let mut limits = image::Limits::default();
        // The widest supported pixel has 16 bytes (RGBA, 32-bit float); decoders keep a second copy at most.
        limits.max_alloc = Some(2 * 16 * self.limits.max_pixels);
        decoder.set_limits(limits).map_err(|e| image_error(&e))?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let picture = DynamicImage::from_decoder(decoder).map_err(|e| image_error(&e))?;
        Ok(upright(on_white(picture), orientation))
    }
}

/// Blends a transparent picture over white, the ground that most viewers show; others pass unchanged.
fn on_white(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let rgba = picture.into_rgba8();
    let (width, height) = rgba.dimensions();
    let pixels = rgba.pixels().flat_map(|pixel| {
        let [red, green, blue, alpha] = pixel.0.map(u16::from);
        [red, green, blue].map(|c| ((c * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    });
    RgbImage::from_raw(width, height, pixels.collect()).map(DynamicImage::ImageRgb8).unwrap_or_default()
}

fn upright(mut picture: DynamicImage, orientation: Orientation) -> Image {
    picture.apply_orientation(orientation);
    let rgb = picture.into_rgb8();
    Image::from_rgb8(rgb.width(), rgb.height(), rgb.into_raw())
}

/// Whether an end-of-image marker follows the first scan: decoders fill the missing rows of a cut JPEG with grey and
/// report no error. Thumbnails with markers of their own lie in segments before the scan, which are stepped over.
fn ends_with_picture(jpeg: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = jpeg.get(at..at + 4) {
        if marker == START_OF_SCAN {
            return jpeg[at..].windows(2).rev().any(|pair| pair == [0xFF, 0xD9]);
        }
        // A fill byte may precede a marker; any other marker before the scan carries its length.
        at += if marker == 0xFF { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    false
}

fn jpeg_error(error: DecodeErrors) -> DecodeError {
    match error {
        DecodeErrors::ExhaustedData => DecodeError::Truncated,
        other => DecodeError::Corrupt(format!("{other:?}")),
    }
}

fn image_error(error: &ImageError) -> DecodeError {
    match error {
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => DecodeError::Truncated,
        other => DecodeError::Corrupt(other.to_string()),
    }
}
