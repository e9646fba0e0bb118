//! The recognition model, as its manifest describes it.

use anyhow::Context as _;
use vultus_vision::models::{Models, Role};

use crate::config::Data;

/// The model whose embeddings are compared. Embeddings of other models are not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name, which is stored with every embedding.
    pub name: String,
    /// Components of its embeddings.
    pub dimension: usize,
}

impl Model {
    /// The model of the models directory in force. The directory need not exist.
    ///
    /// # Errors
    /// When the manifest cannot be read, or says too little.
    pub fn configured(data: &Data) -> anyhow::Result<Self> {
        let manifest = Models::manifest(&data.models_dir())?;
        let entry = manifest.files.iter().find(|entry| entry.role == Role::Recognition);
        let entry = entry.context("the models manifest has no entry for recognition")?;
        let dimension = entry.input.as_ref().and_then(|input| input.dimension);
        let dimension =
            dimension.context("the models manifest does not name the dimension of the recognition model")?;
        Ok(Self { name: entry.stem().to_owned(), dimension: dimension as usize })
    }
}
