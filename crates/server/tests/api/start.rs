//! The program itself: the first start, later ones, keys while it runs, and what keeps it from starting.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::app::{client, models_dir, workspace};

pub fn vultus(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vultus"));
    command.args(arguments).current_dir(workspace()).env("VULTUS_DATA_DIR", data);
    command.env("VULTUS_MODELS_DIR", models_dir()).env_remove("VULTUS_SECRET").env_remove("VULTUS_DATABASE_URL");
    command
}

pub fn output(data: &Path, arguments: &[&str]) -> Output {
    vultus(data, arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A server that is ended when the test is.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    pub fn start(data: &Path, address: &str) -> Self {
        let mut command = vultus(data, &["serve", "--listen", address]);
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Ends it as an operator does; gives what was printed.
    pub fn terminate(mut self) -> String {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
        let mut printed = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_string(&mut printed).unwrap();
        }
        printed
    }

    /// Reads its log until the address is there.
    pub fn address(&mut self) -> String {
        let log = BufReader::new(self.0.stderr.take().unwrap());
        let mut lines = log.lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("listening")).expect("the server listens");
        let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        std::thread::spawn(move || lines.count());
        address
    }
}

pub async fn until_ready(address: &str) {
    let (started, client) = (Instant::now(), client());
    while !client.get(format!("http://{address}/readyz")).send().await.is_ok_and(|reply| reply.status() == 200) {
        assert!(started.elapsed() < Duration::from_secs(20), "not ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_first_start_prints_a_key_with_a_command_that_works_and_later_ones_do_not() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let mut server = Server::start(&data, "127.0.0.1:0");
    let mut printed = String::new();
    let mut lines = BufReader::new(server.0.stdout.take().unwrap());
    while !printed.contains("curl ") {
        assert!(lines.read_line(&mut printed).unwrap() > 0, "{printed}");
    }
    let command = printed.lines().last().unwrap().trim();
    assert!(command.contains(&server.address()), "{command}");
    let tried =
        Command::new("sh").args(["-c", &format!("{command} --silent")]).current_dir(workspace()).output().unwrap();
    let answer: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(answer["data"]["faces"].as_array().unwrap().len(), 1);
    server.0.stdout = Some(Command::new("true").stdout(Stdio::piped()).spawn().unwrap().stdout.unwrap());
    server.terminate();

    let mut again = Server::start(&data, "127.0.0.1:0");
    until_ready(&again.address()).await;
    assert_eq!(again.terminate(), "", "no second key");
}

#[test]
fn it_can_be_stopped_while_the_models_load() {
    let parent = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut server = Server::start(parent.path(), "127.0.0.1:0");
        server.address();
        server.terminate();
    }
}

#[test]
fn keys_are_made_listed_and_revoked_while_the_server_runs() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path();
    let mut server = Server::start(data, "127.0.0.1:0");
    let address = server.address();
    let scope = ["--scope", "enrollments:read", "--expires", "2999-01-01"];
    let arguments = [
        &["keys", "create", "--account", "acme", "--name", "door", "--test", "--answers", "arrays", "--json"],
        &scope[..],
    ]
    .concat();
    let made: Value = serde_json::from_slice(&output(data, &arguments).stdout).unwrap();
    assert_eq!(made["scopes"], serde_json::json!(["enrollments:read"]));
    assert_eq!(made["expires"], "2999-01-01T00:00:00.000000");
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());

    let status = || {
        let url = format!("http://{address}/v1/enroll");
        let format = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H"];
        let called = Command::new("curl").args(format).arg(format!("x-api-key: {key}")).arg(url).output().unwrap();
        text(&called.stdout).to_owned()
    };
    assert_eq!(status(), "200");
    let listed = output(data, &["keys", "list"]);
    let line = text(&listed.stdout).lines().find(|line| line.contains(id)).unwrap();
    assert!(
        line.contains("active")
            && line.contains("acme")
            && line.contains("door (enrollments:read) [test mode] [arrays]"),
        "{line}"
    );
    assert!(!text(&listed.stdout).contains(key), "keys are never shown again");
    assert!(text(&output(data, &["keys", "revoke", id]).stdout).contains("revoked"));
    assert_eq!(status(), "401");
    let listed: Value = serde_json::from_slice(&output(data, &["keys", "list", "--json"]).stdout).unwrap();
    let states: Vec<&str> = listed.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "revoked"]);
    let answers = [&listed[0]["answers"], &listed[1]["answers"], &made["answers"]];
    assert_eq!(answers, ["object", "arrays", "arrays"]);
    assert_eq!((&listed[0]["test"], &listed[1]["test"], &made["test"]), (&false.into(), &true.into(), &true.into()));
    server.terminate();
}

#[test]
fn what_keeps_it_from_starting_is_reported_in_one_line_that_says_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let fresh = parent.path().join("fresh");
    for (data, arguments, advice) in [
        (&fresh, vec!["serve", "--listen", &address], "choose another address with --listen"),
        (&file, vec!["serve", "--listen", "127.0.0.1:0"], "choose another with --data-dir"),
        (&fresh, vec!["serve", "--secret", "short"], "at least 32 characters"),
        (&fresh, vec!["serve", "--listen", "127.0.0.1:0", "--database-url", "mysql://x"], "--database-url"),
        (&fresh, vec!["keys", "revoke", "nonsense"], "vultus keys list"),
    ] {
        let failed = output(data, &arguments);
        let told = text(&failed.stderr).lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>();
        assert!(!failed.status.success() && told.len() == 1 && told[0].contains(advice), "{arguments:?}: {failed:?}");
        assert!(text(&failed.stderr).trim_end().ends_with(told[0]), "{failed:?}");
    }
    let misused = output(&fresh, &["keys", "create", "--account", "a", "--name", "n", "--scope", "admin"]);
    assert!(text(&misused.stderr).contains("collections:write"), "{misused:?}");
    let past = output(&fresh, &["keys", "create", "--account", "a", "--name", "n", "--expires", "2020-01-01"]);
    let message = text(&past.stderr);
    assert!(!past.status.success() && message.contains("--expires") && message.contains("in the past"), "{past:?}");
}
