//! Finds the document: the quadrilateral whose four sides have the most support from edges.
//!
//! A Hough transform finds lines: each edge pixel votes only for directions near its own. Every two pairs of opposite
//! lines then make a quadrilateral, whose sides are checked for edges. In a picture for verification, the document is the
//! largest thing with four straight sides, so the size counts too.

use crate::geometry::{Point, Rect};
use crate::image::Image;
use crate::resample::Resampler;

/// Longer side of the picture to search, in pixels. Document edges are long, and text is blurred away at this size.
const SIDE: u32 = 360;

/// Least part of the picture that a document covers.
const MIN_AREA: f32 = 0.12;

/// Long side over short side: from open passports and their pages (1.42) to cards (1.59), with what perspective does.
const ASPECTS: std::ops::Range<f32> = 1.2..1.95;

/// Part of a side that has an edge of its direction: the worst side, and the mean of all four. A finger or glare hides
/// a part of one side.
const MIN_SIDE_SUPPORT: f32 = 0.5;
const MIN_SUPPORT: f32 = 0.72;

/// Finds the corners of the document in pixels of the picture, clockwise from the one that lies nearest to the upper
/// left. `None` if nothing looks like a document, for example if the document fills the picture.
pub fn find(resampler: &mut Resampler, image: &Image) -> Option<[Point; 4]> {
    let scale = image.width().max(image.height()) as f32 / SIDE as f32;
    let size = |length: u32| ((length as f32 / scale).round() as u32).max(1);
    let whole = Rect::new(0.0, 0.0, image.width() as f32, image.height() as f32);
    let small = resampler.cut(image, &whole, size(image.width()), size(image.height()));
    let edges = Edges::of(&small)?;
    let lines = edges.lines();
    let pairs = pairs(&lines, edges.width.min(edges.height) as f32);
    let mut best: Option<([Point; 4], f32)> = None;
    for (index, first) in pairs.iter().enumerate() {
        for second in &pairs[index + 1..] {
            let Some(corners) = corners(first, second).filter(|corners| edges.can_be_document(corners)) else {
                continue;
            };
            let Some(support) = edges.support(&corners) else { continue };
            let score = support * (0.5 + (area(&corners) / edges.area()).min(1.0).sqrt());
            if best.is_none_or(|(_, least)| score > least) {
                best = Some((corners, score));
            }
        }
    }
    best.map(|(corners, _)| from_upper_left(corners).map(|p| Point::new((p.x + 0.5) * scale, (p.y + 0.5) * scale)))
}

/// Stronger edges count no more than this, in levels per pixel.
const STRONG: f32 = 30.0;

/// A line as normal and distance: `x cos + y sin = rho`.
#[derive(Debug, Clone, Copy)]
struct Line {
    theta: f32,
    rho: f32,
}

impl Line {
    fn crossing(self, other: Line) -> Option<Point> {
        let ((s1, c1), (s2, c2)) = (self.theta.sin_cos(), other.theta.sin_cos());
        let determinant = c1 * s2 - c2 * s1;
        (determinant.abs() > 0.1).then(|| {
            Point::new((self.rho * s2 - other.rho * s1) / determinant, (c1 * other.rho - c2 * self.rho) / determinant)
        })
    }
}

/// Gradients of a small picture: direction of the strongest colour channel, and whether it is an edge.
struct Edges {
    width: usize,
    height: usize,
    /// Unit normal, and zero where there is no edge.
    normals: Vec<(f32, f32)>,
    /// Levels per pixel.
    strengths: Vec<f32>,
}

