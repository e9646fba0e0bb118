//! Finds lines of text: the segmentation network of PP-OCR (differentiable binarisation, Liao et al. 2020), and boxes around
//! the regions that it marks.

use super::rectify::turned_point;
use crate::error::Error;
use crate::geometry::{Point, Rect};
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::Network;
use crate::resample::{Resampler, planes};

/// A box around a line of text, in pixels of the picture. It is turned with the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextBox {
    /// The middle.
    pub center: Point,
    /// Direction of the line in radians, clockwise from rightwards. The text may run either way along it.
    pub angle: f32,
    /// Length along the line.
    pub width: f32,
    /// Height across the line.
    pub height: f32,
    /// Mean probability of text inside.
    pub confidence: f32,
}

impl TextBox {
    /// The point `along` and `across` the line from the middle.
    pub fn at(&self, along: f32, across: f32) -> Point {
        let (sin, cos) = self.angle.sin_cos();
        Point::new(self.center.x + along * cos - across * sin, self.center.y + along * sin + across * cos)
    }

    /// Coordinates of a point along and across the line, from the middle.
    pub fn relative(&self, point: Point) -> (f32, f32) {
        let (sin, cos) = self.angle.sin_cos();
        let (dx, dy) = (point.x - self.center.x, point.y - self.center.y);
        (dx * cos + dy * sin, dy * cos - dx * sin)
    }

    /// The four corners: start and end of the upper edge, then end and start of the lower one.
    pub fn corners(&self) -> [Point; 4] {
        let (x, y) = (self.width / 2.0, self.height / 2.0);
        [self.at(-x, -y), self.at(x, -y), self.at(x, y), self.at(-x, y)]
    }

    /// The box read from the end that brings its direction nearer to `angle`.
    #[must_use]
    pub fn towards(&self, angle: f32) -> TextBox {
        if (self.angle - angle).cos() < 0.0 { self.reversed() } else { *self }
    }

    /// The same box when a picture of this size is turned clockwise by quarters.
    #[must_use]
    pub fn turned(&self, size: (f32, f32), quarters: u8) -> TextBox {
        let angle = self.angle + f32::from(quarters) * std::f32::consts::FRAC_PI_2;
        TextBox { center: turned_point(self.center, size, quarters), angle, ..*self }
    }

    /// The same box read from its other end.
    #[must_use]
    pub fn reversed(&self) -> TextBox {
        TextBox { angle: self.angle + std::f32::consts::PI, ..*self }
    }
}

/// Least probability of a text pixel; least mean inside a box; growth of a box relative to area over perimeter (the network
/// marks a shrunk core of each line). The network's publishers use these values.
const PIXEL: f32 = 0.3;
const MEAN: f32 = 0.5;
const GROWTH: f32 = 1.6;

/// The text detection stage.
pub struct TextDetector {
    network: Box<dyn Network>,
    input: InputSpec,
    planes: Vec<f32>,
}

impl TextDetector {
    /// A stage around a network whose input sides are multiples of 32.
    pub fn new(network: Box<dyn Network>, input: InputSpec) -> Self {
        Self { network, input, planes: Vec::new() }
    }

    /// Finds all lines; `side` is the longer side of the network's input in pixels.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime fails, [`Error::Model`] when the output is not a map of the input's size.
    pub fn detect(&mut self, resampler: &mut Resampler, image: &Image, side: u32) -> Result<Vec<TextBox>, Error> {
        let longer = image.width().max(image.height()) as f32;
        let fit = |length: u32| ((length as f32 * side as f32 / longer / 32.0).round() as u32).max(1) * 32;
        let (width, height) = (fit(image.width()), fit(image.height()));
        let whole = Rect::new(0.0, 0.0, image.width() as f32, image.height() as f32);
        let canvas = resampler.cut(image, &whole, width, height);
        planes(&canvas, &self.input, &mut self.planes);
        let outputs = self.network.run(&[1, 3, height as usize, width as usize], &self.planes)?;
        let map = outputs.first().filter(|output| output.values.len() == width as usize * height as usize);
        let map = map.ok_or_else(|| Error::Model("the text detector gives no map of its input's size".into()))?;
        let scale = (image.width() as f32 / width as f32, image.height() as f32 / height as f32);
        Ok(boxes(&map.values, width as usize, scale))
    }
}

