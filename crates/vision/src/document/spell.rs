//! A line of a known format from the steps of the recognition network: the likeliest text with exactly the format's
//! number of characters, each allowed at its position (Viterbi over CTC paths).
//!
//! The plain reading of a CTC network miscounts runs of fillers and confuses O and 0. The format knows both. Besides the
//! classes of the positions, one rule of Doc 9303 is used: three fillers end a name, and only fillers follow.

use super::mrz::Format;
use super::mrz::layout::{Class, Field, Layout};

/// Symbols of the zone: fillers last, told apart by their place in a run of fillers.
const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<<<";
const LETTERS: usize = 36;
/// The first, the second, and any later filler of a run.
const FILLER: usize = LETTERS;
const LABELS: usize = SYMBOLS.len();
/// Number of different symbols.
pub const ALPHABET: usize = LETTERS + 1;
/// Log probability below which a symbol does not sink: another script's character may hold the mass of a step.
const FLOOR: f32 = 1e-6;
const IMPOSSIBLE: f32 = -1e30;

/// The steps of a line, reduced to the zone's alphabet: log probabilities, "no character" first, then the symbols.
pub struct Steps(pub Vec<[f32; ALPHABET + 1]>);

/// Which classes of the network stand for each symbol.
pub struct Alphabet {
    classes: [Vec<usize>; ALPHABET],
}

impl Alphabet {
    /// `classes_of` gives the classes whose character is in a string. Capitals also have their small forms; the filler
    /// has what the network, trained on other scripts, takes its angle for.
    pub fn new(classes_of: impl Fn(&str) -> Vec<usize>) -> Self {
        let forms = |index: usize| match SYMBOLS[index] {
            b'<' => "<ΛハヘへくΛ人∧〈《«‹＜∠".to_owned(),
            c => [char::from(c), char::from(c.to_ascii_lowercase())].iter().collect(),
        };
        Self { classes: std::array::from_fn(|index| classes_of(&forms(index))) }
    }

    /// Reduces the steps of the network.
    pub fn reduce<'s>(&self, steps: impl Iterator<Item = &'s [f32]>) -> Steps {
        let log = |probability: f32| probability.max(FLOOR).ln();
        let step = |step: &[f32]| {
            let mut reduced = [log(step[0]); ALPHABET + 1];
            for (to, classes) in reduced[1..].iter_mut().zip(&self.classes) {
                *to = log(classes.iter().filter_map(|&class| step.get(class)).sum());
            }
            reduced
        };
        Steps(steps.map(step).collect())
    }
}

/// A text and how likely it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Spelling {
    /// The characters.
    pub text: String,
    /// Log probability of the best path.
    pub score: f32,
}

/// How a state was reached: the label before, or that nothing changed.
const STAY: u8 = u8::MAX;
const FROM_BLANK: u8 = 0x80;

/// Which characters a position may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// Those of the format.
    Restricted,
    /// The same, and letters where the format has digits, for documents that are not printed by the format.
    LettersForDigits,
}

/// The likeliest text of line `line` of `format`. `None` if there are fewer steps than characters.
pub fn spell(steps: &Steps, format: Format, line: usize, positions: Positions) -> Option<Spelling> {
    let length = format.size().1;
    let count = steps.0.len();
    if count < length {
        return None;
    }
    let rules = Rules::new(format, line, positions);
    // For each number of characters so far: scores with the last label showing, and with "no character" after it.
    let mut showing = vec![[IMPOSSIBLE; LABELS]; length + 1];
    let mut after = vec![[IMPOSSIBLE; LABELS]; length + 1];
    let mut start = 0.0;
    let mut back = vec![[[STAY; 2]; LABELS]; count * (length + 1)];
    for (t, step) in steps.0.iter().enumerate() {
        // Characters have equal widths, so a step can only lie near its share of them.
        let reach = 4 + length / 8;
        let expected = t * length / count;
        let band = expected.saturating_sub(reach).max(1)..=(expected + reach).min(length);
        // The text cannot begin any more at positions that the band has left.
        let left_behind = band.start() - 1;
        (showing[left_behind], after[left_behind]) = ([IMPOSSIBLE; LABELS], [IMPOSSIBLE; LABELS]);
        for j in band.rev() {
            for label in 0..LABELS {
                let back = &mut back[t * (length + 1) + j][label];
                let (blank, from_after) = better(after[j][label], STAY, showing[j][label], 0);
                back[1] = if from_after == STAY { STAY } else { label as u8 };
                let mut best = (showing[j][label], STAY);
                if rules.allowed[j - 1][label] {
                    if j == 1 {
                        best = better(best.0, best.1, if label <= FILLER { start } else { IMPOSSIBLE }, FROM_BLANK);
                    }
                    for previous in (0..LABELS).filter(|&previous| j > 1 && rules.follows(j - 1, previous, label)) {
                        best = better(best.0, best.1, after[j - 1][previous], previous as u8 | FROM_BLANK);
                        if SYMBOLS[previous] != SYMBOLS[label] {
                            best = better(best.0, best.1, showing[j - 1][previous], previous as u8);
                        }
                    }
                }
                back[0] = best.1;
                after[j][label] = blank + step[0];
                showing[j][label] = best.0 + step[1 + label.min(FILLER)];
            }
        }
        start += step[0];
    }
    trace(&back, &showing[length], &after[length], count, length)
}

