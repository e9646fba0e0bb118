//! Data keys: under the one of an account its vectors and classifiers are sealed. The store keeps the keys wrapped and knows no
//! cipher: a [`Sealer`] of the caller does the work.

use std::sync::Arc;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::Id;
use crate::tx::{Handle, Tx};
use crate::vector;

/// What a [`Sealer`] reports; it reveals neither keys nor contents.
pub type SealError = Box<dyn std::error::Error + Send + Sync>;

/// Makes and unwraps data keys.
pub trait Sealer: Send + Sync {
    /// A new data key for an account, in the form that is stored.
    ///
    /// # Errors
    /// When there are no random bytes.
    fn generate(&self, account: Id) -> Result<Vec<u8>, SealError>;

    /// The data key of an account from that form.
    ///
    /// # Errors
    /// When it was wrapped with another secret, was changed, or is of another account.
    fn unwrap(&self, account: Id, wrapped: &[u8]) -> Result<Box<dyn DataKey>, SealError>;
}

/// The key of an account. Its `kind` and `id` are authenticated with the content. What it seals is longer than the content by an odd
/// number of bytes, so that a sealed vector is told from a plain one.
pub trait DataKey: Send + Sync {
    /// Seals content.
    ///
    /// # Errors
    /// When there are no random bytes.
    fn seal(&self, kind: &str, id: &[u8], content: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Opens what was sealed as the same thing.
    ///
    /// # Errors
    /// When it was sealed with another key or as another thing, or was changed.
    fn open(&self, kind: &str, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError>;
}

/// What a sealed column holds; the name is authenticated with the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    Embedding,
    Rejection,
    Reembedding,
    Classifier,
    Answer,
}

impl Sealed {
    const fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Rejection => "rejection",
            Self::Reembedding => "reembedding",
            Self::Classifier => "classifier",
            Self::Answer => "answer",
        }
    }
}

/// The data key of an account, if it has one.
pub(crate) struct Key(Option<Box<dyn DataKey>>);

impl Key {
    pub(crate) fn seal(&self, kind: Sealed, id: Id, vector: &[f32]) -> Result<Vec<u8>> {
        self.seal_bytes(kind, id, &vector::to_bytes(vector))
    }

    pub(crate) fn seal_bytes(&self, kind: Sealed, id: Id, content: &[u8]) -> Result<Vec<u8>> {
        self.key()?.seal(kind.name(), &id.to_bytes(), content).map_err(Error::Seal)
    }

    pub(crate) fn open_bytes(&self, kind: Sealed, id: Id, sealed: &[u8]) -> Result<Vec<u8>> {
        self.key()?.open(kind.name(), &id.to_bytes(), sealed).map_err(Error::Seal)
    }

    pub(crate) fn open(&self, kind: Sealed, id: Id, sealed: &[u8]) -> Result<Vec<f32>> {
        let bytes = self.open_bytes(kind, id, sealed)?;
        vector::from_bytes(&bytes).ok_or_else(|| Error::Seal("the length of a vector is not a multiple of four".into()))
    }

    fn key(&self) -> Result<&dyn DataKey> {
        self.0.as_deref().ok_or_else(|| Error::Seal("the account has no data key: its vectors were erased".into()))
    }
}

/// The data key of an account, to open what it sealed.
pub(crate) async fn of(handle: &mut impl Handle, account: Id) -> Result<Key> {
    let Some(wrapped) = wrapped(handle, account).await? else { return Ok(Key(None)) };
    Ok(Key(Some(sealer(handle)?.unwrap(account, &wrapped).map_err(Error::Seal)?)))
}

/// The data key of an account, which is made when there is none.
pub(crate) async fn get_or_insert(tx: &mut Tx, account: Id) -> Result<Key> {
    let found = of(tx, account).await?;
    if found.0.is_some() {
        return Ok(found);
    }
    let wrapped = sealer(tx)?.generate(account).map_err(Error::Seal)?;
    let text = "insert into data_keys (account_id, wrapped) select a.id, $2 from accounts a where a.id = $1 \
                on conflict (account_id) do nothing";
    sql!(execute, tx, text, account, wrapped)?;
    of(tx, account).await
}

