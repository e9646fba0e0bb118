//! The facade: all networks of one thread, one method for each stage.

use std::sync::Arc;

use crate::align::align;
use crate::calibration::Calibration;
use crate::decode::{Budget, DecodeError, Decoder, Limits};
use crate::detect::{DetectParams, DetectSize, Detector, Face};
use crate::document::portrait::{self, Portrait};
use crate::embed::{EmbedParams, Embedder, Embedding};
use crate::error::Error;
use crate::image::Image;
use crate::landmarks::{LandmarkParams, Landmarker, Landmarks};
use crate::liveness::{Liveness, LivenessJudge, LivenessParams};
use crate::models::{InputSpec, Models, Role};
use crate::network::{Network, OnnxNetwork};
use crate::quality::{self, Quality};
use crate::resample::Resampler;
use crate::selftest;

/// Settings of all stages.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Params {
    /// Limits on pictures.
    pub limits: Limits,
    /// Detection.
    pub detect: DetectParams,
    /// Landmarks.
    pub landmarks: LandmarkParams,
    /// Embedding.
    pub embed: EmbedParams,
    /// Liveness.
    pub liveness: LivenessParams,
}

/// All stages with their networks. Made for one thread; load several for several cores.
pub struct Engine {
    decoder: Decoder,
    resampler: Resampler,
    detector: Detector,
    landmarker: Landmarker,
    embedder: Embedder,
    judge: LivenessJudge,
    recognition_model: String,
    calibration: Calibration,
}

impl Engine {
    /// Loads all networks, and tries them on a picture whose answers are known. Takes some 150 ms.
    ///
    /// # Errors
    /// [`Error::Runtime`], [`Error::Models`], [`Error::Model`] or [`Error::SelfTest`]: each says what to do.
    pub fn load(models: &Models, params: Params) -> Result<Self, Error> {
        let mut engine = Self::untested(models)?;
        let roles = [Role::Detection, Role::Landmarks, Role::Recognition, Role::Liveness];
        let [detection, landmarks, recognition, liveness] = roles.map(|role| models.entry(role));
        let names = [detection?.stem(), landmarks?.stem(), recognition?.stem(), liveness?.stem()];
        selftest::run(&mut engine, names)?;
        engine.set(params);
        Ok(engine)
    }

    fn set(&mut self, params: Params) {
        let Params { limits, detect, landmarks, embed, liveness } = params;
        self.decoder = Decoder::new(limits);
        self.detector.params = detect;
        self.landmarker.params = landmarks;
        self.embedder.params = embed;
        self.judge.params = liveness;
    }

    /// All networks, with the default settings.
    fn untested(models: &Models) -> Result<Self, Error> {
        let params = Params::default();
        let (detection, input) = stage(models, Role::Detection)?;
        let detector = Detector::new(detection, input, params.detect);
        let (landmarks, input) = stage(models, Role::Landmarks)?;
        let landmarker = Landmarker::new(landmarks, input, params.landmarks);
        let (recognition, input) = stage(models, Role::Recognition)?;
        let embedder = Embedder::new(recognition, input, params.embed);
        let (liveness, input) = stage(models, Role::Liveness)?;
        let judge = LivenessJudge::new(liveness, input, params.liveness);
        let entry = models.entry(Role::Recognition)?;
        let calibration = entry.calibration.as_ref().ok_or_else(|| Error::Model("no calibration".into()))?;
        Ok(Self {
            decoder: Decoder::new(params.limits),
            resampler: Resampler::default(),
            detector,
            landmarker,
            embedder,
            judge,
            recognition_model: entry.stem().to_owned(),
            calibration: Calibration::new(calibration),
        })
    }

    /// Lets the engine share the memory for decoded pictures with others.
    #[must_use]
    pub fn with_budget(mut self, budget: Arc<Budget>) -> Self {
        self.decoder = Decoder::with_budget(self.decoder.limits(), budget);
        self
    }

    /// Decodes a picture; see [`Decoder::decode`].
    ///
    /// # Errors
    /// [`DecodeError`] says why the bytes are refused.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Image, DecodeError> {
        self.decoder.decode(bytes)
    }

    /// Takes back the buffer of a picture that is no longer needed.
    pub fn recycle(&mut self, image: Image) {
        self.decoder.recycle(image);
    }

    /// Finds all faces, largest first.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn detect(&mut self, image: &Image, size: DetectSize) -> Result<Vec<Face>, Error> {
        self.detector.detect(&mut self.resampler, image, size)
    }

    /// Locates the 68 landmarks of a face.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn landmarks(&mut self, image: &Image, face: &Face) -> Result<Landmarks, Error> {
        self.landmarker.locate(&mut self.resampler, image, face)
    }

    /// Aligns and embeds a face.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn embed(&mut self, image: &Image, face: &Face, landmarks: &Landmarks) -> Result<Embedding, Error> {
        let crop = align(&mut self.resampler, image, face, landmarks, self.embedder.side());
        self.embedder.embed(&crop)
    }

    /// Judges whether a face is alive.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn liveness(&mut self, image: &Image, face: &Face) -> Result<Liveness, Error> {
        self.judge.judge(&mut self.resampler, image, face)
    }

    /// Measures how well a face can be recognised.
    pub fn quality(&mut self, image: &Image, face: &Face, landmarks: &Landmarks) -> Quality {
        quality::measure(&mut self.resampler, image, face, landmarks)
    }

    /// The portrait on an upright document: the largest of its faces.
    ///
    /// # Errors
    /// [`Error::Inference`] or [`Error::Model`].
    pub fn portrait(&mut self, document: &Image) -> Result<Option<Portrait>, Error> {
        let faces = self.detect(document, DetectSize::Standard)?;
        Ok(portrait::of(&mut self.resampler, document, &faces))
    }

    /// Name of the recognition model. Embeddings of different models are never comparable: store it with each.
    pub fn recognition_model(&self) -> &str {
        &self.recognition_model
    }

    /// From cosine to served score, for this recognition model.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }
}

fn stage(models: &Models, role: Role) -> Result<(Box<dyn Network>, InputSpec), Error> {
    let entry = models.entry(role)?;
    let input = entry.input.clone().ok_or_else(|| Error::Model(format!("{} has no input description", entry.file)))?;
    let network = OnnxNetwork::load(models, &models.graph(role)?)?;
    Ok((Box::new(network), input))
}
