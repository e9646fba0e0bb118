//! The secrets of the server, and the keys that are derived from them, each for one purpose.
//!
//! There is one master secret in force, and there may be former ones. New things are made under the one in force; what
//! was made under a former one stays good until that one is taken away. So a secret is changed without a break.

mod files;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub use files::{existing, load};

/// Length of a secret in a file, and least length of a configured one, in bytes.
pub const SECRET_BYTES: usize = 32;
/// Length of the id of a [`Subkey`] in bytes.
pub const KEY_ID_BYTES: usize = 4;

/// Which key something was made with. It is stored with what was made, and says nothing about the key.
pub type KeyId = [u8; KEY_ID_BYTES];

/// The master secret in force and the former ones.
#[derive(Clone)]
pub struct Keyring {
    current: Master,
    former: Vec<Master>,
}

#[derive(Clone)]
struct Master(Zeroizing<Vec<u8>>);

/// A key of 256 bits for one purpose.
pub struct Subkey {
    /// Its id, which differs from those of other masters and purposes.
    pub id: KeyId,
    /// The key.
    pub key: Zeroizing<[u8; 32]>,
}

/// Which secret a tag was made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The secret in force.
    Current,
    /// A former one.
    Former,
}

impl Keyring {
    /// Puts secrets together: the one in force, and former ones in any order.
    pub fn new(current: Vec<u8>, former: Vec<Vec<u8>>) -> Self {
        let master = |secret| Master(Zeroizing::new(secret));
        Self { current: master(current), former: former.into_iter().map(master).collect() }
    }

    /// HMAC-SHA256 of `message` under the secret in force, for one `purpose`: a tag of one purpose is worthless for
    /// another.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        self.current.tag(purpose, message)
    }

    /// [`Self::tag`] under each secret, the one in force first: for what is searched by its tag.
    pub fn tags(&self, purpose: &str, message: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(&self.current).chain(&self.former).map(move |master| master.tag(purpose, message))
    }

    /// Finds out whether a tag is that of `message`, and under which secret. The time depends on the number of secrets only.
    pub fn verify(&self, purpose: &str, message: &[u8], tag: &[u8]) -> Option<Age> {
        let is_tag_under = |master: &Master| bool::from(master.tag(purpose, message).as_slice().ct_eq(tag));
        let current = is_tag_under(&self.current);
        let former = self.former.iter().fold(false, |found, master| found | is_tag_under(master));
        if current { Some(Age::Current) } else { former.then_some(Age::Former) }
    }

    /// The key for a purpose under the secret in force.
    pub fn subkey(&self, purpose: &str) -> Subkey {
        self.current.subkey(purpose)
    }

    /// The key for a purpose with this id, under whichever secret.
    pub fn subkey_by_id(&self, purpose: &str, id: KeyId) -> Option<Subkey> {
        let masters = std::iter::once(&self.current).chain(&self.former);
        masters.map(|master| master.subkey(purpose)).find(|key| key.id == id)
    }
}

impl Master {
    fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes keys of any length")
        };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// HKDF-SHA256 (RFC 5869) without a salt: 32 bytes for the key and then those of its id.
    fn subkey(&self, purpose: &str) -> Subkey {
        let mut derived = Zeroizing::new([0; 32 + KEY_ID_BYTES]);
        let info = [b"vultus ", purpose.as_bytes()];
        if Hkdf::<Sha256>::new(None, &self.0).expand_multi_info(&info, &mut *derived).is_err() {
            unreachable!("HKDF-SHA256 gives up to 8160 bytes")
        }
        let mut subkey = Subkey { id: [0; KEY_ID_BYTES], key: Zeroizing::new([0; 32]) };
        subkey.key.copy_from_slice(&derived[..32]);
        subkey.id.copy_from_slice(&derived[32..]);
        subkey
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} secrets)", 1 + self.former.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_api_keys_are_those_that_databases_hold() {
        // HMAC-SHA256 of "api key", a zero byte and the message.
        let tag = Keyring::new(vec![7; 32], Vec::new()).tag("api key", b"vultus_x");
        assert_eq!(tag[..8], [0x2c, 0x38, 0x41, 0x7c, 0xbe, 0x4d, 0xad, 0x4b]);
    }

    #[test]
    fn a_former_secret_admits_and_a_strange_one_does_not() {
        let old = Keyring::new(vec![1; 32], Vec::new());
        let tag = old.tag("api key", b"x");
        let rotated = Keyring::new(vec![2; 32], vec![vec![3; 32], vec![1; 32]]);
        assert_eq!(old.verify("api key", b"x", &tag), Some(Age::Current));
        assert_eq!(rotated.verify("api key", b"x", &tag), Some(Age::Former));
        assert_eq!(rotated.verify("api key", b"y", &tag), None);
        assert_eq!(rotated.verify("url", b"x", &tag), None);
        assert_eq!(rotated.verify("api key", b"x", &tag[1..]), None);
        assert_eq!(Keyring::new(vec![2; 32], Vec::new()).verify("api key", b"x", &tag), None);
    }

    #[test]
    fn a_subkey_is_found_by_its_id_under_any_secret_and_is_of_one_purpose() {
        let old = Keyring::new(vec![1; 32], Vec::new());
        let rotated = Keyring::new(vec![2; 32], vec![vec![1; 32]]);
        let (before, after) = (old.subkey("data keys"), rotated.subkey("data keys"));
        assert_ne!((before.id, *before.key), (after.id, *after.key));
        assert_eq!(*rotated.subkey_by_id("data keys", before.id).unwrap().key, *before.key);
        assert_eq!(*rotated.subkey_by_id("data keys", after.id).unwrap().key, *after.key);
        assert!(old.subkey_by_id("data keys", after.id).is_none());
        assert!(rotated.subkey_by_id("cookies", before.id).is_none());
    }
}
