//! Why a request has no answer, over HTTP: what the transport refuses, and what a flow reports.

use crate::error::Error as FlowError;
use crate::pools;

/// Why a request has no answer. `problem.rs` says what each becomes on the wire.
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
    /// More images than one request may have.
    #[error("the request has {sent} images, the limit is {limit}: send the others in further requests, with PUT")]
    TooManyImages {
        /// How many came.
        sent: usize,
        /// How many may.
        limit: usize,
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
    /// The server holds as many connections as it may.
    #[error("all connections of the server are in use: try again shortly")]
    ConnectionsFull,
    /// The server holds as many uploads as its memory bound allows.
    #[error("the server is receiving too many uploads: try again shortly")]
    UploadsFull,
    /// The server sends as many long lists as it may.
    #[error("the server is sending too many long lists: try again shortly, or read the list in pages with \"limit\"")]
    ListsFull,
    /// The server answers as many requests as it may.
    #[error("the server is answering too many requests: try again shortly")]
    RequestsFull,
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
    /// The request took longer than the server allows, and it had begun to change something.
    #[error("the request took too long and may still be carried out: check whether it was before you send it again")]
    Unsettled,
    /// What the request asks for cannot be done.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

/// What a flow reports can have been reported by one of its parts.
macro_rules! from_part {
    ($($part:ty),*) => {$(
        impl From<$part> for Error {
            fn from(error: $part) -> Self {
                Self::Flow(error.into())
            }
        }
    )*};
}
from_part!(pools::Error, vultus_store::Error, vultus_vision::Error, anyhow::Error);
