//! The model files are those that the manifest names, and the networks compute what they should.

use vultus_vision::Engine;
use vultus_vision::models::{Error, Models};

use super::Check;
use crate::config::Config;

const NAME: &str = "models";

pub(super) async fn check(config: &Config) -> anyhow::Result<Vec<Check>> {
    let (dir, params) = (config.data.models_dir(), config.vision.params(config.images.limits()));
    let pull = format!("vultus models pull --to {}", dir.display());
    if !dir.exists() {
        let found = format!("{} does not exist: the first start fetches the models", dir.display());
        return Ok(vec![Check::warning(NAME, found, pull)]);
    }
    let look = move || match Models::inspect(&dir) {
        Ok(models) => {
            let files = Check::ok(NAME, format!("all files in {} have the right hashes", dir.display()));
            vec![files, inference(Engine::load(&models, params).err())]
        }
        Err(Error::Incomplete { problems, .. }) => vec![Check::error(NAME, problems.join("; "), pull)],
        Err(error) => {
            let advice = format!("Correct or remove manifest.toml in {}.", dir.display());
            vec![Check::error(NAME, error, advice)]
        }
    };
    Ok(tokio::task::spawn_blocking(look).await?)
}

fn inference(failure: Option<vultus_vision::Error>) -> Check {
    const NAME: &str = "inference";
    match failure {
        None => Check::ok(NAME, "the networks give the right answers for the test picture"),
        Some(error) => {
            let advice = "Unset ORT_DYLIB_PATH, or set it to a library for this machine. Then pull the models again.";
            Check::error(NAME, error, advice)
        }
    }
}
