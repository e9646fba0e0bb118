//! Requests that a client may send again: under its key, a request changes something once, and is answered the same again.
//!
//! The row comes in the transaction of the change, and the answer afterwards. So a change is never made twice, and a server
//! that stops in between loses the answer at most.

use crate::data_keys::{self, Sealed};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Micros};
use crate::tx::Tx;

/// A request that made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What the request was, in a form of the caller's choice.
    pub fingerprint: Vec<u8>,
    /// When it made its change.
    pub created: Micros,
    /// Status and body of its answer; none while it is on its way, and if it was lost.
    pub answer: Option<(u16, Vec<u8>)>,
}

/// Fingerprint, time, status and sealed answer.
type Row = (Vec<u8>, Micros, Option<i64>, Option<Vec<u8>>);

/// The request that made a change under this key at or after `since`.
///
/// # Errors
/// [`Error::Seal`] if the answer cannot be opened.
pub async fn by_key(db: &Db, account: Id, key: &str, since: Micros) -> Result<Option<Done>> {
    let mut conn = db.read().await?;
    let text = "select fingerprint, created, status, answer from idempotency_keys \
                where account_id = $1 and key = $2 and created >= $3";
    let row: Option<Row> = sql!(fetch_optional, &mut conn, text, account, key, since)?;
    let Some((fingerprint, created, status, sealed)) = row else { return Ok(None) };
    let answer = match status.zip(sealed) {
        None => None,
        Some((status, sealed)) => {
            let opened = data_keys::of(&mut conn, account).await?.open_bytes(Sealed::Answer, account, &sealed)?;
            let body = opened.strip_prefix(key.as_bytes()).and_then(|rest| rest.strip_prefix(b"\0"));
            let body = body.ok_or_else(|| Error::Seal("the answer is that of another request".into()))?;
            Some((i64::cast_unsigned(status) as u16, body.to_vec()))
        }
    };
    Ok(Some(Done { fingerprint, created, answer }))
}

/// Notes in the transaction of a change that the request under this key makes it. A request of before `since` is forgotten.
///
/// # Errors
/// [`Error::Repeated`] if a request has made a change under this key already.
pub async fn claim(tx: &mut Tx, account: Id, key: &str, fingerprint: &[u8], since: Micros, now: Micros) -> Result<()> {
    let text = "insert into idempotency_keys (account_id, key, fingerprint, created) values ($1, $2, $3, $4) \
                on conflict (account_id, key) do update set fingerprint = excluded.fingerprint, \
                created = excluded.created, status = null, answer = null where idempotency_keys.created < $5";
    if sql!(execute, tx, text, account, key, fingerprint, now, since)? == 0 { Err(Error::Repeated) } else { Ok(()) }
}

/// Keeps the answer to the request that made a change under this key. Does nothing if the request made none.
///
/// # Errors
/// [`Error::Seal`].
pub async fn keep_answer(
    tx: &mut Tx,
    account: Id,
    key: &str,
    fingerprint: &[u8],
    status: u16,
    body: &[u8],
) -> Result<()> {
    let content = [key.as_bytes(), b"\0", body].concat();
    let sealed = data_keys::get_or_insert(tx, account).await?.seal_bytes(Sealed::Answer, account, &content)?;
    let text = "update idempotency_keys set status = $4, answer = $5 \
                where account_id = $1 and key = $2 and fingerprint = $3 and answer is null";
    sql!(execute, tx, text, account, key, fingerprint, i64::from(status), sealed)?;
    Ok(())
}
