//! The one client for requests that the server sends to others: publishers of lists today.
//!
//! What a request asks for may come from somebody else: a redirect, a name server, later an account. So the client refuses
//! addresses that only this machine or its networks reach, unless the operator allows them (`--outbound-allow`). It resolves a
//! name once, checks the addresses, and connects to those and no others. It checks each redirect in the same way.

mod addresses;
mod resolver;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Proxy, Response, Url, header, redirect};

use self::addresses::Allowed;
use self::resolver::{Refusal, Resolver};
use crate::config;

/// Redirects that the client follows for one request.
const MAX_REDIRECTS: usize = 5;

/// What an answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body in bytes.
    pub bytes: usize,
    /// Longest time without a byte.
    pub idle: Duration,
    /// Longest time in all.
    pub total: Duration,
}

/// Why a request has no answer. Every message names the host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host has only addresses that the client refuses.
    #[error(
        "{host} has an address that only this network reaches ({address}): if the server may send requests there, allow it \
         with --outbound-allow {address}"
    )]
    Refused {
        /// The host.
        host: String,
        /// Its first address.
        address: std::net::IpAddr,
    },
    /// The address is not one of the web, or a redirect leads from HTTPS to HTTP.
    #[error("{host} is not to be reached by {scheme}: give an https:// address")]
    Scheme {
        /// The host.
        host: String,
        /// The scheme that was asked for.
        scheme: String,
    },
    /// The host redirects again and again, or to nowhere.
    #[error("{host} redirects more than {MAX_REDIRECTS} times, or to nothing: look at the address with a browser")]
    Redirects {
        /// The last host.
        host: String,
    },
    /// The answer is an error.
    #[error("{host} answers {status}: look at the address with a browser")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: reqwest::StatusCode,
    },
    /// The answer is too long.
    #[error("the answer of {host} is longer than {limit} bytes, the limit")]
    TooLong {
        /// The host.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The host takes too long.
    #[error("{host} does not answer in time: try again later")]
    TooSlow {
        /// The host.
        host: String,
    },
    /// The host cannot be reached, or hangs up.
    #[error("{host} cannot be reached: check the name, the network and --outbound-proxy")]
    Unreachable {
        /// The host.
        host: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
}

/// The client. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    allowed: Arc<Allowed>,
}

impl Client {
    /// A client with the options of the operator. It uses no proxy of the environment.
    ///
    /// # Errors
    /// When the address of the proxy is not a URL, or the system's certificates cannot be read.
    pub fn new(options: &config::Outbound) -> anyhow::Result<Self> {
        let allowed = Arc::new(Allowed::new(&options.outbound_allow));
        let builder = reqwest::Client::builder()
            .user_agent(concat!("vultus/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(options.outbound_connect_timeout)
            .no_proxy();
        // A proxy resolves the names itself, and may stand in a private network.
        let builder = match &options.outbound_proxy {
            Some(url) => builder.proxy(Proxy::all(url).context("--outbound-proxy is not the address of a proxy")?),
            None => builder.dns_resolver(Arc::new(Resolver::new(allowed.clone()))),
        };
        let http = builder.build().context(
            "cannot create an HTTPS client: are the system's certificates installed (Debian: ca-certificates)?",
        )?;
        Ok(Self { http, allowed })
    }

    /// Reads what is at an address, following redirects.
    ///
    /// # Errors
    /// [`Error`] says why there is no whole answer.
    pub async fn get(&self, url: Url, limits: Limits) -> Result<Vec<u8>, Error> {
        let host = host(&url);
        let read = async { read(self.follow(url, limits.idle).await?, limits).await };
        tokio::time::timeout(limits.total, read).await.unwrap_or(Err(Error::TooSlow { host }))
    }

    /// The answer at the end of all redirects.
    async fn follow(&self, mut url: Url, idle: Duration) -> Result<Response, Error> {
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            let (host, is_secure) = (host(&url), url.scheme() == "https");
            let sent = tokio::time::timeout(idle, self.http.get(url.clone()).send()).await;
            let answer =
                sent.map_err(|_| Error::TooSlow { host: host.clone() })?.map_err(|error| failed(&host, error))?;
            if !answer.status().is_redirection() {
                return if answer.status().is_success() {
                    Ok(answer)
                } else {
                    Err(Error::Status { host, status: answer.status() })
                };
            }
            let target = answer.headers().get(header::LOCATION).and_then(|target| target.to_str().ok());
            url = target.and_then(|target| url.join(target).ok()).ok_or(Error::Redirects { host })?;
            if is_secure && url.scheme() != "https" {
                return Err(Error::Scheme { host: self::host(&url), scheme: url.scheme().to_owned() });
            }
        }
        Err(Error::Redirects { host: host(&url) })
    }

    /// Checks what is known before a name is resolved: the resolver never sees an address in place of a name.
    fn check(&self, url: &Url) -> Result<(), Error> {
        let host = host(url);
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
            return Err(Error::Scheme { host, scheme: url.scheme().to_owned() });
        }
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) if !self.allowed.contains(address) => Err(Error::Refused { host, address }),
            _ => Ok(()),
        }
    }
}

/// The body of an answer.
async fn read(mut answer: Response, limits: Limits) -> Result<Vec<u8>, Error> {
    let host = host(answer.url());
    let mut bytes = Vec::new();
    loop {
        let chunk = tokio::time::timeout(limits.idle, answer.chunk()).await;
        let chunk = chunk.map_err(|_| Error::TooSlow { host: host.clone() })?.map_err(|error| failed(&host, error))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        if bytes.len() + chunk.len() > limits.bytes {
            return Err(Error::TooLong { host, limit: limits.bytes });
        }
        bytes.extend_from_slice(&chunk);
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// The error of a request that was not answered. What the resolver refused is deep inside.
fn failed(host: &str, error: reqwest::Error) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(Refusal { address }) = inner.downcast_ref() {
            return Error::Refused { host: host.to_owned(), address: *address };
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        return Error::TooSlow { host: host.to_owned() };
    }
    Error::Unreachable { host: host.to_owned(), source: error.without_url() }
}

#[cfg(test)]
mod tests;
