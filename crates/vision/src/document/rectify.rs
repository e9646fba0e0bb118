//! Cuts the document out: turns a quadrilateral of a picture into an upright rectangle. Also quarter turns.

use crate::geometry::{Point, sample};
use crate::image::Image;

/// Most pixels of the longer side of a rectified document: twice what reading needs.
const MAX_SIDE: f32 = 2400.0;

/// The part of `image` between four corners (clockwise from the upper left) as a rectangle. Each side is as long
/// as the longer of two opposite sides, so no detail is lost. The aspect ratio of a document seen from the side is off by a
/// few per cent.
pub fn rectify(image: &Image, corners: &[Point; 4]) -> Image {
    let [a, b, c, d] = *corners;
    let (width, height) = (a.distance(b).max(d.distance(c)), a.distance(d).max(b.distance(c)));
    let shrink = (MAX_SIDE / width.max(height)).min(1.0);
    let (width, height) = ((width * shrink).round().max(1.0) as u32, (height * shrink).round().max(1.0) as u32);
    let map = Perspective::to_quadrilateral(corners);
    let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            let at = map.apply((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
            pixels.extend(sample(image, Point::new(at.x - 0.5, at.y - 0.5)).map(|c| c.round() as u8));
        }
    }
    Image::from_rgb8(width, height, pixels)
}

/// The picture turned clockwise by quarters, 0 to 3.
pub fn turned(image: &Image, quarters: u8) -> Image {
    let (width, height) = (image.width(), image.height());
    let (out_width, out_height) = if quarters.is_multiple_of(2) { (width, height) } else { (height, width) };
    let mut pixels = Vec::with_capacity(image.pixels().len());
    for y in 0..out_height {
        for x in 0..out_width {
            let (from_x, from_y) = match quarters % 4 {
                0 => (x, y),
                1 => (y, height - 1 - x),
                2 => (width - 1 - x, height - 1 - y),
                _ => (width - 1 - y, x),
            };
            let at = 3 * (from_y as usize * width as usize + from_x as usize);
            pixels.extend_from_slice(&image.pixels()[at..at + 3]);
        }
    }
    Image::from_rgb8(out_width, out_height, pixels)
}

/// Where a point of a picture of this size goes when [`turned`].
pub fn turned_point(point: Point, (width, height): (f32, f32), quarters: u8) -> Point {
    match quarters % 4 {
        0 => point,
        1 => Point::new(height - point.y, point.x),
        2 => Point::new(width - point.x, height - point.y),
        _ => Point::new(point.y, width - point.x),
    }
}

/// The projective map of the unit square onto a quadrilateral (Heckbert, "Fundamentals of Texture Mapping", 1989, 2.2.3).
struct Perspective {
    x: [f32; 3],
    y: [f32; 3],
    w: [f32; 2],
}

impl Perspective {
    fn to_quadrilateral(corners: &[Point; 4]) -> Self {
        let [a, b, c, d] = *corners;
        let (dx1, dx2, dx3) = (b.x - c.x, d.x - c.x, a.x - b.x + c.x - d.x);
        let (dy1, dy2, dy3) = (b.y - c.y, d.y - c.y, a.y - b.y + c.y - d.y);
        let determinant = dx1 * dy2 - dx2 * dy1;
        // There is no such map for corners on one line. Any finite answer will do.
        let determinant = if determinant.abs() < f32::EPSILON { f32::EPSILON } else { determinant };
        let g = (dx3 * dy2 - dx2 * dy3) / determinant;
        let h = (dx1 * dy3 - dx3 * dy1) / determinant;
        Self {
            x: [b.x - a.x + g * b.x, d.x - a.x + h * d.x, a.x],
            y: [b.y - a.y + g * b.y, d.y - a.y + h * d.y, a.y],
            w: [g, h],
        }
    }

    fn apply(&self, u: f32, v: f32) -> Point {
        let w = self.w[0] * u + self.w[1] * v + 1.0;
        Point::new((self.x[0] * u + self.x[1] * v + self.x[2]) / w, (self.y[0] * u + self.y[1] * v + self.y[2]) / w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_go_to_corners() {
        let corners =
            [Point::new(40.0, 30.0), Point::new(310.0, 60.0), Point::new(280.0, 220.0), Point::new(20.0, 180.0)];
        let map = Perspective::to_quadrilateral(&corners);
        for ((u, v), corner) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].into_iter().zip(corners) {
            assert!(map.apply(u, v).distance(corner) < 1e-2);
        }
    }

    #[test]
    fn turns_move_pixels_as_they_move_points() {
        let pixels: Vec<u8> = (0..3 * 5 * 3).collect();
        let image = Image::from_rgb8(5, 3, pixels);
        for quarters in 0..4 {
            let after = turned(&image, quarters);
            let at = turned_point(Point::new(3.5, 0.5), (5.0, 3.0), quarters);
            assert_eq!(after.clamped(at.x as i64, at.y as i64), image.clamped(3, 0), "{quarters} quarters");
        }
        assert_eq!(turned(&turned(&image, 1), 3), image);
    }
}
