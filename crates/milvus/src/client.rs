//! The connection.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use prost::Message;
use thiserror::Error;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic_prost::ProstCodec;
use url::Url;

use crate::proto::Status;

/// The port of Milvus if the address names none.
const PORT: u16 = 19530;
/// Longest time to connect: enough for a server on the other side of the world.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time of one request. A page of rows takes much less than a second.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How soon the client notices that a connection died silently.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Longest answer in bytes. A page of keys has 2 MB.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// `collection not found` in Milvus 2.3 and later.
const NO_COLLECTION: i32 = 100;
/// The same error in former versions. Milvus 2.3 still answers some requests with it.
const NO_COLLECTION_BEFORE: i32 = 4;

/// The path of a method of Milvus's service.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/milvus.proto.milvus.MilvusService/", $method)
    };
}
pub(crate) use rpc;

/// Why Milvus did not carry out a request.
#[derive(Debug, Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("{0}: an address is milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or milvus+tls://... with encryption")]
    Address(&'static str),
    /// No answer.
    #[error("Milvus does not answer ({}): check address, network, user and password", reason(.0))]
    Unreachable(Box<tonic::Status>),
    /// The table does not exist.
    #[error("Milvus no longer has this collection")]
    NoTable,
    /// Milvus refuses.
    #[error("Milvus refuses to {operation}: {reason} (code {code})")]
    Refused {
        /// The operation that we asked for.
        operation: &'static str,
        /// Its reason.
        reason: String,
        /// Milvus's code for this reason.
        code: i32,
    },
}

impl Error {
    /// Whether Milvus refuses the user and password. No retry helps until the operator changes them.
    pub fn is_denied(&self) -> bool {
        use tonic::Code::{PermissionDenied, Unauthenticated};
        matches!(self, Self::Unreachable(status) if matches!(status.code(), PermissionDenied | Unauthenticated))
    }
}

/// A connection. The first request opens it, and a later request opens it again if it is lost. Clones share it.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    database: Option<MetadataValue<Ascii>>,
    credentials: Option<MetadataValue<Ascii>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(Milvus)")
    }
}

impl Client {
    /// The Milvus at an address such as `milvus://localhost:19530`. Needs a runtime of Tokio; does not connect yet.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(address: &str) -> Result<Self, Error> {
        let url = Url::parse(address).map_err(|_| Error::Address("this is no address"))?;
        let scheme = match url.scheme() {
            "milvus" => "http",
            "milvus+tls" => "https",
            _ => return Err(Error::Address("this is not the address of a Milvus")),
        };
        let host = url.host_str().ok_or(Error::Address("there is no host"))?;
        let origin = format!("{scheme}://{host}:{}", url.port().unwrap_or(PORT));
        let bad_host = |_| Error::Address("the host cannot be used");
        let mut endpoint = Endpoint::from_shared(origin)
            .map_err(bad_host)?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        if scheme == "https" {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(bad_host)?;
        }
        let database = url.path().trim_start_matches('/');
        Ok(Self {
            channel: endpoint.connect_lazy(),
            database: (!database.is_empty()).then(|| text(database)).transpose()?,
            credentials: credentials(&url)?,
        })
    }

    /// Calls a method of Milvus's service.
    pub(crate) async fn call<Q, A>(&self, method: &'static str, request: Q) -> Result<A, Error>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut request = tonic::Request::new(request);
        for (name, value) in [("dbname", &self.database), ("authorization", &self.credentials)] {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.clone());
            }
        }
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        grpc.ready().await.map_err(|error| unreachable(tonic::Status::from_error(error.into())))?;
        let path = PathAndQuery::from_static(method);
        Ok(grpc.unary(request, path, ProstCodec::<Q, A>::default()).await.map_err(unreachable)?.into_inner())
    }
}

fn unreachable(status: tonic::Status) -> Error {
    Error::Unreachable(Box::new(status))
}

/// The innermost cause of a failure.
fn reason(status: &tonic::Status) -> String {
    let mut cause: &dyn StdError = status;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if cause.is::<tonic::Status>() { status.message().to_owned() } else { format!("{}: {cause}", status.message()) }
}

/// User and password in the form that Milvus expects.
fn credentials(url: &Url) -> Result<Option<MetadataValue<Ascii>>, Error> {
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| Error::Address("user or password is no text"))
            .map(String::from)
    };
    let Some(password) = url.password() else { return Ok(None) };
    let pair = format!("{}:{}", decoded(url.username())?, decoded(password)?);
    let mut value = text(&BASE64_STANDARD.encode(pair))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn text(value: &str) -> Result<MetadataValue<Ascii>, Error> {
    value.parse().map_err(|_| Error::Address("the database's name is not ASCII"))
}

/// Checks the status within an answer: whether Milvus has carried out the request.
pub(crate) fn check(operation: &'static str, status: Option<Status>) -> Result<(), Error> {
    let status = status.unwrap_or_default();
    match (status.error_code, status.code) {
        (0, 0) => Ok(()),
        (NO_COLLECTION_BEFORE, _) | (_, NO_COLLECTION) => Err(Error::NoTable),
        (before, code) => {
            let code = if code == 0 { before } else { code };
            Err(Error::Refused { operation, reason: status.reason, code })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_checked_and_secrets_are_not_shown() {
        for (bad, reason) in [
            ("localhost:19530", "not the address of a Milvus"),
            ("http://localhost", "not the address of a Milvus"),
            ("milvus://", "no host"),
            ("milvus://user:%ff@localhost", "no text"),
        ] {
            let message = Client::new(bad).unwrap_err().to_string();
            assert!(message.contains(reason) && message.contains("milvus://["), "{bad}: {message}");
        }
        let client = Client::new("milvus://ada:s%40crete@127.0.0.1/faces").unwrap();
        let shown = format!("{client:?} {:?}", client.credentials);
        assert!(!shown.contains(&BASE64_STANDARD.encode("ada:s@crete")) && !shown.contains("s@crete"), "{shown}");
        assert_eq!(client.credentials.unwrap().to_str().unwrap(), BASE64_STANDARD.encode("ada:s@crete"));
        assert_eq!(client.database.unwrap().to_str().unwrap(), "faces");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_reported_at_once() {
        let client = Client::new("milvus://127.0.0.1:1").unwrap();
        let answer: Result<Status, Error> = client.call("/none", Status::default()).await;
        let message = answer.unwrap_err().to_string();
        assert!(message.contains("does not answer (tcp connect error: Connection refused"), "{message}");
    }
}
