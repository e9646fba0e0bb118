//! What is written to Milvus of one collection.

use std::collections::HashSet;
use std::ops::Range;

use vultus_milvus::{Row, Stamp, Table};
use vultus_store::collections::CollectionKey;
use vultus_store::collections::{self, Reader};
use vultus_store::cursors::Cursor;
use vultus_store::vectors::unit;
use vultus_store::{Db, Id};

use super::follower::{Follower, OpenTable};
use crate::model::Model;
use crate::search::Error;

/// Changed people who are looked up together.
const PEOPLE: usize = 100;
/// Embeddings of one request: 4 MB of 512 components.
const ROWS: usize = 2_000;
/// Embeddings written at a time that Milvus is asked to index: its search of what is not indexed finds the right person among
/// 10,000 in 99.0 %, among 100,000 in 96.8 % (`cargo bench -p vultus --bench postgres`).
const MANY: usize = 10_000;

/// Writes rows of a collection, under its lock.
pub(super) struct Writer<'a> {
    db: &'a Db,
    table: &'a Table,
    model: &'a Model,
    of: CollectionKey,
    /// The collection's id, its partition key in Milvus.
    space: String,
}

/// What the writing of a whole collection came to.
pub(super) struct Written {
    pub cursor: Cursor,
    /// Members that have embeddings.
    pub people: u64,
}

impl<'a> Writer<'a> {
    pub fn new(follower: &'a Follower, table: &'a OpenTable, of: CollectionKey) -> Self {
        let (db, table, model) = (&follower.db, &table.rows, &follower.model);
        Self { db, table, model, of, space: of.collection.to_string() }
    }

    /// Makes the rows of these people what the database has of them. `seen` is the moment of the last write.
    pub async fn write(&self, people: &[Id], mut seen: Stamp) -> Result<Stamp, Error> {
        let CollectionKey { account, collection } = self.of;
        for people in people.chunks(PEOPLE) {
            let ranges: Vec<Range<String>> = people.iter().map(|id| self.keys_below(&id.to_string())).collect();
            let there = self.table.keys(&self.space, &ranges, seen).await?;
            let mut there: HashSet<String> = there.into_iter().collect();
            let members = collections::members(self.db, account, collection, &self.model.name, people).await?;
            let mut missing = Vec::new();
            for member in &members {
                for (embedding, vector) in &member.embeddings {
                    let key = self.key(member.id, *embedding);
                    if vector.len() == self.model.dimension && !there.remove(&key) {
                        missing.push(Row { key, vector: unit(vector) });
                    }
                }
            }
            let stale: Vec<String> = there.into_iter().collect();
            seen = remove(self.table, &stale, seen).await?;
            seen = self.insert(missing, seen).await?;
        }
        Ok(seen)
    }

    /// Makes all rows what the database has, and writes those again that are there if `again`.
    pub async fn write_all(&self, mut seen: Stamp, again: bool) -> Result<Written, Error> {
        let mut there: HashSet<String> = all_keys(self.table, self.of.collection, seen).await?.into_iter().collect();
        let mut reader = Reader::open(self.db, self.of.account, self.of.collection).await?;
        let (mut people, mut inserted) = (0, 0);
        loop {
            let page = reader.page().await?;
            if page.is_empty() {
                break;
            }
            let (mut stale, mut missing) = (Vec::new(), Vec::new());
            let mut last = None;
            for row in page.iter().filter(|row| self.takes(row)) {
                people += u64::from(last.replace(row.enrollment_id) != Some(row.enrollment_id));
                let key = self.key(row.enrollment_id, row.embedding_id);
                let is_there = there.remove(&key);
                if is_there && again {
                    stale.push(key.clone());
                }
                if !is_there || again {
                    missing.push(Row { key, vector: unit(&row.vector) });
                }
            }
            inserted += missing.len();
            seen = remove(self.table, &stale, seen).await?;
            seen = self.insert(missing, seen).await?;
        }
        if inserted >= MANY {
            self.table.seal().await?;
        }
        let stale: Vec<String> = there.into_iter().collect();
        seen = remove(self.table, &stale, seen).await?;
        let cursor = Cursor { version: reader.version, changed: reader.changed, written: seen.0 as i64 };
        Ok(Written { cursor, people })
    }

    async fn insert(&self, rows: Vec<Row>, mut seen: Stamp) -> Result<Stamp, Error> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            seen = self.table.insert(&self.space, rows.by_ref().take(ROWS).collect()).await?.max(seen);
        }
        Ok(seen)
    }

    /// Whether an embedding has a row in Milvus.
    pub fn takes(&self, row: &collections::MemberEmbedding) -> bool {
        row.model == self.model.name && row.vector.len() == self.model.dimension
    }

    /// The key of an embedding's row.
    pub fn key(&self, enrollment: Id, embedding: Id) -> String {
        format!("{}/{enrollment}/{embedding}", self.space)
    }

    /// The keys of a person's rows. The digit 0 follows the slash.
    fn keys_below(&self, person: &str) -> Range<String> {
        format!("{}/{person}/", self.space)..format!("{}/{person}0", self.space)
    }
}

/// The keys of all rows of a collection.
pub(super) async fn all_keys(table: &Table, collection: Id, seen: Stamp) -> Result<Vec<String>, Error> {
    let space = collection.to_string();
    Ok(table.keys(&space, &[format!("{space}/")..format!("{space}0")], seen).await?)
}

/// Removes all rows of a collection.
pub(super) async fn clear(table: &Table, collection: Id) -> Result<(), Error> {
    let seen = table.now().await?;
    remove(table, &all_keys(table, collection, seen).await?, seen).await.map(drop)
}

async fn remove(table: &Table, keys: &[String], mut seen: Stamp) -> Result<Stamp, Error> {
    for keys in keys.chunks(ROWS) {
        seen = table.remove(keys).await?.max(seen);
    }
    Ok(seen)
}

/// The person of a row with this key.
pub(super) fn person_of(key: &str) -> Option<Id> {
    key.split('/').nth(1)?.parse().ok()
}
