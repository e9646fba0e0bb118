//! Sanctions lists: where they are and where they come from.

use std::path::{Path, PathBuf};

/// Where the lists are, and where they are fetched.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sanctions lists")]
pub struct Lists {
    /// Directory of the lists [default: `lists` in the data directory].
    #[arg(long, env = "VULTUS_LISTS_DIR", value_name = "DIR")]
    pub lists_dir: Option<PathBuf>,
    /// Fetch the lists from here, each file from `URL/LIST/FILE`, and not from their publishers.
    #[arg(long, env = "VULTUS_LISTS_MIRROR", value_name = "URL")]
    pub lists_mirror: Option<String>,
}

impl Lists {
    /// The directory in force.
    pub fn path(&self, data_dir: &Path) -> PathBuf {
        self.lists_dir.clone().unwrap_or_else(|| data_dir.join("lists"))
    }
}

/// How the server keeps its lists.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sanctions lists")]
pub struct Screening {
    /// Where the lists are, and where they are fetched.
    #[command(flatten)]
    pub lists: Lists,
    /// Pull each sanctions list when it was last checked this many hours ago. 0 is never: the server then asks nobody
    /// for anything, and takes up what `vultus lists` installs.
    #[arg(long, env = "VULTUS_LISTS_PULL_HOURS", default_value_t = 0, value_name = "HOURS",
          value_parser = clap::value_parser!(u32).range(0..=8760))]
    pub lists_pull_hours: u32,
}
