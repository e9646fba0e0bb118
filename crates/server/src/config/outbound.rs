//! Requests that the server sends to others.

use std::time::Duration;

use ipnet::IpNet;

use super::{network, seconds};

/// Where the server may send requests, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Outgoing requests")]
pub struct Outbound {
    /// Addresses or networks, separated by commas, to which the server may send requests although only its own networks reach
    /// them. Without this option it sends requests to public addresses only.
    #[arg(long, env = "VULTUS_OUTBOUND_ALLOW", value_delimiter = ',', value_parser = network, value_name = "NETWORKS")]
    pub outbound_allow: Vec<IpNet>,
    /// Proxy for outgoing requests. It resolves names itself, so it must refuse those of private addresses itself. The server
    /// ignores the proxy variables of the environment.
    #[arg(long, env = "VULTUS_OUTBOUND_PROXY", value_name = "URL", hide_env_values = true)]
    pub outbound_proxy: Option<String>,
    /// Seconds that the server waits for a connection to another server.
    #[arg(long, env = "VULTUS_OUTBOUND_CONNECT_TIMEOUT", default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    pub outbound_connect_timeout: Duration,
}

impl Default for Outbound {
    /// Public addresses, without a proxy.
    fn default() -> Self {
        Self { outbound_allow: Vec::new(), outbound_proxy: None, outbound_connect_timeout: Duration::from_secs(30) }
    }
}
