//! A decoder that has seen another picture gives what a new one gives.
//!
//! An input is two files: four bytes with the length of the first (most significant byte first), then both.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus_vision::{Decoder, Limits};

/// Small pictures, so that time goes into variety.
const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 16 };

fuzz_target!(|bytes: &[u8]| {
    let Some((length, files)) = bytes.split_first_chunk() else { return };
    let (first, second) = files.split_at((u32::from_be_bytes(*length) as usize).min(files.len()));
    let mut used = Decoder::new(LIMITS);
    if let Ok(image) = used.decode(first) {
        used.recycle(image);
    }
    assert_eq!(used.decode(second), Decoder::new(LIMITS).decode(second));
});
