//! The sender of a request and what it may do.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use vultus_store::settings::Settings;
use vultus_store::{Db, Id, Tx, idempotency};

use crate::clock;
use crate::error::Error;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Find faces.
    Detect,
    /// Judge whether a face is alive.
    Spoof,
    /// Compare a face with an enrollment.
    Match,
    /// Search a face in a collection.
    Identify,
    /// List enrollments.
    EnrollmentsRead,
    /// Make, extend and delete enrollments.
    EnrollmentsWrite,
    /// List collections.
    CollectionsRead,
    /// Make, extend, train and delete collections.
    CollectionsWrite,
}

impl Scope {
    /// All scopes: what a key has unless its maker names some.
    pub const ALL: [Self; 8] = [
        Self::Detect,
        Self::Spoof,
        Self::Match,
        Self::Identify,
        Self::EnrollmentsRead,
        Self::EnrollmentsWrite,
        Self::CollectionsRead,
        Self::CollectionsWrite,
    ];

    /// The word for messages, the command line and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Spoof => "spoof",
            Self::Match => "match",
            Self::Identify => "identify",
            Self::EnrollmentsRead => "enrollments:read",
            Self::EnrollmentsWrite => "enrollments:write",
            Self::CollectionsRead => "collections:read",
            Self::CollectionsWrite => "collections:write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| format!("no such scope; there are {}", Self::ALL.map(Scope::name).join(", ")))
    }
}

/// The form of `data` in answers about the faces of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answers {
    /// An object, about the face that decides.
    #[default]
    Object,
    /// A list with an object for each face, largest first: three clients of 2017 read the first item.
    Arrays,
}

impl Answers {
    /// The word for the command line and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Arrays => "arrays",
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Answers {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Object, Self::Arrays].into_iter().find(|form| form.name() == text);
        known.ok_or("must be object or arrays")
    }
}

/// The sender of a request: an account, by one of its keys. Sessions of the portal, widget tokens and signed links become further
/// senders here when they exist.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The account.
    pub account: Id,
    /// The key.
    pub key: Id,
    /// Whether the key may ask for errors, so that a client can be tested.
    pub test: bool,
    /// The form of the answers that it gets.
    pub answers: Answers,
    /// What the account has set for itself.
    pub settings: Settings,
    /// Set if the client may send the request again.
    pub repeat: Option<Repeat>,
    pub(super) scopes: Vec<Scope>,
}

/// A hash by which a request is distinguished from others with the same key of a client.
pub type Fingerprint = [u8; 32];

/// A request that its client may send again, under a key of the client's choice. Clones are of the same request.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// The key.
    pub key: String,
    /// Requests of before are forgotten.
    pub since: i64,
    request: Arc<Claim>,
}

#[derive(Debug, Default)]
struct Claim {
    fingerprint: OnceLock<Fingerprint>,
    is_made: AtomicBool,
}

impl Repeat {
    /// A request that has not arrived as a whole.
    pub fn new(key: String, since: i64) -> Self {
        Self { key, since, request: Arc::default() }
    }

    /// Notes what the request is, now that it has arrived.
    pub fn set_fingerprint(&self, fingerprint: Fingerprint) {
        // A request arrives once.
        let _ = self.request.fingerprint.set(fingerprint);
    }

    /// What the request is, if it has begun to change something.
    pub fn claimed(&self) -> Option<Fingerprint> {
        self.request.fingerprint.get().copied().filter(|_| self.request.is_made.load(Ordering::Relaxed))
    }
}

impl Principal {
    /// Begins the transaction in which the request changes something. If the client may send the request again, the
    /// transaction also notes that it was carried out.
    ///
    /// # Errors
    /// [`Error::Store`], with [`vultus_store::Error::Repeated`] if it was carried out before.
    pub async fn write(&self, db: &Db) -> Result<Tx, Error> {
        let mut tx = db.write(self.account).await?;
        if let Some(Repeat { key, since, request }) = &self.repeat {
            let fingerprint = request.fingerprint.get().ok_or_else(|| anyhow::anyhow!("a request without a body"))?;
            request.is_made.store(true, Ordering::Relaxed);
            idempotency::claim(&mut tx, self.account, key, fingerprint, *since, clock::now_us()).await?;
        }
        Ok(tx)
    }

    /// Fails unless the key has the scope.
    ///
    /// # Errors
    /// [`Error::Forbidden`] names the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Error::Forbidden { scope: scope.name() }) }
    }
}
