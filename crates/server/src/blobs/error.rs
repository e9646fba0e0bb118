//! Why a file cannot be kept.

/// Why a file cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] vultus_store::Error),
    /// The bucket does not answer.
    #[error("the image store does not answer")]
    Unavailable(#[source] anyhow::Error),
    /// Anything else that is the server's fault, or its operator's.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}
