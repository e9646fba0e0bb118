//! Sanctions lists: their directory and their source.

use std::path::{Path, PathBuf};

/// The directory of the lists, and the source that they come from.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sanctions lists")]
pub struct Lists {
    /// Directory of the lists [default: `lists` in the data directory].
    #[arg(long, env = "VULTUS_LISTS_DIR", value_name = "DIR")]
    pub lists_dir: Option<PathBuf>,
    /// Fetch each file from `URL/LIST/FILE` instead of from its publisher.
    #[arg(long, env = "VULTUS_LISTS_MIRROR", value_name = "URL")]
    pub lists_mirror: Option<String>,
}

impl Lists {
    /// The directory in force.
    pub fn path(&self, data_dir: &Path) -> PathBuf {
        self.lists_dir.clone().unwrap_or_else(|| data_dir.join("lists"))
    }
}

/// How the server keeps its lists up to date.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sanctions lists")]
pub struct Screening {
    /// The directory of the lists, and the source that they come from.
    #[command(flatten)]
    pub lists: Lists,
    /// Pull each sanctions list again this many hours after the last check. 0 turns this off: the server then sends no
    /// requests for lists, and loads the lists that `vultus lists` installs.
    #[arg(long, env = "VULTUS_LISTS_PULL_HOURS", default_value_t = 0, value_name = "HOURS",
          value_parser = clap::value_parser!(u32).range(0..=8760))]
    pub lists_pull_hours: u32,
}
