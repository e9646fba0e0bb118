//! Payloads written after the published forms of the standard; the people do not exist.

use proptest::prelude::*;

use super::*;

/// Version 8, as the standard's annex D lays it out.
const V8: &str = "@\n\u{1e}\rANSI 636000080002DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDDEN\nDACMICHAEL\nDDFN\nDADJOHN\n\
    DDGN\nDCUJR\nDCAD\nDCBK\nDCDPH\nDBD06062019\nDBB06061986\nDBA12102024\nDBC1\nDAU068 IN\nDAYBRO\n\
    DAG2300 WEST BROAD STREET\nDAIRICHMOND\nDAJVA\nDAK232690000  \nDCF2424244747474786102204\nDCGUSA\nDAW165\nDDK1\r\
    ZVZVA01\r";

#[test]
fn version_8() {
    let licence = parse(V8).unwrap();
    let header = &licence.header;
    assert_eq!((header.issuer.as_str(), header.jurisdiction), ("636000", Some("VA")));
    assert_eq!((header.version, header.issuer_version), (8, Some(0)));
    assert_eq!(licence.family_name.as_deref(), Some("SAMPLE"));
    assert_eq!(licence.first_name.as_deref(), Some("MICHAEL"));
    assert_eq!((licence.middle_names.as_deref(), licence.suffix.as_deref()), (Some("JOHN"), Some("JR")));
    assert_eq!(licence.number.as_deref(), Some("T64235789"));
    assert_eq!((licence.birth, licence.issue), (Date::new(1986, 6, 6), Date::new(2019, 6, 6)));
    assert_eq!(licence.expiry, Date::new(2024, 12, 10));
    assert_eq!((licence.height, licence.weight), (Some(Height::Inches(68)), Some(Weight::Pounds(165))));
    assert_eq!((licence.postal_code.as_deref(), licence.sex), (Some("23269"), Some(Sex::Male)));
    assert_eq!(licence.element("ZVA"), Some("01"));
    assert_eq!(element_name("DCF"), Some("document discriminator"));
}

#[test]
fn other_separators_change_nothing() {
    let expected = parse(V8).unwrap();
    for separator in ["|", "\r\n", "\u{90}\n"] {
        assert_eq!(parse(&V8.replacen('\n', "\u{1}", 1).replace('\n', separator)).unwrap(), expected);
    }
}

#[test]
fn version_1_and_the_older_header() {
    let old = "@\n\u{1e}\rAAMVA6360060101DL00290179DAASAMPLE,MARIA,LUISA ANA,JR\nDAG1 MAIN ST\nDAJCT\nDAQ990000001\n\
        DBA20250101\nDBB19610102\nDBC2\nDAU506\nDARD   \n";
    let licence = parse(old).unwrap();
    assert_eq!(licence.header.version, 1);
    assert_eq!((licence.family_name.as_deref(), licence.first_name.as_deref()), (Some("SAMPLE"), Some("MARIA")));
    assert_eq!((licence.middle_names.as_deref(), licence.suffix.as_deref()), (Some("LUISA ANA"), Some("JR")));
    assert_eq!((licence.birth, licence.height), (Date::new(1961, 1, 2), Some(Height::Inches(66))));
    assert_eq!((licence.class.as_deref(), licence.country.as_deref()), (Some("D"), Some("USA")));
}

#[test]
fn canada_writes_the_year_first_and_metric_units() {
    let card = "@\n\u{1e}\rANSI 636012030001DL00310200DLDCSSAMPLE\nDCTANNA,MARIE\nDBB19930204\nDBA20280204\nDBC2\nDAU155 CM\n\
        DAX050\nDAJON\nDAKK1A 0B1\nDAQS1234-56789-30204\n";
    let licence = parse(card).unwrap();
    assert_eq!((licence.birth, licence.height), (Date::new(1993, 2, 4), Some(Height::Centimetres(155))));
    assert_eq!((licence.first_name.as_deref(), licence.middle_names.as_deref()), (Some("ANNA"), Some("MARIE")));
    assert_eq!((licence.weight, licence.country.as_deref()), (Some(Weight::Kilograms(50)), Some("CAN")));
    let american = card.replace("19930204", "02041993");
    assert_eq!(parse(&american).unwrap().birth, licence.birth);
}

#[test]
fn other_texts_are_errors() {
    for text in ["", "hello", "ANSI ", "ANSI 63600", "AAMVA standard"] {
        assert_eq!(parse(text), Err(Error::Header), "{text}");
    }
    assert_eq!(parse("@\n\u{1e}\rANSI 636000080002"), Err(Error::Elements));
}

proptest! {
    #[test]
    fn hostile_payloads_do_no_harm(text in "(@\n.\rANSI |AAMVA)?[0-9]{0,12}(DL[0-9]{8})?(DL)?([DZ][A-Z]{2}.{0,12}[\n|])*.{0,40}") {
        let _ = parse(&text);
    }
}
