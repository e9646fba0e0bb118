//! `vultus collections` and `vultus reembed`: people on the move, to another server or another model.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use vultus_store::Id;
use vultus_store::enrollments::{self, FactsUpdate};

use crate::app::{TestApp, base64, client, models_dir, reply};
use crate::pictures::photo;
use crate::start::{Server, text, vultus};

/// Who the second photo of Barack is in a collection.
async fn identify(app: &TestApp, collection: &str) -> Value {
    let body = json!({"collection_id": collection, "img": base64(&photo("obama-blue-room"))});
    app.post("/v1/identify", &body).await.ok()
}

async fn home(app: &TestApp) -> String {
    let home = app.collection("Home").await;
    for (name, external_id) in [("obama-portrait", "e-1"), ("biden", "e-2")] {
        let body = json!({
            "img0": base64(&photo(name)), "name": name, "external_id": external_id, "collection_id": home,
            "metadata": {"vip": true},
        });
        app.post("/v1/enroll", &body).await.ok();
    }
    home
}

/// A command on the data of a server.
pub fn command(app: &TestApp, arguments: &[&str]) -> Command {
    let mut command = vultus(app.dir.path(), arguments);
    command.env("VULTUS_DATABASE_URL", app.app.config.data.database_url());
    command
}

fn run(app: &TestApp, arguments: &[&str]) -> String {
    let done = command(app, arguments).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    text(&done.stdout).to_owned()
}

fn failure(app: &TestApp, arguments: &[&str]) -> String {
    let done = command(app, arguments).output().unwrap();
    assert!(!done.status.success(), "{}", text(&done.stdout));
    text(&done.stderr).to_owned()
}

