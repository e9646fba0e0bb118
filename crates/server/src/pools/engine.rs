//! The vision engine, with the time of each stage counted.

use std::ops::{Deref, DerefMut};

use vultus_vision::{DecodeError, DetectSize, Embedding, Error, Face, Image, Landmarks, Liveness};

use crate::metrics::METRICS;

/// A [`vultus_vision::Engine`]: its stages here have the same names, errors and results.
pub struct Engine(vultus_vision::Engine);

impl Engine {
    /// Counts the time of the stages of an engine.
    pub fn new(engine: vultus_vision::Engine) -> Self {
        Self(engine)
    }

    /// See [`vultus_vision::Engine::decode`].
    ///
    /// # Errors
    /// When the bytes are not a usable picture.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Image, DecodeError> {
        METRICS.time("decode", || self.0.decode(bytes))
    }

    /// See [`vultus_vision::Engine::detect`].
    ///
    /// # Errors
    /// When the network fails.
    pub fn detect(&mut self, image: &Image, size: DetectSize) -> Result<Vec<Face>, Error> {
        METRICS.time("detect", || self.0.detect(image, size))
    }

    /// See [`vultus_vision::Engine::landmarks`].
    ///
    /// # Errors
    /// When the network fails.
    pub fn landmarks(&mut self, image: &Image, face: &Face) -> Result<Landmarks, Error> {
        METRICS.time("landmarks", || self.0.landmarks(image, face))
    }

    /// See [`vultus_vision::Engine::embed`].
    ///
    /// # Errors
    /// When the network fails.
    pub fn embed(&mut self, image: &Image, face: &Face, landmarks: &Landmarks) -> Result<Embedding, Error> {
        METRICS.time("embed", || self.0.embed(image, face, landmarks))
    }

    /// See [`vultus_vision::Engine::liveness`].
    ///
    /// # Errors
    /// When the network fails.
    pub fn liveness(&mut self, image: &Image, face: &Face) -> Result<Liveness, Error> {
        METRICS.time("liveness", || self.0.liveness(image, face))
    }
}

/// The rest of the engine, which takes no time that counts.
impl Deref for Engine {
    type Target = vultus_vision::Engine;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
