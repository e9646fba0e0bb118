//! Sanctions lists: pulled from a server of made-up lists, imported, refused when damaged, and switched while searched.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use vultus::config::Outbound;
use vultus::lists::{Folder, Publishers, Screening, pull};
use vultus_screening::Query;
use vultus_screening::lists::Source;

use crate::start::{Server, output, text, vultus};

/// A list of the UN's form with `count` people, of whom the first is called `first`.
fn un_list(date: &str, first: &str, count: usize) -> Vec<u8> {
    let mut text = format!("<CONSOLIDATED_LIST dateGenerated=\"{date}T00:00:00Z\"><INDIVIDUALS>");
    for at in 0..count {
        let name = if at == 0 { first.to_owned() } else { format!("Nobody {}", "xyz".repeat(at)) };
        let _ = write!(text, "<INDIVIDUAL><DATAID>{at}</DATAID><FIRST_NAME>{name}</FIRST_NAME></INDIVIDUAL>");
    }
    (text + "</INDIVIDUALS></CONSOLIDATED_LIST>").into_bytes()
}

type Files = HashMap<&'static str, Vec<u8>>;

fn ofac_set() -> Files {
    HashMap::from([
        (
            "ofac-sdn/sdn.csv",
            b"7,\"TARN, Ivo\",\"individual\",\"SDGT\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n".into(),
        ),
        ("ofac-sdn/alt.csv", b"7,1,\"aka\",\"TARNE, Ivo\",-0- \n".into()),
        ("ofac-sdn/add.csv", b"7,9,\"1 High Street\",\"Tehran\",\"Iran\",-0- \n".into()),
        ("ofac-sdn/sdn_comments.csv", b"7,\"DOB 1961.\"\n".into()),
    ])
}

/// A server that hands out files, and 404 for all others.
struct Mirror {
    address: String,
    files: Arc<Mutex<Files>>,
    /// Announce the whole length, and close the connection after half of it.
    cut: Arc<AtomicBool>,
}

impl Mirror {
    fn start(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (files, cut) = (Arc::new(Mutex::new(files)), Arc::new(AtomicBool::new(false)));
        let (served, cutting) = (files.clone(), cut.clone());
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let request: Vec<String> = request.collect();
                let path = request[0].split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
                let found = served.lock().unwrap().get(path.as_str()).cloned();
                let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
                let body = found.unwrap_or_default();
                let sent = if cutting.load(Ordering::Relaxed) { body.len() / 2 } else { body.len() };
                let length = body.len();
                let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(&body[..sent]);
            }
        });
        Self { address, files, cut }
    }

    fn hand_out(&self, path: &'static str, content: Vec<u8>) {
        self.files.lock().unwrap().insert(path, content);
    }

    fn pull(&self, folder: &Folder, source: Source, force: bool) -> Result<bool, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        vultus::tls::install();
        let publishers = Publishers::new(Some(&self.address), &loopback()).unwrap();
        let change = runtime.block_on(pull(&publishers, folder, source, force));
        change.map(|change| change.is_new()).map_err(|error| format!("{error:#}"))
    }
}

/// The mirror of the tests has an address that only this machine reaches.
fn loopback() -> Outbound {
    Outbound { outbound_allow: vec!["127.0.0.1/32".parse().unwrap()], ..Outbound::default() }
}

const UN: &str = "un-consolidated/consolidated.xml";

/// Date and number of entries of the UN list in force, after reading it.
fn in_force(folder: &Folder) -> (String, usize) {
    let list = folder.load().unwrap().into_iter().find(|list| list.version.source == Source::UnConsolidated).unwrap();
    (list.version.date.unwrap(), list.version.entries)
}

#[test]
fn what_is_damaged_or_implausible_never_replaces_a_list() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::new(parent.path().join("lists"));
    let good = un_list("2026-03-01", "Ivo Tarn", 40);
    let mirror = Mirror::start(HashMap::from([(UN, good.clone())]));
    assert_eq!(mirror.pull(&folder, Source::UnConsolidated, false), Ok(true));
    assert_eq!(mirror.pull(&folder, Source::UnConsolidated, false), Ok(false), "the same list again");

    for (content, reason) in [
        (good[..good.len() - 20].to_vec(), "damaged"),
        (b"<html><body>Down for maintenance</body></html>".to_vec(), "does not belong to the list un-consolidated"),
        (Vec::new(), "does not belong to the list un-consolidated"),
        (un_list("2026-03-02", "Ivo Tarn", 35), "--force"),
        (un_list("2026-02-28", "Ivo Tarn", 40), "--force"),
    ] {
        mirror.hand_out(UN, content);
        let refused = mirror.pull(&folder, Source::UnConsolidated, false).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        assert_eq!(in_force(&folder), ("2026-03-01".into(), 40));
    }
    mirror.hand_out(UN, un_list("2026-03-02", "Ivo Tarn", 50));
    mirror.cut.store(true, Ordering::Relaxed);
    assert!(mirror.pull(&folder, Source::UnConsolidated, true).unwrap_err().contains("cannot fetch consolidated.xml"));
    assert!(mirror.pull(&folder, Source::UkSanctions, true).unwrap_err().contains("404"));
    assert_eq!(in_force(&folder), ("2026-03-01".into(), 40));
    mirror.cut.store(false, Ordering::Relaxed);
    assert_eq!(mirror.pull(&folder, Source::UnConsolidated, false), Ok(true));
    mirror.hand_out(UN, un_list("2026-02-28", "Ivo Tarn", 3));
    assert_eq!(mirror.pull(&folder, Source::UnConsolidated, true), Ok(true), "the operator insists");
    assert_eq!(in_force(&folder), ("2026-02-28".into(), 3));
    let names = std::fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
    let states = names.filter(|name| name.starts_with("un-consolidated-")).count();
    assert_eq!(states, 2, "older states are removed");
}

