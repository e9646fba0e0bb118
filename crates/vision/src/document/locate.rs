//! Finds the text lines that can be the machine readable zone: two or three long lines of equal length, close together and
//! parallel. Every such group is a candidate. Reading decides.

use super::text::TextBox;

/// A line of a zone is at least this many times as long as it is high: 30 characters of OCR-B are 22 to 25 heights of
/// a capital letter, and boxes are generous.
const MIN_ASPECT: f32 = 10.0;

/// How many groups are worth reading.
const MAX_GROUPS: usize = 6;

/// Candidate zones, likeliest first, each with its lines from top to bottom as the boxes are turned.
pub fn groups(boxes: &[TextBox]) -> Vec<Vec<TextBox>> {
    let lines: Vec<TextBox> =
        joined(boxes).into_iter().map(upright).filter(|line| line.width >= MIN_ASPECT * line.height).collect();
    let next: Vec<Option<usize>> = lines.iter().map(|line| below(line, &lines)).collect();
    let mut groups: Vec<Vec<TextBox>> = Vec::new();
    for first in 0..lines.len() {
        let chain: Vec<TextBox> =
            std::iter::successors(Some(first), |&line| next[line]).take(3).map(|line| lines[line]).collect();
        // A line of other text, or the edge of the card, may follow two lines or precede them.
        for count in 2..=chain.len() {
            groups.push(chain[..count].to_vec());
        }
    }
    // The zone is the longest print of nearly every document, and its lines are equal; two lines of a zone of three are
    // tried after all three.
    let weight = |group: &Vec<TextBox>| {
        let widths = || group.iter().map(|line| line.width);
        let least = widths().fold(f32::INFINITY, f32::min);
        let most = widths().fold(0.0, f32::max);
        least * (least / most).powi(2) * if group.len() == 3 { 1.05 } else { 1.0 }
    };
    groups.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    groups.truncate(MAX_GROUPS);
    groups
}

/// Single lines that can be the zone of a driving licence, longest first.
pub fn single_lines(boxes: &[TextBox]) -> Vec<TextBox> {
    const MIN_ASPECT_ALONE: f32 = 14.0;
    let mut lines: Vec<TextBox> =
        joined(boxes).into_iter().map(upright).filter(|line| line.width >= MIN_ASPECT_ALONE * line.height).collect();
    lines.sort_by(|a, b| b.width.total_cmp(&a.width));
    lines.truncate(2);
    lines
}

/// The box turned so that its angle is above -90 and at most 90 degrees, which is the right way round for pictures that
/// are not upside down.
fn upright(line: TextBox) -> TextBox {
    let quarter = std::f32::consts::FRAC_PI_2;
    let angle = line.angle.rem_euclid(2.0 * std::f32::consts::PI);
    TextBox { angle: if angle > quarter && angle <= 3.0 * quarter { angle - 2.0 * quarter } else { angle }, ..line }
}

/// The nearest line below that is like this one.
fn below(line: &TextBox, lines: &[TextBox]) -> Option<usize> {
    let like = |(index, other): (usize, &TextBox)| {
        let (along, across) = line.relative(other.center);
        let height = f32::midpoint(line.height, other.height);
        let like = (line.angle - other.angle).sin().abs() < 0.06
            && (line.angle - other.angle).cos() > 0.0
            && (0.8..1.25).contains(&(line.width / other.width))
            && (0.5..2.0).contains(&(line.height / other.height))
            && along.abs() < 0.12 * line.width
            && across > 0.6 * height
            && across < 3.5 * height;
        like.then_some((index, across))
    };
    lines.iter().enumerate().filter_map(like).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index)
}

/// Pieces of one line joined: fillers in the middle of a line are at times not marked as text.
fn joined(boxes: &[TextBox]) -> Vec<TextBox> {
    let mut lines: Vec<TextBox> = Vec::new();
    let mut pieces = boxes.to_vec();
    pieces.sort_by(|a, b| b.width.total_cmp(&a.width));
    for piece in pieces {
        let joined = lines.iter_mut().find_map(|line| join(line, &piece).map(|joined| (line, joined)));
        match joined {
            Some((line, joined)) => *line = joined,
            None => lines.push(piece),
        }
    }
    lines
}

/// Both boxes as one, if `piece` continues `line`.
fn join(line: &TextBox, piece: &TextBox) -> Option<TextBox> {
    const MAX_GAP: f32 = 4.0;
    let long = line.width > 4.0 * line.height;
    let (along, across) = line.relative(piece.center);
    let half = piece.width / 2.0;
    let gap = along.abs() - line.width / 2.0 - half;
    let continues = long
        && across.abs() < 0.35 * line.height
        && (0.6..1.6).contains(&(piece.height / line.height))
        && gap < MAX_GAP * line.height
        && gap > -line.height;
    continues.then(|| {
        let (start, end) = ((along - half).min(-line.width / 2.0), (along + half).max(line.width / 2.0));
        TextBox { center: line.at(f32::midpoint(start, end), 0.0), width: end - start, ..*line }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;

    fn line(x: f32, y: f32, width: f32, angle: f32) -> TextBox {
        TextBox { center: Point::new(x, y), angle, width, height: 20.0, confidence: 0.9 }
    }

    #[test]
    fn two_long_parallel_lines_are_a_candidate() {
        let boxes = [line(300.0, 50.0, 150.0, 0.0), line(300.0, 400.0, 540.0, 0.0), line(300.0, 432.0, 538.0, 0.01)];
        let groups = groups(&boxes);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].iter().map(|line| line.center.y).collect::<Vec<_>>(), [400.0, 432.0]);
    }

    #[test]
    fn pieces_of_a_line_are_joined() {
        let boxes = [line(150.0, 400.0, 260.0, 0.0), line(450.0, 401.0, 260.0, 0.0), line(300.0, 432.0, 560.0, 0.0)];
        let groups = groups(&boxes);
        assert!((groups[0][0].width - 560.0).abs() < 1.0 && (groups[0][0].center.x - 300.0).abs() < 1.0);
    }

    #[test]
    fn a_zone_on_its_side_keeps_its_order() {
        let quarter = std::f32::consts::FRAC_PI_2;
        let boxes = [line(100.0, 300.0, 540.0, quarter), line(132.0, 300.0, 540.0, quarter)];
        // Reading downwards, the first line is the right one.
        assert!((groups(&boxes)[0][0].center.x - 132.0).abs() < 1e-3);
    }
}
