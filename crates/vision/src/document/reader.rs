//! The facade: reads the printed text of a document. Made for one thread, and loaded only where documents are read: the
//! networks of [`Engine`](crate::Engine) are others.

use super::date::Date;
use super::locate;
use super::mrz::{self, Format, Mrz};
use super::ocr::Recogniser;
use super::orientation::Orientation;
use super::spell::{Alphabet, Positions, Spelling, Steps, spell};
use super::text::{TextBox, TextDetector};
use crate::error::Error;
use crate::image::Image;
use crate::models::{InputSpec, Models, Role, metadata};
use crate::network::{Network, OnnxNetwork};
use crate::resample::Resampler;

/// A machine readable zone as found in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// What it says.
    pub mrz: Mrz,
    /// Where its lines are, from the first to the last, turned so that they read from left to right.
    pub lines: Vec<TextBox>,
    /// Mean log probability of a character of the reading, at most 0; nearer to 0 is surer.
    pub score: f32,
}

/// A line of the printed text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// Where it is.
    pub position: TextBox,
    /// What it says.
    pub text: String,
    /// Mean probability of its characters.
    pub confidence: f32,
}

/// All text of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The machine readable zone, if there is one.
    pub zone: Option<Zone>,
    /// Every other line, from top to bottom as the document is read.
    pub lines: Vec<TextLine>,
}

/// Text detection and recognition with their networks.
pub struct Reader {
    resampler: Resampler,
    detector: TextDetector,
    orientation: Orientation,
    recogniser: Recogniser,
    alphabet: Alphabet,
}

/// Longer side of the detector's input. At 640 pixels the zone of a document that fills the picture has letters of ten
/// pixels, and is found on every picture of the evaluation set.
const DETECTION_SIDE: u32 = 640;

/// Widths, in pixels of the recogniser's input, at which a line of a zone is read: two or three steps a character. The
/// later ones are for readings in which digits fail or that are not sure; broader lines cost more.
const LINE_WIDTHS: [u32; 3] = [720, 960, 1320];

/// A reading below this score is no zone, or one upside down.
const MIN_SCORE: f32 = -0.9;

/// From this score on a reading whose digits hold needs no second one.
const SURE_SCORE: f32 = -0.15;

/// How much likelier, a character, a reading with letters in the places of digits has to be to count where digits fail:
/// the document is then printed so.
const LETTERS_ADVANTAGE: f32 = 0.05;

impl Reader {
    /// Loads the text networks.
    ///
    /// # Errors
    /// [`Error::Runtime`], [`Error::Models`] or [`Error::Model`]: each says what to do.
    pub fn load(models: &Models) -> Result<Self, Error> {
        let (detection, input) = stage(models, Role::TextDetection)?;
        let detector = TextDetector::new(detection, input);
        let (orientation, input) = stage(models, Role::TextOrientation)?;
        let orientation = Orientation::new(orientation, input);
        let (recognition, input) = stage(models, Role::TextRecognition)?;
        let characters = metadata(&models.stock_graph(Role::TextRecognition)?, "character")?
            .ok_or_else(|| Error::Model("the text recogniser has no list of characters".into()))?;
        let recogniser = Recogniser::new(recognition, input, &characters);
        let alphabet = Alphabet::new(|wanted| recogniser.classes_of(wanted));
        Ok(Self { resampler: Resampler::default(), detector, orientation, recogniser, alphabet })
    }

    /// Finds and reads the machine readable zone; `today` decides the centuries. `None` when there is none. A zone with
    /// failed check digits is a result: see [`Mrz::checks`].
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn mrz(&mut self, image: &Image, today: Date) -> Result<Option<Zone>, Error> {
        let boxes = self.detector.detect(&mut self.resampler, image, DETECTION_SIDE)?;
        self.mrz_among(image, &boxes, today)
    }

    fn mrz_among(&mut self, image: &Image, boxes: &[TextBox], today: Date) -> Result<Option<Zone>, Error> {
        let mut best: Option<Zone> = None;
        let groups = locate::groups(boxes);
        let alone = locate::single_lines(boxes).into_iter().map(|line| vec![line]);
        for group in groups.into_iter().chain(alone) {
            let upside_down: Vec<TextBox> = group.iter().rev().map(TextBox::reversed).collect();
            for lines in [group, upside_down] {
                let Some(zone) = self.zone(image, &lines, today)? else { continue };
                if zone.mrz.all_hold() {
                    return Ok(Some(zone));
                }
                if best.as_ref().is_none_or(|best| better(&zone, best)) {
                    best = Some(zone);
                }
            }
            if best.is_some() {
                break;
            }
        }
        Ok(best)
    }

