//! The data directory: private, writable, and on a disk with room.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::Check;
use crate::config::Data;

/// The database, galleries and lists of most servers grow by less than this in a day.
const ROOM_BYTES: u64 = 1 << 30;
/// With less than this, a write may fail at any moment.
const LEAST_ROOM_BYTES: u64 = 64 << 20;

pub(super) fn check(data: &Data) -> Vec<Check> {
    let dir = &data.data_dir;
    if !dir.exists() {
        let found = format!("{} does not exist", dir.display());
        let advice = "On a new machine, do nothing: the first start makes it. Otherwise correct --data-dir.";
        return vec![Check::warning("data directory", found, advice)];
    }
    let files = [data.secret_file(), data.former_secret_file(), data.database_file()];
    let mut checks = vec![directory(dir), space(dir)];
    checks.extend(files.iter().filter_map(|file| private(file)));
    checks
}

fn directory(dir: &Path) -> Check {
    const NAME: &str = "data directory";
    if let Err(error) = access(dir, Access::WRITE_OK | Access::EXEC_OK) {
        let advice = format!("Let the user that runs the server own {}, and mount it writable.", dir.display());
        let found = format!("{} cannot be written: {}", dir.display(), io::Error::from(error));
        return Check::error(NAME, found, advice);
    }
    match others_may(dir) {
        Some(mode) => Check::warning(
            NAME,
            format!("other users may enter {} (mode {mode:03o})", dir.display()),
            format!("chmod 700 {}", dir.display()),
        ),
        None => Check::ok(NAME, format!("{} is private and can be written", dir.display())),
    }
}

fn space(dir: &Path) -> Check {
    const NAME: &str = "disk space";
    const ADVICE: &str = "Make room on the disk of the data directory, or move the directory.";
    let free = match statvfs(dir) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Check::warning(NAME, io::Error::from(error), "Look at the disk of the data directory."),
    };
    let found = format!("{} MB free", free >> 20);
    match free {
        ..LEAST_ROOM_BYTES => Check::error(NAME, found, ADVICE),
        LEAST_ROOM_BYTES..ROOM_BYTES => Check::warning(NAME, found, ADVICE),
        ROOM_BYTES.. => Check::ok(NAME, found),
    }
}

/// Reports a file that other users may read or write.
fn private(file: &Path) -> Option<Check> {
    let mode = others_may(file)?;
    let found = format!("other users may use {} (mode {mode:03o})", file.display());
    let advice = format!(
        "chmod 600 {}. If somebody may have read it, change the secret and make new API keys: see docs/operations.md.",
        file.display()
    );
    Some(Check::error("permissions", found, advice))
}

/// The mode of a file that lets other users do anything with it.
fn others_may(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}
