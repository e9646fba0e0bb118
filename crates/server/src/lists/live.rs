//! The lists in the memory of a running server. This module keeps them up to date.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use vultus_screening::Screener;
use vultus_screening::lists::{Source, Version};

use super::{Folder, Publishers, pull};
use crate::{clock, config};

/// How often the server looks at the folder. Reading which versions are in force takes microseconds.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How soon the server tries again to pull a list after a failure.
const RETRY_AFTER: Duration = Duration::from_hours(1);
const HOUR_US: i64 = 3600 * clock::SECOND_US;

/// The lists in force, ready to be searched.
#[derive(Debug)]
pub struct Screening {
    folder: Folder,
    /// Locked only to copy or replace the pointer. A reload stops no query, and a running query keeps its lists.
    current: RwLock<Arc<Screener>>,
}

impl Screening {
    /// Starts without lists. [`Screening::refresh`] loads them.
    pub fn new(folder: Folder) -> Self {
        Self { folder, current: RwLock::default() }
    }

    /// Where they are on disk.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The lists in memory. There are no versions while no list is loaded.
    pub fn current(&self) -> Arc<Screener> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// If the lists in force differ from those in memory, loads them. Returns whether it did. Blocks for as long as that
    /// takes. Queries continue with the old lists.
    ///
    /// # Errors
    /// When a list in force cannot be read. The lists in memory then stay.
    pub fn refresh(&self) -> anyhow::Result<bool> {
        let current = self.current();
        let installed = self.folder.installed()?;
        if installed.iter().map(|list| &list.version.sha256).eq(current.versions().iter().map(|known| &known.sha256)) {
            return Ok(false);
        }
        let screener = Arc::new(Screener::new(self.folder.load()?));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = screener;
        Ok(true)
    }
}

/// The schedule by which a running server pulls its lists.
#[derive(Debug)]
pub struct Schedule {
    publishers: Publishers,
    period_us: i64,
    next: Instant,
}

impl Schedule {
    /// The schedule that the options ask for, if any.
    ///
    /// # Errors
    /// As [`Publishers::new`].
    pub fn new(options: &config::Screening, outbound: &config::Outbound) -> anyhow::Result<Option<Self>> {
        if options.lists_pull_hours == 0 {
            return Ok(None);
        }
        let publishers = Publishers::new(options.lists.lists_mirror.as_deref(), outbound)?;
        Ok(Some(Self { publishers, period_us: i64::from(options.lists_pull_hours) * HOUR_US, next: Instant::now() }))
    }

    /// Pulls each list whose last check is a period ago. After a failure, waits a while before the next try.
    async fn pull_due(&mut self, folder: &Folder) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + RETRY_AFTER;
        let installed = folder.installed().unwrap_or_default();
        for source in Source::ALL {
            let checked = installed.iter().find(|list| list.version.source == source).map(|list| list.checked_us);
            if checked.is_some_and(|checked| clock::now_us() - checked < self.period_us) {
                continue;
            }
            if let Err(error) = pull(&self.publishers, folder, source, false).await {
                tracing::warn!("the list {source} was not pulled: {error:#}");
            }
        }
    }
}

/// Loads lists that are installed while the server runs, and pulls lists by the schedule. Never ends. Logs each failure and
/// tries again later.
pub async fn keep(screening: Arc<Screening>, mut schedule: Option<Schedule>) {
    loop {
        if let Some(schedule) = &mut schedule {
            schedule.pull_due(&screening.folder).await;
        }
        let refreshed = screening.clone();
        match tokio::task::spawn_blocking(move || refreshed.refresh()).await {
            Ok(Ok(true)) => log(screening.current().versions()),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::error!("sanctions lists not loaded: {error:#}"),
            Err(error) => tracing::error!("sanctions lists not loaded: {error}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn log(versions: &[Version]) {
    for Version { source, date, sha256, entries } in versions {
        tracing::info!(%source, date = date.as_deref().unwrap_or("unknown"), sha256, entries, "sanctions list loaded");
    }
}
