//! Where rows, models and secrets live.

use std::path::{Path, PathBuf};

/// Directories and the database.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct Data {
    /// Directory of the database, the server secret, the models and kept images. The first start creates it.
    #[arg(long, env = "VULTUS_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Directory of the models [default: `models` in the data directory].
    #[arg(long, env = "VULTUS_MODELS_DIR", value_name = "DIR")]
    pub models_dir: Option<PathBuf>,
    /// Database, such as `sqlite:///var/lib/vultus/vultus.db` [default: `vultus.db` in the data directory].
    #[arg(long, env = "VULTUS_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Server secret, at least 32 characters. API keys are stored as hashes under it, so keep it when the server moves
    /// [default: `secret.key` in the data directory; the first start creates it].
    #[arg(long, env = "VULTUS_SECRET", value_name = "TEXT", hide_env_values = true)]
    pub secret: Option<String>,
    /// A former server secret, while a new one replaces it. Repeat the option for more [default: `former-secret.key` in the
    /// data directory, if it exists].
    #[arg(long = "former-secret", env = "VULTUS_FORMER_SECRET", value_name = "TEXT", hide_env_values = true)]
    pub former_secrets: Vec<String>,
}

impl Data {
    /// The models directory in force.
    pub fn models_dir(&self) -> PathBuf {
        self.models_dir.clone().unwrap_or_else(|| self.data_dir.join("models"))
    }

    /// The file of the server secret.
    pub fn secret_file(&self) -> PathBuf {
        self.data_dir.join("secret.key")
    }

    /// The file of the former server secret.
    pub fn former_secret_file(&self) -> PathBuf {
        self.data_dir.join("former-secret.key")
    }

    /// The file of the database that is used unless another one is configured.
    pub fn database_file(&self) -> PathBuf {
        self.data_dir.join("vultus.db")
    }

    /// The database in force.
    pub fn database_url(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite://{}", self.database_file().display()))
    }

    /// The folder of kept images.
    pub fn blobs_dir(&self) -> PathBuf {
        self.data_dir.join("blobs")
    }

    /// The folder of the snapshots of galleries.
    pub fn galleries_dir(&self) -> PathBuf {
        self.data_dir.join("galleries")
    }

    /// Options that keep everything under `data_dir`, with the models elsewhere: for tests.
    pub fn under(data_dir: &Path, models_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.into(),
            models_dir: Some(models_dir.into()),
            database_url: None,
            secret: None,
            former_secrets: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Data {
    /// Shows neither the secret nor the database password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data")
            .field("data_dir", &self.data_dir)
            .field("models_dir", &self.models_dir())
            .finish_non_exhaustive()
    }
}
