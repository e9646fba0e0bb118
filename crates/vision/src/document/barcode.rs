//! Two-dimensional barcodes on photos: PDF417 on the backs of licences, and QR codes.
//!
//! The decoder needs a symbol that is nearly upright, large enough and binarised well. So it gets several forms of a
//! picture, the most promising first. The tilt is measured from the edges of the picture, not searched. A limit on the
//! pixels bounds the work, so a picture without a symbol costs a known time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rxing::helpers::detect_in_luma_with_hints;
use rxing::{BarcodeFormat, DecodeHints};

use super::grey::Grey;
use crate::image::Image;

/// A kind of barcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbology {
    /// ISO/IEC 15438.
    Pdf417,
    /// ISO/IEC 18004.
    QrCode,
}

/// Pixels to look at before giving up a picture, over all its forms: about a second.
const MAX_PIXELS: usize = 60_000_000;

/// A form of the picture is never larger than this; a 12-megapixel photo of a whole card still has 3 pixels a module.
const MAX_FORM_PIXELS: usize = 6_000_000;

/// Scales in the order in which photos need them, as factors of the picture.
const SCALES: [f32; 5] = [1.0, 2.0, 1.5, 0.5, 3.0];

/// Reads the text of the first symbol of this kind. `None` if there is no symbol that can be read.
pub fn read(image: &Image, symbology: Symbology) -> Option<String> {
    let grey = Grey::of(image);
    let grey = grey.shrunk((grey.pixels.len() as f32 / MAX_FORM_PIXELS as f32).sqrt().ceil() as usize);
    let tilt = grey.tilt();
    let mut left = MAX_PIXELS;
    for scale in SCALES {
        // A tilt under a degree is noise of the measurement; the last turns are for strong perspective.
        let turns: &[f32] = if tilt.abs() < 1.0 { &[0.0, 3.0, -3.0] } else { &[tilt, 0.0, tilt + 3.0, tilt - 3.0] };
        for &turn in turns {
            let pixels = (grey.pixels.len() as f32 * scale * scale) as usize;
            if !(400..=MAX_FORM_PIXELS).contains(&pixels) {
                continue;
            }
            left = left.checked_sub(pixels)?;
            let untouched = turn.abs() < f32::EPSILON && (scale - 1.0).abs() < f32::EPSILON;
            let form = if untouched { grey.clone() } else { grey.turned(turn, scale) };
            // The decoder's own threshold follows the neighbourhood, which suits uneven light; blur and noise are
            // better off with one threshold for all.
            let local = decode(form.pixels.clone(), &form, symbology);
            if let Some(text) = local.or_else(|| decode(form.black_and_white(), &form, symbology)) {
                return Some(text);
            }
        }
    }
    None
}

/// One try. The decoder is a port with many index computations, and its input may be hostile. A panic in it means that
/// there is nothing to read.
fn decode(pixels: Vec<u8>, form: &Grey, symbology: Symbology) -> Option<String> {
    let format = match symbology {
        Symbology::Pdf417 => BarcodeFormat::PDF_417,
        Symbology::QrCode => BarcodeFormat::QR_CODE,
    };
    let mut hints = DecodeHints { TryHarder: Some(true), ..DecodeHints::default() };
    let attempt =
        || detect_in_luma_with_hints(pixels, form.width as u32, form.height as u32, Some(format), &mut hints).ok();
    let result = catch_unwind(AssertUnwindSafe(attempt)).ok().flatten()?;
    Some(result.getText().to_owned())
}
