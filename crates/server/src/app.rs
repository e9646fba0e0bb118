//! The parts that all handlers share.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Semaphore;
use vultus_store::{Db, Id, Kind};
use vultus_vision::Budget;
use vultus_vision::models::Models;

use crate::blobs::Blobs;
use crate::config::Config;
use crate::keyring::Keyring;
use crate::lists::{Folder, Screening};
use crate::pools::{Engine, Pool};
use crate::random::random_bytes;
use crate::rate::RateLimit;
use crate::search::classifiers::Classifiers;
use crate::search::{self, VectorIndex};
use crate::{budget, clock};

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
    /// Permits for the memory that request bodies take, in units of [`budget::UNIT_BYTES`].
    pub body_memory: Arc<Semaphore>,
    /// Permits to send lists of any length.
    pub long_lists: Arc<Semaphore>,
    /// The rate limit of the API keys, if there is one.
    pub rate_limit: Option<RateLimit>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the configuration and the database do not go together.
    pub fn new(config: Config, db: Db, engines: Arc<Pool<Engine>>, keyring: Keyring) -> anyhow::Result<Arc<Self>> {
        let body_memory = config.http.body_memory_bytes.max(config.http.max_body_bytes).div_ceil(budget::UNIT_BYTES);
        let rate = NonZeroU32::new(config.http.rate_limit);
        Ok(Arc::new(Self {
            vectors: search::open(&config, &db)?,
            classifiers: Classifiers::new(config.matching.cached_embeddings),
            body_memory: Arc::new(Semaphore::new(body_memory.min(Semaphore::MAX_PERMITS))),
            long_lists: Arc::new(Semaphore::new(config.http.long_lists.min(Semaphore::MAX_PERMITS))),
            rate_limit: rate.map(|rate| RateLimit::new(rate, config.http.rate_burst.unwrap_or(rate))),
            screening: Arc::new(Screening::new(Folder::new(config.screening.lists.path(&config.data.data_dir)))),
            blobs: Blobs::open(&config)?,
            config,
            db,
            engines,
            keyring,
        }))
    }
}

/// Starts the inference threads over a models directory.
///
/// # Errors
/// When models are missing or the system gives no thread.
pub fn start_engines(config: &Config) -> anyhow::Result<Arc<Pool<Engine>>> {
    let dir = config.data.models_dir();
    let models = if config.engine.verify_models { Models::open_hashing(&dir)? } else { Models::open(&dir)? };
    let params = config.vision.params(config.images.limits());
    let budget = Arc::new(Budget::new(config.images.decode_memory_bytes, config.http.request_timeout));
    let load = move || match vultus_vision::Engine::load(&models, params) {
        Ok(engine) => Ok(Engine::new(engine.with_budget(budget.clone()))),
        Err(error) => Err(error.to_string()),
    };
    Ok(Arc::new(Pool::start(config.engine.threads(), config.engine.engine_queue, load)?))
}

/// A new id.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_id(kind: Kind) -> anyhow::Result<Id> {
    Ok(Id::new(kind, clock::now_us(), random_bytes()?))
}