fn better(a: f32, a_from: u8, b: f32, b_from: u8) -> (f32, u8) {
    if b > a { (b, b_from) } else { (a, a_from) }
}

/// Follows the best path backwards.
fn trace(
    back: &[[[u8; 2]; LABELS]],
    showing: &[f32; LABELS],
    after: &[f32; LABELS],
    count: usize,
    length: usize,
) -> Option<Spelling> {
    let ends = (0..LABELS).flat_map(|label| [(showing[label], label, false), (after[label], label, true)]);
    let (score, mut label, mut blank) = ends.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if score <= IMPOSSIBLE / 2.0 {
        return None;
    }
    let mut text = Vec::with_capacity(length);
    let mut j = length;
    for t in (0..count).rev() {
        let from = back[t * (length + 1) + j][label];
        if blank {
            blank = from[1] == STAY;
        } else if from[0] != STAY {
            text.push(SYMBOLS[label]);
            j -= 1;
            if j == 0 {
                break;
            }
            blank = from[0] & FROM_BLANK != 0;
            label = usize::from(from[0] & !FROM_BLANK);
        }
    }
    text.reverse();
    let text = String::from_utf8(text).ok().filter(|text| text.len() == length)?;
    Some(Spelling { text, score })
}

/// The characters that a format allows at the positions of a line.
struct Rules {
    allowed: Vec<[bool; LABELS]>,
    /// Columns of the names, in which three fillers end the text.
    names: std::ops::Range<usize>,
}

impl Rules {
    fn new(format: Format, line: usize, positions: Positions) -> Self {
        let layout = Layout::of(format);
        let allowed = |column| {
            let class = match layout.class(line, column) {
                Class::Digit if positions == Positions::LettersForDigits => Class::Any,
                class => class,
            };
            let first = (line, column) == (0, 0);
            std::array::from_fn(|label| {
                let c = char::from(SYMBOLS[label]);
                class.allows(c) && (!first || format.begins_with(c))
            })
        };
        let named = [Field::Names, Field::Surname, Field::GivenNames];
        let names = named.iter().filter_map(|&field| layout.span(field)).find(|span| span.0 == line);
        Self { allowed: (0..format.size().1).map(allowed).collect(), names: names.map_or(0..0, |span| span.1..span.2) }
    }

    /// Whether `label` at column `column` can follow `previous`.
    fn follows(&self, column: usize, previous: usize, label: usize) -> bool {
        let run_starts_anew = column == self.names.start || column == self.names.end;
        match label {
            0..LETTERS => previous < FILLER + 2 || run_starts_anew || !self.names.contains(&column),
            FILLER => previous < FILLER || run_starts_anew,
            _ if run_starts_anew => false,
            _ if label == FILLER + 1 => previous == FILLER,
            _ => previous > FILLER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps a character: the character with some doubt, then nothing. `doubts` replaces symbols at positions.
    fn steps(text: &str, doubts: &[(usize, char)]) -> Steps {
        let index = |c: char| SYMBOLS.iter().position(|&s| char::from(s) == c).unwrap();
        let mut steps = Vec::new();
        for (at, c) in text.chars().enumerate() {
            let mut step = [FLOOR.ln(); ALPHABET + 1];
            step[1 + index(c)] = 0.8f32.ln();
            if let Some((_, seen)) = doubts.iter().find(|(position, _)| *position == at) {
                step[1 + index(c)] = 0.1f32.ln();
                step[1 + index(*seen)] = 0.9f32.ln();
            }
            steps.push(step);
            let mut nothing = [FLOOR.ln(); ALPHABET + 1];
            nothing[0] = 0.9f32.ln();
            steps.push(nothing);
        }
        Steps(steps)
    }

    const NAMES: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
    const DATA: &str = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";

    #[test]
    fn positions_decide_between_look_alikes() {
        let read = |text, line, doubts: &[_]| {
            spell(&steps(text, doubts), Format::Td3, line, Positions::Restricted).unwrap().text
        };
        assert_eq!(read(NAMES, 0, &[]), NAMES);
        assert_eq!(read(DATA, 1, &[(12, '0'), (15, 'O'), (19, 'Z')]), DATA);
    }

    #[test]
    fn fillers_end_a_name() {
        let text = spell(&steps(NAMES, &[(30, 'C'), (35, 'K')]), Format::Td3, 0, Positions::Restricted).unwrap().text;
        assert_eq!(text, NAMES);
    }

    #[test]
    fn the_right_length_scores_best() {
        let steps = steps("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", &[]);
        let score =
            |format| spell(&steps, format, 0, Positions::Restricted).map_or(IMPOSSIBLE, |spelling| spelling.score);
        assert!(score(Format::Td2) > score(Format::Td3) && score(Format::Td2) > score(Format::Td1));
    }

    #[test]
    fn too_few_steps_are_no_line() {
        assert_eq!(spell(&Steps(vec![[0.0; ALPHABET + 1]; 20]), Format::Td1, 0, Positions::Restricted), None);
    }
}
