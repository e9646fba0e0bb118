//! The pool that looks at pictures of faces.

use std::sync::Arc;

use vultus_vision::Budget;
use vultus_vision::models::Models;

use super::{Engine, Pool, Size};
use crate::config::Config;

/// Starts the threads over the models directory of the configuration.
///
/// # Errors
/// When models are missing or the system gives no thread.
pub fn start(config: &Config) -> anyhow::Result<Pool<Engine>> {
    let dir = config.data.models_dir();
    let models = if config.engine.verify_models { Models::open_hashing(&dir)? } else { Models::open(&dir)? };
    let params = config.vision.params(config.images.limits());
    let budget = Arc::new(Budget::new(config.images.decode_memory_bytes, config.http.request_timeout));
    let load = move || match vultus_vision::Engine::load(&models, params) {
        Ok(engine) => Ok(Engine::new(engine.with_budget(budget.clone()))),
        Err(error) => Err(error.to_string()),
    };
    let size = Size {
        threads: config.engine.threads(),
        spare: config.fairness.spare_threads,
        queue: config.engine.engine_queue,
        share: config.fairness.account_share,
    };
    Ok(Pool::start(size, load)?)
}