impl Edges {
    fn of(image: &Image) -> Option<Edges> {
        let (width, height) = (image.width() as usize, image.height() as usize);
        if width < 32 || height < 32 {
            return None;
        }
        let gradients: Vec<(f32, f32)> =
            (0..width * height).map(|i| gradient(image, (i % width) as i64, (i / width) as i64)).collect();
        let strengths: Vec<f32> = gradients.iter().map(|(gx, gy)| gx.hypot(*gy)).collect();
        let strength = |at: usize| strengths[at];
        let mut sorted = strengths.clone();
        // A document and its background sometimes differ by few levels. The texture decides which difference is small here.
        let middle = sorted.len() * 3 / 4;
        let threshold = sorted.select_nth_unstable_by(middle, f32::total_cmp).1.clamp(6.0, 40.0);
        let mut normals = vec![(0.0, 0.0); gradients.len()];
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let at = y * width + x;
                let (gx, gy) = gradients[at];
                let length = strength(at);
                // Only the crest of an edge counts: neighbours across it are weaker.
                let step = if gx.abs() > gy.abs() { 1 } else { width };
                if length >= threshold && length >= strength(at - step) && length >= strength(at + step) {
                    normals[at] = (gx / length, gy / length);
                }
            }
        }
        Some(Edges { width, height, normals, strengths })
    }

    fn area(&self) -> f32 {
        (self.width * self.height) as f32
    }

    /// The lines with most edge pixels, none near a better one, and not all of one direction: planks and printed lines
    /// are straight as well.
    fn lines(&self) -> Vec<Line> {
        /// Half degrees: over the length of a document a whole one would blur a line over several distances.
        const ANGLES: usize = 360;
        /// How far the gradient of a pixel may be off, in half degrees.
        const SPREAD: usize = 20;
        const MAX_LINES: usize = 60;
        const MAX_PARALLEL: usize = 14;
        let reach = ((self.width as f32).hypot(self.height as f32)).ceil() as usize;
        let columns = 2 * reach + 1;
        let mut votes = vec![0.0f32; ANGLES * columns];
        for (at, &(nx, ny)) in self.normals.iter().enumerate().filter(|(_, n)| **n != (0.0, 0.0)) {
            let (x, y) = ((at % self.width) as f32, (at / self.width) as f32);
            let own = (2.0 * ny.atan2(nx).to_degrees()).rem_euclid(ANGLES as f32) as usize;
            let weight = (self.strengths[at] / STRONG).min(1.0);
            for angle in (own + ANGLES - SPREAD..=own + ANGLES + SPREAD).map(|angle| angle % ANGLES) {
                let (sin, cos) = (angle as f32 / 2.0).to_radians().sin_cos();
                let rho = x * cos + y * sin + reach as f32;
                votes[angle * columns + rho.round() as usize] += weight;
            }
        }
        let least = 0.1 * self.width.min(self.height) as f32;
        let mut order: Vec<usize> = (0..votes.len()).filter(|&at| votes[at] > least).collect();
        order.sort_by(|&a, &b| votes[b].total_cmp(&votes[a]));
        let mut lines: Vec<Line> = Vec::new();
        for at in order {
            let line =
                Line { theta: ((at / columns) as f32 / 2.0).to_radians(), rho: (at % columns) as f32 - reach as f32 };
            let parallel = lines.iter().filter(|better| difference(**better, line).0 < 0.08).count();
            if parallel < MAX_PARALLEL && !lines.iter().any(|better| alike(*better, line)) {
                lines.push(line);
                if lines.len() == MAX_LINES {
                    break;
                }
            }
        }
        lines
    }

    /// Whether a quadrilateral has the size and shape of a document, and lies in the picture but for a rounded corner.
    fn can_be_document(&self, corners: &[Point; 4]) -> bool {
        let margin = 0.03 * self.width.max(self.height) as f32;
        let inside = |p: &Point| {
            (-margin..self.width as f32 + margin).contains(&p.x)
                && (-margin..self.height as f32 + margin).contains(&p.y)
        };
        let side = |i: usize| corners[i].distance(corners[(i + 1) % 4]);
        let (across, down) = (side(0) + side(2), side(1) + side(3));
        let alike = |a: f32, b: f32| a.min(b) > 0.6 * a.max(b);
        corners.iter().all(inside)
            && ASPECTS.contains(&(across.max(down) / across.min(down)))
            && alike(side(0), side(2))
            && alike(side(1), side(3))
            && area(corners) >= MIN_AREA * self.area()
    }

    /// How well the sides lie on edges of their direction, 0 to 1. Strong edges count up to twice as much as weak ones.
    /// `None` if too small a part of the sides lies on edges.
    fn support(&self, corners: &[Point; 4]) -> Option<f32> {
        let sides: [(f32, f32); 4] = std::array::from_fn(|i| self.side_support(corners[i], corners[(i + 1) % 4]));
        let part = sides.iter().map(|side| side.0).sum::<f32>() / 4.0;
        let strength = sides.iter().map(|side| side.1).sum::<f32>() / 4.0;
        let enough = sides.iter().all(|side| side.0 >= MIN_SIDE_SUPPORT) && part >= MIN_SUPPORT;
        enough.then_some(f32::midpoint(part, strength))
    }

    /// The part of a side that lies on edges, and the same weighted by their strength.
    fn side_support(&self, from: Point, to: Point) -> (f32, f32) {
        const STEPS: usize = 60;
        const REACH: i32 = 2;
        let length = from.distance(to).max(1.0);
        let normal = ((to.y - from.y) / length, (from.x - to.x) / length);
        let strongest = |step: usize| {
            let t = (step as f32 + 0.5) / STEPS as f32;
            let at = (from.x + (to.x - from.x) * t, from.y + (to.y - from.y) * t);
            let edge = |d: i32| {
                let (x, y) = (at.0 + d as f32 * normal.0, at.1 + d as f32 * normal.1);
                let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
                let at = inside.then(|| y as usize * self.width + x as usize)?;
                let (nx, ny) = self.normals[at];
                ((nx * normal.0 + ny * normal.1).abs() > 0.94).then_some((self.strengths[at] / STRONG).min(1.0))
            };
            (-REACH..=REACH).filter_map(edge).max_by(f32::total_cmp)
        };
        let edges = (0..STEPS).filter_map(strongest);
        let (count, strength) = edges.fold((0.0, 0.0), |(count, sum), strength| (count + 1.0, sum + strength));
        (count / STEPS as f32, strength / STEPS as f32)
    }
}

