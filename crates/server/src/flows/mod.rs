//! What the server does for a request, without HTTP: one async `run` in each file.

pub mod delete;
pub mod detect;
pub mod duplicates;
pub mod enroll;
pub mod feedback;
pub mod identify;
pub mod match_;
pub mod probe;
pub mod spoof;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use vultus_vision::{DecodeError, Image};

use crate::budget::Held;
use crate::error::Error;
use crate::origin::Origin;
use crate::pools::Engine;

/// An encoded image as a client sent it.
#[derive(Clone)]
pub struct Picture {
    /// The parameter it came in, or none when it was the request body itself.
    pub field: Option<String>,
    /// The file.
    pub bytes: Bytes,
    /// The request that it came in.
    pub origin: Origin,
    /// The memory that it takes.
    _memory: Option<Arc<Held>>,
}

impl Picture {
    /// An image, the parameter and the request it came in, and the memory that is accounted for as long as it is there.
    pub fn new(field: Option<String>, bytes: Bytes, origin: Origin, memory: Option<Arc<Held>>) -> Self {
        Self { field, bytes, origin, _memory: memory }
    }

    /// Decodes the image, within a job of the inference threads.
    ///
    /// # Errors
    /// [`Error::BadImage`] names the parameter; [`Error::ImagesFull`].
    pub fn decode(&self, engine: &mut Engine) -> Result<Image, Error> {
        engine.decode(&self.bytes).map_err(|source| match source {
            DecodeError::NoMemory => Error::ImagesFull,
            source => Error::BadImage { field: self.field.clone(), source },
        })
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({:?}, {} bytes)", self.field, self.bytes.len())
    }
}

/// What came of looking at pictures of faces.
#[derive(Debug)]
pub enum Outcome<T> {
    /// A result.
    Done(T),
    /// No picture had a usable face. That is an answer and not an error; the list says why for each picture.
    NoFace(Vec<Skipped>),
}

/// A picture without a usable face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The parameter it came in, or none when it was the request body itself.
    pub field: Option<String>,
    /// What is wrong with it.
    pub reason: SkipReason,
}

/// Why a picture has no usable face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// There is no face in it.
    NoFace,
    /// Several faces are about equally large, so that it is not clear who is meant.
    SeveralFaces,
}

impl SkipReason {
    /// The word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoFace => "no_face",
            Self::SeveralFaces => "several_faces",
        }
    }

    /// The sentence for people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoFace => "no face was found: send a picture in which one face is large and visible",
            Self::SeveralFaces => "several faces are about equally large: crop the picture to the person who is meant",
        }
    }
}
