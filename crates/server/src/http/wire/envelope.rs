//! The form of every answer that is not an error: `success`, `message`, `data`, and `meta` for what is new.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::flows::Skipped;

/// An answer with a result.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope<D, M> {
    /// Whether there is a result: here always `true`.
    #[schema(schema_with = always_true)]
    success: bool,
    /// What was done, for people.
    message: Option<&'static str>,
    /// The result.
    data: D,
    /// What goes beyond the original API.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<M>,
}

/// `data` of an answer about the faces of a picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PerFace<T> {
    /// An object about the face that decides.
    One(T),
    /// A list with an object for each face, largest first: for a key that was made with `--answers arrays`.
    Each(Vec<T>),
}

/// For answers that have no `meta`.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoMeta {}

/// No picture had a usable face: an answer and not an error, with HTTP status 200.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoFace {
    /// Always `false`.
    #[schema(schema_with = always_false)]
    success: bool,
    /// Always the same text.
    #[schema(example = "No face detected !")]
    message: &'static str,
    /// Always `null`.
    #[schema(schema_with = always_null)]
    data: (),
    /// Why, for each picture.
    meta: NoFaceMeta,
}

/// Why there was no usable face.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoFaceMeta {
    /// One entry for each picture.
    skipped: Vec<SkippedImage>,
}

/// A picture without a usable face.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkippedImage {
    /// The parameter that it came in, or `null` when the request body itself was the picture.
    #[schema(example = "img3")]
    field: Option<String>,
    /// `no_face`, or `several_faces` when it is not clear who is meant.
    #[schema(example = "no_face")]
    reason: &'static str,
    /// What to do about it.
    message: &'static str,
}

/// An answer about faces in pictures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum FaceAnswer<D, M> {
    /// There was a usable face.
    Done(Envelope<D, M>),
    /// There was none.
    NoFace(NoFace),
}

/// The schemas of values that are always the same, so that exactly one form of an answer fits.
fn always_true() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build()
}

pub(super) fn always_false() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false])).build()
}

pub(super) fn always_null() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).build()
}

impl<D, M> Envelope<D, M> {
    pub(crate) fn new(message: Option<&'static str>, data: D, meta: Option<M>) -> Self {
        Self { success: true, message, data, meta }
    }
}

impl<D, M> FaceAnswer<D, M> {
    pub(crate) fn done(message: &'static str, data: D, meta: M) -> Self {
        Self::Done(Envelope::new(Some(message), data, Some(meta)))
    }

    pub(crate) fn no_face(skipped: &[Skipped]) -> Self {
        let meta = NoFaceMeta { skipped: skipped_images(skipped) };
        Self::NoFace(NoFace { success: false, message: "No face detected !", data: (), meta })
    }
}

/// The pictures that were left out, as the API shows them.
pub(crate) fn skipped_images(skipped: &[Skipped]) -> Vec<SkippedImage> {
    let shown = |skipped: &Skipped| SkippedImage {
        field: skipped.field.clone(),
        reason: skipped.reason.code(),
        message: skipped.reason.message(),
    };
    skipped.iter().map(shown).collect()
}

impl<D: Serialize, M: Serialize> IntoResponse for Envelope<D, M> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

impl<D: Serialize, M: Serialize> IntoResponse for FaceAnswer<D, M> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
