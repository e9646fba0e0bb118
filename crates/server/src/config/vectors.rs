//! The engine that searches embeddings.

use std::fmt;
use std::str::FromStr;

/// The search engine.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Vectors")]
pub struct Vectors {
    /// Engine that searches embeddings: `memory`, `pgvector` in the PostgreSQL database, or the address of a Milvus beside
    /// PostgreSQL, `milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` (`milvus+tls://...` encrypts). `auto` is pgvector if
    /// the database is PostgreSQL, and memory otherwise.
    #[arg(long, env = "VULTUS_VECTORS", default_value = "auto", value_name = "ENGINE")]
    pub vectors: VectorEngine,
}

/// A search engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VectorEngine {
    /// The engine that suits the database.
    Auto,
    /// The memory of this process.
    Memory,
    /// The PostgreSQL database.
    Pgvector,
    /// Milvus.
    Milvus(Address),
}

/// An address. It may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

impl FromStr for VectorEngine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "memory" => Ok(Self::Memory),
            "pgvector" => Ok(Self::Pgvector),
            _ if text.starts_with("milvus://") || text.starts_with("milvus+tls://") => {
                Ok(Self::Milvus(Address(text.to_owned())))
            }
            _ => Err("must be auto, memory, pgvector or milvus://HOST".into()),
        }
    }
}