/// Scharr's gradient of the channel that changes most, in levels per pixel.
fn gradient(image: &Image, x: i64, y: i64) -> (f32, f32) {
    let at = |dx: i64, dy: i64| image.clamped(x + dx, y + dy).map(f32::from);
    let around = [at(-1, -1), at(0, -1), at(1, -1), at(-1, 0), at(1, 0), at(-1, 1), at(0, 1), at(1, 1)];
    let channel = |c: usize| {
        let [ul, u, ur, l, r, dl, d, dr] = around.map(|colour| colour[c]);
        let gx = (3.0 * (ur + dr - ul - dl) + 10.0 * (r - l)) / 32.0;
        let gy = (3.0 * (dl + dr - ul - ur) + 10.0 * (d - u)) / 32.0;
        (gx, gy)
    };
    (0..3).map(channel).fold((0.0, 0.0), |a, b| if a.0.hypot(a.1) >= b.0.hypot(b.1) { a } else { b })
}

/// Angle between two lines in radians, 0 to a right angle, and their distance at the origin.
fn difference(a: Line, b: Line) -> (f32, f32) {
    let turn = (a.theta - b.theta).abs();
    if turn > std::f32::consts::FRAC_PI_2 {
        (std::f32::consts::PI - turn, (a.rho + b.rho).abs())
    } else {
        (turn, (a.rho - b.rho).abs())
    }
}

fn alike(a: Line, b: Line) -> bool {
    let (turn, distance) = difference(a, b);
    turn < 0.07 && distance < 5.0
}

/// Two lines that can be opposite sides: nearly parallel, and apart.
fn pairs(lines: &[Line], shorter: f32) -> Vec<(Line, Line)> {
    let opposite = |a: Line, b: Line| {
        let (turn, distance) = difference(a, b);
        turn < 0.35 && distance > 0.2 * shorter
    };
    let with_later = |(index, a): (usize, &Line)| {
        lines[index + 1..].iter().filter(|b| opposite(*a, **b)).map(|b| (*a, *b)).collect::<Vec<_>>()
    };
    lines.iter().enumerate().flat_map(with_later).collect()
}

