//! Finds the machine readable zone among the lines of a picture. Every group of lines that can be a zone is read with the
//! characters that its format allows. The check digits decide.

use super::date::Date;
use super::locate;
use super::mrz::{self, Format, Mrz};
use super::reader::Reader;
use super::spell::{Positions, Spelling, Steps, spell};
use super::text::TextBox;
use crate::error::Error;
use crate::image::Image;

/// A machine readable zone as found in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// The parsed zone.
    pub mrz: Mrz,
    /// Where its lines are, from the first to the last, turned so that they read from left to right.
    pub lines: Vec<TextBox>,
    /// Mean log probability of a character of the reading, at most 0. Nearer to 0 means surer.
    pub score: f32,
}

/// Widths, in pixels of the recogniser's input, at which a line of a zone is read: two or three steps a character. The
/// later widths are for readings that are unsure or in which digits fail. Broader lines cost more.
const LINE_WIDTHS: [u32; 3] = [720, 960, 1320];

/// A reading below this score is not a zone, or it is upside down.
const MIN_SCORE: f32 = -0.9;

/// Least score of a reading whose digits hold, so that it needs no second reading and no reading upside down.
const SURE_SCORE: f32 = -0.15;

/// From this score on, failed digits are really printed that way. Reading again would not change them.
const CLEAR_SCORE: f32 = -0.05;

/// If digits fail, a reading with letters in the places of digits counts if it is likelier by this much for each character.
/// The document is then printed that way.
const LETTERS_ADVANTAGE: f32 = 0.05;

impl Reader {
    /// The zone among these lines of the picture: the first one whose digits hold, else the surest.
    pub(super) fn mrz_among(&mut self, image: &Image, boxes: &[TextBox], today: Date) -> Result<Option<Zone>, Error> {
        let mut best: Option<Zone> = None;
        let groups = locate::groups(boxes);
        let alone = locate::single_lines(boxes).into_iter().map(|line| vec![line]);
        for group in groups.into_iter().chain(alone) {
            let upside_down: Vec<TextBox> = group.iter().rev().map(TextBox::reversed).collect();
            for lines in [group, upside_down] {
                let Some(zone) = self.zone(image, &lines, today)? else { continue };
                if zone.mrz.all_hold() || zone.score >= SURE_SCORE {
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

    /// Reads lines as a zone, at a second width if digits fail at the first. The better reading counts.
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
            let enough = |best: &Zone| best.score >= if best.mrz.all_hold() { SURE_SCORE } else { CLEAR_SCORE };
            if best.as_ref().is_some_and(enough) {
                break;
            }
        }
        Ok(best)
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
