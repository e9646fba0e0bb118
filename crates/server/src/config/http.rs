//! The HTTP side: address, limits, timeouts.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

use super::{network, seconds};

/// Address, limits and timeouts of the server.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct Http {
    /// Address and port to listen on.
    #[arg(long, env = "VULTUS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// Address and port of `GET /metrics`. Everybody who reaches it can read it. Without this option there are no metrics.
    #[arg(long, env = "VULTUS_METRICS_LISTEN", value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// Longest request body in bytes. The default has room for ten base64 images of 10 MB each.
    #[arg(long, env = "VULTUS_MAX_BODY_BYTES", default_value_t = 144 << 20, value_name = "BYTES")]
    pub max_body_bytes: usize,
    /// Longest body in bytes of GET and DELETE requests, whose parameters are ids and names.
    #[arg(long, env = "VULTUS_MAX_QUERY_BODY_BYTES", default_value_t = 64 << 10, value_name = "BYTES")]
    pub max_query_body_bytes: usize,
    /// Memory for request bodies in bytes, over all requests. When it is full, further uploads get 503. It must hold the
    /// longest body.
    #[arg(long, env = "VULTUS_BODY_MEMORY_BYTES", default_value_t = 512 << 20, value_name = "BYTES")]
    pub body_memory_bytes: usize,
    /// Most open connections. Requests on further connections get 503.
    #[arg(long, env = "VULTUS_MAX_CONNECTIONS", default_value_t = 1024, value_name = "N")]
    pub max_connections: usize,
    /// Extra connections beyond these, on which the server answers only `/healthz` and `/readyz`. Clients beyond them wait.
    #[arg(long, env = "VULTUS_RESERVED_CONNECTIONS", default_value_t = 16, value_name = "N")]
    pub reserved_connections: usize,
    /// Most open connections of one IPv4 address, or of one /64 network of IPv6. The server closes further ones at once.
    #[arg(long, env = "VULTUS_MAX_CONNECTIONS_PER_PEER", default_value_t = 256, value_name = "N")]
    pub max_connections_per_peer: usize,
    /// Addresses or networks, separated by commas, that may open any number of connections. Name your proxies here, because
    /// a proxy stands for many clients.
    #[arg(long, env = "VULTUS_TRUSTED_PROXIES", default_value = "127.0.0.0/8,::1", value_delimiter = ',',
          value_parser = network, value_name = "NETWORKS")]
    pub trusted_proxies: Vec<IpNet>,
    /// Requests per second that one API key may send, on average. Further requests get 429. 0 means no limit.
    #[arg(long, env = "VULTUS_RATE_LIMIT", default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit: u32,
    /// Requests that a key may send at once after a pause [default: as many as in a second].
    #[arg(long, env = "VULTUS_RATE_BURST", value_name = "N")]
    pub rate_burst: Option<NonZeroU32>,
    /// Seconds that a client has to send the headers of a request. An idle connection is closed after the same time.
    #[arg(long, env = "VULTUS_HEADER_TIMEOUT", default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    pub header_timeout: Duration,
    /// Seconds that a client has to send a whole body.
    #[arg(long, env = "VULTUS_BODY_TIMEOUT", default_value = "60", value_parser = seconds, value_name = "SECONDS")]
    pub body_timeout: Duration,
    /// The server drops a client that sends no byte of the body for this many seconds.
    #[arg(long, env = "VULTUS_BODY_IDLE_TIMEOUT", default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub body_idle_timeout: Duration,
    /// The server drops a client that reads no byte of the answer for this many seconds.
    #[arg(long, env = "VULTUS_WRITE_TIMEOUT", default_value = "20", value_parser = seconds, value_name = "SECONDS")]
    pub write_timeout: Duration,
    /// Least bytes per second at which a client must read a long answer, on average.
    #[arg(long, env = "VULTUS_MIN_WRITE_RATE", default_value = "4096", value_name = "BYTES")]
    pub min_write_rate: NonZeroU32,
    /// Seconds after which a request gets 503, whatever it is doing.
    #[arg(long, env = "VULTUS_REQUEST_TIMEOUT", default_value = "120", value_parser = seconds, value_name = "SECONDS")]
    pub request_timeout: Duration,
    /// Seconds that a client has to read a whole list (`GET` without `limit`). The server cuts the connection then.
    #[arg(long, env = "VULTUS_LIST_TIMEOUT", default_value = "120", value_parser = seconds, value_name = "SECONDS")]
    pub list_timeout: Duration,
    /// Lists of more than a thousand items that the server sends at a time, each with its connection to the database. Further
    /// ones get 503.
    #[arg(long, env = "VULTUS_LONG_LISTS", default_value_t = 2, value_name = "N")]
    pub long_lists: usize,
    /// Seconds that running requests have to finish after SIGTERM or SIGINT.
    #[arg(long, env = "VULTUS_SHUTDOWN_TIMEOUT", default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    pub shutdown_timeout: Duration,
}
