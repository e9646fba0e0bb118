//! PNG row by row, and the formats that the image crate decodes at once.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView as _, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::DecodeError;

/// An RGB picture that is not upright yet.
pub(super) struct Raw {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rows: Vec<u8>,
    pub(super) orientation: Orientation,
}

/// A picture whose header has been read.
pub(super) enum Opened<'a> {
    /// A PNG that is not interlaced. No more than a row is kept beside the result.
    Png(Box<png::Reader<Cursor<&'a [u8]>>>),
    /// Any other.
    Whole(Box<dyn ImageDecoder + 'a>),
}

impl<'a> Opened<'a> {
    /// Reads the header of a picture in a known format.
    pub(super) fn new(bytes: &'a [u8], format: ImageFormat) -> Result<Self, DecodeError> {
        if format == ImageFormat::Png {
            let mut decoder = png::Decoder::new(Cursor::new(bytes));
            decoder.set_transformations(png::Transformations::normalize_to_color8());
            decoder.set_ignore_text_chunk(true);
            let reader = decoder.read_info().map_err(png_error)?;
            if !reader.info().interlaced {
                return Ok(Self::Png(Box::new(reader)));
            }
        }
        let reader = ImageReader::with_format(Cursor::new(bytes), format);
        Ok(Self::Whole(Box::new(reader.into_decoder().map_err(|error| image_error(&error))?)))
    }

    /// Width and height in pixels, before the picture is turned upright.
    pub(super) fn size(&self) -> (u32, u32) {
        match self {
            Self::Png(reader) => reader.info().size(),
            Self::Whole(decoder) => decoder.dimensions(),
        }
    }

    /// The most bytes that decoding takes beside the result.
    pub(super) fn scratch_bytes(&self) -> u64 {
        match self {
            Self::Png(reader) => 8 * u64::from(reader.info().width),
            // The picture as it is coded, as much again within the decoder, and a canvas of RGBA where frames need one.
            Self::Whole(decoder) => {
                let (width, height) = decoder.dimensions();
                2 * decoder.total_bytes() + 4 * u64::from(width) * u64::from(height)
            }
        }
    }

    /// Decodes into `rows`, a buffer that is emptied first; transparent parts become white.
    pub(super) fn decode(self, mut rows: Vec<u8>) -> Result<Raw, DecodeError> {
        rows.clear();
        let ((width, height), scratch) = (self.size(), self.scratch_bytes());
        match self {
            Self::Png(mut reader) => {
                rows.reserve_exact(3 * width as usize * height as usize);
                png_rows(&mut reader, &mut rows)?;
                let exif = reader.info().exif_metadata.as_ref();
                let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(exif));
                Ok(Raw { width, height, rows, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
            }
            Self::Whole(mut decoder) => {
                drop(rows);
                let mut limits = image::Limits::default();
                limits.max_alloc = Some(scratch);
                decoder.set_limits(limits).map_err(|error| image_error(&error))?;
                let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
                let picture = DynamicImage::from_decoder(decoder).map_err(|error| image_error(&error))?;
                Ok(Raw { width, height, rows: on_white(picture), orientation })
            }
        }
    }
}

fn png_rows(reader: &mut png::Reader<Cursor<&[u8]>>, rows: &mut Vec<u8>) -> Result<(), DecodeError> {
    let colour = reader.output_color_type().0;
    while let Some(row) = reader.next_row().map_err(png_error)? {
        let row = row.data();
        match colour {
            png::ColorType::Rgb => rows.extend_from_slice(row),
            png::ColorType::Rgba => rows.extend(row.as_chunks().0.iter().flat_map(|&pixel| blend(pixel))),
            png::ColorType::GrayscaleAlpha => {
                rows.extend(row.as_chunks().0.iter().flat_map(|&[grey, alpha]| blend([grey, grey, grey, alpha])));
            }
            // Palettes are expanded.
            png::ColorType::Grayscale | png::ColorType::Indexed => rows.extend(row.iter().flat_map(|&grey| [grey; 3])),
        }
    }
    let (width, height) = reader.info().size();
    if rows.len() != 3 * width as usize * height as usize {
        return Err(DecodeError::Corrupt("rows do not match the header".into()));
    }
    reader.finish().map_err(png_error)
}

/// A pixel over white, the ground that most viewers show.
fn blend([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let alpha = u16::from(alpha);
    [red, green, blue].map(|c| ((u16::from(c) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

/// The rows of a picture in RGB, over white where it is transparent. The usual kinds are converted in place.
fn on_white(picture: DynamicImage) -> Vec<u8> {
    match picture {
        DynamicImage::ImageRgb8(rgb) => rgb.into_raw(),
        DynamicImage::ImageRgba8(rgba) => {
            let mut bytes = rgba.into_raw();
            let pixels = bytes.len() / 4;
            for i in 0..pixels {
                let rgb = blend([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]);
                bytes[3 * i..3 * i + 3].copy_from_slice(&rgb);
            }
            bytes.truncate(3 * pixels);
            bytes.shrink_to_fit();
            bytes
        }
        picture if picture.color().has_alpha() => {
            let (width, height) = picture.dimensions();
            let mut rows = Vec::with_capacity(3 * width as usize * height as usize);
            rows.extend(picture.pixels().flat_map(|(_, _, pixel)| blend(pixel.0)));
            rows
        }
        picture => picture.into_rgb8().into_raw(),
    }
}

fn png_error(error: png::DecodingError) -> DecodeError {
    match error {
        png::DecodingError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => DecodeError::Truncated,
        other => DecodeError::Corrupt(other.to_string()),
    }
}

fn image_error(error: &ImageError) -> DecodeError {
    match error {
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => DecodeError::Truncated,
        other => DecodeError::Corrupt(other.to_string()),
    }
}
