//! What is done later, by whichever worker claims it.

mod fit;
mod worker;

use std::time::Duration;

use anyhow::Context as _;
use vultus_store::Db;
use vultus_vision::models::{Models, Role};

pub use worker::run;

use crate::config::Config;

/// What jobs need of the program.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The rows.
    pub db: Db,
    /// The recognition model whose embeddings are in use.
    pub model: String,
    /// Components of its embeddings.
    pub dimension: usize,
    /// How long changes of a collection are gathered before its classifier is fitted.
    pub refit_delay: Duration,
}

impl Tools {
    /// The tools of a server or worker with this configuration.
    ///
    /// # Errors
    /// When the manifest of the models cannot be read.
    pub fn new(config: &Config, db: Db) -> anyhow::Result<Self> {
        let manifest = Models::manifest(&config.data.models_dir())?;
        let entry = manifest.files.iter().find(|entry| entry.role == Role::Recognition);
        let entry = entry.context("the manifest of the models has none for recognition")?;
        let dimension = entry.input.as_ref().and_then(|input| input.dimension);
        let dimension = dimension.context("the manifest does not say the dimension of the recognition model")?;
        Ok(Self {
            db,
            model: entry.stem().to_owned(),
            dimension: dimension as usize,
            refit_delay: config.matching.refit_delay,
        })
    }
}
