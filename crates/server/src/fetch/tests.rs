//! Pulls from made-up packages in a folder; nothing here reaches a package client.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use super::*;

const WEIGHTS: &[u8] = b"weights of the recognition network";
const POINTS: &[u8] = b"weights of the landmarks network";

fn sha256(bytes: &[u8]) -> String {
    files::hex(&Sha256::digest(bytes))
}

fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tgz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A models directory whose manifest takes recognition from a wheel and landmarks from a `.tgz`, and a folder with both
/// archives. The other roles are plain files in the folder.
struct Workspace {
    root: TempDir,
}

impl Workspace {
    fn new() -> Self {
        let workspace = Self { root: TempDir::new().unwrap() };
        fs::create_dir_all(workspace.models()).unwrap();
        fs::create_dir_all(workspace.from()).unwrap();
        let wheel = wheel(&[("pkg/other.bin", b"not wanted"), ("pkg/weights.onnx", WEIGHTS)]);
        let tgz = tgz(&[("package/readme", b"not wanted"), ("package/points.onnx", POINTS)]);
        fs::write(workspace.from().join("made_up-1.whl"), &wheel).unwrap();
        fs::write(workspace.from().join("made-up-1.tgz"), &tgz).unwrap();
        let mut manifest = entry("recognition", "weights.onnx", WEIGHTS)
            + &package("pypi", "made_up-1.whl", &sha256(&wheel), "pkg/weights.onnx")
            + "[file.input]\nwidth = 1\nheight = 1\ncolour = \"rgb\"\nmean = 0.0\nscale = 1.0\ndimension = 2\n"
            + "[file.calibration]\npoints = [[-1.0, 0.0], [1.0, 1.0]]\n"
            + &entry("landmarks", "points.onnx", POINTS)
            + &package("npm", "made-up-1.tgz", &sha256(&tgz), "package/points.onnx")
            + INPUT;
        for role in ["detection", "liveness", "runtime", "text_detection", "text_orientation", "text_recognition"] {
            let file = format!("{role}.bin");
            manifest += &entry(role, &file, role.as_bytes());
            manifest += if role == "runtime" { "" } else { INPUT };
            fs::write(workspace.from().join(file), role).unwrap();
        }
        fs::write(workspace.models().join("manifest.toml"), manifest).unwrap();
        workspace
    }

    fn models(&self) -> PathBuf {
        self.root.path().join("models")
    }

    fn from(&self) -> PathBuf {
        self.root.path().join("from")
    }

    fn pull(&self) -> anyhow::Result<()> {
        pull(&self.models(), &[self.from()])
    }

    fn names(&self) -> Vec<String> {
        let items = fs::read_dir(self.models()).unwrap();
        let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock" && name != "manifest.toml");
        names.sort();
        names
    }
}

const INPUT: &str = "[file.input]\nwidth = 1\nheight = 1\ncolour = \"rgb\"\nmean = 0.0\nscale = 1.0\n";

fn entry(role: &str, file: &str, content: &[u8]) -> String {
    let (bytes, hash) = (content.len(), sha256(content));
    format!("[[file]]\nrole = \"{role}\"\nfile = \"{file}\"\nbytes = {bytes}\nsha256 = \"{hash}\"\nlicence = \"MIT\"\n")
}

fn package(ecosystem: &str, archive: &str, hash: &str, member: &str) -> String {
    format!(
        "[file.package]\necosystem = \"{ecosystem}\"\nname = \"made-up\"\nversion = \"1\"\narchive = \"{archive}\"\n\
         archive_sha256 = \"{hash}\"\nmember = \"{member}\"\n"
    )
}

const ALL: [&str; 8] = [
    "detection.bin",
    "liveness.bin",
    "points.onnx",
    "runtime.bin",
    "text_detection.bin",
    "text_orientation.bin",
    "text_recognition.bin",
    "weights.onnx",
];

