//! `feedback`: this was somebody else.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use vultus_store::Id;

use crate::app::App;
use crate::auth::keys::Caller;
use crate::error::{Entity, Error};
use crate::flows::{self, Outcome, Picture};
use crate::http::wire::body::Upload;
use crate::http::wire::envelope::{FaceAnswer, NoMeta};
use crate::http::wire::fields;

/// A picture that was taken for somebody it does not show.
#[derive(ToSchema)]
pub struct FeedbackBody {
    /// The image file in base64.
    #[schema(value_type = String)]
    img: Picture,
    /// Id of the collection that it was identified in.
    #[schema(value_type = String)]
    collection_id: Id,
    /// Id of the enrollment that it is not.
    #[schema(value_type = String)]
    enrollment_id: Id,
}

/// What was kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedbackData {
    /// Its id.
    feedback_id: String,
}

/// Tell that a probe was not somebody.
///
/// The next classifier of the collection, a few seconds later, takes it into account: probes like this one are taken for that
/// person less easily. Of the picture, the embedding of the largest face is kept.
#[utoipa::path(
    post, path = "/feedback", tag = "Recognition",
    request_body = FeedbackBody,
    responses((status = 200, description = "It was kept, or there is no face", body = FaceAnswer<FeedbackData, NoMeta>)),
)]
pub(crate) async fn feedback(
    State(app): State<Arc<App>>,
    caller: Caller,
    upload: Upload,
) -> Result<FaceAnswer<FeedbackData, NoMeta>, Error> {
    let body = fields::from_json(upload, |fields| {
        let collection_id = fields.required_id(&["collection_id"], Entity::Collection)?;
        let enrollment_id = fields.required_id(&["enrollment_id", "key"], Entity::Enrollment)?;
        Ok(FeedbackBody { collection_id, enrollment_id, img: fields.picture("img")? })
    });
    let FeedbackBody { img, collection_id, enrollment_id } = body.await?;
    Ok(match flows::feedback::run(&app, caller.account, collection_id, enrollment_id, img).await? {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(id) => {
            FaceAnswer::done("feedback processed successfully", FeedbackData { feedback_id: id.to_string() }, NoMeta {})
        }
    })
}
