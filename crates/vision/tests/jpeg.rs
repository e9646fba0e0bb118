//! Every JPEG is decoded wholly or refused, however its data are arranged.
//!
//! The files of `data/jpeg` hold the same coefficients in different arrangements: `whole` in one scan, `scans` with a scan
//! for each component, and so on; `wide` and `full` are the same with other subsampling.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use vultus_vision::{DecodeError, Decoder, Image, Limits};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/jpeg")).join(name).with_extension("jpg"))
        .unwrap()
}

fn decode(bytes: &[u8]) -> Result<Image, DecodeError> {
    Decoder::new(Limits::default()).decode(bytes)
}

/// The files by subsampling; the first of each is in one scan.
const GROUPS: [&[&str]; 3] = [
    &["whole", "restart", "scans", "scans-restart", "progressive", "progressive-restart"],
    &["wide", "wide-scans"],
    &["full", "full-scans", "full-progressive"],
];

fn files() -> impl Iterator<Item = &'static str> {
    GROUPS.into_iter().flatten().copied()
}

/// Where the data of the first scan begin.
fn data_start(jpeg: &[u8]) -> usize {
    let scan = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    scan + 2 + usize::from(jpeg[scan + 3])
}

#[test]
fn the_arrangement_of_the_data_does_not_change_the_picture() {
    for group in GROUPS {
        let whole = decode(&file(group[0])).unwrap();
        for name in &group[1..] {
            let image = decode(&file(name)).unwrap();
            assert_eq!((image.width(), image.height()), (whole.width(), whole.height()), "{name}");
            let apart = image.pixels().iter().zip(whole.pixels()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(apart <= 2, "{name} is {apart} apart");
        }
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    for name in files() {
        let jpeg = file(name);
        let whole = decode(&jpeg).unwrap();
        assert_eq!(decode(&jpeg[..jpeg.len() - 2]).unwrap(), whole, "{name} without its end marker is whole");
        for length in 2..jpeg.len() - 2 {
            let part = &jpeg[..length];
            let ended = [part, &[0xFF, 0xD9]].concat();
            for (cut, what) in [(part, "cut"), (&ended, "cut and ended")] {
                // The last bits may be those that padding has.
                let lost = decode(cut).is_err() || decode(cut).unwrap() == whole && length + 4 > jpeg.len();
                assert!(lost, "{name}, {what} after {length} of {} bytes", jpeg.len());
            }
        }
        assert_eq!(decode(&jpeg[..jpeg.len() / 2]).unwrap_err(), DecodeError::Truncated, "{name}");
    }
}

#[test]
fn a_restart_interval_that_is_missing_is_noticed() {
    for name in ["restart", "scans-restart", "progressive-restart"] {
        let jpeg = file(name);
        let restarts: Vec<usize> =
            (data_start(&jpeg)..jpeg.len() - 1).filter(|&i| jpeg[i] == 0xFF && jpeg[i + 1] & 0xF8 == 0xD0).collect();
        for pair in restarts.windows(2).take(8) {
            let without = [&jpeg[..pair[0]], &jpeg[pair[1]..]].concat();
            assert!(decode(&without).is_err(), "{name} without bytes {pair:?}");
            let emptied = [&jpeg[..pair[0] + 2], &jpeg[pair[1]..]].concat();
            assert!(decode(&emptied).is_err(), "{name} with nothing in bytes {pair:?}");
        }
    }
}

#[test]
fn what_surrounds_a_picture_does_not_matter() {
    let start = [0xFF, 0xD8].as_slice();
    let segment =
        |code: u8, body: &[u8]| [&[0xFF, code], (body.len() as u16 + 2).to_be_bytes().as_slice(), body].concat();
    for name in files() {
        let jpeg = file(name);
        let whole = decode(&jpeg).unwrap();
        let (head, data) = jpeg.split_at(data_start(&jpeg));
        let tables = head.windows(2).position(|pair| pair == [0xFF, 0xDB]).unwrap();
        let exif = [b"Exif\0\0".as_slice(), &file("full")].concat();
        let variants = [
            ("trailing bytes", [&jpeg, b"trailing \xFF\xDA bytes".as_slice()].concat()),
            ("a second picture", [jpeg.as_slice(), &file("full")].concat()),
            ("a thumbnail", [start, &segment(0xE1, &exif), &jpeg[2..]].concat()),
            ("a comment", [start, &segment(0xFE, &[0xFF; 300]), &jpeg[2..]].concat()),
            ("an unknown segment", [start, &segment(0xEB, b"JP"), &jpeg[2..]].concat()),
            ("fill bytes", [&head[..tables], &[0xFF; 3], &head[tables..], data].concat()),
            ("stray bytes", [&head[..tables], &[0x00, 0x17, 0x00, 0x17, 0x00], &head[tables..], data].concat()),
            ("fill before the end", [&jpeg[..jpeg.len() - 2], &[0xFF; 16], &[0xD9]].concat()),
        ];
        for (what, bytes) in variants {
            assert!(decode(&bytes).is_ok_and(|image| image == whole), "{name} with {what}: {:?}", decode(&bytes));
        }
    }
}

/// A grey picture of zero blocks: the scan header twice, with one row of data between them.
fn one_row_of(width: u16, height: u16) -> Vec<u8> {
    let [w, h] = [width, height].map(u16::to_be_bytes);
    let scan: &[u8] = &[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
    let code = |class: u8| [&[0xFF, 0xC4, 0, 20, class, 1], [0; 15].as_slice(), &[0]].concat();
    // A bit for the DC and one for the AC coefficients of each block.
    let row = vec![0; usize::from(width) / 32];
    [
        &[0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0],
        [1; 64].as_slice(),
        &[0xFF, 0xC0, 0, 11, 8, h[0], h[1], w[0], w[1], 1, 1, 0x11, 0],
        &code(0x00),
        &code(0x10),
        scan,
        &row,
        scan,
        &[0xFF, 0xD9],
    ]
    .concat()
}

#[test]
fn rows_that_a_file_does_not_have_are_not_those_of_the_last_picture() {
    let mut decoder = Decoder::new(Limits::default());
    let jpeg = one_row_of(64, 64);
    assert!(jpeg.len() < 166, "{}", jpeg.len());
    let image = decoder.decode(&file("full")).unwrap();
    decoder.recycle(image);
    assert!(matches!(decoder.decode(&jpeg), Err(DecodeError::Corrupt(_))), "{:?}", decoder.decode(&jpeg));

    // The same with the other markers that end a scan early.
    for code in [0xC4, 0xDB, 0xDD, 0xFE, 0xE5] {
        let whole = file("whole");
        let middle = data_start(&whole) + 40;
        let early = [&whole[..middle], &[0xFF, code, 0, 2, 0xFF, 0xD9]].concat();
        assert!(decoder.decode(&early).is_err(), "marker {code:X}");
    }
    assert!(decode(&one_row_of(64, 8)).is_ok(), "a row is enough for a picture of one row");
}
