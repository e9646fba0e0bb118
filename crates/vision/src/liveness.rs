//! Presentation attack detection: is this a living face, or a print or screen held before the camera?

use crate::detect::Face;
use crate::error::Error;
use crate::geometry::Rect;
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::Network;
use crate::resample::{Resampler, input_shape, planes};

/// The verdict on one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Liveness {
    /// Probability of a living face, 0 to 1.
    pub real: f32,
}

/// Settings of the liveness stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LivenessParams {
    /// Size of the crop in units of the face box; the network is trained on 2.7.
    pub crop: f32,
}

impl Default for LivenessParams {
    fn default() -> Self {
        Self { crop: 2.7 }
    }
}

/// The liveness stage.
pub struct LivenessJudge {
    network: Box<dyn Network>,
    input: InputSpec,
    pub(crate) params: LivenessParams,
    planes: Vec<f32>,
}

impl LivenessJudge {
    /// A stage around a network whose output is one logit or probability a class, the first of which means "real".
    pub fn new(network: Box<dyn Network>, input: InputSpec, params: LivenessParams) -> Self {
        Self { network, input, params, planes: Vec::new() }
    }

    /// Judges one face.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime fails, [`Error::Model`] when the network has no output.
    pub fn judge(&mut self, resampler: &mut Resampler, image: &Image, face: &Face) -> Result<Liveness, Error> {
        let rect = surroundings(&face.rect, self.params.crop, image);
        let crop = resampler.cut(image, &rect, self.input.width, self.input.height);
        planes(&crop, &self.input, &mut self.planes);
        let outputs = self.network.run(&input_shape(&self.input), &self.planes)?;
        let logits = outputs.first().map(|output| output.values.as_slice()).unwrap_or_default();
        let real = softmax(logits).first().copied();
        real.map(|real| Liveness { real }).ok_or_else(|| Error::Model("the liveness network has no output".into()))
    }
}

/// The box enlarged by `scale` around its middle, shrunk and then shifted so that it lies inside the picture: the
/// surroundings (a bezel, fingers, the edge of a paper) are evidence, invented pixels are not.
fn surroundings(rect: &Rect, scale: f32, image: &Image) -> Rect {
    let (image_width, image_height) = (image.width() as f32, image.height() as f32);
    let scale = scale.min(image_width / rect.width()).min(image_height / rect.height());
    let (width, height) = (rect.width() * scale, rect.height() * scale);
    let center = rect.center();
    let left = (center.x - width / 2.0).clamp(0.0, (image_width - width).max(0.0));
    let top = (center.y - height / 2.0).clamp(0.0, (image_height - height).max(0.0));
    Rect::new(left, top, left + width, top + height)
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surroundings_stay_inside_the_picture() {
        let image = Image::from_rgb8(640, 480, vec![0; 3 * 640 * 480]);
        let faces = [(300.0, 200.0, 80.0), (5.0, 5.0, 100.0), (600.0, 440.0, 60.0), (100.0, 50.0, 400.0)];
        for (x, y, side) in faces {
            let face = Rect::new(x, y, x + side, y + side * 1.2);
            let rect = surroundings(&face, 2.7, &image);
            let inside = rect.x1 >= 0.0 && rect.y1 >= 0.0 && rect.x2 <= 640.01 && rect.y2 <= 480.01;
            assert!(inside && rect.width() > 1.0, "{rect:?} around {face:?}");
            assert!((rect.width() / rect.height() - face.width() / face.height()).abs() < 1e-3, "no distortion");
        }
        let roomy = surroundings(&Rect::new(300.0, 200.0, 380.0, 280.0), 2.7, &image);
        assert!((roomy.width() - 216.0).abs() < 1e-3);
    }

    #[test]
    fn softmax_is_a_distribution() {
        let shares = softmax(&[1000.0, 999.0, -1000.0]);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((shares[0] - 0.731).abs() < 1e-3);
        assert_eq!(softmax(&[]), Vec::<f32>::new());
    }
}
