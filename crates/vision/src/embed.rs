//! An aligned face to a vector whose direction says who it is.

use std::fmt;

use crate::error::Error;
use crate::image::Image;
use crate::models::InputSpec;
use crate::network::Network;
use crate::resample::{input_shape, planes};

/// A face as a vector of unit length. Biometric data: `Debug` shows its length only.
#[derive(Clone, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// Scales a vector to unit length. `None` for a vector without a direction (zero or not finite).
    pub fn normalised(mut values: Vec<f32>) -> Option<Self> {
        let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !norm.is_finite() || norm <= f32::EPSILON {
            return None;
        }
        for x in &mut values {
            *x /= norm;
        }
        Some(Self(values))
    }

    /// The components.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Cosine of the angle to another embedding of the same model, -1 to 1.
    pub fn cosine(&self, other: &Embedding) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({})", self.0.len())
    }
}

/// Settings of the embedding stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmbedParams {
    /// Adds the embedding of the mirrored face: on LFW a true match rate of 97.6 instead of 97.5 % at a false match rate
    /// of 1e-4, for twice the time.
    pub flip: bool,
}

/// The embedding stage.
pub struct Embedder {
    network: Box<dyn Network>,
    input: InputSpec,
    pub(crate) params: EmbedParams,
    planes: Vec<f32>,
}

impl Embedder {
    /// A stage around a network that maps an aligned square crop to one vector.
    pub fn new(network: Box<dyn Network>, input: InputSpec, params: EmbedParams) -> Self {
        Self { network, input, params, planes: Vec::new() }
    }

    /// Side of the aligned crop in pixels.
    pub fn side(&self) -> u32 {
        self.input.width
    }

    /// Embeds an aligned crop of [`Self::side`] x [`Self::side`] pixels.
    ///
    /// # Errors
    /// [`Error::Inference`] when the runtime fails, [`Error::Model`] for an output of the wrong length or without a
    /// direction.
    pub fn embed(&mut self, crop: &Image) -> Result<Embedding, Error> {
        planes(crop, &self.input, &mut self.planes);
        let mut sum = self.forward()?;
        if self.params.flip {
            let width = self.input.width as usize;
            self.planes.chunks_exact_mut(width).for_each(<[f32]>::reverse);
            let mirrored = self.forward()?;
            sum.iter_mut().zip(mirrored).for_each(|(a, b)| *a += b);
        }
        Embedding::normalised(sum).ok_or_else(|| Error::Model("the embedding has no direction".into()))
    }

    fn forward(&mut self) -> Result<Vec<f32>, Error> {
        let outputs = self.network.run(&input_shape(&self.input), &self.planes)?;
        let values = outputs.into_iter().next().map(|output| output.values).unwrap_or_default();
        let expected = self.input.dimension.map_or(values.len(), |dimension| dimension as usize);
        if values.len() != expected {
            let message = format!("the recognition network gives {} values, not {expected}", values.len());
            return Err(Error::Model(message));
        }
        Ok(values)
    }
}
