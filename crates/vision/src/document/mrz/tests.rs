//! The specimens of Doc 9303 and of the states, and what must not happen to damaged ones.

use proptest::prelude::*;

use super::*;

fn today() -> Date {
    Date::new(2026, 11, 21).unwrap()
}

const TD3: [&str; 2] = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
const TD1: [&str; 3] =
    ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"];

#[test]
fn passport() {
    let mrz = parse(&TD3, today()).unwrap();
    assert_eq!(mrz.format, Format::Td3);
    assert_eq!((mrz.code.as_str(), mrz.issuer.as_str(), mrz.nationality.as_str()), ("P", "UTO", "UTO"));
    assert_eq!((mrz.surname.as_str(), mrz.given_names.as_str()), ("ERIKSSON", "ANNA MARIA"));
    assert_eq!((mrz.number.as_str(), mrz.optional.as_slice()), ("L898902C3", ["ZE184226B".to_owned()].as_slice()));
    assert_eq!((mrz.birth, mrz.expiry), (Date::new(1974, 8, 12), Date::new(2012, 4, 15)));
    assert_eq!(mrz.sex, Some(Sex::Female));
    assert!(mrz.all_hold() && mrz.checks.len() == 5, "{:?}", mrz.checks);
}

#[test]
fn cards_and_visas() {
    let td1 = parse(&TD1, today()).unwrap();
    assert_eq!((td1.format, td1.number.as_str(), td1.surname.as_str()), (Format::Td1, "D23145890", "ERIKSSON"));
    assert!(td1.all_hold() && td1.optional.is_empty());
    let td2 =
        parse(&["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"], today()).unwrap();
    assert!(td2.format == Format::Td2 && td2.all_hold());
    let visa = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"];
    let visa = parse(&visa, today()).unwrap();
    assert!(visa.format == Format::MrvA && visa.all_hold() && visa.optional == ["6ZE184226B"]);
    let small =
        parse(&["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"], today()).unwrap();
    assert!(small.format == Format::MrvB && small.all_hold() && small.checks.len() == 3);
}

#[test]
fn french_card_and_driving_licence() {
    let card =
        parse(&["IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<", "9409923102854CORINNE<<<<<<<6512068F4"], today()).unwrap();
    assert_eq!((card.surname.as_str(), card.given_names.as_str()), ("BERTHIER", "CORINNE"));
    assert_eq!((card.number.as_str(), card.birth), ("940992310285", Date::new(1965, 12, 6)));
    assert!(card.all_hold() && card.expiry.is_none());
    let licence = parse(&["D1FRA13AA000026181231MARTIN<<9"], today()).unwrap();
    assert_eq!((licence.number.as_str(), licence.surname.as_str()), ("13AA00002", "MARTIN"));
    assert_eq!(licence.expiry, Date::new(2018, 12, 31));
    assert!(licence.all_hold());
    let other = parse(&["D1FRB13AA000026181231MARTIN<<9"], today()).unwrap();
    assert_eq!((other.format, other.failed().count()), (Format::DrivingLicence, 1));
}

#[test]
fn a_long_number_goes_on_in_the_optional_data() {
    let lines = ["I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"];
    let mrz = parse(&lines, today()).unwrap();
    assert_eq!(mrz.number, "D23145890734");
    assert!(mrz.all_hold() && mrz.checks[0].continued && mrz.optional.is_empty());
}

#[test]
fn failed_digits_are_named() {
    let line = TD3[1].replace("7408122", "7408132");
    let mrz = parse(&[TD3[0], &line], today()).unwrap();
    assert_eq!(mrz.failed().collect::<Vec<_>>(), [Checked::Birth, Checked::Composite]);
    assert_eq!((mrz.checks[1].printed, mrz.checks[1].computed), ('2', 3));
}

#[test]
fn other_shapes_are_errors() {
    assert_eq!(parse(&TD1[..2], today()), Err(Error::Shape { lines: 2, length: 30 }));
    assert_eq!(parse(&[""; 0], today()), Err(Error::Shape { lines: 0, length: 0 }));
    assert_eq!(parse(&[TD3[0], &TD3[1].replace('C', "é")], today()), Err(Error::Character { line: 2, column: 8 }));
}

#[test]
fn misread_characters_are_corrected_where_a_digit_proves_it() {
    let line = TD3[1].replace("L898902C3", "L8989O2C3").replace("7408122", "74OB1Z2");
    let mrz = corrected(&[TD3[0], &line], today()).unwrap();
    assert_eq!(mrz.lines, TD3);
    assert!(mrz.all_hold());
    let columns: Vec<_> = mrz.corrections.iter().map(|c| (c.line, c.column, c.read, c.corrected)).collect();
    assert_eq!(columns, [(1, 5, 'O', '0'), (1, 15, 'O', '0'), (1, 16, 'B', '8'), (1, 18, 'Z', '2')]);
}

#[test]
fn nothing_is_corrected_without_proof() {
    // No digit covers names; a forged digit is not explained away by reading another character as a letter.
    for lines in [
        [TD3[0].replace("ERIKSSON", "ER1KSS0N"), TD3[1].into()],
        [TD3[0].into(), TD3[1].replace("C36", "C33")],
        [TD3[0].into(), TD3[1].replace("8902C3", "8802C3")],
    ] {
        let mrz = corrected(&lines, today()).unwrap();
        assert_eq!((mrz.lines.as_slice(), mrz.corrections.len()), (lines.as_slice(), 0));
    }
}

proptest! {
    #[test]
    fn hostile_lines_do_no_harm(lines in prop::collection::vec("[A-Z0-9<]{28,46}|.{0,50}", 0..4)) {
        let _ = corrected(&lines, today());
    }

    #[test]
    fn damaged_zones_parse(line in "[A-Z0-9<]{44}", other in "[A-Z0-9<]{44}") {
        let mrz = corrected(&[line, other], today()).unwrap();
        prop_assert_eq!(mrz.lines.len(), 2);
    }

    #[test]
    fn cards_of_any_characters_parse(lines in prop::collection::vec("[A-Z0-9<]{30}", 3)) {
        prop_assert!(corrected(&lines, today()).is_ok());
    }
}
