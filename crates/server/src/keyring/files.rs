//! Where secrets come from: the configuration, else files in the data directory.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::{Keyring, SECRET_BYTES};
use crate::config::Data;
use crate::random::random_bytes;

/// The secrets in force: the configured ones, else those in the data directory. A data directory without any gets a new
/// secret, unless the database has `api_keys`, which were made under another one.
///
/// # Errors
/// When a secret is too short, damaged or lost, or a file cannot be read or written; the message says what to do.
pub fn load(data: &Data, api_keys: u64) -> anyhow::Result<Keyring> {
    let Found { current, former } = find(data)?;
    let current = match current {
        Some(secret) => secret,
        None if api_keys > 0 && former.is_empty() => bail!(lost(&data.secret_file(), api_keys)),
        None => make(&data.secret_file())?,
    };
    Ok(Keyring::new(current, former))
}

/// The secrets that exist, and makes none: `None` where there is neither one in force nor a former one.
///
/// # Errors
/// When a secret is too short or damaged, or a file cannot be read.
pub fn existing(data: &Data) -> anyhow::Result<Option<Keyring>> {
    let Found { current, mut former } = find(data)?;
    Ok(current.or_else(|| former.pop()).map(|current| Keyring::new(current, former)))
}

/// The secrets that exist.
struct Found {
    /// The one in force.
    current: Option<Vec<u8>>,
    former: Vec<Vec<u8>>,
}

fn find(data: &Data) -> anyhow::Result<Found> {
    let former = data.former_secrets.iter().map(|text| configured(text, "VULTUS_FORMER_SECRET"));
    let mut former = former.collect::<anyhow::Result<Vec<_>>>()?;
    former.extend(read(&data.former_secret_file())?);
    let current = match &data.secret {
        Some(text) => Some(configured(text, "VULTUS_SECRET")?),
        None => read(&data.secret_file())?,
    };
    Ok(Found { current, former })
}

fn configured(text: &str, name: &str) -> anyhow::Result<Vec<u8>> {
    if text.len() < SECRET_BYTES {
        bail!("{name} is too short: give at least {SECRET_BYTES} characters, such as from `openssl rand -hex 32`");
    }
    Ok(text.as_bytes().to_vec())
}

fn lost(file: &Path, api_keys: u64) -> String {
    format!(
        "{} is missing, but the database has API keys ({api_keys}) that were made under it: restore the file from a \
         back-up, or give the secret of your other servers as VULTUS_SECRET. To start over without it, see \
         \"Starting over\" in docs/operations.md",
        file.display()
    )
}

fn read(file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(bytes) if bytes.len() == SECRET_BYTES => Ok(Some(bytes)),
        Ok(bytes) => {
            bail!("{} has {} bytes instead of {SECRET_BYTES}: restore it from a back-up", file.display(), bytes.len())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Makes a secret file. Of two programs that start at once, one makes it and both take it.
fn make(file: &Path) -> anyhow::Result<Vec<u8>> {
    let secret = random_bytes::<SECRET_BYTES>()?;
    match create(file, &secret) {
        Ok(()) => Ok(secret.to_vec()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(file)?.with_context(|| format!("{} was removed while it was read", file.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", file.display())),
    }
}

/// Writes a file that is not there yet, readable by its owner only. It appears with its whole content or not at all.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|failed| failed.error)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::keyring::Age;

    fn message(result: anyhow::Result<Keyring>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn the_first_start_makes_a_private_secret_that_stays() {
        let parent = tempfile::tempdir().unwrap();
        let data = Data::under(parent.path(), parent.path());
        let tag = load(&data, 0).unwrap().tag("key", b"x");
        assert_eq!(load(&data, 1).unwrap().verify("key", b"x", &tag), Some(Age::Current));
        assert_eq!(fs::metadata(data.secret_file()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_lost_secret_is_not_made_again_while_there_are_keys() {
        let parent = tempfile::tempdir().unwrap();
        let data = Data::under(parent.path(), parent.path());
        load(&data, 0).unwrap();
        fs::remove_file(data.secret_file()).unwrap();
        let refused = message(load(&data, 3));
        assert!(refused.contains("API keys (3)") && refused.contains("back-up"), "{refused}");
        assert!(!data.secret_file().exists());
    }

    #[test]
    fn a_damaged_or_short_secret_is_an_error_that_says_what_to_do() {
        let parent = tempfile::tempdir().unwrap();
        let mut data = Data::under(parent.path(), parent.path());
        for file in [data.secret_file(), data.former_secret_file()] {
            fs::write(&file, b"short").unwrap();
            assert!(message(load(&data, 0)).contains("back-up"));
            fs::remove_file(file).unwrap();
        }
        data.secret = Some("hunter2".into());
        assert!(message(load(&data, 0)).contains("VULTUS_SECRET is too short"));
        data.secret = None;
        data.former_secrets = vec!["hunter2".into()];
        assert!(message(load(&data, 0)).contains("VULTUS_FORMER_SECRET is too short"));
    }

    #[test]
    fn a_secret_that_is_set_aside_as_the_former_one_gets_a_successor() {
        let parent = tempfile::tempdir().unwrap();
        let data = Data::under(parent.path(), parent.path());
        let tag = load(&data, 0).unwrap().tag("key", b"x");
        fs::rename(data.secret_file(), data.former_secret_file()).unwrap();
        let rotated = load(&data, 1).unwrap();
        assert_eq!(rotated.verify("key", b"x", &tag), Some(Age::Former));
        assert_ne!(rotated.tag("key", b"x"), tag);
        assert_eq!(load(&data, 1).unwrap().tag("key", b"x"), rotated.tag("key", b"x"));
    }

    #[test]
    fn programs_that_start_at_once_take_one_secret() {
        let parent = tempfile::tempdir().unwrap();
        let data = Data::under(parent.path(), parent.path());
        let tags: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&data, 0).unwrap().tag("key", b"x"))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(tags.iter().all(|tag| *tag == tags[0]));
    }
}
