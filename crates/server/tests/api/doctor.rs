//! `vultus doctor`: what it finds, what it advises, and that it changes nothing.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, SqliteConnection};
use vultus_vision::models::{Models, Role};

use crate::app::{TestApp, models_dir};
use crate::pictures::photo;
use crate::start::{output, text, vultus};

const FREE: &str = "127.0.0.1:0";

/// A data directory that has been in use.
fn used() -> tempfile::TempDir {
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o700)).unwrap();
    let made = output(parent.path(), &["keys", "create", "--account", "acme", "--name", "door"]);
    assert!(made.status.success(), "{made:?}");
    parent
}

fn doctor(data: &Path, listen: &str) -> Command {
    vultus(data, &["doctor", "--json", "--listen", listen])
}

/// Runs the command. Gives verdict, finding and advice of each check that is not in order.
#[track_caller]
fn findings(command: &mut Command) -> Vec<(String, String)> {
    let done = command.output().unwrap();
    let checks: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    let bad: Vec<&Value> = checks.iter().filter(|check| check["verdict"] != "ok").collect();
    assert_eq!(done.status.code(), Some(i32::from(bad.iter().any(|check| check["verdict"] == "error"))), "{done:?}");
    assert!(bad.iter().all(|check| check["advice"].is_string()), "{bad:?}");
    let name = |check: &Value| format!("{}: {}", check["verdict"].as_str().unwrap(), check["name"].as_str().unwrap());
    bad.iter().map(|check| (name(check), format!("{} {}", check["found"], check["advice"]))).collect()
}

/// Checks that there is one finding, and that finding and advice have these parts.
#[track_caller]
fn assert_found(command: &mut Command, name: &str, parts: &[&str]) {
    let found = findings(command);
    assert!(found.len() == 1 && found[0].0 == name, "{found:?}");
    assert!(parts.iter().all(|part| found[0].1.contains(part)), "{found:?}");
}

/// The files of a folder with their sizes and hashes, without the index that SQLite's readers share.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| !path.to_str().unwrap().ends_with("-shm"));
    paths.map(|path| (path.clone(), Sha256::digest(fs::read(path).unwrap()).to_vec())).collect()
}

/// Closes the database as a server does at its end: the log is applied and removed.
async fn close_database(data: &Path, statement: &'static str) {
    let url = format!("sqlite:{}", data.join("vultus.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(!data.join("vultus.db-wal").exists());
}

#[tokio::test]
async fn a_healthy_server_is_in_order_and_nothing_changes() {
    let parent = used();
    for _ in 0..2 {
        let before = contents(parent.path());
        assert_eq!(findings(&mut doctor(parent.path(), FREE)), []);
        let report = output(parent.path(), &["doctor", "--listen", FREE]);
        let lines = text(&report.stdout);
        assert!(report.status.success() && lines.lines().all(|line| line.starts_with("ok ")), "{report:?}");
        assert_eq!(contents(parent.path()), before);
        close_database(parent.path(), "select 1").await;
    }
}

#[test]
fn a_new_machine_is_in_order_and_stays_empty() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    assert_found(&mut doctor(&data, FREE), "warning: data directory", &["does not exist", "the first start makes it"]);
    assert!(!data.exists());
}

#[test]
fn a_damaged_model_is_named() {
    let (parent, models) = (used(), tempfile::tempdir().unwrap());
    for file in fs::read_dir(models_dir()).unwrap().map(|entry| entry.unwrap().path()) {
        symlink(fs::canonicalize(&file).unwrap(), models.path().join(file.file_name().unwrap())).unwrap();
    }
    let file = Models::open(&models_dir()).unwrap().entry(Role::Liveness).unwrap().file.clone();
    let mut bytes = fs::read(models_dir().join(&file)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(models.path().join(&file)).unwrap();
    fs::write(models.path().join(&file), bytes).unwrap();
    let mut command = doctor(parent.path(), FREE);
    let advice = format!("vultus models pull --to {}", models.path().display());
    assert_found(command.env("VULTUS_MODELS_DIR", models.path()), "error: models", &[&file, "damaged", &advice]);
}

#[tokio::test]
async fn another_secret_than_that_of_the_data_is_noticed_while_the_server_runs() {
    let app = TestApp::new().await;
    app.enroll("Eileen", &photo("collins")).await;
    fs::set_permissions(app.dir.path(), Permissions::from_mode(0o700)).unwrap();
    let address = app.address.to_string();
    let command = || {
        let mut command = doctor(app.dir.path(), &address);
        command.env("VULTUS_DATABASE_URL", app.app.config.data.database_url());
        command
    };
    let healthy = tokio::task::spawn_blocking({
        let mut command = command();
        move || findings(&mut command)
    });
    assert_eq!(healthy.await.unwrap(), []);
    let mut command = command();
    command.env("VULTUS_SECRET", "a secret of thirty-two characters");
    let found = tokio::task::spawn_blocking(move || findings(&mut command)).await.unwrap();
    assert!(
        found.len() == 1 && found[0].0 == "error: secret" && found[0].1.contains("under another secret"),
        "{found:?}"
    );
}

#[test]
fn a_lost_or_damaged_secret_is_to_be_restored() {
    let parent = used();
    let secret = parent.path().join("secret.key");
    fs::write(&secret, "short").unwrap();
    assert_found(&mut doctor(parent.path(), FREE), "error: secret", &["5 bytes instead of 32", "back-up"]);
    fs::remove_file(&secret).unwrap();
    assert_found(&mut doctor(parent.path(), FREE), "error: secret", &["secret.key is missing", "back-up"]);
    assert!(!secret.exists());
}

#[tokio::test]
async fn a_missing_or_damaged_database_is_to_be_restored() {
    let parent = used();
    close_database(parent.path(), "select 1").await;
    let database = parent.path().join("vultus.db");
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(&database, bytes).unwrap();
    assert_found(&mut doctor(parent.path(), FREE), "error: database", &["damaged", "restore a back-up"]);
    fs::remove_file(&database).unwrap();
    assert_found(&mut doctor(parent.path(), FREE), "error: database", &["missing or empty", "restore a back-up"]);
    assert!(!database.exists());
}

#[test]
fn what_other_users_may_read_is_an_error() {
    let parent = used();
    let data = parent.path();
    fs::set_permissions(data, Permissions::from_mode(0o755)).unwrap();
    assert_found(&mut doctor(data, FREE), "warning: data directory", &["mode 755", "chmod 700"]);
    fs::set_permissions(data, Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(data.join("secret.key"), Permissions::from_mode(0o644)).unwrap();
    assert_found(&mut doctor(data, FREE), "error: permissions", &["secret.key", "mode 644", "chmod 600"]);
}

#[test]
fn an_address_in_use_and_a_low_limit_of_files_are_reported() {
    let parent = used();
    let taken = TcpListener::bind(FREE).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_found(&mut doctor(parent.path(), &address), "error: listen address", &[&address, "--listen"]);
    let program = doctor(parent.path(), FREE);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 400 && exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    limited.current_dir(program.get_current_dir().unwrap());
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_found(&mut limited, "warning: open files", &["enough for 128 connections", "ulimit -n"]);
}

#[tokio::test]
async fn a_clock_behind_the_database_is_reported() {
    let parent = used();
    close_database(
        parent.path(),
        "insert into heartbeats (id, beaten) values (1, 1000000 * (3600 + cast(strftime('%s') as integer)))",
    )
    .await;
    assert_found(&mut doctor(parent.path(), FREE), "warning: clock", &["59 minutes from now", "Set the clock"]);
}
