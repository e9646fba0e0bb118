//! Facts about how well a face can be recognised. They inform; nothing is refused because of them.

use crate::detect::Face;
use crate::geometry::Point;
use crate::image::Image;
use crate::landmarks::Landmarks;
use crate::resample::{Resampler, luma};

/// How good the picture of a face is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Variance of the Laplacian (Pech-Pacheco et al. 2000) of the face, shrunk to 112 x 112 grey pixels (0 to 255).
    /// Below about 50 a face looks blurred; faces smaller than 112 pixels are never sharp.
    pub sharpness: f32,
    /// Mean luma of the face, 0 (black) to 1 (white).
    pub brightness: f32,
    /// Longer side of the box in pixels.
    pub face_size_px: f32,
    /// Turn of the head to its left (right in the picture) in degrees, from the landmarks.
    pub yaw_deg: f32,
    /// Head raised in degrees.
    pub pitch_deg: f32,
    /// Head tilted clockwise in the picture in degrees.
    pub roll_deg: f32,
}

/// Side of the crop that sharpness and brightness are measured on, that of the recognition network.
const SIDE: u32 = 112;

/// Measures one face.
pub fn measure(resampler: &mut Resampler, image: &Image, face: &Face, landmarks: &Landmarks) -> Quality {
    let crop = resampler.cut(image, &face.rect.square(1.0), SIDE, SIDE);
    let grey: Vec<f32> = crop.pixels().chunks_exact(3).map(luma).collect();
    let (yaw_deg, pitch_deg, roll_deg) = pose(landmarks);
    Quality {
        sharpness: laplacian_variance(&grey, SIDE as usize),
        brightness: mean(&grey) / 255.0,
        face_size_px: face.rect.width().max(face.rect.height()),
        yaw_deg,
        pitch_deg,
        roll_deg,
    }
}

fn laplacian_variance(grey: &[f32], width: usize) -> f32 {
    let rows = grey.len() / width;
    let mut values = Vec::with_capacity(grey.len());
    for y in 1..rows - 1 {
        for x in 1..width - 1 {
            let at = y * width + x;
            values.push(grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width] - 4.0 * grey[at]);
        }
    }
    let middle = mean(&values);
    values.iter().map(|v| (v - middle).powi(2)).sum::<f32>() / values.len() as f32
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Yaw, pitch and roll in degrees, from the distances of the nose to eyes and mouth after undoing the roll.
///
/// On a head the nose tip stands before the plane of eyes and mouth by about half the distance of the eyes (Farkas,
/// "Anthropometry of the Head and Face", 1994: nose protrusion 20 mm plus the depth of the eyes, eye distance 62 mm), so a
/// turn by an angle moves it by the sine of that angle; looking straight it lies 0.54 of the way from eyes to mouth.
fn pose(landmarks: &Landmarks) -> (f32, f32, f32) {
    const NOSE_DEPTH: f32 = 0.55;
    const NOSE_HEIGHT: f32 = 0.54;
    let [left_eye, right_eye, nose, left_mouth, right_mouth] = landmarks.five();
    let eyes = Point::mean([left_eye, right_eye]);
    let mouth = Point::mean([left_mouth, right_mouth]);
    let roll = (right_eye.y - left_eye.y).atan2(right_eye.x - left_eye.x);
    // Unit vectors along the eyes and across them, downwards.
    let (along, down) = (Point::new(roll.cos(), roll.sin()), Point::new(-roll.sin(), roll.cos()));
    let project = |p: Point, axis: Point| (p.x - eyes.x) * axis.x + (p.y - eyes.y) * axis.y;
    let height = project(mouth, down).max(1.0);
    // A turned head narrows the eyes and a nodding one the height: the longer of the two keeps the scale.
    let unit = left_eye.distance(right_eye).max(height / 1.05);
    let sideways = project(nose, along) - project(mouth, along) * NOSE_HEIGHT;
    let upwards = height * NOSE_HEIGHT - project(nose, down);
    let angle = |offset: f32| (offset / (NOSE_DEPTH * unit)).clamp(-1.0, 1.0).asin().to_degrees();
    (angle(sideways), angle(upwards), roll.to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Landmarks of a head in the proportions that [`pose`] assumes, eye distance 62 units, turned and then projected
    /// straight onto the picture. Angles in degrees.
    fn head(yaw: f32, pitch: f32, roll: f32) -> Landmarks {
        let [yaw, pitch, roll] = [yaw, pitch, roll].map(f32::to_radians);
        let place = |x: f32, y: f32, z: f32| {
            let (x, z) = (x * yaw.cos() + z * yaw.sin(), z * yaw.cos() - x * yaw.sin());
            let y = y * pitch.cos() - z * pitch.sin();
            Point::new(200.0 + x * roll.cos() - y * roll.sin(), 150.0 + x * roll.sin() + y * roll.cos())
        };
        let mut points = [place(0.0, 35.0, 34.0); 68];
        let features = [
            ([37, 38, 40, 41], -31.0, 0.0),
            ([43, 44, 46, 47], 31.0, 0.0),
            ([48, 60, 48, 60], -24.0, 65.0),
            ([54, 64, 54, 64], 24.0, 65.0),
        ];
        for (indices, x, y) in features {
            for i in indices {
                points[i] = place(x, y, 0.0);
            }
        }
        Landmarks(points)
    }

    #[test]
    fn a_turned_head_is_measured() {
        for (yaw, pitch, roll) in
            [(0.0, 0.0, 0.0), (25.0, 0.0, 0.0), (-40.0, 0.0, 10.0), (0.0, 20.0, 0.0), (10.0, -15.0, -30.0)]
        {
            let found = pose(&head(yaw, pitch, roll));
            let close = (found.0 - yaw).abs() < 6.0 && (found.1 - pitch).abs() < 6.0 && (found.2 - roll).abs() < 6.0;
            assert!(close, "({yaw}, {pitch}, {roll}) was measured as {found:?}");
        }
    }

    #[test]
    fn sharpness_is_that_of_edges() {
        let flat = vec![100.0; 100];
        let checks: Vec<f32> = (0..100).map(|i| if (i + i / 10) % 2 == 0 { 0.0 } else { 255.0 }).collect();
        assert!(laplacian_variance(&flat, 10) < 1e-3);
        assert!(laplacian_variance(&checks, 10) > 1e5);
    }
}
