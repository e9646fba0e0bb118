//! Points, boxes and the warps between them. Coordinates are pixels of the upright original, origin at the top left
//! corner of the top left pixel's centre.

use crate::image::Image;

/// A position in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

impl Point {
    /// The point at (`x`, `y`).
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The middle of several points; the origin for none.
    pub fn mean(points: impl IntoIterator<Item = Point>) -> Self {
        let (mut sum, mut count) = (Point::default(), 0.0f32);
        for point in points {
            sum = Point::new(sum.x + point.x, sum.y + point.y);
            count += 1.0;
        }
        Point::new(sum.x / count.max(1.0), sum.y / count.max(1.0))
    }

    /// Euclidean distance.
    pub fn distance(self, other: Point) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An upright box, in pixels; `x1 <= x2` and `y1 <= y2`. It may reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x1: f32,
    /// Top edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Bottom edge.
    pub y2: f32,
}

impl Rect {
    /// The box between two corners.
    pub const fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// The least box that holds all `points`.
    pub fn around(points: &[Point]) -> Self {
        let start = Rect::new(f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY);
        points
            .iter()
            .fold(start, |rect, p| Rect::new(rect.x1.min(p.x), rect.y1.min(p.y), rect.x2.max(p.x), rect.y2.max(p.y)))
    }

    /// Width in pixels.
    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// The middle of the box.
    pub fn center(&self) -> Point {
        Point::new(f32::midpoint(self.x1, self.x2), f32::midpoint(self.y1, self.y2))
    }

    /// The square with the same middle whose side is `scale` times the longer side.
    #[must_use]
    pub fn square(&self, scale: f32) -> Rect {
        let (center, half) = (self.center(), self.width().max(self.height()) * scale / 2.0);
        Rect::new(center.x - half, center.y - half, center.x + half, center.y + half)
    }

    /// Intersection over union, from 0 (apart) to 1 (equal).
    pub fn iou(&self, other: &Rect) -> f32 {
        let width = self.x2.min(other.x2) - self.x1.max(other.x1);
        let height = self.y2.min(other.y2) - self.y1.max(other.y1);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let shared = width * height;
        shared / (self.area() + other.area() - shared)
    }
}

/// A rotation with uniform scale and shift: `x' = a x - b y + tx`, `y' = b x + a y + ty`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    a: f32,
    b: f32,
    tx: f32,
    ty: f32,
}

impl Similarity {
    /// The least squares fit that takes each `from[i]` near `to[i]` (Umeyama 1991; in the plane without reflection it
    /// has this closed form). `None` when the points of `from` coincide.
    pub fn fit<const N: usize>(from: &[Point; N], to: &[Point; N]) -> Option<Self> {
        let (from_mean, to_mean) = (Point::mean(*from), Point::mean(*to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (p.x - from_mean.x, p.y - from_mean.y);
            let (qx, qy) = (q.x - to_mean.x, q.y - to_mean.y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        if spread <= f32::EPSILON {
            return None;
        }
        let (a, b) = (dot / spread, cross / spread);
        let (tx, ty) = (to_mean.x - a * from_mean.x + b * from_mean.y, to_mean.y - b * from_mean.x - a * from_mean.y);
        Some(Self { a, b, tx, ty })
    }

    /// Where `point` goes.
    pub fn apply(&self, point: Point) -> Point {
        Point::new(self.a * point.x - self.b * point.y + self.tx, self.b * point.x + self.a * point.y + self.ty)
    }

    /// How much longer a line becomes.
    pub fn scale(&self) -> f32 {
        self.a.hypot(self.b)
    }
}

/// The colour at a fractional position, by bilinear interpolation; the edge pixels go on beyond the picture.
pub fn sample(image: &Image, at: Point) -> [f32; 3] {
    let (left, top) = (at.x.floor(), at.y.floor());
    let (fx, fy) = (at.x - left, at.y - top);
    let (x, y) = (left as i64, top as i64);
    let corners = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| image.clamped(x, y).map(f32::from));
    std::array::from_fn(|c| {
        let upper = corners[0][c] + (corners[1][c] - corners[0][c]) * fx;
        let lower = corners[2][c] + (corners[3][c] - corners[2][c]) * fx;
        upper + (lower - upper) * fy
    })
}
