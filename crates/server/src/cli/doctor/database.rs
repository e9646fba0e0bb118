//! The database opens, is whole, can be written, and has the schema of this version; and the secret goes with it.

use vultus_store::Error;
use vultus_store::inspect::{self, Inspection, Rows, Schema};

use super::{Check, system};
use crate::config::Data;
use crate::seal::DataKey;
use crate::{data_dir, keyring};

const NAME: &str = "database";

pub(super) async fn check(data: &Data) -> Vec<Check> {
    let found = inspect::inspect(&data.database_url()).await;
    let rows = found.as_ref().ok().and_then(|found| found.rows.as_ref());
    let mut checks = vec![secret(data, rows)];
    checks.extend(rows.map(|rows| system::clock(rows.beaten)));
    checks.push(match found {
        Ok(found) => opened(&found),
        Err(error) => refused(data, error),
    });
    checks
}

fn opened(found: &Inspection) -> Check {
    if let Some(reason) = &found.read_only {
        let advice =
            "Let the user that runs the server write the database. On PostgreSQL, connect to the primary server.";
        return Check::error(NAME, format!("cannot be written: {reason}"), advice);
    }
    match found.schema {
        Schema::Current => Check::ok(NAME, "is whole, can be written, and has the schema of this version"),
        Schema::Old(missing) => Check::warning(
            NAME,
            format!("the next start changes its schema ({missing} migrations)"),
            "Make a back-up first, because older versions do not start on the new schema.",
        ),
        Schema::Newer => Check::error(
            NAME,
            "a newer version of vultus has changed its schema",
            "Run that version, or restore the back-up from before the upgrade.",
        ),
    }
}

fn refused(data: &Data, error: Error) -> Check {
    match error {
        Error::Empty if data_dir::was_in_use(data) => {
            Check::error(NAME, "is missing or empty, but the data directory was in use", data_dir::lost_database(data))
        }
        Error::Empty => Check::ok(NAME, "does not exist yet: the first start makes it"),
        Error::Damaged(cause) => {
            Check::error(NAME, format!("damaged: {cause}"), "Stop the server and restore a back-up.")
        }
        error => Check::error(
            NAME,
            format!("cannot be opened: {:#}", anyhow::Error::from(error)),
            "Check --database-url, that the database server runs, and that this user may open the database.",
        ),
    }
}

/// Whether the secret exists and is the one that the rows were made under.
fn secret(data: &Data, rows: Option<&Rows>) -> Check {
    const NAME: &str = "secret";
    const RESTORE: &str =
        "Restore secret.key from a back-up, or set VULTUS_SECRET to the secret of your other servers.";
    let keyring = match keyring::existing(data) {
        Ok(Some(keyring)) => keyring,
        Ok(None) => {
            let in_use = rows.is_some_and(|rows| rows.api_keys > 0 || !rows.data_keys.is_empty());
            return if in_use {
                Check::error(NAME, format!("{} is missing", data.secret_file().display()), RESTORE)
            } else {
                Check::ok(NAME, "does not exist yet: the first start makes it")
            };
        }
        Err(error) => return Check::error(NAME, format!("{error:#}"), RESTORE),
    };
    let Some(rows) = rows else { return Check::ok(NAME, "exists") };
    let fits =
        |key: &&vultus_store::data_keys::Wrapped| DataKey::unwrap(&keyring, key.account_id, &key.wrapped).is_ok();
    match rows.data_keys.len() - rows.data_keys.iter().filter(fits).count() {
        0 => Check::ok(NAME, "goes with the database"),
        strange => {
            let found = format!("the data of {strange} accounts was stored under another secret");
            Check::error(NAME, found, RESTORE)
        }
    }
}
