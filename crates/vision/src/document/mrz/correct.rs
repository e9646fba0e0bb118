//! Corrects misread characters if a check digit proves the correction.
//!
//! If a digit fails, two kinds of substitution are tried in the positions that it covers, and at the digit itself. The
//! first kind is one that the position demands, such as for a letter in a date. All of these are applied together, because
//! each such character is certainly wrong. The second kind is between O and 0, or from a letter to the filler, where the
//! position allows both. At most one of these is applied, and only of few pairs: after any substitution, one failed digit in
//! ten holds by chance, and that would hide a forged character. A correction counts only if no other correction makes the
//! digit hold, because two ways are a guess. All corrections count only if the composite digit, if there is one, holds at
//! the end.

use super::layout::{Class, Digit, Layout};
use super::{Checked, Date, Error, Mrz, check, parse, read};

/// A character that was read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// Line, from 0.
    pub line: usize,
    /// Column, from 0.
    pub column: usize,
    /// As it was read.
    pub read: char,
    /// As the check digit proves it.
    pub corrected: char,
}

/// Digits, and the letters of OCR-B that readers take for them.
const FORCED: &[(char, &str)] =
    &[('0', "OQD"), ('1', "IL"), ('2', "Z"), ('4', "A"), ('5', "S"), ('6', "G"), ('7', "T"), ('8', "B")];

/// What is read, and what it can be, where the position allows both.
const ALIKE: &[(char, char)] = &[('O', '0'), ('0', 'O'), ('Q', '0'), ('K', '<'), ('S', '<'), ('C', '<'), ('E', '<')];

/// As [`parse`], then corrects. In the result, `lines` are the corrected lines and `corrections` the differences.
///
/// # Errors
/// As [`parse`].
pub fn corrected(lines: &[impl AsRef<str>], today: Date) -> Result<Mrz, Error> {
    let mrz = parse(lines, today)?;
    let layout = Layout::of(mrz.format);
    let mut lines = mrz.lines.clone();
    for digit in layout.digits.iter().filter(|digit| digit.of != Checked::Composite) {
        if let Some(repaired) = repaired(layout, digit, &lines) {
            lines = repaired;
        }
    }
    if let Some(digit) = layout.digits.iter().find(|digit| digit.of == Checked::Composite) {
        lines = repaired_composite(layout, digit, lines);
        if !check(layout, digit, &lines).holds {
            return Ok(mrz);
        }
    }
    let corrections = differences(&mrz.lines, &lines);
    if corrections.is_empty() {
        return Ok(mrz);
    }
    Ok(Mrz { corrections, ..read(mrz.format, lines, today) })
}

/// The lines with the one correction that makes a failed digit hold.
fn repaired(layout: &Layout, digit: &Digit, lines: &[String]) -> Option<Vec<String>> {
    if check(layout, digit, lines).holds {
        return None;
    }
    let forced = force_classes(layout, digit, lines);
    if check(layout, digit, &forced).holds {
        return Some(forced);
    }
    let covered = digit.over.iter().flat_map(|span| (span.1..span.2).map(|column| (span.0, column)));
    let mut found = covered.chain([digit.at]).flat_map(|at| alternatives(layout, &forced, at)).filter(|candidate| {
        // A filler in the digit's place turns the optional data into a long number: that is no correction.
        let check = check(layout, digit, candidate);
        check.holds && !check.continued
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The composite digit covers what the others do not (optional data of cards); characters under a digit of their own
/// that holds are left alone.
fn repaired_composite(layout: &Layout, digit: &Digit, lines: Vec<String>) -> Vec<String> {
    if check(layout, digit, &lines).holds
        || layout.digits.iter().any(|d| d.of != digit.of && !check(layout, d, &lines).holds)
    {
        return lines;
    }
    let mut forced = lines.clone();
    replace_by_class(layout, &mut forced, digit.at);
    if check(layout, digit, &forced).holds { forced } else { lines }
}

/// Every character that its position forbids becomes the look-alike that the position allows.
fn force_classes(layout: &Layout, digit: &Digit, lines: &[String]) -> Vec<String> {
    let mut forced = lines.to_vec();
    for span in digit.over {
        (span.1..span.2).for_each(|column| replace_by_class(layout, &mut forced, (span.0, column)));
    }
    replace_by_class(layout, &mut forced, digit.at);
    forced
}

fn replace_by_class(layout: &Layout, lines: &mut [String], at: (usize, usize)) {
    let (class, c) = (layout.class(at.0, at.1), character(lines, at));
    if class == Class::Digit
        && !class.allows(c)
        && let Some((right, _)) = FORCED.iter().find(|(_, wrong)| wrong.contains(c))
    {
        replace(lines, at, *right);
    }
}

/// The lines with one look-alike at `at`, for each that the position allows.
fn alternatives(layout: &Layout, lines: &[String], at: (usize, usize)) -> Vec<Vec<String>> {
    let (class, c) = (layout.class(at.0, at.1), character(lines, at));
    ALIKE
        .iter()
        .filter(|(from, to)| *from == c && class.allows(*to))
        .map(|(_, to)| {
            let mut changed = lines.to_vec();
            replace(&mut changed, at, *to);
            changed
        })
        .collect()
}

fn character(lines: &[String], (line, column): (usize, usize)) -> char {
    char::from(lines[line].as_bytes()[column])
}

fn replace(lines: &mut [String], (line, column): (usize, usize), c: char) {
    lines[line].replace_range(column..=column, c.encode_utf8(&mut [0; 4]));
}

fn differences(before: &[String], after: &[String]) -> Vec<Correction> {
    let lines = before.iter().zip(after).enumerate();
    lines
        .flat_map(|(line, (before, after))| {
            before
                .chars()
                .zip(after.chars())
                .enumerate()
                .filter(|(_, (read, corrected))| read != corrected)
                .map(move |(column, (read, corrected))| Correction { line, column, read, corrected })
        })
        .collect()
}