#[test]
fn only_the_named_members_are_unpacked() {
    let workspace = Workspace::new();
    workspace.pull().unwrap();
    assert_eq!(workspace.names(), ALL);
    assert_eq!(fs::read(workspace.models().join("weights.onnx")).unwrap(), WEIGHTS);
    assert_eq!(fs::read(workspace.models().join("points.onnx")).unwrap(), POINTS);
    assert!(workspace.from().join("made_up-1.whl").exists(), "the operator's archive is left where it is");
    ensure(&workspace.models()).unwrap();
}

#[test]
fn a_damaged_file_is_fetched_again_and_a_good_one_is_not() {
    let workspace = Workspace::new();
    workspace.pull().unwrap();
    // The same size: only the hash tells.
    fs::write(workspace.models().join("points.onnx"), vec![b'x'; POINTS.len()]).unwrap();
    fs::remove_file(workspace.from().join("made_up-1.whl")).unwrap();
    workspace.pull().unwrap();
    assert_eq!(fs::read(workspace.models().join("points.onnx")).unwrap(), POINTS);
}

#[test]
fn an_archive_with_another_hash_is_refused_and_leaves_nothing() {
    let workspace = Workspace::new();
    fs::write(workspace.from().join("made_up-1.whl"), wheel(&[("pkg/weights.onnx", WEIGHTS)])).unwrap();
    let error = format!("{:#}", workspace.pull().unwrap_err());
    assert!(error.contains("refused") && error.contains("made_up-1.whl: its sha256"), "{error}");
    assert!(!workspace.names().contains(&"weights.onnx".to_owned()));
    assert_eq!(fs::read_dir(workspace.models().join(CACHE)).unwrap().count(), 0);
}

#[test]
fn a_member_with_another_hash_is_refused_and_leaves_nothing() {
    let workspace = Workspace::new();
    let manifest = workspace.models().join("manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap().replace(&sha256(WEIGHTS), &sha256(b"else"));
    fs::write(manifest, text).unwrap();
    let error = format!("{:#}", workspace.pull().unwrap_err());
    assert!(error.contains("refused weights.onnx"), "{error}");
    assert!(!workspace.names().contains(&"weights.onnx".to_owned()));
    assert_eq!(fs::read_dir(workspace.models().join(CACHE)).unwrap().count(), 0);
}

#[test]
fn an_interrupted_pull_goes_on_with_the_archive_that_it_has() {
    let workspace = Workspace::new();
    let cache = workspace.models().join(CACHE);
    fs::create_dir_all(cache.join("partial-killed")).unwrap();
    fs::rename(workspace.from().join("made-up-1.tgz"), cache.join("made-up-1.tgz")).unwrap();
    workspace.pull().unwrap();
    assert_eq!(workspace.names(), ALL, "and the cache is gone");
}

#[test]
fn an_own_file_without_a_package_has_to_be_brought() {
    let workspace = Workspace::new();
    fs::remove_file(workspace.from().join("liveness.bin")).unwrap();
    let error = workspace.pull().unwrap_err().to_string();
    assert!(error.contains("liveness.bin is missing") && error.contains("copy it into"), "{error}");
}

#[test]
fn a_source_that_holds_nothing_of_use_is_an_error() {
    let workspace = Workspace::new();
    let elsewhere = workspace.root.path().join("holiday.zip");
    fs::write(&elsewhere, "photos").unwrap();
    let error = pull(&workspace.models(), &[elsewhere]).unwrap_err().to_string();
    assert!(error.contains("holiday.zip has no file"), "{error}");
    assert!(pull(&workspace.models(), &[workspace.root.path().join("absent")]).is_err());
}

#[test]
fn two_pulls_at_once_end_well() {
    let workspace = Workspace::new();
    std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..4).map(|_| scope.spawn(|| workspace.pull())).collect();
        for pull in pulls {
            pull.join().unwrap().unwrap();
        }
    });
    assert_eq!(workspace.names(), ALL);
}
