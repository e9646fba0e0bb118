//! How good the photo of a document is: facts, each with a reason that the photographer can act on.

use super::checks::Verdict;
use super::fields::DocumentType;
use super::grey::Grey;
use super::reader::Document;
use crate::geometry::{Point, Rect};
use crate::image::Image;
use crate::resample::Resampler;

/// One fact about a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The measured value. `None` if it could not be measured.
    pub value: Option<f32>,
    /// Whether the value is good enough.
    pub verdict: Verdict,
    /// A sentence for the photographer.
    pub reason: String,
}

/// All facts about the picture of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Longer side of the document in pixels.
    pub resolution: Fact,
    /// Blur from 0 (sharp) to 1 (nothing but blur).
    pub blur: Fact,
    /// Part of the document that is burnt out, 0 to 1.
    pub glare: Fact,
    /// Part of the picture that the document covers, 0 to 1.
    pub coverage: Fact,
}

/// Part of the picture that a document should cover, as the API's documentation recommends.
const MIN_COVERAGE: f32 = 0.8;

/// Blur from which on small print is lost. On the drawn card of the tests, 0.3 as drawn and 0.6 after a Gaussian blur of
/// 3 pixels at 1000 pixels width.
const MAX_BLUR: f32 = 0.5;

/// Burnt out part from which on a field is likely lost: a finger's breadth of a card.
const MAX_GLARE: f32 = 0.02;

/// Least longer side in pixels that the API's documentation recommends for each type.
fn min_side(document_type: Option<DocumentType>) -> f32 {
    match document_type {
        Some(DocumentType::InsuranceCard) => 1500.0,
        Some(DocumentType::Passport | DocumentType::Visa) => 1478.0,
        Some(DocumentType::DrivingLicence | DocumentType::IdentityCard) | None => 1250.0,
    }
}

/// Measures the picture that `document` was read from.
pub fn facts(picture: &Image, document: &Document, document_type: Option<DocumentType>) -> Facts {
    let small = shrunk(&document.image);
    Facts {
        resolution: resolution(&document.image, min_side(document_type)),
        blur: blur(&Grey::of(&small)),
        glare: glare(&small),
        coverage: coverage(picture, document.corners.as_ref()),
    }
}

fn decided(value: f32, enough: bool, good: &str, bad: String) -> Fact {
    let (verdict, reason) = if enough { (Verdict::Pass, good.to_owned()) } else { (Verdict::Fail, bad) };
    Fact { value: Some(value), verdict, reason }
}

fn resolution(document: &Image, least: f32) -> Fact {
    let side = document.width().max(document.height()) as f32;
    let bad =
        format!("The document is {side} pixels wide, {least} are needed: go nearer, or use a camera with more pixels.");
    decided(side, side >= least, "The document is large enough.", bad)
}

fn coverage(picture: &Image, corners: Option<&[Point; 4]>) -> Fact {
    let Some(corners) = corners else {
        let reason = "The edges of the document were not found: lay it on a plain, darker ground, all corners visible.";
        return Fact { value: None, verdict: Verdict::NotApplicable, reason: reason.into() };
    };
    let part = super::find::area(corners) / (picture.width() as f32 * picture.height() as f32);
    let bad = format!(
        "The document covers {:.0} % of the picture, {:.0} % are needed: go nearer.",
        100.0 * part,
        100.0 * MIN_COVERAGE
    );
    decided(part, part >= MIN_COVERAGE, "The document covers enough of the picture.", bad)
}

/// A copy of at most 1000 pixels: facts do not depend on the camera.
fn shrunk(document: &Image) -> Image {
    const SIDE: f32 = 1000.0;
    let (width, height) = (document.width() as f32, document.height() as f32);
    let scale = (SIDE / width.max(height)).min(1.0);
    let size = |length: f32| ((length * scale).round() as u32).max(1);
    Resampler::default().cut(document, &Rect::new(0.0, 0.0, width, height), size(width), size(height))
}

/// Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric", 2007: a
/// sharp picture loses much of the difference between neighbours when it is blurred again, a blurred one little.
fn blur(grey: &Grey) -> Fact {
    let value = blur_along(grey, 1, 0).max(blur_along(grey, 0, 1));
    let bad = "The picture is blurred: hold the camera still, tap the document to focus, and use more light.";
    decided(value, value <= MAX_BLUR, "The picture is sharp.", bad.into())
}

