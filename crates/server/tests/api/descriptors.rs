//! The limit of open files: raised, shared between clients and the rest, and explained when it is too low.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::start::{Server, vultus};

/// `vultus serve` under limits of the shell.
fn serve(data: &Path, limits: &str, options: &[&str]) -> Command {
    let program = vultus(data, &[]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]).arg(program.get_program());
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(options).stdout(Stdio::null()).stderr(Stdio::piped());
    for (name, value) in program.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    command
}

/// The log of a server until it listens, and the limit in force then.
fn start(data: &Path, limits: &str, options: &[&str]) -> (Vec<String>, String) {
    let mut server = Server(serve(data, limits, options).spawn().unwrap());
    let lines = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut log = Vec::new();
    for line in lines {
        log.push(line);
        if log.last().unwrap().contains("listening") {
            break;
        }
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.0.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    (log, line.split_whitespace().nth(3).unwrap().to_owned())
}

#[test]
fn the_limit_of_open_files_is_raised_for_the_connections() {
    let parent = tempfile::tempdir().unwrap();
    let (log, limit) = start(parent.path(), "ulimit -Sn 300", &["--max-connections", "700"]);
    assert!(limit.parse::<u64>().unwrap() > 900, "700 connections and the files of the server: {limit}");
    assert!(!log.iter().any(|line| line.contains("max-connections")), "{log:?}");
}

#[test]
fn connections_that_do_not_fit_the_limit_are_not_promised() {
    let parent = tempfile::tempdir().unwrap();
    let (log, _) = start(parent.path(), "ulimit -n 400", &["--max-connections", "700"]);
    let warning = log.iter().find(|line| line.contains("--max-connections is 128 and not 700"));
    assert!(warning.is_some_and(|line| line.contains("LimitNOFILE")), "{log:?}");
    let refused = serve(parent.path(), "ulimit -n 100", &[]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("ulimit -n"), "{told}");
}
