//! Damaged models do not become wrong answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vultus_vision::models::{Error, Models};
use vultus_vision::{Engine, Params};

const DETECTION: &str = "face_detection_yunet_2023mar.onnx";

/// A models directory of its own, with copies of all files.
fn copied() -> TempDir {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models");
    let from = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(built, PathBuf::from);
    let dir = TempDir::new().unwrap();
    for entry in Models::manifest(&from).unwrap().for_this_machine().filter(|e| from.join(&e.file).exists()) {
        fs::copy(from.join(&entry.file), dir.path().join(&entry.file)).unwrap();
    }
    dir
}

/// Changes one byte in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_that_is_damaged_at_the_same_length_is_noticed() {
    let dir = copied();
    Models::open(dir.path()).unwrap();
    damage(&dir.path().join(DETECTION));
    for _ in 0..2 {
        let message = Models::open(dir.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("{DETECTION} is damaged")), "{message}");
        assert!(message.contains("run: vultus models pull --to "), "{message}");
    }
}

#[test]
fn a_disk_that_changes_a_file_without_a_trace_is_noticed_on_request() {
    let dir = copied();
    Models::open(dir.path()).unwrap();
    let path = dir.path().join(DETECTION);
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    damage(&path);
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert!(Models::open(dir.path()).is_ok(), "what has kept its size and time is not hashed again");
    assert!(matches!(Models::open_hashing(dir.path()), Err(Error::Incomplete { .. })));
    assert!(Models::open(dir.path()).is_err(), "the newer hash is remembered");
}

#[test]
fn a_model_that_computes_something_else_does_not_become_ready() {
    // Weights that an operator's manifest vouches for, and that are wrong all the same.
    let dir = copied();
    let path = dir.path().join(DETECTION);
    let mut bytes = fs::read(&path).unwrap();
    let weights = bytes.len() / 2..bytes.len() / 2 + 4096;
    bytes[weights].fill(0x3F);
    fs::write(&path, &bytes).unwrap();
    let builtin = Models::manifest(dir.path()).unwrap();
    let entry = builtin.for_this_machine().find(|entry| entry.file == DETECTION).unwrap();
    let input = entry.input.clone().unwrap();
    let manifest = format!(
        "[[file]]\nrole = \"detection\"\nfile = \"{DETECTION}\"\nbytes = {}\nsha256 = \"{}\"\nlicence = \"MIT\"\n\
         [file.input]\nwidth = {}\nheight = {}\nany_size = true\ncolour = \"bgr\"\nmean = {:?}\nscale = {:?}\n",
        bytes.len(),
        sha256(&bytes),
        input.width,
        input.height,
        input.mean,
        input.scale,
    );
    fs::write(dir.path().join("manifest.toml"), manifest).unwrap();
    let models = Models::open(dir.path()).unwrap();
    let message = Engine::load(&models, Params::default()).err().unwrap().to_string();
    assert!(message.contains("vultus models"), "{message}");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let digits: Vec<String> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
