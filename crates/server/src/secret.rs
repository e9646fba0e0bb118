//! The server secret: under it API keys are hashed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::Data;

const SECRET_BYTES: usize = 32;

/// The server secret.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps the bytes of a secret.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA256 of `message`, for one `purpose`: tags of one purpose are worthless for another.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes keys of any length")
        };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// The secret in force: the configured one, else the one in the data directory, which is made when there is none.
///
/// # Errors
/// When the configured secret is too short, or the data directory cannot be made, read or written.
pub fn load(data: &Data) -> anyhow::Result<Secret> {
    if let Some(text) = &data.secret {
        if text.len() < SECRET_BYTES {
            bail!(
                "VULTUS_SECRET is too short: give at least {SECRET_BYTES} characters, such as from `openssl rand -hex 32`"
            );
        }
        return Ok(Secret(text.clone().into_bytes()));
    }
    let file = data.secret_file();
    match fs::read(&file) {
        Ok(bytes) if bytes.len() == SECRET_BYTES => Ok(Secret(bytes)),
        Ok(bytes) => bail!(
            "{} has {} bytes instead of {SECRET_BYTES}: restore it from a backup, or remove it and make new API keys",
            file.display(),
            bytes.len()
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = random_bytes::<SECRET_BYTES>()?;
            create(&file, &secret).with_context(|| format!("cannot write {}", file.display()))?;
            Ok(Secret(secret.to_vec()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Makes the data directory, readable by its owner only, and checks that it can be written.
///
/// # Errors
/// When it cannot be made or written; the message says what to do.
pub fn prepare_dir(dir: &Path) -> anyhow::Result<()> {
    let advice = || format!("cannot use the data directory {}: choose another with --data-dir", dir.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(advice)?;
    tempfile::tempfile_in(dir).map(drop).with_context(advice)
}

/// Bytes from the system's generator.
///
/// # Errors
/// When the system has no generator.
pub fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}

/// Writes a file that must not exist yet: of two servers that start at once, one fails instead of both having a secret.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_start_makes_a_private_secret_that_stays() {
        let parent = tempfile::tempdir().unwrap();
        let data = Data::under(&parent.path().join("data"), parent.path());
        prepare_dir(&data.data_dir).unwrap();
        let first = load(&data).unwrap();
        assert_eq!(first.tag("key", b"x"), load(&data).unwrap().tag("key", b"x"));
        assert_ne!(first.tag("key", b"x"), first.tag("url", b"x"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.secret_file()), 0o600);
        assert_eq!(mode(&data.data_dir), 0o700);
    }

    #[test]
    fn a_damaged_or_short_secret_is_an_error_that_says_what_to_do() {
        let parent = tempfile::tempdir().unwrap();
        let mut data = Data::under(parent.path(), parent.path());
        fs::write(data.secret_file(), b"short").unwrap();
        assert!(load(&data).unwrap_err().to_string().contains("restore it"));
        data.secret = Some("hunter2".into());
        assert!(load(&data).unwrap_err().to_string().contains("at least 32"));
    }
}
