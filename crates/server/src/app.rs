//! The parts that all handlers share.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use vultus_store::{Db, Id, Kind};

use crate::blobs::Blobs;
use crate::budget::{Budget, upload_peak_bytes};
use crate::clock;
use crate::config::Config;
use crate::keyring::Keyring;
use crate::lists::{Folder, Screening};
use crate::pools::{Engine, Pool};
use crate::random::random_bytes;
use crate::rate::RateLimit;
use crate::search::classifiers::Classifiers;
use crate::search::{self, VectorIndex};

/// The running server's state.
pub struct App {
    /// The options in force.
    pub config: Config,
    /// The rows.
    pub db: Db,
    /// The inference threads.
    pub engines: Arc<Pool<Engine>>,
    /// The engine that searches embeddings.
    pub vectors: Arc<dyn VectorIndex>,
    /// The newest classifiers of the collections in use.
    pub classifiers: Classifiers,
    /// The place of enrolled images, if they are kept. Images of former settings are removed from here too.
    pub blobs: Blobs,
    /// The sanctions lists in memory.
    pub screening: Arc<Screening>,
    /// The secrets of the server.
    pub keyring: Keyring,
    /// Permits to send lists of any length.
    pub long_lists: Arc<Semaphore>,
    /// Bytes that uploads take: bodies, and the pictures that were decoded from them.
    pub uploads: Arc<Budget>,
    /// Requests that are being answered, by account.
    pub requests: Arc<Budget>,
    /// The handlers that run; some outlive the request that they answer.
    pub handlers: TaskTracker,
    /// The rate limit of the API keys, if there is one.
    pub rate_limit: Option<RateLimit>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the configuration and the database do not go together.
    pub fn new(config: Config, db: Db, engines: Arc<Pool<Engine>>, keyring: Keyring) -> anyhow::Result<Arc<Self>> {
        let longest = upload_peak_bytes(config.http.max_body_bytes);
        let share = config.fairness.account_share;
        let rate = NonZeroU32::new(config.http.rate_limit);
        Ok(Arc::new(Self {
            vectors: search::open(&config, &db, &keyring)?,
            classifiers: Classifiers::new(config.matching.cached_embeddings),
            long_lists: Arc::new(Semaphore::new(config.http.long_lists.min(Semaphore::MAX_PERMITS))),
            uploads: Budget::new(config.http.body_memory_bytes.max(longest), share, longest),
            requests: Budget::new(config.http.max_connections, share, 1),
            handlers: TaskTracker::new(),
            rate_limit: rate.map(|rate| RateLimit::new(rate, config.http.rate_burst.unwrap_or(rate))),
            screening: Arc::new(Screening::new(Folder::new(config.screening.lists.path(&config.data.data_dir)))),
            blobs: Blobs::open(&config, db.clone(), keyring.clone())?,
            config,
            db,
            engines,
            keyring,
        }))
    }
}

/// A new id.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_id(kind: Kind) -> anyhow::Result<Id> {
    Ok(Id::new(kind, clock::now_us(), random_bytes()?))
}
