//! Any lines are a zone or an error, and a correction never leaves more failed digits than there were.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vultus_vision::document::date::Date;
use vultus_vision::document::mrz;

fuzz_target!(|text: &str| {
    let lines: Vec<&str> = text.lines().collect();
    let today = Date::new(2026, 11, 22).expect("a day of the calendar");
    let Ok(parsed) = mrz::parse(&lines, today) else {
        assert!(mrz::corrected(&lines, today).is_err());
        return;
    };
    let corrected = mrz::corrected(&lines, today).expect("the same lines parse");
    assert!(corrected.failed().count() <= parsed.failed().count());
    assert_eq!(corrected.corrections.is_empty(), corrected.lines == parsed.lines);
    assert!(!parsed.all_hold() || corrected == parsed);
});