#[test]
fn lists_are_switched_under_queries_that_run() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::new(parent.path().join("lists"));
    let install = |date: &str, first: &str| {
        folder.install(&[("un.xml".into(), un_list(date, first, 40))], false, 0).unwrap();
    };
    let screening = Screening::new(folder.clone());
    assert!(!screening.refresh().unwrap() && screening.current().versions().is_empty(), "no lists yet");
    install("2026-03-01", "Ivo Tarn");
    assert!(screening.refresh().unwrap());
    let query = |name: &str| Query { name: name.into(), ..Query::default() };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut dates = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let lists = screening.current();
                let answer = lists.search(&query("Ivo Tarn"), 0.7, 5).unwrap();
                let date = answer.versions[0].date.clone().unwrap();
                assert_eq!(answer.hits.len(), usize::from(date.as_str() < "2026-03-03"), "{date}");
                dates.push(date);
            }
            dates
        });
        install("2026-03-02", "Ivo Tarn");
        assert!(screening.refresh().unwrap());
        install("2026-03-03", "Somebody Else");
        assert!(screening.refresh().unwrap());
        assert!(!screening.refresh().unwrap(), "nothing new");
        done.store(true, Ordering::Relaxed);
        assert!(asked.join().unwrap().is_sorted(), "a later query never sees earlier lists");
    });
    // Damage on the disk is noticed, and costs no list in memory.
    install("2026-03-04", "Third Person");
    let states = std::fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().path());
    for state in states.filter(|path| path.is_dir()) {
        std::fs::write(state.join("un.xml"), un_list("2026-03-04", "Third Persom", 40)).unwrap();
    }
    assert!(format!("{:#}", screening.refresh().unwrap_err()).contains("un-consolidated"));
    assert_eq!(screening.current().versions()[0].date.as_deref(), Some("2026-03-03"));
}

#[test]
fn the_program_pulls_imports_lists_and_searches() {
    let parent = tempfile::tempdir().unwrap();
    let mirror = Mirror::start(ofac_set());
    let pulled = output(
        parent.path(),
        &["lists", "pull", "--list", "ofac-sdn", "--outbound-allow", "127.0.0.1", "--lists-mirror", &mirror.address],
    );
    assert_eq!(text(&pulled.stdout).trim(), "ofac-sdn is in force: 1 entries", "{pulled:?}");
    let some =
        output(parent.path(), &["lists", "pull", "--outbound-allow", "127.0.0.1", "--lists-mirror", &mirror.address]);
    assert!(!some.status.success() && text(&some.stdout).contains("ofac-sdn is in force already"), "{some:?}");
    assert!(text(&some.stderr).contains("not pulled: ofac-consolidated, un-consolidated"), "{some:?}");

    let file = parent.path().join("brought.xml");
    std::fs::write(&file, un_list("2026-03-01", "Ivo Tarn", 40)).unwrap();
    let imported = output(parent.path(), &["lists", "import", file.to_str().unwrap()]);
    assert!(imported.status.success(), "{imported:?}");
    let listed: Value = serde_json::from_slice(&output(parent.path(), &["lists", "list", "--json"]).stdout).unwrap();
    assert_eq!(listed[0]["version"]["source"], "ofac-sdn");
    assert_eq!((&listed[1]["version"]["date"], &listed[1]["version"]["entries"]), (&"2026-03-01".into(), &40.into()));

    let arguments = ["lists", "search", "Tarn Ivo", "--birth", "1961", "--json"];
    let found: Value = serde_json::from_slice(&output(parent.path(), &arguments).stdout).unwrap();
    assert_eq!(
        (&found["hits"][0]["list"], &found["hits"][0]["entity"]["births"][0]),
        (&"ofac-sdn".into(), &"1961".into())
    );
    assert_eq!(found["hits"][1]["list"], "un-consolidated");
    let versions: Vec<Value> = listed.as_array().unwrap().iter().map(|list| list["version"].clone()).collect();
    assert_eq!(found["versions"], Value::from(versions));
}

#[test]
fn a_server_pulls_lists_on_its_schedule() {
    let parent = tempfile::tempdir().unwrap();
    let mirror = Mirror::start(ofac_set());
    let first_log = |parent: &Path, word: &str| {
        let options = ["--lists-pull-hours", "24", "--outbound-allow", "127.0.0.1", "--lists-mirror", &mirror.address];
        let mut command = vultus(parent, &[&["serve", "--listen", "127.0.0.1:0"][..], &options].concat());
        let mut server = Server(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let mut log = BufReader::new(server.0.stderr.take().unwrap());
        let mut told = String::new();
        while !told.lines().any(|line| line.contains(word)) {
            assert!(log.read_line(&mut told).unwrap() > 0, "{told}");
        }
        server.terminate();
        log.read_to_string(&mut told).unwrap();
        told
    };
    let told = first_log(parent.path(), "sanctions list loaded");
    assert!(told.contains("source=ofac-sdn") && told.contains("un-consolidated was not pulled"), "{told}");
    // It is not due, so nothing is fetched: the list on the mirror is broken by now.
    mirror.hand_out("ofac-sdn/alt.csv", b"9,1,\"aka\",\"X\",-0- \n".into());
    let told = first_log(parent.path(), "sanctions list loaded");
    assert!(!told.contains("ofac-sdn was not pulled"), "{told}");
}