/// The quadrilateral between two pairs, its corners in order around it. `None` if the lines do not cross, or if it is twisted.
fn corners((a, b): &(Line, Line), (c, d): &(Line, Line)) -> Option<[Point; 4]> {
    let corners = [a.crossing(*c)?, a.crossing(*d)?, b.crossing(*d)?, b.crossing(*c)?];
    let turn = |i: usize| {
        let (p, q, r) = (corners[i], corners[(i + 1) % 4], corners[(i + 2) % 4]);
        let (ux, uy, vx, vy) = (q.x - p.x, q.y - p.y, r.x - q.x, r.y - q.y);
        // The sine of the corner: right angles, give or take what perspective does.
        (ux * vy - uy * vx) / (ux.hypot(uy) * vx.hypot(vy)).max(1e-6)
    };
    let turns: [f32; 4] = std::array::from_fn(turn);
    if turns.iter().all(|&turn| turn > 0.8) {
        Some(corners)
    } else if turns.iter().all(|&turn| turn < -0.8) {
        Some([corners[0], corners[3], corners[2], corners[1]])
    } else {
        None
    }
}

/// Area of a quadrilateral whose corners are in order, in square pixels.
pub fn area(corners: &[Point; 4]) -> f32 {
    let cross = |i: usize| corners[i].x * corners[(i + 1) % 4].y - corners[i].y * corners[(i + 1) % 4].x;
    ((0..4).map(cross).sum::<f32>() / 2.0).abs()
}

/// The same corners from the one nearest to the upper left.
fn from_upper_left(mut corners: [Point; 4]) -> [Point; 4] {
    let sum = |i: &usize| corners[*i].x + corners[*i].y;
    let first = (0..4).min_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap_or(0);
    corners.rotate_left(first);
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A light card with dark lines of "text" at `corners` on a striped and speckled ground.
    fn scene(corners: &[Point; 4]) -> Image {
        let (width, height) = (640u32, 480u32);
        let inside = |x: f32, y: f32| {
            (0..4).all(|i| {
                let (p, q) = (corners[i], corners[(i + 1) % 4]);
                (q.x - p.x) * (y - p.y) - (q.y - p.y) * (x - p.x) >= 0.0
            })
        };
        let pixel = |i: u32| {
            let (x, y) = (i % width, i / width);
            let noise = (i.wrapping_mul(2_654_435_761) >> 24) as u8 / 6;
            let text = (y / 12) % 3 == 0 && ((x + 5 * (y / 12) * (y / 12)) / 7) % 3 != 0;
            match (inside(x as f32, y as f32), (x + 2 * y) / 170 % 2) {
                (true, _) => [if text { 120 } else { 210 } + noise / 4; 3],
                (false, 0) => [90 + noise, 70 + noise, 50 + noise],
                (false, _) => [110 + noise, 95 + noise, 60 + noise],
            }
        };
        Image::from_rgb8(width, height, (0..width * height).flat_map(pixel).collect())
    }

    fn worst(found: &[Point; 4], truth: &[Point; 4]) -> f32 {
        (0..4).map(|i| found[i].distance(truth[i])).fold(0.0, f32::max)
    }

    #[test]
    fn a_tilted_card_is_found() {
        for angle in [0.0f32, 0.2, -0.4] {
            let (sin, cos) = angle.sin_cos();
            let corner = |x: f32, y: f32| Point::new(320.0 + x * cos - y * sin, 240.0 + x * sin + y * cos);
            let truth = from_upper_left(
                [(-190.0, -120.0), (190.0, -120.0), (190.0, 120.0), (-190.0, 120.0)].map(|(x, y)| corner(x, y)),
            );
            let found = find(&mut Resampler::default(), &scene(&truth)).unwrap();
            assert!(worst(&found, &truth) < 8.0, "{angle}: {found:?}");
        }
    }

    #[test]
    fn a_card_seen_from_the_side_is_found() {
        let truth =
            [Point::new(120.0, 110.0), Point::new(500.0, 80.0), Point::new(540.0, 360.0), Point::new(90.0, 330.0)];
        let found = find(&mut Resampler::default(), &scene(&truth)).unwrap();
        assert!(worst(&found, &truth) < 8.0, "{found:?}");
    }

    #[test]
    fn texture_alone_is_no_document() {
        let nowhere = [Point::new(-9.0, -9.0), Point::new(-8.0, -9.0), Point::new(-8.0, -8.0), Point::new(-9.0, -8.0)];
        assert_eq!(find(&mut Resampler::default(), &scene(&nowhere)), None);
        let flat = Image::from_rgb8(300, 200, vec![200; 3 * 300 * 200]);
        assert_eq!(find(&mut Resampler::default(), &flat), None);
    }
}
