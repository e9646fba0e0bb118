//! Pixels to facts: decode a picture, find its faces, locate their landmarks, embed them, judge whether they are alive.
//!
//! [`Engine`] is the facade, with one method for each stage. It is synchronous, reads no clock and no network, and is
//! owned by one thread; a server runs several. Failures of the engine are [`Error`]; bytes that are no picture are
//! [`DecodeError`]; no face is a result.

mod align;
mod calibration;
mod decode;
mod detect;
pub mod document;
mod embed;
mod engine;
mod error;
mod geometry;
mod image;
mod landmarks;
mod liveness;
pub mod models;
pub mod network;
mod quality;
mod resample;
mod selftest;
mod suppress;

pub use calibration::Calibration;
pub use decode::{Budget, DecodeError, Decoder, Limits};
pub use detect::{DetectParams, DetectSize, Dominant, Face, dominant};
pub use embed::{EmbedParams, Embedding};
pub use engine::{Engine, Params};
pub use error::Error;
pub use geometry::{Point, Rect};
pub use image::Image;
pub use landmarks::{LandmarkParams, Landmarks};
pub use liveness::{Liveness, LivenessParams};
pub use quality::Quality;
