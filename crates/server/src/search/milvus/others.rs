//! The other tables that this database has in Milvus: those of another model or of another version of the program.
//!
//! While an update is rolled out, servers with the old model and servers with the new one run side by side, each with a
//! table. A table goes when changes wait for it and nobody writes to it: then no server uses it, and it may hold what was
//! deleted. Tables of other installations in the same Milvus have other names and no cursors here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vultus_milvus::Table;

use super::follower::{Follower, OpenTable, engine, name_of};
use super::writer;
use crate::search::Error;

/// Tables for which changes wait.
pub(super) struct Waiting {
    /// The newest write to each, and since when this process has seen no newer one.
    tables: Mutex<HashMap<String, (i64, Instant)>>,
    patience: Duration,
}

impl Waiting {
    /// Counts a table as abandoned when changes have waited for so long.
    pub fn new(patience: Duration) -> Self {
        Self { tables: Mutex::default(), patience }
    }

    /// Notes what a look at a table has found. True when nobody uses the table any more.
    fn is_abandoned(&self, engine: &str, written: i64, is_behind: bool, now: Instant) -> bool {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_behind {
            tables.remove(engine);
            return false;
        }
        let seen = tables.entry(engine.to_owned()).or_insert((written, now));
        if seen.0 != written {
            *seen = (written, now);
        }
        now.duration_since(seen.1) >= self.patience
    }
}

impl Follower {
    /// Removes the other tables that nobody uses any more.
    pub async fn remove_abandoned(&self, table: &OpenTable) -> Result<(), Error> {
        for (other, written) in self.cursors.other_engines(&table.name).await? {
            if name_of(&other) == name_of(&table.name) {
                // This table, before it was made again.
                self.cursors.remove_engine(&other).await?;
                continue;
            }
            let is_behind =
                !self.cursors.behind(&other).await?.is_empty() || !self.cursors.gone(&other).await?.is_empty();
            if self.waiting.is_abandoned(&other, written, is_behind, Instant::now()) {
                self.remove_table(&other).await?;
            }
        }
        Ok(())
    }

    async fn remove_table(&self, other: &str) -> Result<(), Error> {
        let name = name_of(other);
        let _lock = self.cursors.lock(name).await?;
        let found = Table::find(&self.client, name).await?;
        // Otherwise it was dropped, and perhaps made again: then it is another one.
        if let Some(found) = found.filter(|found| other == engine(name, *found)) {
            if name.starts_with(&self.own_tables().await?) {
                Table::drop(&self.client, name).await?;
            } else {
                self.clear_shared(name, other).await?;
            }
            tracing::info!(table = name, id = found, "a table in Milvus that no server uses was removed");
        }
        Ok(self.cursors.remove_engine(other).await?)
    }

    /// Removes the rows of this database from a table of an earlier version, whose name other installations may use too.
    async fn clear_shared(&self, name: &str, engine: &str) -> Result<(), Error> {
        let rows = Table::open(&self.client, name, self.model.dimension).await?;
        for of in self.cursors.followed(engine).await? {
            writer::clear(&rows, of.collection).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_abandoned_when_changes_wait_and_nobody_writes() {
        let (waiting, start) = (Waiting::new(Duration::from_mins(10)), Instant::now());
        let look = |written, is_behind, minutes| {
            waiting.is_abandoned("table#1", written, is_behind, start + Duration::from_mins(minutes))
        };
        assert!(!look(5, false, 0) && !look(5, false, 60), "nothing waits");
        assert!(!look(5, true, 61) && !look(5, true, 70));
        assert!(!look(6, true, 71) && !look(6, true, 80), "somebody has written");
        assert!(!look(6, false, 81) && !look(6, true, 82) && !look(6, true, 91), "it was up to date in between");
        assert!(look(6, true, 92));
        assert!(!waiting.is_abandoned("table#2", 6, true, start + Duration::from_mins(92)), "each has its own time");
    }
}
