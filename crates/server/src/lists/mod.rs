//! Sanctions lists: the server fetches them from their publishers, keeps them on disk, and searches them in memory.

mod folder;
mod live;
mod publishers;

use vultus_screening::lists::Source;

pub use folder::{Change, Folder, Installed, read, read_folder, views};
pub use live::{Schedule, Screening, keep};
pub use publishers::{Publishers, files};

use crate::clock;

/// Fetches a list and puts it in force. [`Folder::install`] explains which lists are refused.
///
/// # Errors
/// When the list cannot be fetched, is damaged or implausible, or cannot be written. The old list then stays in force.
pub async fn pull(publishers: &Publishers, folder: &Folder, source: Source, force: bool) -> anyhow::Result<Change> {
    let files = publishers.fetch(source).await?;
    let folder = folder.clone();
    let install = move || {
        if let Some((name, _)) = files
            .iter()
            .zip(views(&files))
            .find_map(|(file, view)| (vultus_screening::lists::recognise(&view) != Some(source)).then_some(file))
        {
            anyhow::bail!("refused {name}: the file at its address does not belong to the list {source}");
        }
        let mut changes = folder.install(&files, force, clock::now_us())?;
        changes.pop().ok_or_else(|| anyhow::anyhow!("the list {source} has no files"))
    };
    tokio::task::spawn_blocking(install).await?
}
