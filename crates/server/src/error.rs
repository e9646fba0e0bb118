//! The error type of the server's flows. `http/wire/error.rs` adds what the transport refuses, and `http/wire/problem.rs` says what
//! each becomes on the wire.
//!
//! No face in a picture is a result ([`crate::flows::Outcome`]), not an error. Commands use `anyhow`.

use vultus_store::Kind;
use vultus_vision::DecodeError;

use crate::{blobs, pools, search};

/// The kind of thing that an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A person's profile.
    Enrollment,
    /// A set of enrollments.
    Collection,
    /// The embedding of one image of a person.
    Embedding,
}

impl Entity {
    /// The kind of its ids.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Enrollment => Kind::Enrollment,
            Self::Collection => Kind::Collection,
            Self::Embedding => Kind::Embedding,
        }
    }

    /// The word for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrollment => "enrollment",
            Self::Collection => "collection",
            Self::Embedding => "embedding",
        }
    }
}

/// Why the server refuses an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProblem {
    /// No `x-api-key` header.
    Missing,
    /// No such key. Also the answer to a revoked or expired key whose secret is wrong.
    Unknown,
    /// Revoked by its owner.
    Revoked,
    /// Past its expiry.
    Expired,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a usable picture.
    #[error("{}{source}", prefix(.field.as_deref()))]
    BadImage {
        /// The parameter, or none when the body itself is the picture.
        field: Option<String>,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Another recognition model made all stored embeddings.
    #[error(
        "another recognition model made the stored embeddings. This server runs \"{current}\" and cannot compare them: \
         enroll the images again"
    )]
    OtherModel {
        /// The model in use.
        current: String,
    },
    /// A collection does not fit into the memory that galleries may take. No retry succeeds until the operator changes that.
    #[error(
        "the collection has {embeddings} embeddings, more than the {limit} that this server may hold in memory: ask its \
         operator to raise --cached-embeddings, or to search in PostgreSQL"
    )]
    GalleryTooLarge {
        /// Embeddings of the collection.
        embeddings: usize,
        /// The limit.
        limit: usize,
    },
    /// The server refuses the API key.
    #[error("{}", key_message(*.0))]
    Unauthorized(KeyProblem),
    /// The API key lacks a scope.
    #[error("this API key lacks the scope \"{scope}\": use a key that has it")]
    Forbidden {
        /// The scope.
        scope: &'static str,
    },
    /// The API key has sent more requests than its rate allows.
    #[error("the rate limit of this API key is {rate} per second: send requests more slowly")]
    RateLimited {
        /// Requests per second.
        rate: u32,
    },
    /// The text is not an id that this server has issued for such a thing.
    #[error("there is no {} with this id", .0.name())]
    NotFound(Entity),
    /// Other images have the memory for decoding.
    #[error("the server is decoding as many images as its memory allows: try again shortly")]
    ImagesFull,
    /// The account has its part of what accounts share.
    #[error("this account has as many {what} under way as one may: wait for answers before you send more")]
    AccountBusy {
        /// What it has too many of.
        what: &'static str,
    },
    /// The request took longer than the server allows, and nothing was changed.
    #[error("the request took too long: try again, or send smaller images")]
    Timeout,
    /// No inference result.
    #[error(transparent)]
    Engine(#[from] pools::Error),
    /// The store has no such row, or the database failed.
    #[error(transparent)]
    Store(#[from] vultus_store::Error),
    /// A service that the server depends on does not answer, or is too busy to.
    #[error("the {part} does not answer: try again shortly")]
    Unavailable {
        /// What the service is for.
        part: &'static str,
        /// The failure, for the log.
        source: anyhow::Error,
    },
    /// A network failed.
    #[error(transparent)]
    Vision(#[from] vultus_vision::Error),
    /// A handler panicked.
    #[error("a handler panicked")]
    Panicked,
    /// Anything else that is the server's fault.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

fn prefix(field: Option<&str>) -> String {
    field.map_or_else(String::new, |field| format!("\"{field}\": "))
}

const fn key_message(problem: KeyProblem) -> &'static str {
    match problem {
        KeyProblem::Missing => "the x-api-key header is missing: send your API key in it",
        KeyProblem::Unknown => {
            "this API key is not known: check the x-api-key header, or create a key with `vultus keys create`"
        }
        KeyProblem::Revoked => "this API key has been revoked: use another",
        KeyProblem::Expired => "this API key has expired: use another",
    }
}

impl From<search::Error> for Error {
    fn from(error: search::Error) -> Self {
        match error {
            search::Error::TooLarge { embeddings, limit } => Self::GalleryTooLarge { embeddings, limit },
            search::Error::Store(error) => Self::Store(error),
            search::Error::Unavailable(source) => Self::Unavailable { part: "vector engine", source },
            search::Error::Panicked => Self::Panicked,
            search::Error::Internal(error) => Self::Internal(error),
        }
    }
}

impl From<blobs::Error> for Error {
    fn from(error: blobs::Error) -> Self {
        match error {
            blobs::Error::Store(error) => Self::Store(error),
            blobs::Error::Unavailable(source) => Self::Unavailable { part: "image store", source },
            blobs::Error::Internal(error) => Self::Internal(error),
        }
    }
}
