//! Two-dimensional barcodes on photos: PDF417 on the backs of licences, and QR codes.
//!
//! The decoder wants a symbol that is nearly upright and large enough, and binarised well, so a picture is tried in
//! several forms, likeliest first. The tilt is measured from the edges of the picture, not searched. The work is bounded
//! by the number of pixels looked at, so a picture without a symbol costs a known time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rxing::common::{GlobalHistogramBinarizer, HybridBinarizer};
use rxing::pdf417::PDF417Reader;
use rxing::qrcode::QRCodeReader;
use rxing::{Binarizer, BinaryBitmap, DecodeHints, Luma8Source, Reader};

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

/// How a symbol is binarised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threshold {
    /// A threshold for each neighbourhood: uneven light.
    Local,
    /// One threshold for each row or picture: blur and noise.
    Global,
}

/// Pixels looked at before a picture is given up, over all forms of it: about a second.
const MAX_PIXELS: usize = 60_000_000;

/// A form of the picture is never larger than this; a 12-megapixel photo of a whole card still has 3 pixels a module.
const MAX_FORM_PIXELS: usize = 6_000_000;

/// Scales in the order in which photos need them, as factors of the picture.
const SCALES: [f32; 5] = [1.0, 2.0, 1.5, 0.5, 3.0];

/// Reads the text of the first symbol of this kind; `None` when there is none, or none that can be read.
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
            if pixels > MAX_FORM_PIXELS || pixels < 400 {
                continue;
            }
            left = left.checked_sub(pixels)?;
            let form = if turn == 0.0 && scale == 1.0 { grey.clone() } else { grey.turned(turn, scale) };
            let read = |threshold| decode(&form, symbology, threshold);
            if let Some(text) = read(Threshold::Local).or_else(|| read(Threshold::Global)) {
                return Some(text);
            }
        }
    }
    None
}

/// One try. The decoder is a port with many index computations, and what it gets is hostile: a panic in it means that
/// there is nothing to read.
fn decode(form: &Grey, symbology: Symbology, threshold: Threshold) -> Option<String> {
    let attempt = || {
        let source = Luma8Source::new(form.pixels.clone(), form.width as u32, form.height as u32).ok()?;
        match threshold {
            Threshold::Local => text_in(HybridBinarizer::new(source), symbology),
            Threshold::Global => text_in(GlobalHistogramBinarizer::new(source), symbology),
        }
    };
    catch_unwind(AssertUnwindSafe(attempt)).ok().flatten()
}

fn text_in<B: Binarizer>(binarizer: B, symbology: Symbology) -> Option<String> {
    let mut bitmap = BinaryBitmap::new(binarizer);
    let hints = DecodeHints { TryHarder: Some(true), ..DecodeHints::default() };
    let result = match symbology {
        Symbology::Pdf417 => PDF417Reader::new().decode_with_hints(&mut bitmap, &hints),
        Symbology::QrCode => QRCodeReader::new().decode_with_hints(&mut bitmap, &hints),
    };
    result.ok().map(|result| result.getText().to_owned())
}
