//! What is done later, by whichever worker claims it.

mod fit;
mod kinds;
mod upkeep;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use vultus_store::Db;

pub use worker::run;

use crate::blobs::Blobs;
use crate::config::{Config, Retention};
use crate::keyring::Keyring;
use crate::model::Model;
use crate::search::VectorIndex;

/// What jobs need of the program.
#[derive(Clone)]
pub struct Tools {
    /// The rows.
    pub db: Db,
    /// Where embeddings are searched.
    pub vectors: Arc<dyn VectorIndex>,
    /// Where kept images are.
    pub blobs: Blobs,
    /// The recognition model whose embeddings are in use.
    pub model: Model,
    /// How long changes of a collection are gathered before its classifier is fitted.
    pub refit_delay: Duration,
    /// How long things are kept.
    pub retention: Retention,
}

impl Tools {
    /// The tools of a server or worker with this configuration.
    ///
    /// # Errors
    /// When the manifest of the models cannot be read, or the configured place of images is none.
    pub fn new(config: &Config, db: Db, keyring: Keyring, vectors: Arc<dyn VectorIndex>) -> anyhow::Result<Self> {
        let (blobs, model) = (Blobs::open(config, db.clone(), keyring)?, Model::configured(&config.data)?);
        let (refit_delay, retention) = (config.matching.refit_delay, config.retention.clone());
        Ok(Self { db, vectors, blobs, model, refit_delay, retention })
    }
}
