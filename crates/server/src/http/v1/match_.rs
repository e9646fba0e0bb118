//! `match`: is the face of a picture the enrolled person?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use vultus_store::Id;

use crate::app::App;
use crate::auth::keys::Caller;
use crate::error::{Entity, Error};
use crate::flows::match_::Comparison;
use crate::flows::{self, Outcome, Picture};
use crate::http::wire::body::Upload;
use crate::http::wire::envelope::FaceAnswer;
use crate::http::wire::fields::{self, Fields};

/// A picture and whom to compare it with.
#[derive(ToSchema)]
pub struct MatchBody {
    /// The image file in base64.
    #[schema(value_type = String)]
    img: Picture,
    /// Id of the enrollment.
    #[schema(value_type = String)]
    id: Id,
    /// Least score that is a match, 0 to 1; by default what the server is configured with, 0.5.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f64>,
}

/// `emb0_score`, `emb0_match` and so on: one pair for each stored embedding, in the order of insertion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object, example = json!({"emb0_score": 0.9071, "emb0_match": true}))]
pub struct MatchData(BTreeMap<String, Value>);

/// What is new about the comparison.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchMeta {
    /// Threshold in force.
    threshold: f64,
    /// The most similar embedding.
    best: BestMatch,
    /// Raw cosines to the embeddings, -1 to 1, in the order of insertion.
    similarity: Vec<f32>,
    /// How many faces the picture has; the most similar one was compared.
    faces: usize,
    /// Embeddings that were left out because another recognition model made them.
    outdated: usize,
}

/// The most similar embedding.
#[derive(Debug, Serialize, ToSchema)]
pub struct BestMatch {
    /// Its number, as in `emb{i}_score`.
    index: usize,
    /// Its score.
    score: f64,
    /// Whether it is a match.
    r#match: bool,
}

/// Match a face to an enrollment.
///
/// `success` is false when the picture has no face.
#[utoipa::path(
    post, path = "/match", tag = "Recognition", operation_id = "match",
    request_body = MatchBody,
    responses((status = 200, description = "The scores, or that there is no face", body = FaceAnswer<MatchData, MatchMeta>)),
)]
pub(crate) async fn match_(
    State(app): State<Arc<App>>,
    caller: Caller,
    upload: Upload,
) -> Result<FaceAnswer<MatchData, MatchMeta>, Error> {
    let MatchBody { img, id, threshold } = fields::from_json(upload, read).await?;
    Ok(match flows::match_::run(&app, caller.account, id, img, threshold).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(comparison) => answer(comparison),
    })
}

fn read(fields: &Fields<'_>) -> Result<MatchBody, Error> {
    let id = fields.required_id(&["id", "enrollment_id"], Entity::Enrollment)?;
    Ok(MatchBody { id, threshold: fields.threshold()?, img: fields.picture("img")? })
}

fn answer(comparison: Comparison) -> FaceAnswer<MatchData, MatchMeta> {
    let Comparison { cosines, scores, threshold, faces, outdated } = comparison;
    let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
    let best = scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
    let best = BestMatch { index: best.0, score: best.1, r#match: best.1 >= threshold };
    let mut data = BTreeMap::new();
    for (i, score) in scores.into_iter().enumerate() {
        data.insert(format!("emb{i}_score"), score.into());
        data.insert(format!("emb{i}_match"), (score >= threshold).into());
    }
    let meta = MatchMeta { threshold, best, similarity: cosines, faces, outdated };
    FaceAnswer::done("face processed successfully", MatchData(data), meta)
}
