//! Any text is base64 or not, and the same bytes as for another decoder.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus::http::wire::fuzzing;

fuzz_target!(|text: &str| fuzzing::base64(text));
