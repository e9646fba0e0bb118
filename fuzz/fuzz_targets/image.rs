//! Any bytes are a picture within the limits or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus_vision::{Decoder, Limits};

/// Small pictures, so that time goes into variety.
const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 16 };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = Decoder::new(LIMITS).decode(bytes) {
        assert!(u64::from(image.width()) * u64::from(image.height()) <= LIMITS.max_pixels);
        assert_eq!(image.pixels().len(), 3 * image.width() as usize * image.height() as usize);
    }
});
