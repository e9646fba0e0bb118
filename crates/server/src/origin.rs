//! On whose behalf work is done, and whether anybody still waits for it.
//!
//! A request's handler runs in a task that outlives the request, so that a client that hangs up never stops it half-way.
//! Work that is not worth finishing without a client (receiving, inference) watches the request's [`Presence`] and
//! stops by itself; what has begun to write does not look and finishes.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::{CancellationToken, DropGuard};
use vultus_store::Id;

use crate::budget::Held;
use crate::error::Error;

/// Held by whoever waits for the answer of a request. When it is dropped, the request's [`Presence`] is over.
pub struct Waiting {
    _over: DropGuard,
}

/// Whether anybody still waits for the answer of a request, within its time limit. Clones are of the same request.
#[derive(Debug, Clone, Default)]
pub struct Presence(Arc<Request>);

#[derive(Debug, Default)]
struct Request {
    over: CancellationToken,
    /// Given back when the handler has ended and no work of the request is left.
    in_flight: OnceLock<Held>,
}

impl Presence {
    /// A request that somebody waits for.
    pub fn new() -> (Waiting, Self) {
        let presence = Self::default();
        (Waiting { _over: presence.0.over.clone().drop_guard() }, presence)
    }

    /// Counts the request against its account for as long as anything of it is left.
    pub fn count(&self, in_flight: Held) {
        // A request has one account: what came first counts.
        let _ = self.0.in_flight.set(in_flight);
    }

    /// Whether the client has gone or the time is over.
    pub fn is_over(&self) -> bool {
        self.0.over.is_cancelled()
    }

    /// Resolves when the client has gone or the time is over.
    pub async fn over(&self) {
        self.0.over.cancelled().await;
    }

    /// Fails when the client has gone or the time is over. Work asks this last before it writes.
    ///
    /// # Errors
    /// [`Error::Timeout`]; a client that has gone does not see it.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_over() { Err(Error::Timeout) } else { Ok(()) }
    }
}

/// An account, and the request of it that work is for.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The account.
    pub account: Id,
    /// Whether anybody waits.
    pub presence: Presence,
}

impl Origin {
    /// Work of the server's own for an account, which is always wanted.
    pub fn own(account: Id) -> Self {
        Self { account, presence: Presence::default() }
    }
}
