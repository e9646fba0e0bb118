//! A gallery comes back from its file as it was, or not at all.

#![allow(clippy::unwrap_used)]

use vultus_gallery::{Gallery, SnapshotError};

fn encode(subject: &String, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(subject.as_bytes());
}

fn decode(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn gallery(embeddings: u16) -> Gallery<String> {
    let mut gallery = Gallery::new(4);
    for at in 0..embeddings {
        let angle = f32::from(at) * 0.1;
        gallery.put(u128::from(at), format!("person {}", at / 2), &[angle.cos(), 0.0, angle.sin(), 0.0]);
    }
    gallery
}

fn saved(gallery: &Gallery<String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    gallery.save(&mut bytes, b"model 1, version 7", encode).unwrap();
    bytes
}

fn load(mut bytes: &[u8]) -> Result<Gallery<String>, SnapshotError> {
    Gallery::load(&mut bytes, b"model 1, version 7", decode)
}

#[test]
fn a_loaded_gallery_answers_and_changes_like_the_saved_one() {
    let mut before = gallery(9);
    before.remove(2);
    let mut after = load(&saved(&before)).unwrap();
    for gallery in [&mut before, &mut after] {
        gallery.put(3, "person 0".into(), &[0.0, 1.0, 0.0, 0.0]);
        gallery.remove_subject(&"person 3".to_owned());
        gallery.insert("new".into(), &[0.0, 0.0, 0.0, 1.0]);
    }
    for probe in [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.8]] {
        assert_eq!(after.search(&probe, 9), before.search(&probe, 9));
    }
    assert_eq!((after.len(), after.subjects()), (before.len(), before.subjects()));
    assert_eq!(load(&saved(&gallery(0))).unwrap().len(), 0);
}

#[test]
fn a_change_of_any_byte_is_noticed() {
    let bytes = saved(&gallery(5));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let error = load(&damaged).expect_err("byte {at}");
        assert!(error.to_string().contains("rebuild"), "byte {at}: {error}");
    }
}

#[test]
fn a_file_that_is_too_short_or_too_long_is_refused() {
    let mut bytes = saved(&gallery(5));
    for length in 0..bytes.len() {
        assert!(load(&bytes[..length]).is_err(), "{length} bytes");
    }
    bytes.push(0);
    assert!(matches!(load(&bytes), Err(SnapshotError::Damaged { .. })));
}

#[test]
fn a_snapshot_of_another_state_is_stale_and_another_file_is_none() {
    let bytes = saved(&gallery(5));
    assert!(matches!(Gallery::load(&mut &bytes[..], b"model 1, version 8", decode), Err(SnapshotError::Stale)));
    assert!(matches!(load(b"SQLite format 3\0 and so on"), Err(SnapshotError::NotASnapshot)));
    assert!(gallery(1).save(&mut Vec::new(), &[0; 5_000], encode).is_err());
}

/// A gallery file with other words in its header, and the right checksum over them.
fn with_header(embeddings: u16, change: impl FnOnce(&mut [u64; 7])) -> Vec<u8> {
    let mut bytes = saved(&gallery(embeddings));
    // Behind the magic, the version with the length of the stamp, and the stamp, each with its checksum.
    let header = 8 + 16 + 4 + "model 1, version 7".len() + 4;
    let (header, rest) = bytes[header..].split_at_mut(56);
    let mut words = std::array::from_fn(|at| u64::from_le_bytes(header[8 * at..][..8].try_into().unwrap()));
    change(&mut words);
    header.copy_from_slice(&words.map(u64::to_le_bytes).concat());
    rest[..4].copy_from_slice(&crc32fast::hash(header).to_le_bytes());
    bytes
}

#[test]
fn lengths_in_a_header_are_not_trusted() {
    assert!(load(&with_header(5, |_| ())).is_ok());
    // The last three are no lengths.
    for field in 0..7 {
        for size in [1 << 33, 1 << 45, 1 << 61, u64::MAX - 15, u64::MAX] {
            assert!(load(&with_header(5, |words| words[field] = size)).is_err() || field >= 4, "{field} {size}");
        }
    }
    // No row contradicts the dimension of an empty gallery.
    assert!(load(&with_header(0, |_| ())).is_ok());
    assert!(load(&with_header(0, |words| words[0] = 1 << 50)).is_err());
    // Two wrong ones, whose product may be right or small.
    for (one, other) in [(0, 1), (0, 6), (1, 6)] {
        for size in [1 << 33, 1 << 58, u64::MAX] {
            for with in [0, 1] {
                let file = with_header(5, |words| (words[one], words[other]) = (size, with));
                assert!(load(&file).is_err(), "{one} {other} {size} {with}");
            }
        }
    }
}
