//! `spdetect`: is the face of a picture a live one?

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::facedetect::IMG;
use crate::app::App;
use crate::auth::principal::Principal;
use crate::flows::{self, Outcome};
use crate::http::wire::envelope::FaceAnswer;
use crate::http::wire::error::Error;
use crate::http::wire::input::Input;
use crate::http::wire::parameters::{Endpoint, Form};

pub(crate) static SPDETECT: Endpoint = Endpoint { form: Form::Picture("PictureBody"), parameters: &[IMG] };

/// The judgement about the largest face.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpoofData {
    /// `real` or `fake`.
    #[schema(example = "fake")]
    class: &'static str,
    /// Id of the stored snapshot.
    key: String,
    /// Confidence of the class, 0 to 1.
    #[schema(example = 0.5788)]
    score: f64,
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
}

/// What is new about the judgement.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpoofMeta {
    /// Probability of a live face, 0 to 1, whatever the class.
    liveness: f32,
    /// Least probability that is called `real`.
    threshold: f64,
    /// How many faces the picture has; the largest was judged.
    faces: usize,
}

/// Check if an image is a spoof attempt.
///
/// `success` is false when the picture has no face.
#[utoipa::path(
    post, path = "/spdetect", tag = "Detection",
    responses((status = 200, description = "The judgement, or that there is no face", body = FaceAnswer<SpoofData, SpoofMeta>)),
)]
pub(crate) async fn spdetect(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<FaceAnswer<SpoofData, SpoofMeta>, Error> {
    let picture = input.read(|fields| fields.picture(&IMG)).await?;
    Ok(match flows::spoof::run(&app, &caller, picture).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(judged) => FaceAnswer::done(
            "data processed successfully",
            SpoofData { class: judged.class(), key: judged.snapshot.to_string(), score: judged.score(), success: true },
            SpoofMeta { liveness: judged.liveness, threshold: judged.threshold, faces: judged.faces },
        ),
    })
}
