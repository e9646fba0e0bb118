//! The one error type of the server's flows and handlers. `http/problem.rs` says what each becomes on the wire.
//!
//! No face in a picture is a result ([`crate::flows::Outcome`]), not an error. Commands use `anyhow`.

use vultus_store::Kind;
use vultus_vision::DecodeError;

use crate::pools;

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
    /// A body is needed and none came.
    #[error("the request body is empty: {expected}")]
    EmptyBody {
        /// What to send.
        expected: &'static str,
    },
    /// The body is longer than the limit.
    #[error("the request body is longer than the limit of {limit} bytes: send fewer or smaller images")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The client sends its body too slowly.
    #[error("the request body did not arrive in time: send it faster, or send smaller images")]
    BodyTooSlow,
    /// The body ended early or is framed wrongly.
    #[error("the request body could not be read to its end: send it again")]
    BodyBroken,
    /// The body is coded in a way that the server cannot decode.
    #[error(
        "the server cannot decode the request body: its Content-Encoding must be gzip, or absent for a body as it is"
    )]
    UnknownCoding,
    /// The body is not the gzip that the request promises.
    #[error(
        "the request body is not valid gzip, or it ends too early: send it again, or without Content-Encoding if it is not compressed"
    )]
    NotGzip,
    /// The body is not a JSON object.
    #[error("the request body is not valid JSON ({problem}, line {line}, column {column}): send a JSON object")]
    NotJson {
        /// What is wrong, without any of the body.
        problem: &'static str,
        /// Line where parsing stopped, from 1.
        line: usize,
        /// Column where parsing stopped.
        column: usize,
    },
    /// The body is that of an HTML form.
    #[error(
        "the request body is multipart/form-data, which this API does not take: send JSON with the image in base64, or, to \
         facedetect and spdetect, the bytes of the image file alone"
    )]
    Multipart,
    /// The body nests arrays and objects too deeply.
    #[error("the request body nests arrays and objects more than {limit} deep: send a flatter object")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The body has too many members.
    #[error("the request body has more than {limit} parameters: send only those that the endpoint takes")]
    TooManyParameters {
        /// The limit.
        limit: usize,
    },
    /// A parameter is absent.
    #[error("\"{field}\" is missing: {expected}")]
    MissingField {
        /// The parameter.
        field: String,
        /// What to send.
        expected: &'static str,
    },
    /// A parameter has the wrong JSON type.
    #[error("\"{field}\" must be {expected}, not {found}")]
    WrongType {
        /// The parameter.
        field: String,
        /// The type to send.
        expected: &'static str,
        /// The type that came.
        found: &'static str,
    },
    /// A parameter has the right type and an impossible value.
    #[error("\"{field}\" {problem}")]
    WrongValue {
        /// The parameter.
        field: String,
        /// What is wrong and what is allowed; continues the sentence that the name begins.
        problem: String,
    },
    /// A parameter is not base64.
    #[error("\"{field}\" is not valid base64: send the image file's bytes in base64, with or without a data: prefix")]
    NotBase64 {
        /// The parameter.
        field: String,
    },
    /// The bytes are not a usable picture.
    #[error("{}{source}", prefix(.field.as_deref()))]
    BadImage {
        /// The parameter, or none when the body itself is the picture.
        field: Option<String>,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// More images than one request may have.
    #[error("the request has {sent} images, the limit is {limit}: send the others in further requests, with PUT")]
    TooManyImages {
        /// How many came.
        sent: usize,
        /// How many may.
        limit: usize,
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
    /// A key in test mode has asked for this error.
    #[error("the x-sandbox-status header asked for this error: remove the header to get a real answer")]
    Sandbox {
        /// The status that the header names.
        status: u16,
        /// The methods of the path, if the status needs an `Allow` header.
        allow: Option<String>,
    },
    /// No route has this path.
    #[error("there is nothing at this path: see /docs for the list of endpoints")]
    UnknownPath,
    /// The route has other methods.
    #[error("this path does not take this method: see the Allow header")]
    WrongMethod,
    /// The client takes no JSON.
    #[error("this server answers in JSON: add application/json to the Accept header, or send no Accept header")]
    NotAcceptable,
    /// The text is not an id that this server has issued for such a thing.
    #[error("there is no {} with this id", .0.name())]
    NotFound(Entity),
    /// The server holds as many connections as it may.
    #[error("all connections of the server are in use: try again shortly")]
    ConnectionsFull,
    /// The server holds as many uploads as its memory bound allows.
    #[error("the server is receiving too many uploads: try again shortly")]
    UploadsFull,
    /// Other images have the memory for decoding.
    #[error("the server is decoding as many images as its memory allows: try again shortly")]
    ImagesFull,
    /// The server sends as many long lists as it may.
    #[error("the server is sending too many long lists: try again shortly, or read the list in pages with \"limit\"")]
    ListsFull,
    /// The server answers as many requests as it may.
    #[error("the server is answering too many requests: try again shortly")]
    RequestsFull,
    /// The account has its part of what accounts share.
    #[error("this account has as many {what} under way as one may: wait for answers before you send more")]
    AccountBusy {
        /// What it has too many of.
        what: &'static str,
    },
    /// The client sent another request under the same key before.
    #[error("another request was sent with this Idempotency-Key: send each new request with a new key")]
    KeyReused,
    /// The request under this key is still under way.
    #[error(
        "the request with this Idempotency-Key is still being carried out: send it again shortly to get its answer"
    )]
    RepeatInProgress,
    /// The request under this key was carried out, and the server stopped before it had kept the answer.
    #[error(
        "the request with this Idempotency-Key was carried out, but its answer was lost: list what is there to see what it \
         did"
    )]
    AnswerLost,
    /// The request took longer than the server allows, and nothing was changed.
    #[error("the request took too long: try again, or send smaller images")]
    Timeout,
    /// The request took longer than the server allows, and it had begun to change something.
    #[error("the request took too long and may still be carried out: check whether it was before you send it again")]
    Unsettled,
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
