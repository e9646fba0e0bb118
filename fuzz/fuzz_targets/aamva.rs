//! Any text is a payload or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus_vision::document::aamva;

fuzz_target!(|text: &str| {
    if let Ok(licence) = aamva::parse(text) {
        assert!(!licence.elements.is_empty() && licence.elements.iter().all(|element| element.id.len() == 3));
    }
});
