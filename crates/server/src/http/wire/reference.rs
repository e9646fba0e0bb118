//! Enrollments, collections and embeddings as clients name them.

use vultus_store::{Id, legacy_ids};

use crate::app::App;
use crate::error::Entity;
use crate::error::Error as FlowError;
use crate::http::wire::error::Error;

/// What a client names: by the id that this server issued, or by the one that another server issued before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// An id of this server, of the right kind.
    Id(Id),
    /// Anything else that may be the id of such a thing.
    Legacy(Entity, String),
}

impl Reference {
    /// The text as a reference to such a thing.
    ///
    /// # Errors
    /// [`FlowError::NotFound`] if no such thing can have this id.
    pub(crate) fn new(entity: Entity, text: &str) -> Result<Self, Error> {
        match text.parse::<Id>() {
            Ok(id) if id.kind() == entity.kind() => Ok(Self::Id(id)),
            Err(_) if legacy_ids::check(text).is_ok() => Ok(Self::Legacy(entity, text.to_owned())),
            Ok(_) | Err(_) => Err(FlowError::NotFound(entity).into()),
        }
    }

    /// The id of the thing in this account. Whether an id of this server names something there is not looked up.
    ///
    /// # Errors
    /// [`FlowError::NotFound`], or those of the database.
    pub(crate) async fn resolve(self, app: &App, account: Id) -> Result<Id, Error> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Legacy(entity, text) => {
                let found = legacy_ids::find(&app.db, account, entity.kind(), &text).await?;
                Ok(found.ok_or(FlowError::NotFound(entity))?)
            }
        }
    }

    /// The same for a parameter that may be absent.
    ///
    /// # Errors
    /// Those of [`Self::resolve`].
    pub(crate) async fn resolve_any(this: Option<Self>, app: &App, account: Id) -> Result<Option<Id>, Error> {
        match this {
            Some(reference) => reference.resolve(app, account).await.map(Some),
            None => Ok(None),
        }
    }
}
