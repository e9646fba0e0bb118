//! Where embeddings are searched.

use std::str::FromStr;

/// The search engine.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Vectors")]
pub struct Vectors {
    /// Where embeddings are searched: `memory`, `pgvector` in the PostgreSQL database, or `auto`, which is pgvector where
    /// the database is PostgreSQL.
    #[arg(long, env = "VULTUS_VECTORS", default_value = "auto", value_name = "ENGINE")]
    pub vectors: Engine,
}

/// A search engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// What suits the database.
    Auto,
    /// The memory of this process.
    Memory,
    /// The PostgreSQL database.
    Pgvector,
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "memory" => Ok(Self::Memory),
            "pgvector" => Ok(Self::Pgvector),
            _ => Err("there are auto, memory and pgvector".into()),
        }
    }
}
