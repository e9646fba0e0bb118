//! Comparison of Milvus with the database, and repair: for the operator, of all accounts.

use std::collections::HashSet;

use vultus_store::Id;
use vultus_store::collections::CollectionKey;
use vultus_store::collections::Reader;

use super::follower::{Follower, OpenTable};
use super::writer::{self, Writer};
use crate::search::Comparison;
use crate::search::Error;

impl Follower {
    /// Compares the rows in Milvus with the embeddings in collections. What servers have written and not searched since is
    /// brought there first.
    pub async fn check(&self) -> Result<Comparison, Error> {
        self.maintain().await?;
        let table = self.table().await?;
        let mut check = Comparison::default();
        for of in self.cursors.collections().await? {
            self.check_one(&table, of, &mut check).await?;
        }
        for collection in self.strange(&table).await? {
            let now = table.rows.now().await?;
            check.surplus += writer::all_keys(&table.rows, collection, now).await?.len() as u64;
        }
        Ok(check)
    }

    async fn check_one(&self, table: &OpenTable, of: CollectionKey, check: &mut Comparison) -> Result<(), Error> {
        let mut reader = match Reader::open(&self.db, of.account, of.collection).await {
            // Deleted meanwhile.
            Err(vultus_store::Error::Gone { .. }) => return Ok(()),
            other => other?,
        };
        let (writer, now) = (Writer::new(self, table, of), table.rows.now().await?);
        let mut there: HashSet<String> = writer::all_keys(&table.rows, of.collection, now).await?.into_iter().collect();
        loop {
            let page = reader.page().await?;
            if page.is_empty() {
                check.surplus += there.len() as u64;
                return Ok(());
            }
            for row in page.iter().filter(|row| writer.takes(row)) {
                check.expected += 1;
                check.missing += u64::from(!there.remove(&writer.key(row.enrollment_id, row.embedding_id)));
            }
        }
    }

    /// Writes all rows again, one collection after the other, and removes those of collections that are not there. Searches
    /// go on meanwhile. Gives the number of people.
    pub async fn rebuild(&self) -> Result<u64, Error> {
        let table = self.table().await?;
        let mut people = 0;
        for of in self.cursors.collections().await? {
            let held = self.cursors.hold(of, &table.name).await?;
            held.begin().await?;
            let now = table.rows.now().await?;
            let written = match Writer::new(self, &table, of).write_all(now, true).await {
                // Deleted meanwhile: what is left of it is found below.
                Err(Error::Store(vultus_store::Error::Gone { .. })) => continue,
                other => other?,
            };
            people += written.people;
            held.save(written.cursor).await?;
        }
        for collection in self.strange(&table).await? {
            writer::clear(&table.rows, collection).await?;
        }
        Ok(people)
    }

    /// Collections with rows in Milvus that are not in the database, or have no members there.
    async fn strange(&self, table: &OpenTable) -> Result<Vec<Id>, Error> {
        let now = table.rows.now().await?;
        let (mut there, mut from) = (Vec::new(), String::new());
        while let Some(key) = table.rows.first_key(&from, now).await? {
            let (collection, _) = key.split_once('/').unwrap_or((&key, ""));
            there.extend(collection.parse::<Id>());
            // The digit 0 follows the slash: the next collection.
            from = format!("{collection}0");
        }
        // Asked afterwards: who has rows by now was a collection before.
        let known: HashSet<Id> = self.cursors.collections().await?.into_iter().map(|of| of.collection).collect();
        Ok(there.into_iter().filter(|collection| !known.contains(collection)).collect())
    }
}
