//! 68 facial landmarks in the order of the iBUG 300-W annotation (Sagonas et al. 2013).

use crate::detect::Face;
use crate::error::Error;
use crate::geometry::{Point, Rect};
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::Network;
use crate::resample::{Resampler, input_shape, planes};

/// 68 points in pixels of the upright original: 0-16 chin, 17-21 and 22-26 eyebrows, 27-30 nose bridge, 31-35 nose tip,
/// 36-41 and 42-47 eyes, 48-59 outer and 60-67 inner lips; left to right in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmarks(pub [Point; 68]);

impl Landmarks {
    /// The five points that alignment uses, in the order of [`Face::points`]. An eye is the mean of its four lid points,
    /// which a closing lid moves less than its corners; a corner of the mouth is the mean of its outer and inner point.
    pub fn five(&self) -> [Point; 5] {
        let mean = |indices: &[usize]| Point::mean(indices.iter().map(|&i| self.0[i]));
        [mean(&[37, 38, 40, 41]), mean(&[43, 44, 46, 47]), self.0[30], mean(&[48, 60]), mean(&[54, 64])]
    }
}

/// Settings of the landmark stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LandmarkParams {
    /// Side of the square crop in units of the longer side of the detection box. Mean error on manual points by
    /// measurement: 1.0 best, 1.1 and 1.2 worse, rectangular crops worse.
    pub crop: f32,
    /// Side of a second crop in units of the longer side of the box around the landmarks of the first; 0 for no second
    /// pass.
    pub second_crop: f32,
}

impl Default for LandmarkParams {
    fn default() -> Self {
        Self { crop: 1.0, second_crop: 1.2 }
    }
}

/// The landmark stage.
pub struct Landmarker {
    network: Box<dyn Network>,
    input: InputSpec,
    pub(crate) params: LandmarkParams,
    planes: Vec<f32>,
}

impl Landmarker {
    /// A stage around a network that maps a square crop to 136 values, x and y in turn, in units of the crop's side.
    pub fn new(network: Box<dyn Network>, input: InputSpec, params: LandmarkParams) -> Self {
        Self { network, input, params, planes: Vec::new() }
    }

    /// Locates the landmarks of one face.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime fails, [`Error::Model`] when the network does not give 136 values.
    pub fn locate(&mut self, resampler: &mut Resampler, image: &Image, face: &Face) -> Result<Landmarks, Error> {
        let first = self.pass(resampler, image, &face.rect.square(self.params.crop))?;
        if self.params.second_crop <= 0.0 {
            return Ok(first);
        }
        self.pass(resampler, image, &Rect::around(&first.0).square(self.params.second_crop))
    }

    fn pass(&mut self, resampler: &mut Resampler, image: &Image, square: &Rect) -> Result<Landmarks, Error> {
        let crop = resampler.cut(image, square, self.input.width, self.input.height);
        planes(&crop, &self.input, &mut self.planes);
        let outputs = self.network.run(&input_shape(&self.input), &self.planes)?;
        let values = outputs.first().map(|output| output.values.as_slice()).unwrap_or_default();
        if values.len() != 136 {
            return Err(Error::Model(format!("the landmark network gives {} values, not 136", values.len())));
        }
        // The crop shows the face: what lies further out than the crop is wide is no part of it, and crops are made of it.
        let values: Vec<f32> = values.iter().map(|value| value.clamp(-1.0, 2.0)).collect();
        if values.iter().any(|value| value.is_nan()) {
            return Err(Error::Inference("the landmark network gives what is no number".into()));
        }
        // The network counts from the centre of the crop's first pixel, the box from its corner.
        let half_x = square.width() / self.input.width as f32 / 2.0 - 0.5;
        let half_y = square.height() / self.input.height as f32 / 2.0 - 0.5;
        Ok(Landmarks(std::array::from_fn(|i| {
            let x = square.x1 + values[2 * i] * square.width() + half_x;
            let y = square.y1 + values[2 * i + 1] * square.height() + half_y;
            Point::new(x, y)
        })))
    }
}
