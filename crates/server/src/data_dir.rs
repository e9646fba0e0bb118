//! The data directory, and the mark that says that it was in use.
//!
//! A server that finds no database makes one, on its first start only: a directory that was in use and has lost its
//! database needs a back-up, not an empty database that looks like a new installation. The mark is made once there is a
//! database; a secret in the directory, which is made after the database as well, says the same.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::Data;

const MARK: &str = "in-use";
const MARK_TEXT: &str = "This directory belongs to a vultus database. If that is lost, restore a back-up: without this file and \
                         secret.key, the next start would make an empty one.\n";

/// Makes the data directory, readable by its owner only, and checks that it can be written.
///
/// # Errors
/// When it cannot be made or written; the message says what to do.
pub fn prepare(dir: &Path) -> anyhow::Result<()> {
    let advice = || format!("cannot use the data directory {}: choose another with --data-dir", dir.display());
    DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(advice)?;
    tempfile::tempfile_in(dir).map(drop).with_context(advice)
}

/// Whether a database was in use with this directory.
pub fn was_in_use(data: &Data) -> bool {
    [mark(data), data.secret_file()].iter().any(|file| file.exists())
}

/// Marks the directory as one that is in use.
///
/// # Errors
/// When the mark cannot be written.
pub fn mark_in_use(data: &Data) -> anyhow::Result<()> {
    let path = mark(data);
    let write = || -> io::Result<()> {
        if !path.exists() {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(MARK_TEXT.as_bytes())?;
            file.sync_all()?;
            fs::File::open(&data.data_dir)?.sync_all()?;
        }
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// What to do when the database is gone.
pub fn lost_database(data: &Data) -> String {
    let database = match &data.database_url {
        Some(_) => "of --database-url".to_owned(),
        None => data.database_file().display().to_string(),
    };
    format!(
        "the database {database} is missing or empty, but the data directory {} was in use: restore a back-up of the \
         database. To begin with an empty one on purpose, see \"Starting over\" in docs/operations.md",
        data.data_dir.display()
    )
}

fn mark(data: &Data) -> PathBuf {
    data.data_dir.join(MARK)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_directory_is_private_and_a_mark_or_a_secret_says_that_it_was_in_use() {
        let parent = tempfile::tempdir().unwrap();
        let data = Data::under(&parent.path().join("data"), parent.path());
        prepare(&data.data_dir).unwrap();
        assert_eq!(fs::metadata(&data.data_dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!was_in_use(&data));
        mark_in_use(&data).unwrap();
        assert!(was_in_use(&data));
        fs::remove_file(mark(&data)).unwrap();
        fs::write(data.secret_file(), [1; 32]).unwrap();
        assert!(was_in_use(&data));
    }
}
