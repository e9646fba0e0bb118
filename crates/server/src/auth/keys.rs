//! API keys: how they are made, read and checked.
//!
//! A new key is `vultus_`, the id of its row (23 characters) and 32 random bytes (43 characters). A key of a client that cannot be
//! changed keeps the text that it has: see [`Given`]. The database holds an HMAC of the whole key under the server secret, by which
//! the key is found: a copied database admits nobody.

use std::str::FromStr;

use anyhow::bail;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use vultus_store::keys::{ApiKey, NewApiKey};
use vultus_store::settings::Settings;
use vultus_store::{Db, Id, Kind, accounts};
use zeroize::Zeroizing;

use super::principal::{Answers, Principal, Scope};
use crate::error::{Error, KeyProblem};
use crate::keyring::{Age, Keyring};
use crate::random::random_bytes;
use crate::{app, clock};

const PREFIX: &str = "vultus_";
const RANDOM_BYTES: usize = 32;
const PURPOSE: &str = "api key";
/// Lengths of keys in characters.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 8..=200;
/// A given key of fewer characters may be guessed.
const SAFE_CHARS: usize = 32;

/// A key to be made.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Name of the account that it acts for.
    pub account: &'a str,
    /// What it is for.
    pub name: &'a str,
    /// What it may do.
    pub scopes: &'a [Scope],
    /// Whether it may ask for errors, so that a client can be tested.
    pub test: bool,
    /// The form of the answers that it gets.
    pub answers: Answers,
    /// First moment at which it no longer works.
    pub expires: Option<i64>,
}

impl NewKey<'_> {
    /// A key for everything, for ever; of no account and without a name as yet.
    pub const ANY: Self =
        Self { account: "", name: "", scopes: &Scope::ALL, test: false, answers: Answers::Object, expires: None };
}

/// A key that was just made. Its text is shown once and cannot be recovered.
pub struct Minted {
    /// The key's id, which is no secret.
    pub id: Id,
    /// The key itself.
    pub text: String,
}

/// The text of a key that a client has already: 8 to 200 visible ASCII characters.
pub struct Given(Zeroizing<String>);

impl Given {
    /// Whether the text is so short that somebody may guess it.
    pub fn is_short(&self) -> bool {
        self.0.len() < SAFE_CHARS
    }
}

impl FromStr for Given {
    type Err = anyhow::Error;

