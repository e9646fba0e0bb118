//! Resolves names, and hands on only the addresses to which the client may connect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::addresses::Allowed;

/// A name has only addresses that the client refuses; this is the first.
#[derive(Debug, thiserror::Error)]
#[error("the address {address} is refused")]
pub(super) struct Refusal {
    pub(super) address: IpAddr,
}

/// The system's resolver. The client connects to what it returns, so nobody can change the answer after the check.
pub(super) struct Resolver(Arc<Allowed>);

impl Resolver {
    pub(super) fn new(allowed: Arc<Allowed>) -> Self {
        Self(allowed)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let first = found.first().ok_or_else(|| io::Error::other("the name has no address"))?.ip();
            let usable: Vec<SocketAddr> = found.into_iter().filter(|found| allowed.contains(found.ip())).collect();
            if usable.is_empty() {
                return Err(Refusal { address: first }.into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}
