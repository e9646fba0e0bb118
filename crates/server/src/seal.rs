//! Sealing: what is kept of people is encrypted and authenticated before it is stored.
//!
//! Each account has a data key. It is stored wrapped, that is sealed under a key of the [`Keyring`]; without the wrapped
//! key, all that the account has sealed is noise, so destroying it erases. The cipher is XChaCha20-Poly1305, whose nonces
//! are long enough to be drawn at random.
//!
//! ```text
//! sealed        1 | id of the data key, 4 bytes | nonce, 24 bytes | ciphertext, as long as the content | tag, 16 bytes
//! wrapped key   1 | id of the keyring's subkey, 4 bytes | nonce, 24 bytes | ciphertext, 32 bytes | tag, 16 bytes
//! ```
//!
//! A [`Label`] is authenticated with the content: what was sealed as one thing cannot be passed off as another.

mod rows;
mod stream;

use chacha20poly1305::aead::{Aead as _, AeadInOut as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use vultus_store::Id;
use zeroize::Zeroizing;

use crate::keyring::{KEY_ID_BYTES, KeyId, Keyring, Subkey};
use crate::random::random_bytes;

pub use rows::{data_key, rewrap_all, sealer};
pub use stream::{Opener, Sealer};

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
/// By how many bytes sealed content is longer than the content.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// Length of a wrapped data key.
pub const WRAPPED_BYTES: usize = OVERHEAD_BYTES + KEY_BYTES;
/// The purpose of the keyring's subkeys that wrap data keys.
const WRAPPING: &str = "data keys";

/// What is sealed: of which account, of which kind, and which one of these.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// The account.
    pub account: Id,
    /// The kind of thing, such as `image`. It has no zero byte.
    pub kind: &'a str,
    /// What tells it from others of its kind.
    pub id: &'a [u8],
}

/// Why something cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not of a form that this program knows.
    #[error("what is stored is not sealed in a form that this program knows")]
    Form,
    /// It was sealed with a key that is not there.
    #[error("what is stored was sealed with another key: is the server secret the one that it was made under?")]
    Key,
    /// It was changed, or it is not what its label says.
    #[error("what is stored was changed, or was put in another's place")]
    Content,
}

/// The key with which the things of one account are sealed.
pub struct DataKey {
    id: KeyId,
    cipher: XChaCha20Poly1305,
}

impl DataKey {
    /// Makes a new data key, and gives it together with its wrapped form.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(keyring: &Keyring, account: Id) -> anyhow::Result<(Self, Vec<u8>)> {
        let key = Zeroizing::new(random_bytes::<KEY_BYTES>()?);
        let wrapped = wrap(keyring, account, &key)?;
        Ok((Self::new(&key), wrapped))
    }

    /// The data key of an account from its wrapped form.
    ///
    /// # Errors
    /// [`Refusal`], also where the wrapped key is of another account.
    pub fn unwrap(keyring: &Keyring, account: Id, wrapped: &[u8]) -> Result<Self, Refusal> {
        let key = unwrap(keyring, account, wrapped)?;
        Ok(Self::new(&key))
    }

    /// The id is a hash: of two keys, the wrong one is noticed without trying it.
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new().chain_update(b"vultus data key id").chain_update(key).finalize();
        let mut id = KeyId::default();
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self { id, cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// Seals content of any length; the result is [`OVERHEAD_BYTES`] longer.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, label: &Label<'_>, content: &[u8]) -> anyhow::Result<Vec<u8>> {
        seal(&self.cipher, self.id, &label.bytes(), content)
    }

    /// Opens what was sealed with this key and label.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn open(&self, label: &Label<'_>, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (id, nonce, body) = split(sealed)?;
        if id != self.id {
            return Err(Refusal::Key);
        }
        let payload = Payload { msg: body, aad: &label.bytes() };
        self.cipher.decrypt(&nonce, payload).map_err(|_| Refusal::Content)
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(256 bits)")
    }
}

/// Wraps a data key under the secret in force, if it is wrapped under a former one.
///
/// # Errors
/// When it cannot be unwrapped, or the system gives no random bytes.
pub fn rewrap(keyring: &Keyring, account: Id, wrapped: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let (id, ..) = split(wrapped)?;
    if id == keyring.subkey(WRAPPING).id {
        return Ok(None);
    }
    let key = unwrap(keyring, account, wrapped)?;
    wrap(keyring, account, &key).map(Some)
}

impl Label<'_> {
    /// Unambiguous: a kind has no zero byte, and an account has one length.
    fn bytes(&self) -> Vec<u8> {
        [self.kind.as_bytes(), &[0], &self.account.to_bytes(), self.id].concat()
    }
}

fn wrap(keyring: &Keyring, account: Id, key: &[u8; KEY_BYTES]) -> anyhow::Result<Vec<u8>> {
    let Subkey { id, key: wrapping } = keyring.subkey(WRAPPING);
    seal(&XChaCha20Poly1305::new((&*wrapping).into()), id, &wrapping_label(account), key)
}

fn unwrap(keyring: &Keyring, account: Id, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, Refusal> {
    let (id, nonce, body) = split(wrapped)?;
    let wrapping = keyring.subkey_by_id(WRAPPING, id).ok_or(Refusal::Key)?.key;
    let (ciphertext, tag) = body.split_last_chunk::<TAG_BYTES>().ok_or(Refusal::Form)?;
    let mut key = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(ciphertext).map_err(|_| Refusal::Form)?);
    let cipher = XChaCha20Poly1305::new((&*wrapping).into());
    cipher
        .decrypt_inout_detached(&nonce, &wrapping_label(account), key.as_mut_slice().into(), tag.into())
        .map_err(|_| Refusal::Content)?;
    Ok(key)
}

fn wrapping_label(account: Id) -> Vec<u8> {
    Label { account, kind: "data key", id: &[] }.bytes()
}

fn seal(cipher: &XChaCha20Poly1305, key: KeyId, label: &[u8], content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let nonce = random_bytes::<NONCE_BYTES>()?;
    let mut sealed = Vec::with_capacity(content.len() + OVERHEAD_BYTES);
    sealed.push(VERSION);
    sealed.extend(key);
    sealed.extend(nonce);
    sealed.extend(content);
    let body = &mut sealed[HEADER_BYTES..];
    let tag = cipher.encrypt_inout_detached(&nonce.into(), label, body.into());
    let tag = tag.map_err(|_| anyhow::anyhow!("content of more than 256 GiB cannot be sealed"))?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Key id, nonce, and ciphertext with its tag.
fn split(sealed: &[u8]) -> Result<(KeyId, XNonce, &[u8]), Refusal> {
    let (&[version], rest) = sealed.split_first_chunk().ok_or(Refusal::Form)?;
    let (&key, rest) = rest.split_first_chunk::<KEY_ID_BYTES>().ok_or(Refusal::Form)?;
    let (&nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Refusal::Form)?;
    if version != VERSION || body.len() < TAG_BYTES {
        return Err(Refusal::Form);
    }
    Ok((key, nonce.into(), body))
}

#[cfg(test)]
mod tests;