    /// White space around the text is ignored.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        if !is_key(text) {
            bail!("a key has {} to {} visible ASCII characters, without spaces", KEY_CHARS.start(), KEY_CHARS.end());
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

/// Makes a key, and its account if there is none of this name.
///
/// # Errors
/// When the database fails or the system gives no random bytes.
pub async fn mint(db: &Db, keyring: &Keyring, new: &NewKey<'_>) -> anyhow::Result<Minted> {
    let id = app::new_id(Kind::Key)?;
    let random = random_bytes::<RANDOM_BYTES>()?;
    let text = format!("{PREFIX}{id}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    insert(db, keyring, new, id, &text).await?;
    Ok(Minted { id, text })
}

/// Makes a key of the text that a client has already, and its account if there is none of this name. Gives the key's id.
///
/// # Errors
/// When a key has this text already, of any account and even if it was revoked, or when the database fails.
pub async fn adopt(db: &Db, keyring: &Keyring, new: &NewKey<'_>, given: &Given) -> anyhow::Result<Id> {
    let taken = || anyhow::anyhow!("there is a key with this text already: see `vultus keys list`");
    if find(db, keyring, &given.0).await?.is_some() {
        return Err(taken());
    }
    let id = app::new_id(Kind::Key)?;
    insert(db, keyring, new, id, &given.0).await.map_err(|error| match error.downcast_ref() {
        // Another command was faster.
        Some(vultus_store::Error::Conflict(_)) => taken(),
        _ => error,
    })?;
    Ok(id)
}

async fn insert(db: &Db, keyring: &Keyring, new: &NewKey<'_>, id: Id, text: &str) -> anyhow::Result<()> {
    let now = clock::now_us();
    let hash = keyring.tag(PURPOSE, text.as_bytes());
    let scopes = new.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ");
    let (name, test, answers, expires) = (new.name, new.test, new.answers.name(), new.expires);
    let key = NewApiKey { id, hash: &hash, name, scopes: &scopes, test, answers, expires };
    let mut tx = db.write_unlocked().await?;
    let account = accounts::get_or_insert(&mut tx, app::new_id(Kind::Account)?, new.account, now).await?;
    vultus_store::keys::insert(&mut tx, account.id, &key, now).await?;
    Ok(tx.commit().await?)
}

/// Finds out who sent a request by the text of its key. White space around the key is ignored. A key that was made under a
/// former secret is kept under the one in force from then on.
///
/// # Errors
/// [`Error::Unauthorized`], or those of the database.
pub async fn authenticate(db: &Db, keyring: &Keyring, text: &str) -> Result<Principal, Error> {
    let text = text.trim();
    let found = if is_key(text) { find(db, keyring, text).await? } else { None };
    let (key, settings) = found.ok_or(Error::Unauthorized(KeyProblem::Unknown))?;
    let age = keyring.verify(PURPOSE, text.as_bytes(), &key.hash);
    let caller = admit(&key, settings, age, clock::now_us())?;
    if age == Some(Age::Former) {
        // The key is good already; when this fails, its next use tries again.
        match keep_under_current(db, &caller, &keyring.tag(PURPOSE, text.as_bytes())).await {
            Ok(()) => tracing::info!(key = %caller.key, "a key of the former secret is kept under the one in force"),
            Err(error) => tracing::warn!(key = %caller.key, %error, "a key is still of the former secret"),
        }
    }
    Ok(caller)
}

/// The key with this text, under whichever secret it was made. The search is by a keyed hash: its time says nothing about the texts
/// of other keys.
async fn find(db: &Db, keyring: &Keyring, text: &str) -> vultus_store::Result<Option<(ApiKey, Settings)>> {
    for hash in keyring.tags(PURPOSE, text.as_bytes()) {
        if let Some(found) = vultus_store::keys::by_hash(db, &hash).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn keep_under_current(db: &Db, caller: &Principal, hash: &[u8]) -> vultus_store::Result<()> {
    let mut tx = db.write(caller.account).await?;
    vultus_store::keys::update_hash(&mut tx, caller.account, caller.key, hash).await?;
    tx.commit().await
}

/// Whether a text may be a key.
fn is_key(text: &str) -> bool {
    KEY_CHARS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether the bearer of a key is let in. `age` is that of the secret under which the bearer's text gives the stored hash,
/// if there is one: a wrong text never learns that a key is revoked or expired.
fn admit(key: &ApiKey, settings: Settings, age: Option<Age>, now: i64) -> Result<Principal, Error> {
    let problem = if age.is_none() {
        KeyProblem::Unknown
    } else if key.revoked.is_some() {
        KeyProblem::Revoked
    } else if key.expires.is_some_and(|expires| expires <= now) {
        KeyProblem::Expired
    } else {
        let scopes = key.scopes.split_whitespace().filter_map(|name| name.parse().ok()).collect();
        // A form of a newer version counts as the usual one.
        let answers = key.answers.parse().unwrap_or_default();
        return Ok(Principal {
            account: key.account_id,
            key: key.id,
            test: key.test,
            answers,
            settings,
            repeat: None,
            scopes,
        });
    };
    Err(Error::Unauthorized(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(expires: Option<i64>, revoked: Option<i64>) -> ApiKey {
        ApiKey {
            id: Id::new(Kind::Key, 1, [1; 8]),
            account_id: Id::new(Kind::Account, 1, [2; 8]),
            hash: vec![7; 32],
            name: String::new(),
            scopes: "detect enrollments:read from-a-newer-version".into(),
            test: false,
            answers: "of-a-newer-version".into(),
            created: 1,
            expires,
            revoked,
        }
    }

    fn problem(result: Result<Principal, Error>) -> KeyProblem {
        match result {
            Err(Error::Unauthorized(problem)) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_text_does_not_learn_why_a_key_is_refused() {
        assert_eq!(
            problem(admit(&key(None, Some(5)), Settings::default(), Some(Age::Current), 10)),
            KeyProblem::Revoked
        );
        assert_eq!(
            problem(admit(&key(Some(10), None), Settings::default(), Some(Age::Current), 10)),
            KeyProblem::Expired
        );
        for refused in [key(None, Some(5)), key(Some(10), None), key(None, None)] {
            assert_eq!(problem(admit(&refused, Settings::default(), None, 10)), KeyProblem::Unknown);
        }
    }

    #[test]
    fn a_good_key_has_its_scopes_and_no_others() {
        let caller = admit(&key(Some(11), None), Settings::default(), Some(Age::Current), 10).unwrap();
        assert!(caller.require(Scope::Detect).is_ok());
        assert!(caller.require(Scope::EnrollmentsRead).is_ok());
        let refused = caller.require(Scope::EnrollmentsWrite).unwrap_err();
        assert!(refused.to_string().contains("\"enrollments:write\""));
        assert_eq!(caller.answers, Answers::Object);
    }

    #[test]
    fn every_scope_is_read_back_from_its_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
        }
        assert!("admin".parse::<Scope>().unwrap_err().contains("collections:write"));
    }

    #[test]
    fn texts_that_are_no_key_are_not_searched() {
        for text in ["", "vultus_", "test\t12345", "two words", "vultus_\u{e9}", "sevenxx", &"A".repeat(201)] {
            assert!(!is_key(text) && text.parse::<Given>().is_err(), "{text}");
        }
        for text in ["test12345", &"A".repeat(200)] {
            assert_eq!(*format!(" {text}\r\n").parse::<Given>().unwrap().0, text);
        }
    }
}
