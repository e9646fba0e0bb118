//! What the program does when its secret or its database is lost or damaged, and how a secret is changed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::start::{Server, output, text, vultus};

const CREATE: [&str; 7] = ["keys", "create", "--account", "acme", "--name", "door", "--json"];

fn make_key(data: &Path) -> String {
    let made = output(data, &CREATE);
    assert!(made.status.success(), "{made:?}");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    made["key"].as_str().unwrap().to_owned()
}

fn assert_refused(refused: &Output, advice: &[&str]) {
    let message = text(&refused.stderr);
    assert!(!refused.status.success() && advice.iter().all(|part| message.contains(part)), "{refused:?}");
}

fn remove_database(data: &Path) {
    for file in ["vultus.db", "vultus.db-wal", "vultus.db-shm"] {
        let _ = fs::remove_file(data.join(file));
    }
}

#[test]
fn a_lost_secret_is_never_made_again_silently() {
    let parent = tempfile::tempdir().unwrap();
    let (data, secret) = (parent.path(), parent.path().join("secret.key"));
    make_key(data);
    let kept = fs::read(&secret).unwrap();
    fs::remove_file(&secret).unwrap();
    for command in [&CREATE[..], &["serve", "--listen", "127.0.0.1:0"]] {
        assert_refused(&output(data, command), &["secret.key is missing", "API keys (1)", "back-up"]);
        assert!(!secret.exists());
    }
    fs::write(&secret, kept).unwrap();
    make_key(data);
}

#[test]
fn a_lost_database_is_never_made_again_silently() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path();
    make_key(data);
    for empty in [false, true] {
        remove_database(data);
        if empty {
            fs::write(data.join("vultus.db"), "").unwrap();
        }
        for command in [&CREATE[..], &["serve", "--listen", "127.0.0.1:0"]] {
            assert_refused(&output(data, command), &["vultus.db is missing or empty", "restore a back-up"]);
        }
        assert_eq!(fs::read(data.join("vultus.db")).ok(), empty.then(Vec::new), "nothing is made");
    }
    // As the operations manual says.
    fs::remove_file(data.join("secret.key")).unwrap();
    assert_refused(&output(data, &CREATE), &["restore a back-up"]);
    fs::remove_file(data.join("in-use")).unwrap();
    make_key(data);
}

#[test]
fn a_lost_database_is_noticed_where_the_secret_is_configured() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path();
    let secret = "a secret of thirty-two characters";
    let create = || vultus(data, &CREATE).env("VULTUS_SECRET", secret).output().unwrap();
    assert!(create().status.success() && !data.join("secret.key").exists());
    remove_database(data);
    assert_refused(&create(), &["restore a back-up"]);
}

#[test]
fn a_damaged_database_says_restore_a_back_up() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path();
    make_key(data);
    let path = data.join("vultus.db");
    let whole = fs::read(&path).unwrap();
    // The header; and pages behind it, of which the first is that of the schema.
    let mut pages = whole.clone();
    pages[100..].fill(0x5a);
    let mut header = whole;
    header[..100].fill(0x5a);
    for damaged in [header, pages] {
        remove_database(data);
        fs::write(&path, damaged).unwrap();
        assert_refused(&output(data, &CREATE), &["the database is damaged: restore a back-up"]);
    }
}

#[test]
fn a_first_start_that_cannot_write_leaves_nothing_in_the_way_of_the_next() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path();
    let program = vultus(data, &[]);
    // No file may grow: what a full disk does.
    let script = format!("trap '' XFSZ; ulimit -f 0; exec {:?} {}", program.get_program(), CREATE.join(" "));
    let mut limited = Command::new("sh");
    limited.args(["-c", &script]).envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.env_remove("VULTUS_SECRET").env_remove("VULTUS_DATABASE_URL").stdin(Stdio::null());
    let failed = limited.output().unwrap();
    assert!(!failed.status.success(), "{failed:?}");
    assert!(!data.join("secret.key").exists());
    make_key(data);
}

