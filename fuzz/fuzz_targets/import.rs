//! Any file is an exported collection or an error. Where its last line has to be true, it also passes without that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus::model::Model;
use vultus::transfer::{Completeness, check};

fuzz_target!(|file: &[u8]| {
    let model = Model { name: "m".to_owned(), dimension: 2 };
    let lenient = check(file, &model, Completeness::Ignored);
    if let Ok(members) = check(file, &model, Completeness::Required) {
        assert_eq!(lenient.ok(), Some(members));
    }
});
