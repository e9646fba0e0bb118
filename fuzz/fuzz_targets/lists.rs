//! Any files are lists or an error, and what was read can be searched.
//!
//! The input is files with a zero byte between them; the first line of each is its name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus_screening::lists::{self, File};
use vultus_screening::{Query, Screener};

fuzz_target!(|input: &[u8]| {
    let files: Vec<File<'_>> = input
        .split(|byte| *byte == 0)
        .map(|file| {
            let end = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
            let name = std::str::from_utf8(&file[..end]).unwrap_or("list");
            File { name, bytes: file.get(end + 1..).unwrap_or_default() }
        })
        .collect();
    let Ok(read) = lists::read(&files) else { return };
    assert!(read.iter().all(|list| list.version.entries == list.entities.len() && !list.entities.is_empty()));
    let name = read[0].entities[0].names[0].full.clone();
    let screener = Screener::new(read);
    if let Ok(answer) = screener.search(&Query { name, ..Query::default() }, 0.0, 10) {
        assert!(answer.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score.score)));
    }
});