#[test]
fn a_secret_is_changed_while_keys_stay_good() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path();
    let (used, unused) = (make_key(data), make_key(data));
    fs::rename(data.join("secret.key"), data.join("former-secret.key")).unwrap();
    assert_eq!(status(data, &used), "200");
    fs::remove_file(data.join("former-secret.key")).unwrap();
    assert_eq!(status(data, &used), "200", "it was used while the former secret was there");
    assert_eq!(status(data, &unused), "401");
}

#[test]
fn a_key_with_a_given_text_works_like_any_other_and_is_taken_once() {
    let parent = tempfile::tempdir().unwrap();
    let (data, file) = (&parent.path().join("data"), parent.path().join("key"));
    let old = "Qm7xT2kVb9LrYc4WnZp8HsJd5GfAe3UtRi6KoXyM";
    fs::write(&file, format!("{old} \n")).unwrap();
    let from = ["--secret-from", file.to_str().unwrap()];
    let create = |account: &str| {
        output(data, &[&["keys", "create", "--account", account, "--name", "tablet", "--json"], &from[..]].concat())
    };
    let made = create("acme");
    assert!(made.status.success() && made.stderr.is_empty(), "{made:?}");
    assert!(!text(&made.stdout).contains(old), "the text is not shown");
    let id = serde_json::from_slice::<serde_json::Value>(&made.stdout).unwrap()["id"].as_str().unwrap().to_owned();
    for account in ["other", "acme"] {
        assert_refused(&create(account), &["there is a key with this text already"]);
    }
    assert_eq!((status(data, old), status(data, &old[1..])), ("200".into(), "401".into()));

    // The same under another secret: the text is still taken, and the key still works.
    fs::rename(data.join("secret.key"), data.join("former-secret.key")).unwrap();
    assert_refused(&create("other"), &["there is a key with this text already"]);
    assert_eq!(status(data, old), "200");
    fs::remove_file(data.join("former-secret.key")).unwrap();
    assert_eq!(status(data, old), "200", "it was used while the former secret was there");

    for path in fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(old.len()).any(|part| part == old.as_bytes()), "{} has the text", path.display());
    }
    assert!(output(data, &["keys", "revoke", &id]).status.success());
    assert_eq!(status(data, old), "401");
    assert_refused(&create("other"), &["there is a key with this text already"]);
}

#[test]
fn a_given_text_that_is_no_key_is_refused_and_a_short_one_is_warned_of() {
    let parent = tempfile::tempdir().unwrap();
    let (data, file) = (&parent.path().join("data"), parent.path().join("key"));
    let create = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        output(data, &[&CREATE[..], &["--secret-from", file.to_str().unwrap()]].concat())
    };
    let long = "x".repeat(201);
    for wrong in
        [&b"seven77"[..], b"two words in it", "umlaut-\u{e4}\u{e4}\u{e4}".as_bytes(), &[0xff; 20], long.as_bytes()]
    {
        assert_refused(&create(wrong), &["--secret-from"]);
    }
    let short = create(b"test12345\n");
    assert!(short.status.success() && text(&short.stderr).contains("warning: a key of fewer than 32"), "{short:?}");
    assert_eq!(status(data, "test12345"), "200");
    fs::remove_file(&file).unwrap();
    assert_refused(
        &output(data, &[&CREATE[..], &["--secret-from", file.to_str().unwrap()]].concat()),
        &["--secret-from"],
    );
}

/// What a server answers to a key.
fn status(data: &Path, key: &str) -> String {
    let mut server = Server::start(data, "127.0.0.1:0");
    let url = format!("http://{}/v1/enroll", server.address());
    let format = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H"];
    let called = Command::new("curl").args(format).arg(format!("x-api-key: {key}")).arg(url).output().unwrap();
    server.terminate();
    text(&called.stdout).to_owned()
}
