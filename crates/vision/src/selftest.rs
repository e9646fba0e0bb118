//! A picture whose answers are known, looked at before an engine is used: a damaged model or a runtime that computes
//! wrongly on this processor fails at the start, and not by answers that are wrong.

use crate::detect::{DetectSize, Face};
use crate::embed::Embedding;
use crate::engine::Engine;
use crate::error::Error;
use crate::landmarks::Landmarks;

/// A part of `testdata/collins.jpg`, 192 x 192 pixels.
const PICTURE: &[u8] = include_bytes!("selftest.jpg");

/// The answers of the built-in models, by the name of each, from the engine's default settings.
struct Known {
    detection: &'static str,
    rect: [f32; 4],
    landmarks: &'static str,
    /// Eyes, nose and corners of the mouth, of the landmarks.
    points: [[f32; 2]; 5],
    recognition: &'static str,
    /// The first components of the embedding.
    embedding: [f32; 8],
    liveness: &'static str,
    real: f32,
}

const KNOWN: Known = Known {
    detection: "face_detection_yunet_2023mar",
    rect: [50.92, 61.44, 142.63, 176.67],
    landmarks: "fr_landmark",
    points: [[76.36, 101.70], [119.39, 103.63], [97.12, 127.88], [75.62, 142.02], [116.61, 143.72]],
    recognition: "fr_feature",
    embedding: [0.0441, 0.0617, -0.0388, -0.0058, -0.0318, -0.0126, 0.0281, -0.0187],
    liveness: "fr_liveness",
    real: 0.967,
};

/// Largest distances from the known answers: pixels, parts of a unit vector, a probability. Processors differ by less than
/// a tenth of these.
const PIXELS: f32 = 1.0;
const COMPONENT: f32 = 0.005;
const PROBABILITY: f32 = 0.05;

/// The names of an engine's models: detection, landmarks, recognition, liveness.
pub(crate) type Names<'a> = [&'a str; 4];

/// Looks at the picture. Answers of other models than the built-in ones are not known; they need only be there.
///
/// # Errors
/// [`Error::SelfTest`] says which answer is wrong.
pub(crate) fn run(engine: &mut Engine, names: Names<'_>) -> Result<(), Error> {
    let [detection, landmark, recognition, live] = names;
    let image = engine.decode(PICTURE).map_err(|error| failure(&error.to_string()))?;
    let faces = engine.detect(&image, DetectSize::Standard)?;
    let [face] = faces.as_slice() else { return Err(failure("the detector finds no face, or several")) };
    let landmarks = engine.landmarks(&image, face)?;
    let embedding = engine.embed(&image, face, &landmarks)?;
    let liveness = engine.liveness(&image, face)?;
    engine.recycle(image);
    if detection == KNOWN.detection && !box_is_known(face) {
        return Err(failure("the detector finds the face elsewhere"));
    }
    // Each stage sees what the one before gives it.
    if [detection, landmark] == [KNOWN.detection, KNOWN.landmarks] && !points_are_known(&landmarks) {
        return Err(failure("the landmarks are elsewhere"));
    }
    if [detection, landmark, recognition] == [KNOWN.detection, KNOWN.landmarks, KNOWN.recognition]
        && !embedding_is_known(&embedding)
    {
        return Err(failure("the embedding is another"));
    }
    if [detection, live] == [KNOWN.detection, KNOWN.liveness] && !near(liveness.real, KNOWN.real, PROBABILITY) {
        return Err(failure("the face is judged otherwise"));
    }
    Ok(())
}

fn failure(what: &str) -> Error {
    Error::SelfTest(what.to_owned())
}

/// Whether two numbers are close; what is no number is close to none.
fn near(found: f32, known: f32, distance: f32) -> bool {
    (found - known).abs() <= distance
}

fn box_is_known(face: &Face) -> bool {
    let found = [face.rect.x1, face.rect.y1, face.rect.x2, face.rect.y2];
    found.iter().zip(KNOWN.rect).all(|(found, known)| near(*found, known, PIXELS))
}

fn points_are_known(landmarks: &Landmarks) -> bool {
    let found = landmarks.five();
    found.iter().zip(KNOWN.points).all(|(found, [x, y])| near(found.x, x, PIXELS) && near(found.y, y, PIXELS))
}

fn embedding_is_known(embedding: &Embedding) -> bool {
    embedding.as_slice().iter().zip(KNOWN.embedding).all(|(found, known)| near(*found, known, COMPONENT))
}