#[tokio::test]
async fn a_collection_moves_to_another_server() {
    let (old, new) = (TestApp::new().await, TestApp::new().await);
    let id = home(&old).await;
    let joe = old.get("/v1/enroll?name=biden").await.ok()["data"][0]["id"].clone();
    let legacy = json!({"collection_id": id, "enrollment_id": joe, "legacy_id": "old-7"});
    old.json(Method::PUT, "/v1/enroll", &legacy).await.ok();
    old.json(Method::PUT, "/v1/collection", &legacy).await.ok();
    let file = old.dir.path().join("home.ndjson");
    let path = file.to_str().unwrap();
    assert!(run(&old, &["collections", "export", &id, "--account", "tests", "--to", path]).contains("2 members"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    failure(&old, &["collections", "export", &id, "--account", "tests", "--to", path]);

    let printed = run(&new, &["collections", "import", path, "--account", "tests", "--name", "Moved"]);
    let moved = printed.trim().rsplit(' ').next().unwrap();
    let known = identify(&new, moved).await;
    assert_eq!(known["data"]["name"], "obama-portrait");
    let candidate = &known["meta"]["candidates"][0];
    assert_eq!((&candidate["external_id"], &candidate["metadata"]), (&json!("e-1"), &json!({"vip": true})));
    let by_old_id = json!({"id": "old-7", "img": base64(&photo("biden"))});
    assert_eq!(new.post("/v1/match", &by_old_id).await.ok()["data"]["emb0_match"], true);
    assert_eq!(new.get("/v1/collection?id=old-7").await.ok()["data"][0]["id"], moved);
    let refused = failure(&new, &["collections", "import", path, "--account", "tests"]);
    assert!(refused.contains("nothing was imported: line 1: another collection"), "{refused}");
    let listed = run(&new, &["collections", "list", "--account", "tests"]);
    assert!(listed.contains(moved) && listed.contains("Moved"), "{listed}");
    assert!(failure(&new, &["collections", "list", "--account", "other"]).contains("the accounts are: tests"));
}

#[tokio::test]
async fn a_file_that_is_wrong_anywhere_is_refused_as_a_whole() {
    let app = TestApp::new().await;
    let id = home(&app).await;
    let file = app.dir.path().join("home.ndjson");
    let path = file.to_str().unwrap();
    run(&app, &["collections", "export", &id, "--account", "tests", "--to", path]);
    let good = std::fs::read_to_string(&file).unwrap();
    let last = good.rfind("\"model\"").unwrap();
    let of_another_model = good[..last].to_owned() + &good[last..].replacen("fr_feature", "another", 1);
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    for (wrong, expected) in [
        (of_another_model.as_str(), "line 3: an embedding was made by the model \"another\""),
        (&good[..good.len() - 20], "line 4: this is not a member"),
        (&lines[..3].concat(), "ends after 2 members without its last line"),
        (
            &[lines[0], lines[1], lines[3]].concat(),
            "line 3: the file is not as it was exported: it had 2 members, and 1 were",
        ),
        (&good.replacen("e-1", "e-9", 1), "line 4: the file is not as it was exported"),
        (&(good.clone() + lines[1]), "line 5: there is more after the last line"),
        ("{}", "line 1: this is not an exported collection"),
        (&good.replace("collection 1", "collection 9"), "line 1: the format is"),
    ] {
        std::fs::write(&file, wrong).unwrap();
        let told = failure(&app, &["collections", "import", path, "--account", "tests"]);
        assert!(told.contains(expected) && told.contains("nothing was imported"), "{told}");
    }
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 2);
    assert_eq!(app.get("/v1/collection").await.ok()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn metadata_that_was_stored_over_several_lines_and_files_of_older_versions_can_be_imported() {
    let app = TestApp::new().await;
    let id = home(&app).await;
    let person = app.get("/v1/enroll").await.ok()["data"][0].clone();
    let [account, person] = ["owner", "id"].map(|name| person[name].as_str().unwrap().parse::<Id>().unwrap());
    let metadata = Some("{\n  \"two words\": [ 1,\r\n 2.50 ]\n}".to_owned());
    let mut tx = app.app.db.write(account).await.unwrap();
    let update = FactsUpdate { metadata, ..FactsUpdate::default() };
    enrollments::update_facts(&mut tx, account, person, &update, 1).await.unwrap();
    tx.commit().await.unwrap();

    let file = app.dir.path().join("home.ndjson");
    let path = file.to_str().unwrap();
    run(&app, &["collections", "export", &id, "--account", "tests", "--to", path]);
    let good = std::fs::read_to_string(&file).unwrap();
    assert!(good.contains(r#""metadata":{"two words":[1,2.50]}"#), "{}", good.lines().count());
    run(&app, &["collections", "import", path, "--account", "tests"]);
    std::fs::write(&file, good.split_inclusive('\n').take(3).collect::<String>()).unwrap();
    assert!(failure(&app, &["collections", "import", path, "--account", "tests"]).contains("--without-check"));
    run(&app, &["collections", "import", path, "--account", "tests", "--without-check"]);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn an_import_that_is_killed_leaves_nothing() {
    let app = TestApp::new().await;
    let id = home(&app).await;
    let file = app.dir.path().join("home.ndjson");
    run(&app, &["collections", "export", &id, "--account", "tests", "--to", file.to_str().unwrap()]);
    let good = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let many = lines[0].to_owned() + &[lines[1], lines[2]].concat().repeat(150);

    // The command reads the file twice: a pipe each time, the second in the place of the first.
    let [pipe, second] = ["pipe", "second"].map(|name| app.dir.path().join(name));
    assert!(Command::new("mkfifo").args([&pipe, &second]).status().unwrap().success());
    let mut import = command(&app, &["collections", "import", "--account", "tests", "--without-check"]);
    let mut import = import.arg(&pipe).stderr(Stdio::null()).spawn().unwrap();
    let open = || std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let mut to_check = open();
    std::fs::rename(&second, &pipe).unwrap();
    to_check.write_all(many.as_bytes()).unwrap();
    drop(to_check);
    // A pipe holds 64 KiB: when all is written, the command has stored most of it.
    let mut to_store = open();
    to_store.write_all(many.as_bytes()).unwrap();
    import.kill().unwrap();
    import.wait().unwrap();

    assert_eq!(app.get("/v1/collection").await.ok()["data"].as_array().unwrap().len(), 1);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 2);
    home(&app).await;
}

/// The same networks, of which the one for recognition has another name.
fn other_models(dir: &Path) {
    for entry in std::fs::read_dir(models_dir()).unwrap() {
        let path = entry.unwrap().path();
        std::os::unix::fs::symlink(&path, dir.join(path.file_name().unwrap())).unwrap();
    }
    std::os::unix::fs::symlink(models_dir().join("fr_feature.onnx"), dir.join("newer.onnx")).unwrap();
    let manifest = std::fs::read_to_string(crate::app::workspace().join("models/manifest.toml")).unwrap();
    let start = manifest.find("[[file]]\nrole = \"recognition\"").unwrap();
    let length = manifest[start + 1..].find("[[file]]").unwrap() + 1;
    let own = manifest[start..start + length].replacen("fr_feature.onnx", "newer.onnx", 1);
    std::fs::write(dir.join("manifest.toml"), own).unwrap();
}

#[tokio::test]
async fn people_are_taken_to_another_model_by_their_images() {
    let app = TestApp::with(|config| config.images.keep_images = true).await;
    let id = home(&app).await;
    let joe = app.enroll("Joe", &photo("biden")).await;
    let joe = app.get(&format!("/v1/enroll?enrollment_id={joe}")).await.ok()["data"][0].clone();
    let kept = format!("blobs/{}/image/{}", joe["owner"].as_str().unwrap(), joe["embeddings"][0].as_str().unwrap());
    std::fs::write(app.dir.path().join(kept), b"damaged").unwrap();
    let models = tempfile::tempdir().unwrap();
    other_models(models.path());
    let reembed = |arguments: &[&str]| {
        let done = command(&app, arguments).env("VULTUS_MODELS_DIR", models.path()).output().unwrap();
        (done.status.success(), format!("{}{}", text(&done.stdout), text(&done.stderr)))
    };
    let (done, told) = reembed(&["reembed", "--switch"]);
    assert!(!done && told.contains("run `vultus reembed` with the new model first"), "{told}");
    let (done, told) = reembed(&["reembed", "--engine-threads", "1"]);
    assert!(done && told.starts_with("2 embeddings have a new vector by \"newer\"; 1 have"), "{told}");
    assert_eq!(identify(&app, &id).await["data"]["name"], "obama-portrait", "the old ones are in use until the switch");

    let (done, told) = reembed(&["reembed", "--switch"]);
    assert!(done && told.starts_with("2 embeddings are by \"newer\" now; 1 are"), "{told}");
    let probe = json!({"collection_id": id, "img": base64(&photo("obama-blue-room"))});
    app.post("/v1/identify", &probe).await.problem(400, "other_model");
    let mut newer = command(&app, &["serve", "--listen", "127.0.0.1:0", "--engine-threads", "1"]);
    let newer = newer.env("VULTUS_MODELS_DIR", models.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut newer = Server(newer.unwrap());
    let url = format!("http://{}/v1/identify", newer.address());
    let known = reply(client().post(url).header("x-api-key", &app.key).body(probe.to_string())).await.ok();
    assert_eq!(known["data"]["name"], "obama-portrait");
    newer.terminate();
}
