//! Settings: what an account has set for itself, in the place of the server's defaults.

use serde::{Deserialize, Serialize};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{Id, Kind};
use crate::tx::{Handle, Tx};

/// The settings of an account. Where there is none, the server's default holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Threshold of `match` when a request names none, [0, 1].
    pub match_threshold: Option<f64>,
    /// Threshold of `identify` when a request names none and the collection has no class of unknown people, [0, 1].
    pub identify_threshold: Option<f64>,
    /// Threshold of `spdetect`, [0, 1].
    pub spoof_threshold: Option<f64>,
    /// Whether enrolled images are kept.
    pub keep_images: Option<bool>,
    /// Days after which a kept image is removed.
    pub image_days: Option<u32>,
}

/// The settings of an account.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn by_account(db: &Db, account: Id) -> Result<Settings> {
    stored(&mut db.read().await?, account).await
}

/// Changes the settings of an account; gives those of before and after.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn update(tx: &mut Tx, account: Id, change: impl FnOnce(&mut Settings)) -> Result<(Settings, Settings)> {
    let before = stored(tx, account).await?;
    let mut after = before;
    change(&mut after);
    let json = serde_json::to_string(&after).map_err(unreadable)?;
    sql!(execute, tx, "update accounts set settings = $2 where id = $1", account, json)?;
    Ok((before, after))
}

async fn stored(handle: &mut impl Handle, account: Id) -> Result<Settings> {
    let row: Option<(Option<String>,)> =
        sql!(fetch_optional, handle, "select settings from accounts where id = $1", account)?;
    let (json,) = row.ok_or(Error::NotFound { kind: Kind::Account, id: account })?;
    read(json.as_deref())
}

/// The settings from the column `accounts.settings`.
pub(crate) fn read(json: Option<&str>) -> Result<Settings> {
    json.map_or(Ok(Settings::default()), |json| serde_json::from_str(json).map_err(unreadable))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::Database(sqlx::Error::Decode(error.into()))
}