/// Boxes around the connected parts of a probability map, in pixels of the picture; `scale` is from map to picture.
fn boxes(map: &[f32], width: usize, scale: (f32, f32)) -> Vec<TextBox> {
    let parts = components(map, width);
    let moved: Vec<(Vec<Point>, f32)> = parts
        .iter()
        .map(|part| {
            let mean = part.iter().map(|&at| map[at]).sum::<f32>() / part.len() as f32;
            let point = |&at: &usize| Point::new((at % width) as f32 * scale.0, (at / width) as f32 * scale.1);
            (part.iter().map(point).collect(), mean)
        })
        .filter(|(_, mean)| *mean >= MEAN)
        .collect();
    let pixel = f32::midpoint(scale.0, scale.1);
    let long = moved.iter().filter_map(|(points, _)| long_axis(points)).max_by(|a, b| a.1.total_cmp(&b.1));
    let page = long.map_or(0.0, |(angle, _)| angle);
    moved.iter().map(|(points, mean)| around(points, *mean, page, pixel)).filter(|b| b.height >= 3.0 * pixel).collect()
}

/// 8-connected parts of the text pixels, as indices. The smallest parts are noise and left out.
fn components(map: &[f32], width: usize) -> Vec<Vec<usize>> {
    const MIN_PIXELS: usize = 12;
    let height = map.len() / width;
    let mut open: Vec<bool> = map.iter().map(|&p| p > PIXEL).collect();
    let mut parts = Vec::new();
    for start in 0..map.len() {
        if !open[start] {
            continue;
        }
        open[start] = false;
        let mut part = vec![start];
        let mut next = 0;
        while next < part.len() {
            let (x, y) = (part[next] % width, part[next] / width);
            next += 1;
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let at = ny * width + nx;
                    if std::mem::take(&mut open[at]) {
                        part.push(at);
                    }
                }
            }
        }
        if part.len() >= MIN_PIXELS {
            parts.push(part);
        }
    }
    parts
}

/// Angle of the principal axis and its standard deviation. `None` for parts that are not clearly longer than high.
fn long_axis(points: &[Point]) -> Option<(f32, f32)> {
    const MIN_ELONGATION: f32 = 4.0;
    let mean = Point::mean(points.iter().copied());
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for point in points {
        let (dx, dy) = (point.x - mean.x, point.y - mean.y);
        (xx, yy, xy) = (xx + dx * dx, yy + dy * dy, xy + dx * dy);
    }
    let spread = ((xx - yy) * (xx - yy) + 4.0 * xy * xy).sqrt();
    let (major, minor) = ((xx + yy + spread) / 2.0, (xx + yy - spread) / 2.0);
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    let count = points.len() as f32;
    (major > MIN_ELONGATION * MIN_ELONGATION * minor).then(|| (angle, (major / count).sqrt()))
}

/// The box of a part: turned as the part itself where that is long, else as the page.
fn around(points: &[Point], confidence: f32, page: f32, pixel: f32) -> TextBox {
    let angle = long_axis(points).map_or(page, |(angle, _)| angle);
    let frame = TextBox { center: Point::mean(points.iter().copied()), angle, width: 0.0, height: 0.0, confidence };
    let relative: Vec<Point> = points.iter().map(|&p| frame.relative(p)).map(|(x, y)| Point::new(x, y)).collect();
    let rect = Rect::around(&relative);
    let middle = rect.center();
    let (width, height) = (rect.width() + pixel, rect.height() + pixel);
    let grow = width * height * GROWTH / (width + height);
    TextBox { center: frame.at(middle.x, middle.y), width: width + grow, height: height + grow, ..frame }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bar of text drawn into a map of 200 x 120, turned by `angle` about the middle.
    fn bar(angle: f32, half_width: f32, half_height: f32) -> Vec<f32> {
        let (sin, cos) = angle.sin_cos();
        let inside = |x: f32, y: f32| {
            let (dx, dy) = (x - 100.0, y - 60.0);
            (dx * cos + dy * sin).abs() <= half_width && (dy * cos - dx * sin).abs() <= half_height
        };
        (0..200 * 120).map(|i| if inside((i % 200) as f32, (i / 200) as f32) { 0.9 } else { 0.0 }).collect()
    }

    #[test]
    fn a_tilted_line_gets_a_tilted_box() {
        let found = boxes(&bar(0.2, 60.0, 4.0), 200, (2.0, 2.0));
        assert_eq!(found.len(), 1);
        let line = found[0];
        assert!((line.angle - 0.2).abs() < 0.01 && line.center.distance(Point::new(200.0, 120.0)) < 2.0, "{line:?}");
        assert!((line.width - (242.0 + 27.0)).abs() < 8.0 && (line.height - (18.0 + 27.0)).abs() < 8.0, "{line:?}");
        assert!((line.confidence - 0.9).abs() < 0.01);
    }

    #[test]
    fn faint_and_tiny_marks_are_no_text() {
        let faint: Vec<f32> = bar(0.0, 60.0, 4.0).iter().map(|p| p * 0.5).collect();
        assert!(boxes(&faint, 200, (1.0, 1.0)).is_empty());
        assert!(boxes(&bar(0.0, 1.0, 1.0), 200, (1.0, 1.0)).is_empty());
    }
}
