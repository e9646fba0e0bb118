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
    /// Longest request body in bytes. The default lets ten base64 images of 10 MB each through.
    #[arg(long, env = "VULTUS_MAX_BODY_BYTES", default_value_t = 144 << 20, value_name = "BYTES")]
    pub max_body_bytes: usize,
    /// Bytes of request bodies held at a time, over all requests; further uploads are answered 503. At least the
    /// longest body.
    #[arg(long, env = "VULTUS_BODY_MEMORY_BYTES", default_value_t = 512 << 20, value_name = "BYTES")]
    pub body_memory_bytes: usize,
    /// Connections held at a time; requests on further ones are answered 503.
    #[arg(long, env = "VULTUS_MAX_CONNECTIONS", default_value_t = 1024, value_name = "N")]
    pub max_connections: usize,
    /// Connections beyond these on which `/healthz` and `/readyz` are still answered; clients beyond them wait.
    #[arg(long, env = "VULTUS_RESERVED_CONNECTIONS", default_value_t = 16, value_name = "N")]
    pub reserved_connections: usize,
    /// Connections that one IPv4 address, or one /64 network of IPv6, may hold; further ones are closed at once.
    #[arg(long, env = "VULTUS_MAX_CONNECTIONS_PER_PEER", default_value_t = 256, value_name = "N")]
    pub max_connections_per_peer: usize,
    /// Addresses or networks, separated by commas, that may hold any number of connections: proxies, which stand for
    /// many clients.
    #[arg(long, env = "VULTUS_TRUSTED_PROXIES", default_value = "127.0.0.0/8,::1", value_delimiter = ',',
          value_parser = network, value_name = "NETWORKS")]
    pub trusted_proxies: Vec<IpNet>,
    /// Requests per second that one API key may send, on average; further ones are answered 429. 0 is no limit.
    #[arg(long, env = "VULTUS_RATE_LIMIT", default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub rate_limit: u32,
    /// Requests that a key may send at once after a pause [default: as many as in a second].
    #[arg(long, env = "VULTUS_RATE_BURST", value_name = "N")]
    pub rate_burst: Option<NonZeroU32>,
    /// Seconds a client may take to send the headers of a request, and an idle connection is kept.
    #[arg(long, env = "VULTUS_HEADER_TIMEOUT", default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    pub header_timeout: Duration,
    /// Seconds a client may take to send a whole body.
    #[arg(long, env = "VULTUS_BODY_TIMEOUT", default_value = "60", value_parser = seconds, value_name = "SECONDS")]
    pub body_timeout: Duration,
    /// Seconds without a byte of the body after which the client is dropped.
    #[arg(long, env = "VULTUS_BODY_IDLE_TIMEOUT", default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub body_idle_timeout: Duration,
    /// Seconds that a client may take no byte of an answer before it is dropped.
    #[arg(long, env = "VULTUS_WRITE_TIMEOUT", default_value = "20", value_parser = seconds, value_name = "SECONDS")]
    pub write_timeout: Duration,
    /// Bytes a second at which a client must take a long answer, on average.
    #[arg(long, env = "VULTUS_MIN_WRITE_RATE", default_value = "4096", value_name = "BYTES")]
    pub min_write_rate: NonZeroU32,
    /// Seconds after which a request is answered 503, whatever it is doing.
    #[arg(long, env = "VULTUS_REQUEST_TIMEOUT", default_value = "120", value_parser = seconds, value_name = "SECONDS")]
    pub request_timeout: Duration,
    /// Seconds that running requests get to finish after SIGTERM or SIGINT.
    #[arg(long, env = "VULTUS_SHUTDOWN_TIMEOUT", default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    pub shutdown_timeout: Duration,
}
