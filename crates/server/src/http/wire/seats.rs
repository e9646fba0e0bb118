//! Who may hold a connection: so many in all, so many of one address, and a few beyond them for monitors.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Http;
use crate::http::wire::error::Error;
use crate::metrics::METRICS;

/// What is answered on a reserved connection; everything else is refused there.
const FOR_MONITORS: [&str; 2] = ["/healthz", "/readyz"];

/// The connections that there may be.
pub(super) struct Seats {
    /// Ordinary and reserved ones.
    all: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
    peers: Arc<Peers>,
}

/// Room for a connection, to be taken by the next that is accepted.
pub(super) struct Room(OwnedSemaphorePermit);

/// The place of a connection, held for as long as it lives.
pub(super) struct Seat {
    /// None on a reserved place.
    ordinary: Option<OwnedSemaphorePermit>,
    _room: OwnedSemaphorePermit,
    _peer: PeerSeat,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.figure().dec();
    }
}

impl Seat {
    /// Whether there was no ordinary place left.
    pub(super) fn is_reserved(&self) -> bool {
        self.ordinary.is_none()
    }

    fn figure(&self) -> &'static Gauge {
        if self.is_reserved() { &METRICS.reserved_connections } else { &METRICS.connections }
    }
}

impl Seats {
    pub(super) fn new(limits: &Http) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self {
            all: semaphore(limits.max_connections.saturating_add(limits.reserved_connections)),
            ordinary: semaphore(limits.max_connections),
            peers: Arc::new(Peers::new(limits.max_connections_per_peer, limits.trusted_proxies.clone())),
        }
    }

    /// Waits until one more connection may be accepted.
    pub(super) async fn room(&self) -> Room {
        match self.all.clone().acquire_owned().await {
            Ok(permit) => Room(permit),
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    /// The place of an accepted connection, or none when its peer holds too many.
    pub(super) fn take(&self, room: Room, peer: IpAddr) -> Option<Seat> {
        let Some(peer) = self.peers.admit(peer) else {
            METRICS.refused_connections.inc();
            return None;
        };
        let seat = Seat { ordinary: self.ordinary.clone().try_acquire_owned().ok(), _room: room.0, _peer: peer };
        seat.figure().inc();
        Some(seat)
    }
}

/// How many connections each address holds.
struct Peers {
    limit: usize,
    exempt: Vec<IpNet>,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One of the connections of an address; none is counted for those exempt.
struct PeerSeat(Option<(Arc<Peers>, IpAddr)>);

impl Peers {
    fn new(limit: usize, exempt: Vec<IpNet>) -> Self {
        Self { limit, exempt, held: Mutex::default() }
    }

    fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<PeerSeat> {
        let peer = peer.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&peer)) {
            return Some(PeerSeat(None));
        }
        let place = place(peer);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(place).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(PeerSeat(Some((self.clone(), place))))
    }
}

impl Drop for PeerSeat {
    fn drop(&mut self) {
        let Some((peers, place)) = &self.0 else { return };
        let mut held = peers.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(place) {
            *count -= 1;
            if *count == 0 {
                held.remove(place);
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or the /64 network of IPv6 that a single customer is given.
fn place(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Marks the requests of connections on reserved places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserved;

/// Answers nobody but monitors on a reserved place.
pub(crate) async fn only_monitors(request: Request, next: Next) -> Response {
    let reserved = request.extensions().get::<Reserved>().is_some();
    if reserved && !FOR_MONITORS.contains(&request.uri().path()) {
        return Error::ConnectionsFull.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(limit: usize, exempt: &[&str]) -> Arc<Peers> {
        Arc::new(Peers::new(limit, exempt.iter().map(|network| network.parse().unwrap()).collect()))
    }

    fn admit(peers: &Arc<Peers>, address: &str) -> Option<PeerSeat> {
        peers.admit(address.parse().unwrap())
    }

    #[test]
    fn an_address_gets_its_share_and_others_theirs() {
        let peers = peers(2, &[]);
        let held: Vec<_> = (0..2).map(|_| admit(&peers, "192.0.2.1").unwrap()).collect();
        assert!(admit(&peers, "192.0.2.1").is_none());
        assert!(admit(&peers, "::ffff:192.0.2.1").is_none(), "the same address as IPv6 writes it");
        assert!(admit(&peers, "192.0.2.2").is_some());
        drop(held);
        assert!(admit(&peers, "192.0.2.1").is_some());
        assert!(peers.held.lock().unwrap().is_empty(), "those who have gone take no memory");
    }

    #[test]
    fn the_addresses_of_one_network_of_ipv6_share() {
        let peers = peers(1, &[]);
        let _held = admit(&peers, "2001:db8:0:1::1").unwrap();
        assert!(admit(&peers, "2001:db8:0:1:ffff::2").is_none());
        assert!(admit(&peers, "2001:db8:0:2::1").is_some());
    }

    #[test]
    fn trusted_proxies_hold_any_number() {
        let peers = peers(1, &["10.0.0.0/8", "2001:db8::/32"]);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
            let held: Vec<_> = (0..5).map(|_| admit(&peers, address)).collect();
            assert!(held.iter().all(Option::is_some), "{address}");
        }
        let _other = admit(&peers, "192.0.2.1").unwrap();
        assert!(admit(&peers, "192.0.2.1").is_none());
    }
}
