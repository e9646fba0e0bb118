//! Any body and query string are the parameters of an endpoint or an error, and the same values as for another parser.
//!
//! The input is the query string, a line end, and the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus::http::wire::fuzzing;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (query, body) = input.split_at(end);
    fuzzing::fields(body, std::str::from_utf8(query).unwrap_or_default());
});
