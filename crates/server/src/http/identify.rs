//! `identify`: who of a collection is the face of a picture?

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use vultus_store::Id;

use super::body::Upload;
use super::envelope::FaceAnswer;
use super::fields::{self, Fields};
use crate::app::App;
use crate::error::{Entity, Error};
use crate::flows::identify::Identification;
use crate::flows::{self, Outcome, Picture};
use crate::keys::Caller;

/// A picture and where to search.
#[derive(ToSchema)]
pub struct IdentifyBody {
    /// The image file in base64.
    #[schema(value_type = String)]
    img: Picture,
    /// Id of the collection.
    #[schema(value_type = String)]
    collection_id: Id,
    /// Least score of a known person, 0 to 1; by default what the server is configured with, 0.5.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f64>,
}

/// Who it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentifyData {
    /// Name of the person, or `unknown`.
    #[schema(example = "John Doe")]
    name: String,
    /// Id of the enrollment, or `null`.
    key: Option<String>,
    /// Confidence of the answer, 0 to 1: the score of the person, or for `unknown` what the best score lacks to 1.
    confidence: f64,
    /// Whether the person is known.
    success: bool,
}

/// What is new about the search.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentifyMeta {
    /// Threshold in force.
    threshold: f64,
    /// The most similar people, best first, also those below the threshold; at most five.
    candidates: Vec<CandidateFacts>,
    /// How many faces the picture has; the one most similar to anybody was identified.
    faces: usize,
    /// Embeddings that were left out because another recognition model made them.
    outdated: usize,
}

/// A similar person.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidateFacts {
    /// Id of the enrollment.
    key: String,
    /// Name of the person.
    name: String,
    /// Score, 0 to 1.
    score: f64,
    /// Raw cosine, -1 to 1.
    similarity: f32,
}

/// Identify a face in a collection.
///
/// Nobody known is a success with the name `unknown`; `success` is false when the picture has no face.
#[utoipa::path(
    post, path = "/identify", tag = "Recognition",
    request_body = IdentifyBody,
    responses((status = 200, description = "The person, or that there is no face", body = FaceAnswer<IdentifyData, IdentifyMeta>)),
)]
pub(super) async fn identify(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut upload: Upload,
) -> Result<FaceAnswer<IdentifyData, IdentifyMeta>, Error> {
    let IdentifyBody { img, collection_id, threshold } = fields::from_json(upload.take(), read).await?;
    Ok(match flows::identify::run(&app, caller.account, collection_id, img, threshold).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(identification) => answer(&identification),
    })
}

fn read(fields: &Fields<'_>) -> Result<IdentifyBody, Error> {
    let collection_id = fields.required_id(&["collection_id", "collection_id_"], Entity::Collection)?;
    Ok(IdentifyBody { collection_id, threshold: fields.threshold()?, img: fields.picture("img")? })
}

fn answer(identification: &Identification) -> FaceAnswer<IdentifyData, IdentifyMeta> {
    let known = identification.known();
    let data = IdentifyData {
        name: known.map_or_else(|| "unknown".to_owned(), |person| person.name.clone()),
        key: known.map(|person| person.id.to_string()),
        confidence: identification.confidence(),
        success: known.is_some(),
    };
    let candidates = identification.candidates.iter().map(|person| CandidateFacts {
        key: person.id.to_string(),
        name: person.name.clone(),
        score: person.score.into(),
        similarity: person.cosine,
    });
    let meta = IdentifyMeta {
        threshold: identification.threshold,
        candidates: candidates.collect(),
        faces: identification.faces,
        outdated: identification.outdated,
    };
    FaceAnswer::done("identify processed successfully", data, meta)
}
