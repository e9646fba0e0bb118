//! `identify`: who of a collection is the face of a picture?

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use vultus_store::Id;
use vultus_store::enrollments::Facts;

use crate::app::App;
use crate::auth::principal::{Answers, Principal};
use crate::error::Entity;
use crate::flows::identify::{Candidate, Identification, IdentifiedFace, Terms};
use crate::flows::{self, Outcome, Picture};
use crate::http::wire::envelope::{FaceAnswer, PerFace};
use crate::http::wire::error::Error;
use crate::http::wire::fields::Fields;
use crate::http::wire::input::Input;
use crate::http::wire::parameters::{Endpoint, Form, Kind, Parameter};
use crate::http::wire::reference::Reference;

/// Candidates of the answer where the request does not say how many.
const CANDIDATES: u32 = 5;

const IMG: Parameter = Parameter::required("img", Kind::Picture, "The image file in base64.");
const COLLECTION: Parameter =
    Parameter::required("collection_id", Kind::Id(Entity::Collection), "Id of the collection.").or(&["collection_id_"]);
const THRESHOLD: Parameter = Parameter::optional(
    "threshold",
    Kind::Score,
    "Least confidence of a person who is named; by default what the server is configured with, 0.5, or in a collection with \
     a class of unknown people whatever is most probable.",
);
const FMR: Parameter = Parameter::optional(
    "fmr",
    Kind::Rate,
    "Rate at which a stranger may be named, such as 1e-4: a person is named if the cosine is above what that rate allows in \
     a collection of this size.",
);
const LIMIT: Parameter =
    Parameter::optional("limit", Kind::Count { most: 100 }, "How many candidates `meta.candidates` has, 5 by default.");

pub(crate) static IDENTIFY: Endpoint =
    Endpoint { form: Form::Json("IdentifyBody"), parameters: &[IMG, COLLECTION, THRESHOLD, FMR, LIMIT] };

/// Who it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentifyData {
    /// Name of the person, or `unknown`.
    #[schema(example = "John Doe")]
    name: String,
    /// Id of the enrollment, or `null`.
    key: Option<String>,
    /// Probability that the answer is right, 0 to 1, also of the answer `unknown`.
    confidence: f32,
    /// Whether the person is known.
    success: bool,
}

/// What is new about the search.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentifyMeta {
    /// Least confidence of a person who is named, or `null` where another rule decides.
    threshold: Option<f64>,
    /// Least cosine of a person who is named, where the request has `fmr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_similarity: Option<f32>,
    /// The most probable people for the face that decides, best first, also those who are not named.
    candidates: Vec<CandidateFacts>,
    /// All faces that were compared, largest first; the first one decides. No person is named twice.
    faces: Vec<FaceFacts>,
    /// Embeddings that another recognition model made, and that the newest classifier has left out.
    outdated: u64,
}

/// Somebody who is possible.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidateFacts {
    /// Id of the enrollment.
    key: String,
    /// Name of the person.
    name: String,
    /// What the client's own system calls the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// The id that another server gave to the person, if the client has sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    legacy_id: Option<String>,
    /// What the client keeps with the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
    /// Probability that it is this person, 0 to 1.
    confidence: f32,
    /// Score as that of `match`, 0 to 1.
    score: f32,
    /// Raw cosine, -1 to 1.
    similarity: f32,
}

/// A face of the picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaceFacts {
    /// x1, y1, x2, y2 in pixels, and how sure the detector is, 0 to 1.
    bounding_box: [f32; 5],
    /// Who it is.
    #[serde(flatten)]
    answer: IdentifyData,
}

/// Identify a face in a collection.
///
/// Nobody known is a success with the name `unknown`; `success` is false when the picture has no face. The largest face
/// decides.
#[utoipa::path(
    post, path = "/identify", tag = "Recognition",
    responses((status = 200, description = "The person, or that there is no face", body = FaceAnswer<PerFace<IdentifyData>, IdentifyMeta>)),
)]
pub(crate) async fn identify(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<FaceAnswer<PerFace<IdentifyData>, IdentifyMeta>, Error> {
    let (collection, terms, img) = input.read(read).await?;
    let collection = collection.resolve(&app, caller.account).await?;
    Ok(match flows::identify::run(&app, &caller, collection, img, terms).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(identification) => answer(identification, caller.answers),
    })
}

fn read(fields: &Fields<'_>) -> Result<(Reference, Terms, Picture), Error> {
    let collection = fields.required_id(&COLLECTION)?;
    let limit = fields.count(&LIMIT)?.unwrap_or(CANDIDATES) as usize;
    let terms = Terms { threshold: fields.number(&THRESHOLD)?, fmr: fields.number(&FMR)?, limit };
    Ok((collection, terms, fields.picture(&IMG)?))
}

fn answer(identification: Identification, form: Answers) -> FaceAnswer<PerFace<IdentifyData>, IdentifyMeta> {
    let Identification { faces, mut people, threshold, min_cosine, outdated } = identification;
    let data = match form {
        Answers::Object => PerFace::One(data(faces.first(), &people)),
        Answers::Arrays => PerFace::Each(faces.iter().map(|face| data(Some(face), &people)).collect()),
    };
    let shown = faces.iter().map(|face| face_facts(face, &people)).collect();
    let best = faces.first().into_iter().flat_map(|face| &face.candidates);
    let meta = IdentifyMeta {
        threshold,
        min_similarity: min_cosine,
        candidates: best.map(|person| facts(person, people.remove(&person.id).unwrap_or_default())).collect(),
        faces: shown,
        outdated,
    };
    FaceAnswer::done("identify processed successfully", data, meta)
}

fn data(face: Option<&IdentifiedFace>, people: &HashMap<Id, Facts>) -> IdentifyData {
    let person = face.and_then(IdentifiedFace::person).map(|person| person.id);
    let name = person.and_then(|id| people.get(&id)).map(|facts| facts.name.clone());
    IdentifyData {
        name: name.unwrap_or_else(|| "unknown".to_owned()),
        key: person.map(|id| id.to_string()),
        confidence: face.map_or(1.0, |face| face.confidence),
        success: person.is_some(),
    }
}

fn face_facts(face: &IdentifiedFace, people: &HashMap<Id, Facts>) -> FaceFacts {
    let rect = face.face.rect;
    let bounding_box = [rect.x1, rect.y1, rect.x2, rect.y2, face.face.confidence];
    FaceFacts { bounding_box, answer: data(Some(face), people) }
}

fn facts(person: &Candidate, facts: Facts) -> CandidateFacts {
    CandidateFacts {
        key: person.id.to_string(),
        name: facts.name,
        external_id: facts.external_id,
        legacy_id: facts.legacy_id,
        metadata: facts.metadata.and_then(|json| RawValue::from_string(json).ok()),
        confidence: person.confidence,
        score: person.score,
        similarity: person.cosine,
    }
}
