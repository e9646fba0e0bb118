//! Why a search, or the upkeep of what is searched, fails.

/// Why a search, or the upkeep of what is searched, fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A collection does not fit into the memory that galleries may take.
    #[error("the collection has {embeddings} embeddings, more than the {limit} that fit into memory")]
    TooLarge {
        /// Embeddings of the collection.
        embeddings: usize,
        /// The limit.
        limit: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] vultus_store::Error),
    /// The vector engine does not answer.
    #[error("the vector engine does not answer")]
    Unavailable(#[source] anyhow::Error),
    /// A task panicked.
    #[error("a task of the search panicked")]
    Panicked,
    /// Anything else that is the server's fault.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}
