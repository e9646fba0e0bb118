//! How many files and sockets the process may have open, which the system limits.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Http;

/// Kept for the database, models, lists, kept images and connections to other services.
const OTHERS: u64 = 256;
/// A server with fewer connections is of no use.
const LEAST_CONNECTIONS: u64 = 16;
/// How an operator raises the limit.
pub const HOW: &str = "(`ulimit -n`, or LimitNOFILE= of its systemd unit)";

/// Makes room for the connections that the options allow, and allows fewer when the system has no room for them: without a
/// free descriptor neither the database nor a client could be reached.
///
/// # Errors
/// When there is no room for a useful number; the message says what to raise.
pub fn make_room(http: &mut Http) -> anyhow::Result<()> {
    let room = room(http)?;
    if room < http.max_connections {
        tracing::warn!(
            "--max-connections is {room} and not {}, because the system lets this process open {} files: allow {} {HOW}",
            http.max_connections,
            limit(),
            wanted(http),
        );
        http.max_connections = room;
    }
    Ok(())
}

/// The connections for which there is room, at most those that the options allow. Raises the limit as far as it needs.
///
/// # Errors
/// As [`make_room`].
pub fn room(http: &Http) -> anyhow::Result<usize> {
    let wanted = wanted(http);
    let limit = raise(wanted);
    let missing = wanted.saturating_sub(limit);
    let room = (http.max_connections as u64).saturating_sub(missing);
    if missing > 0 && room < LEAST_CONNECTIONS {
        bail!("the system lets this process open {limit} files, too few to serve: allow at least {wanted} {HOW}");
    }
    Ok(room as usize)
}

/// The descriptors that the options need.
pub fn wanted(http: &Http) -> u64 {
    (http.max_connections as u64).saturating_add(OTHERS + http.reserved_connections as u64)
}

/// The number of descriptors that the process may have open.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the limit in force towards `wanted`, as far as the hard limit lets it, and gives it.
fn raise(wanted: u64) -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let possible = maximum.map_or(wanted, |hard| hard.min(wanted));
    if limit() < possible {
        // A system that refuses leaves the limit as it was, which is what counts then.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
    }
    limit()
}