fn sealer(handle: &impl Handle) -> Result<Arc<dyn Sealer>> {
    handle.sealer().cloned().ok_or_else(|| Error::Seal("the database was opened without a sealer".into()))
}

/// A data key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The account that it is of.
    pub account_id: Id,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// The data key of an account in its wrapped form, for what the caller seals by itself; none if the account stored nothing that
/// is sealed, or was erased.
///
/// # Errors
/// Only those of the database.
pub async fn by_account(db: &Db, account: Id) -> Result<Option<Vec<u8>>> {
    wrapped(&mut db.read().await?, account).await
}

async fn wrapped(handle: &mut impl Handle, account: Id) -> Result<Option<Vec<u8>>> {
    let text = "select wrapped from data_keys where account_id = $1";
    let row: Option<(Vec<u8>,)> = sql!(fetch_optional, handle, text, account)?;
    Ok(row.map(|(wrapped,)| wrapped))
}

/// The data keys of all accounts: for the operator, to wrap them under another secret.
///
/// # Errors
/// Only those of the database.
pub async fn list(db: &Db) -> Result<Vec<Wrapped>> {
    all(&mut db.read().await?).await
}

pub(crate) async fn all(handle: &mut impl Handle) -> Result<Vec<Wrapped>> {
    let rows: Vec<(Id, Vec<u8>)> =
        sql!(fetch_all, handle, "select account_id, wrapped from data_keys order by account_id")?;
    Ok(rows.into_iter().map(|(account_id, wrapped)| Wrapped { account_id, wrapped }).collect())
}

/// Replaces the wrapped form of a data key, unless it was replaced or deleted meanwhile.
///
/// # Errors
/// Only those of the database.
pub async fn update(tx: &mut Tx, before: &Wrapped, wrapped: &[u8]) -> Result<()> {
    let text = "update data_keys set wrapped = $3 where account_id = $1 and wrapped = $2";
    sql!(execute, tx, text, before.account_id, before.wrapped.as_slice(), wrapped)?;
    Ok(())
}

/// Deletes the data key of an account: nothing that it sealed can be opened again, in no copy that lacks the key.
///
/// # Errors
/// Only those of the database.
pub async fn delete(tx: &mut Tx, account: Id) -> Result<()> {
    sql!(execute, tx, "delete from data_keys where account_id = $1", account)?;
    Ok(())
}

/// Vectors that are sealed in one transaction.
const BATCH: i64 = 500;

/// The statements that find plain vectors of a table, and replace one if it is still plain.
macro_rules! plain_of {
    ($table:literal, $id:literal) => {
        (
            concat!(
                "select account_id, ",
                $id,
                ", vector from ",
                $table,
                " where length(vector) % 4 = 0 order by ",
                $id,
                " limit $1"
            ),
            concat!(
                "update ",
                $table,
                " set vector = $3 where account_id = $1 and ",
                $id,
                " = $2 and length(vector) % 4 = 0"
            ),
        )
    };
}

/// Seals the vectors that were stored before vectors were sealed, of all accounts; gives their number. It can be stopped and called
/// again, also by several programs at once. With nothing to do, it reads three empty indexes.
///
/// # Errors
/// [`Error::Seal`], and those of the database.
pub async fn seal_plain(db: &Db) -> Result<u64> {
    let mut count = 0;
    for (kind, (find, replace)) in [
        (Sealed::Embedding, plain_of!("embeddings", "id")),
        (Sealed::Rejection, plain_of!("rejections", "id")),
        (Sealed::Reembedding, plain_of!("reembeddings", "embedding_id")),
    ] {
        loop {
            let mut conn = db.read().await?;
            let rows: Vec<(Id, Id, Vec<u8>)> = sql!(fetch_all, &mut conn, find, BATCH)?;
            drop(conn);
            let Some(&(account, ..)) = rows.first() else { break };
            let mut tx = db.write(account).await?;
            let key = get_or_insert(&mut tx, account).await?;
            for (_, id, plain) in rows.into_iter().filter(|(of, ..)| *of == account) {
                count += sql!(execute, &mut tx, replace, account, id, key.seal_bytes(kind, id, &plain)?)?;
            }
            tx.commit().await?;
        }
    }
    Ok(count)
}
