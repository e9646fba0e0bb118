//! `feedback`: this was somebody else.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::principal::Principal;
use crate::error::Entity;
use crate::flows::{self, Outcome};
use crate::http::wire::envelope::{FaceAnswer, NoMeta};
use crate::http::wire::error::Error;
use crate::http::wire::fields::Fields;
use crate::http::wire::input::Input;
use crate::http::wire::parameters::{Endpoint, Form, Kind, Parameter};

const IMG: Parameter = Parameter::required("img", Kind::Picture, "The image file in base64.");
const COLLECTION: Parameter = Parameter::required(
    "collection_id",
    Kind::Id(Entity::Collection),
    "Id of the collection that the person was identified in.",
);
const ENROLLMENT: Parameter = Parameter::required(
    "enrollment_id",
    Kind::Id(Entity::Enrollment),
    "Id of the enrollment of somebody whom the picture does not show.",
)
.or(&["key"]);

pub(crate) static FEEDBACK: Endpoint =
    Endpoint { form: Form::Json("FeedbackBody"), parameters: &[IMG, COLLECTION, ENROLLMENT] };

/// What was kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedbackData {
    /// Its id.
    feedback_id: String,
}

/// Report that a probe was not somebody.
///
/// The next classifier of the collection, a few seconds later, takes it into account: probes like this one are taken for that
/// person less easily. Of the picture, the embedding of the largest face is kept.
#[utoipa::path(
    post, path = "/feedback", tag = "Recognition",
    responses((status = 200, description = "It was kept, or there is no face", body = FaceAnswer<FeedbackData, NoMeta>)),
)]
pub(crate) async fn feedback(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<FaceAnswer<FeedbackData, NoMeta>, Error> {
    let read = |fields: &Fields<'_>| {
        Ok((fields.required_id(&COLLECTION)?, fields.required_id(&ENROLLMENT)?, fields.picture(&IMG)?))
    };
    let (collection, enrollment, img) = input.read(read).await?;
    let collection = collection.resolve(&app, caller.account).await?;
    let enrollment = enrollment.resolve(&app, caller.account).await?;
    Ok(match flows::feedback::run(&app, &caller, collection, enrollment, img).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(id) => {
            FaceAnswer::done("feedback processed successfully", FeedbackData { feedback_id: id.to_string() }, NoMeta {})
        }
    })
}
