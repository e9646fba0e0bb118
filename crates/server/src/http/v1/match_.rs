//! `match`: is the face of a picture the enrolled person?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::principal::{Answers, Principal};
use crate::error::Entity;
use crate::flows::match_::{ComparedFace, Comparison};
use crate::flows::{self, Outcome, Picture};
use crate::http::wire::envelope::{FaceAnswer, PerFace};
use crate::http::wire::error::Error;
use crate::http::wire::fields::Fields;
use crate::http::wire::input::Input;
use crate::http::wire::parameters::{Endpoint, Form, Kind, Parameter};
use crate::http::wire::reference::Reference;

const IMG: Parameter = Parameter::required("img", Kind::Picture, "The image file in base64.");
const ID: Parameter =
    Parameter::required("id", Kind::Id(Entity::Enrollment), "Id of the enrollment.").or(&["enrollment_id"]);
const THRESHOLD: Parameter = Parameter::optional(
    "threshold",
    Kind::Score,
    "Least score that is a match; by default what the server is configured with, 0.5.",
);

pub(crate) static MATCH: Endpoint = Endpoint { form: Form::Json("MatchBody"), parameters: &[IMG, ID, THRESHOLD] };

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
    responses((status = 200, description = "The scores, or that there is no face", body = FaceAnswer<PerFace<MatchData>, MatchMeta>)),
)]
pub(crate) async fn match_(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<FaceAnswer<PerFace<MatchData>, MatchMeta>, Error> {
    let (id, threshold, img) = input.read(read).await?;
    let id = id.resolve(&app, caller.account).await?;
    Ok(match flows::match_::run(&app, &caller, id, img, threshold).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(comparison) => answer(comparison, caller.answers),
    })
}

fn read(fields: &Fields<'_>) -> Result<(Reference, Option<f64>, Picture), Error> {
    Ok((fields.required_id(&ID)?, fields.number(&THRESHOLD)?, fields.picture(&IMG)?))
}

fn answer(comparison: Comparison, form: Answers) -> FaceAnswer<PerFace<MatchData>, MatchMeta> {
    let Comparison { mut faces, best, threshold, count, outdated } = comparison;
    let data = match form {
        Answers::Object => PerFace::One(data(&faces[best], threshold)),
        Answers::Arrays => PerFace::Each(faces.iter().map(|face| data(face, threshold)).collect()),
    };
    let ComparedFace { cosines, scores } = faces.swap_remove(best);
    let scores = scores.into_iter().map(f64::from).enumerate();
    let (index, score) = scores.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
    let best = BestMatch { index, score, r#match: score >= threshold };
    let meta = MatchMeta { threshold, best, similarity: cosines, faces: count, outdated };
    FaceAnswer::done("face processed successfully", data, meta)
}

fn data(face: &ComparedFace, threshold: f64) -> MatchData {
    let mut data = BTreeMap::new();
    for (i, score) in face.scores.iter().copied().map(f64::from).enumerate() {
        data.insert(format!("emb{i}_score"), score.into());
        data.insert(format!("emb{i}_match"), (score >= threshold).into());
    }
    MatchData(data)
}