    /// Reads lines as a zone, at a second width if digits fail at the first; the better reading counts.
    fn zone(&mut self, image: &Image, lines: &[TextBox], today: Date) -> Result<Option<Zone>, Error> {
        let mut best: Option<Zone> = None;
        for width in LINE_WIDTHS {
            let steps = lines
                .iter()
                .map(|line| {
                    let posteriors = self.recogniser.posteriors(image, line, Some(width))?;
                    Ok(self.alphabet.reduce(posteriors.steps()))
                })
                .collect::<Result<Vec<Steps>, Error>>()?;
            let Some((format, texts, score)) = likeliest(&steps) else { return Ok(best) };
            let Ok(mut mrz) = mrz::corrected(&texts, today) else { return Ok(best) };
            if !mrz.all_hold()
                && let Some((texts, with_letters)) = spell_all(&steps, format, Positions::LettersForDigits)
                && with_letters > score + LETTERS_ADVANTAGE
                && let Ok(as_printed) = mrz::corrected(&texts, today)
            {
                mrz = as_printed;
            }
            let zone = Zone { mrz, lines: lines.to_vec(), score };
            if best.as_ref().is_none_or(|best| better(&zone, best)) {
                best = Some(zone);
            }
            if best.as_ref().is_some_and(|best| best.mrz.all_hold() && best.score >= SURE_SCORE) {
                break;
            }
        }
        Ok(best)
    }

    /// Reads the zone and every other printed line. Lines run as the zone does, or, without one, the way round that the
    /// orientation network says of the longest.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn read(&mut self, image: &Image, today: Date) -> Result<Document, Error> {
        let boxes = self.detector.detect(&mut self.resampler, image, DETECTION_SIDE)?;
        let zone = self.mrz_among(image, &boxes, today)?;
        let angle = match zone.as_ref().and_then(|zone| zone.lines.first()) {
            Some(line) => line.angle,
            None => self.orientation.angle(image, &boxes)?,
        };
        let mut lines = Vec::with_capacity(boxes.len());
        for position in boxes.into_iter().map(|line| line.towards(angle)) {
            let in_zone = |line: &TextBox| line.relative(position.center).1.abs() < line.height / 2.0;
            if zone.as_ref().is_some_and(|zone| zone.lines.iter().any(in_zone)) {
                continue;
            }
            let posteriors = self.recogniser.posteriors(image, &position, None)?;
            let (text, confidence) = self.recogniser.text(&posteriors);
            if !text.is_empty() {
                lines.push(TextLine { position, text, confidence });
            }
        }
        let (sin, cos) = angle.sin_cos();
        let down = |line: &TextLine| line.position.center.y * cos - line.position.center.x * sin;
        lines.sort_by(|a, b| down(a).total_cmp(&down(b)));
        Ok(Document { zone, lines })
    }
}

/// Fewer failed digits first, then the surer reading.
fn better(one: &Zone, other: &Zone) -> bool {
    let failures = |zone: &Zone| zone.mrz.failed().count();
    failures(one) < failures(other) || (failures(one) == failures(other) && one.score > other.score)
}

/// The format, among those with as many lines, whose spelling of all lines is likeliest, and its score.
fn likeliest(steps: &[Steps]) -> Option<(Format, Vec<String>, f32)> {
    let formats: &[Format] = match steps.len() {
        1 => &[Format::DrivingLicence],
        2 => &[Format::Td3, Format::Td2, Format::MrvA, Format::MrvB, Format::FrenchId],
        _ => &[Format::Td1],
    };
    let spelled = formats.iter().filter_map(|&format| {
        let (texts, score) = spell_all(steps, format, Positions::Restricted)?;
        Some((format, texts, score))
    });
    // Compared by the whole reading: the steps are the same, and a format with more characters is no likelier for it.
    let total = |(format, _, score): &(Format, Vec<String>, f32)| score * format.size().1 as f32;
    spelled.max_by(|a, b| total(a).total_cmp(&total(b))).filter(|(_, _, score)| *score >= MIN_SCORE)
}

/// All lines as a format, and the mean log probability of a character.
fn spell_all(steps: &[Steps], format: Format, positions: Positions) -> Option<(Vec<String>, f32)> {
    let lines = steps.iter().enumerate().map(|(line, steps)| spell(steps, format, line, positions));
    let lines = lines.collect::<Option<Vec<Spelling>>>()?;
    let total: f32 = lines.iter().map(|line| line.score).sum();
    let characters: usize = lines.iter().map(|line| line.text.len()).sum();
    Some((lines.into_iter().map(|line| line.text).collect(), total / characters as f32))
}

fn stage(models: &Models, role: Role) -> Result<(Box<dyn Network>, InputSpec), Error> {
    let entry = models.entry(role)?;
    let input = entry.input.clone().ok_or_else(|| Error::Model(format!("{} has no input description", entry.file)))?;
    let network = OnnxNetwork::load(models, &models.stock_graph(role)?)?;
    Ok((Box::new(network), input))
}
