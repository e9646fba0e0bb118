//! One channel of brightness, and the turned, scaled or cut copies of it that the readers try.

use std::fmt;

use crate::geometry::Point;
use crate::image::Image;

/// Brightness, 0 to 255, rows from top to bottom without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Grey {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl fmt::Debug for Grey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grey({} x {})", self.width, self.height)
    }
}

impl Grey {
    /// The luma of a picture (ITU-R BT.601, in integers).
    pub fn of(image: &Image) -> Self {
        let luma = |p: &[u8]| ((77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8) as u8;
        let pixels = image.pixels().chunks_exact(3).map(luma).collect();
        Self { width: image.width() as usize, height: image.height() as usize, pixels }
    }

    /// The pixel at column `x` and row `y`, each pulled into the picture.
    fn clamped(&self, x: i64, y: i64) -> f32 {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height as i64 - 1) as usize;
        self.pixels[y * self.width + x].into()
    }

    /// Bilinear interpolation.
    fn sample(&self, at: Point) -> f32 {
        let (left, top) = (at.x.floor(), at.y.floor());
        let (fx, fy) = (at.x - left, at.y - top);
        let (x, y) = (left as i64, top as i64);
        let upper = self.clamped(x, y) * (1.0 - fx) + self.clamped(x + 1, y) * fx;
        let lower = self.clamped(x, y + 1) * (1.0 - fx) + self.clamped(x + 1, y + 1) * fx;
        upper * (1.0 - fy) + lower * fy
    }

    /// The whole picture, scaled and turned by `angle` degrees about its middle (a positive angle undoes a counterclockwise
    /// turn of the content). Pixels from outside take the value of the nearest edge.
    pub fn turned(&self, angle: f32, scale: f32) -> Grey {
        let (sin, cos) = angle.to_radians().sin_cos();
        let (width, height) = (self.width as f32, self.height as f32);
        let out_width = ((width * cos.abs() + height * sin.abs()) * scale).round().max(1.0);
        let out_height = ((width * sin.abs() + height * cos.abs()) * scale).round().max(1.0);
        let from = |x: f32, y: f32| {
            let (dx, dy) = ((x - out_width / 2.0) / scale, (y - out_height / 2.0) / scale);
            Point::new(dx * cos - dy * sin + width / 2.0, dx * sin + dy * cos + height / 2.0)
        };
        let mut pixels = Vec::with_capacity(out_width as usize * out_height as usize);
        for y in 0..out_height as usize {
            for x in 0..out_width as usize {
                let at = from(x as f32 + 0.5, y as f32 + 0.5);
                pixels.push(self.sample(Point::new(at.x - 0.5, at.y - 0.5)).round() as u8);
            }
        }
        Grey { width: out_width as usize, height: out_height as usize, pixels }
    }

    /// Every `factor`-th size: the mean of squares of `factor` pixels.
    pub fn shrunk(&self, factor: usize) -> Grey {
        if factor <= 1 {
            return self.clone();
        }
        let (width, height) = ((self.width / factor).max(1), (self.height / factor).max(1));
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let rows = (y * factor)..((y + 1) * factor).min(self.height);
                let columns = (x * factor)..((x + 1) * factor).min(self.width);
                let count = (rows.len() * columns.len()) as u32;
                let sum: u32 = rows
                    .flat_map(|row| &self.pixels[row * self.width..][columns.clone()])
                    .map(|&pixel| u32::from(pixel))
                    .sum();
                pixels.push((sum / count.max(1)) as u8);
            }
        }
        Grey { width, height, pixels }
    }

    /// 0 and 255, parted by the threshold that leaves the least variance inside both (Otsu 1979).
    pub fn black_and_white(&self) -> Vec<u8> {
        let mut histogram = [0.0f64; 256];
        self.pixels.iter().for_each(|&pixel| histogram[usize::from(pixel)] += 1.0);
        let total: f64 = histogram.iter().sum();
        let mean: f64 = histogram.iter().enumerate().map(|(value, count)| value as f64 * count).sum::<f64>() / total;
        let (mut below, mut sum, mut best) = (0.0, 0.0, (0.0, 0));
        for (value, count) in histogram.iter().enumerate() {
            below += count;
            sum += value as f64 * count;
            let between = (mean * below - sum).powi(2) / (below * (total - below)).max(1.0);
            if between > best.0 {
                best = (between, value);
            }
        }
        self.pixels.iter().map(|&pixel| if usize::from(pixel) > best.1 { 255 } else { 0 }).collect()
    }

    /// The direction of most edges, in degrees from -45 to 45: how far the content is turned against upright. Bars,
    /// modules and printed borders all agree in it, so that one number undoes the tilt of a symbol.
    pub fn tilt(&self) -> f32 {
        const BINS: usize = 180;
        // A step of 25 levels, in units of the weights.
        const MIN_STRENGTH: f32 = 400.0;
        let small = self.shrunk(self.width.max(self.height) / 700);
        let mut histogram = [0.0f32; BINS];
        for y in 1..small.height.saturating_sub(1) {
            for x in 1..small.width.saturating_sub(1) {
                let at = |dx: usize, dy: usize| f32::from(small.pixels[(y + dy - 1) * small.width + x + dx - 1]);
                // Scharr's weights: the direction of a sharp edge comes out right to a fraction of a degree.
                let gx = 3.0 * (at(2, 0) + at(2, 2) - at(0, 0) - at(0, 2)) + 10.0 * (at(2, 1) - at(0, 1));
                let gy = 3.0 * (at(0, 2) + at(2, 2) - at(0, 0) - at(2, 0)) + 10.0 * (at(1, 2) - at(1, 0));
                let strength = gx.hypot(gy);
                if strength > MIN_STRENGTH {
                    let angle = gy.atan2(gx).to_degrees().rem_euclid(90.0);
                    histogram[(angle / 90.0 * BINS as f32) as usize % BINS] += strength;
                }
            }
        }
        let smooth = |bin: usize| (0..5).map(|d| histogram[(bin + BINS + d - 2) % BINS]).sum::<f32>();
        let best = (0..BINS).max_by(|&a, &b| smooth(a).total_cmp(&smooth(b))).unwrap_or(0);
        let weight = smooth(best).max(f32::MIN_POSITIVE);
        let offset: f32 =
            (0..5).map(|d| histogram[(best + BINS + d - 2) % BINS] * (d as f32 - 2.0)).sum::<f32>() / weight;
        let angle = (best as f32 + 0.5 + offset) * 90.0 / BINS as f32;
        if angle > 45.0 { angle - 90.0 } else { angle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tilt_of_a_square_is_found_and_undone() {
        let inside = |x: usize, y: usize| (60..140).contains(&x) && (60..140).contains(&y);
        let pixels = (0..200 * 200).map(|i| if inside(i % 200, i / 200) { 0 } else { 255 }).collect();
        let upright = Grey { width: 200, height: 200, pixels };
        assert!(upright.tilt().abs() < 0.6);
        for angle in [7.0, -20.0] {
            let tilt = upright.turned(angle, 2.0).tilt();
            assert!((tilt + angle).abs() < 1.0, "{angle}: {tilt}");
        }
    }
}
