//! Sealing for the store, and data keys under a new secret.

use std::sync::Arc;

use anyhow::Context as _;
use vultus_store::{Db, Id, SealError, Sealer, data_keys};

use super::{DataKey, Label, rewrap};
use crate::keyring::Keyring;

/// What seals the rows of a database: the store is handed this and sees no key of the ring.
pub fn sealer(keyring: &Keyring) -> Arc<dyn Sealer> {
    Arc::new(Rows(keyring.clone()))
}

struct Rows(Keyring);

struct AccountKey {
    account: Id,
    key: DataKey,
}

impl Sealer for Rows {
    fn generate(&self, account: Id) -> Result<Vec<u8>, SealError> {
        Ok(DataKey::generate(&self.0, account)?.1)
    }

    fn unwrap(&self, account: Id, wrapped: &[u8]) -> Result<Box<dyn vultus_store::DataKey>, SealError> {
        Ok(Box::new(AccountKey { account, key: DataKey::unwrap(&self.0, account, wrapped)? }))
    }
}

impl vultus_store::DataKey for AccountKey {
    fn seal(&self, kind: &str, id: &[u8], content: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.key.seal(&Label { account: self.account, kind, id }, content)?)
    }

    fn open(&self, kind: &str, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.key.open(&Label { account: self.account, kind, id }, sealed)?)
    }
}

/// The data key of an account, for what is sealed outside of the database; none before the account has stored anything that is
/// sealed, and after it was erased.
///
/// # Errors
/// [`vultus_store::Error::Seal`] when the key cannot be unwrapped, and those of the database.
pub async fn data_key(db: &Db, keyring: &Keyring, account: Id) -> vultus_store::Result<Option<DataKey>> {
    let wrapped = data_keys::by_account(db, account).await?;
    let key = wrapped.map(|wrapped| DataKey::unwrap(keyring, account, &wrapped)).transpose();
    key.map_err(|refusal| vultus_store::Error::Seal(refusal.into()))
}

/// Wraps the data keys that are wrapped under a former secret under the one in force; gives their number.
///
/// # Errors
/// When one was wrapped under a secret that is not in the ring, and those of the database.
pub async fn rewrap_all(db: &Db, keyring: &Keyring) -> anyhow::Result<u64> {
    let mut count = 0;
    for found in data_keys::list(db).await? {
        let rewrapped = rewrap(keyring, found.account_id, &found.wrapped).context(
            "the stored faces cannot be opened with this server secret: restore secret.key, or give the secret that the \
             database was used with as VULTUS_SECRET or VULTUS_FORMER_SECRET",
        )?;
        if let Some(rewrapped) = rewrapped {
            let mut tx = db.write(found.account_id).await?;
            data_keys::update(&mut tx, &found, &rewrapped).await?;
            tx.commit().await?;
            count += 1;
        }
    }
    Ok(count)
}
