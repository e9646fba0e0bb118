//! One box for each thing, of the many that a detector finds (greedy non-maximum suppression).

use std::collections::HashMap;

use crate::geometry::Rect;

/// Keeps, best first, the items whose box overlaps no better one that is kept by more than `max_iou`, 0 to 1. The coordinates
/// are finite.
///
/// Each box is compared with kept ones near it that have about its size. Only so many of those can be without overlapping
/// each other too much, so the work grows with the number of items and not with its square.
pub fn suppress<T>(mut items: Vec<T>, score: impl Fn(&T) -> f32, rect: impl Fn(&T) -> Rect, max_iou: f32) -> Vec<T> {
    items.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let mut kept = Kept::default();
    items.retain(|item| kept.add(rect(item), max_iou));
    items
}

/// The boxes that are kept, by size.
#[derive(Default)]
struct Kept {
    levels: HashMap<(i32, i32), Level>,
}

/// The boxes whose width and height lie between the same powers of two.
#[derive(Default)]
struct Level {
    rects: Vec<Rect>,
    /// Which of them have the corner at the top left in a cell. A cell is longer than each side of theirs.
    cells: HashMap<(i32, i32), Vec<usize>>,
}

impl Kept {
    /// Adds a box, unless it overlaps one by more than `max_iou`.
    fn add(&mut self, rect: Rect, max_iou: f32) -> bool {
        if rect.width() <= 0.0 || rect.height() <= 0.0 {
            // It overlaps nothing.
            return true;
        }
        let own = (exponent(rect.width()), exponent(rect.height()));
        let mut levels = self
            .levels
            .iter()
            .filter(|(level, _)| may_overlap(own.0, level.0, max_iou) && may_overlap(own.1, level.1, max_iou));
        if levels.any(|(level, boxes)| boxes.overlap(*level, &rect, max_iou)) {
            return false;
        }
        let level = self.levels.entry(own).or_default();
        let cell = (cell(rect.x1, own.0), cell(rect.y1, own.1));
        level.cells.entry(cell).or_default().push(level.rects.len());
        level.rects.push(rect);
        true
    }
}

impl Level {
    fn overlap(&self, level: (i32, i32), rect: &Rect, max_iou: f32) -> bool {
        // What overlaps begins before the box ends, and by less than a cell before it begins.
        let columns = cell(rect.x1, level.0).saturating_sub(1)..=cell(rect.x2, level.0);
        let rows = cell(rect.y1, level.1).saturating_sub(1)..=cell(rect.y2, level.1);
        let count = (i64::from(*columns.end()) - i64::from(*columns.start()) + 1)
            .saturating_mul(i64::from(*rows.end()) - i64::from(*rows.start()) + 1);
        if count >= self.rects.len() as i64 {
            return self.rects.iter().any(|other| other.iou(rect) > max_iou);
        }
        let cells = columns.flat_map(|column| rows.clone().map(move |row| (column, row)));
        let mut near = cells.filter_map(|cell| self.cells.get(&cell)).flatten();
        near.any(|at| self.rects[*at].iou(rect) > max_iou)
    }
}

/// The exponent of the largest power of two that is not above a positive number.
fn exponent(length: f32) -> i32 {
    (length.to_bits() >> 23) as i32 - 127
}

/// The cell of a coordinate on a level. Divided by a power of two, numbers stay exact.
fn cell(at: f32, level: i32) -> i32 {
    (f64::from(at) / f64::from(level + 1).exp2()).floor() as i32
}

/// Whether boxes with sides of these exponents may overlap by more than `max_iou`, which is at most the shorter side divided
/// by the longer one.
fn may_overlap(one: i32, other: i32, max_iou: f32) -> bool {
    // The most that the sides of the closest sizes allow: those next to a power of two, on both sides of it.
    let ratio = f64::from(1 - (one - other).abs()).exp2();
    ratio > 0.999 * f64::from(max_iou)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition.
    fn plain(mut items: Vec<(f32, Rect)>, max_iou: f32) -> Vec<(f32, Rect)> {
        items.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut kept: Vec<(f32, Rect)> = Vec::new();
        for item in items {
            if kept.iter().all(|better| better.1.iou(&item.1) <= max_iou) {
                kept.push(item);
            }
        }
        kept
    }

    fn boxes() -> impl Strategy<Value = Vec<(f32, Rect)>> {
        // Whole numbers make equal scores, equal edges and sides that are powers of two.
        let number = |range: std::ops::Range<i32>| {
            prop_oneof![range.clone().prop_map(|whole| whole as f32), range.prop_map(|part| part as f32 / 7.0)]
        };
        let one = (number(0..20), number(-40..300), number(-40..300), number(-2..130), number(-2..130));
        let one = one.prop_map(|(score, x, y, width, height)| (score, Rect::new(x, y, x + width, y + height)));
        prop::collection::vec(one, 0..200)
    }

    proptest! {
        #[test]
        fn it_keeps_what_the_definition_keeps(boxes in boxes(), max_iou in prop_oneof![Just(0.3f32), 0.0f32..1.0]) {
            let kept = suppress(boxes.clone(), |item| item.0, |item| item.1, max_iou);
            prop_assert_eq!(kept, plain(boxes, max_iou));
        }
    }

    #[test]
    fn boxes_that_are_all_kept_are_compared_with_few_others() {
        let crowd: Vec<Rect> = (0..90_000)
            .map(|at| (at % 300, at / 300))
            .map(|(x, y)| (8.0 * x as f32, 8.0 * y as f32))
            .map(|(x, y)| Rect::new(x, y, x + 9.0, y + 11.0))
            .collect();
        let asked = std::cell::Cell::new(0u64);
        let kept = suppress(
            crowd,
            |_| 1.0,
            |rect| {
                asked.set(asked.get() + 1);
                *rect
            },
            0.3,
        );
        assert_eq!((kept.len(), asked.get()), (90_000, 90_000));
    }
}