fn blur_along(grey: &Grey, dx: usize, dy: usize) -> f32 {
    const REACH: usize = 4;
    let (width, height) = (grey.width, grey.height);
    if width <= 2 * REACH + 2 || height <= 2 * REACH + 2 {
        return 1.0;
    }
    let at = |x: usize, y: usize| f32::from(grey.pixels[y * width + x]);
    let mean = |x: usize, y: usize| {
        let sum: f32 = (0..=2 * REACH).map(|i| at(x + i * dx - REACH * dx, y + i * dy - REACH * dy)).sum();
        sum / (2 * REACH + 1) as f32
    };
    let (mut differences, mut lost) = (0.0, 0.0);
    for y in REACH + 1..height - REACH {
        for x in REACH + 1..width - REACH {
            let sharp = (at(x, y) - at(x - dx, y - dy)).abs();
            let blurred = (mean(x, y) - mean(x - dx, y - dy)).abs();
            differences += sharp;
            lost += (sharp - blurred).max(0.0);
        }
    }
    // A picture without any difference shows nothing.
    if differences <= f32::EPSILON { 1.0 } else { 1.0 - lost / differences }
}

/// Burnt out cells of a grid. White paper is as bright as glare, so glare is not reported for documents that are all white.
fn glare(image: &Image) -> Fact {
    const CELL: usize = 16;
    const BURNT: u8 = 252;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let burnt = |x: usize, y: usize| {
        let at = 3 * (y * width + x);
        image.pixels()[at..at + 3].iter().all(|&c| c >= BURNT)
    };
    let (columns, rows) = (width / CELL, height / CELL);
    let cell = |i: usize| {
        let (left, top) = (i % columns.max(1) * CELL, i / columns.max(1) * CELL);
        (0..CELL * CELL).filter(|p| burnt(left + p % CELL, top + p / CELL)).count() >= CELL * CELL * 9 / 10
    };
    let cells = columns * rows;
    let part = (0..cells).filter(|&i| cell(i)).count() as f32 / cells.max(1) as f32;
    if part > 0.4 {
        let reason = "The document is white, on which glare cannot be told from paper.";
        return Fact { value: None, verdict: Verdict::NotApplicable, reason: reason.into() };
    }
    let bad =
        format!("{:.0} % of the document is burnt out: tilt it away from the light, and use no flash.", 100.0 * part);
    decided(part, part <= MAX_GLARE, "There is no glare.", bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey paper with dark strokes of three pixels, blurred by a box of `reach` pixels each way.
    fn print(reach: i64) -> Image {
        let ink = |x: i64, y: i64| if (x / 3 + y / 9 * 5) % 4 == 0 && (y / 9) % 2 == 0 { 40.0 } else { 190.0 };
        let side = (2 * reach + 1) as f32;
        let pixel = |i: i64| {
            let (x, y) = (i % 600, i / 600);
            let sum: f32 = (-reach..=reach)
                .flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)))
                .map(|(dx, dy)| ink(x + dx, y + dy))
                .sum();
            [(sum / (side * side)) as u8; 3]
        };
        Image::from_rgb8(600, 400, (0..600 * 400).flat_map(pixel).collect())
    }

    fn measured(image: &Image, corners: Option<[Point; 4]>) -> Facts {
        let document = Document { image: image.clone(), corners, zone: None, lines: Vec::new() };
        facts(image, &document, Some(DocumentType::DrivingLicence))
    }

    #[test]
    fn blur_is_reported_from_sharp_print() {
        let (sharp, blurred) = (measured(&print(0), None).blur, measured(&print(4), None).blur);
        assert_eq!((sharp.verdict, blurred.verdict), (Verdict::Pass, Verdict::Fail), "{sharp:?} {blurred:?}");
        assert!(blurred.reason.contains("focus"));
        let flat = Image::from_rgb8(600, 400, vec![99; 3 * 600 * 400]);
        assert_eq!(measured(&flat, None).blur.verdict, Verdict::Fail);
    }

    #[test]
    fn a_burnt_out_spot_is_glare_and_white_paper_is_not() {
        let spot = |share: u32| {
            let image = print(0);
            let pixels = image.pixels().chunks_exact(3).zip(0u32..);
            let burnt = pixels.flat_map(|(pixel, i)| if i % 600 < share { [255; 3] } else { [pixel[0]; 3] });
            Image::from_rgb8(600, 400, burnt.collect())
        };
        let glare = |share| measured(&spot(share), None).glare;
        assert_eq!(glare(0).verdict, Verdict::Pass);
        assert_eq!((glare(60).verdict, glare(60).value.map(|v| (v * 100.0).round())), (Verdict::Fail, Some(8.0)));
        assert_eq!(glare(500).verdict, Verdict::NotApplicable);
    }

    #[test]
    fn size_and_coverage_say_what_to_do() {
        let corners = [(0.0, 0.0), (300.0, 0.0), (300.0, 200.0), (0.0, 200.0)].map(|(x, y)| Point::new(x, y));
        let facts = measured(&print(0), Some(corners));
        assert_eq!(facts.coverage.reason, "The document covers 25 % of the picture, 80 % are needed: go nearer.");
        assert_eq!(facts.resolution.verdict, Verdict::Fail);
        assert!(facts.resolution.reason.starts_with("The document is 600 pixels wide, 1250 are needed"));
        assert_eq!(measured(&print(0), None).coverage.verdict, Verdict::NotApplicable);
    }
}
