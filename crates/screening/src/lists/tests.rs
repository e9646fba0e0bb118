use super::*;
use crate::entity::{Gender, Kind, NameKind};

fn file<'a>(name: &'a str, text: &'a str) -> File<'a> {
    File { name, bytes: text.as_bytes() }
}

fn one(files: &[File<'_>]) -> List {
    let mut lists = read(files).unwrap();
    assert_eq!(lists.len(), 1);
    lists.remove(0)
}

fn names(entity: &Entity) -> Vec<(&str, NameKind)> {
    entity.names.iter().map(|name| (name.full.as_str(), name.kind)).collect()
}

const UN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z">
 <INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>Ivo</FIRST_NAME><SECOND_NAME>Tarn &amp; Sons</SECOND_NAME>
  <THIRD_NAME>na</THIRD_NAME><UN_LIST_TYPE>DRC</UN_LIST_TYPE><GENDER>Male</GENDER>
  <NATIONALITY><VALUE>Democratic Republic of the Congo</VALUE></NATIONALITY>
  <INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>The Fox</ALIAS_NAME></INDIVIDUAL_ALIAS>
  <INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
  <INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1973</FROM_YEAR><TO_YEAR>1974</TO_YEAR></INDIVIDUAL_DATE_OF_BIRTH>
  <INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT><NUMBER>K1</NUMBER></INDIVIDUAL_DOCUMENT>
  <NAME_ORIGINAL_SCRIPT>Иво Тарн</NAME_ORIGINAL_SCRIPT></INDIVIDUAL></INDIVIDUALS>
 <ENTITIES><ENTITY><DATAID>2</DATAID><FIRST_NAME>Grey Air (GA) ; Grey Lines</FIRST_NAME></ENTITY></ENTITIES>
</CONSOLIDATED_LIST>"#;

#[test]
fn un_list_is_read() {
    let list = one(&[file("consolidated.xml", UN)]);
    assert_eq!((list.version.source, list.version.entries), (Source::UnConsolidated, 2));
    assert_eq!(list.version.date.as_deref(), Some("2026-02-27"));
    assert_eq!(list.version.sha256.len(), 64);
    let person = &list.entities[0];
    let expected =
        [("Ivo Tarn & Sons", NameKind::Primary), ("Иво Тарн", NameKind::Alias), ("The Fox", NameKind::WeakAlias)];
    assert_eq!(names(person), expected);
    assert_eq!((person.kind, person.gender), (Kind::Person, Some(Gender::Male)));
    assert_eq!(person.births[0].to_string(), "1973 to 1974");
    assert_eq!(person.nationalities[0].code(), "cd");
    assert_eq!((person.ids[0].kind.as_str(), person.ids[0].number.as_str()), ("Passport", "K1"));
    assert_eq!(names(&list.entities[1]), [("Grey Air (GA)", NameKind::Primary), ("Grey Lines", NameKind::Alias)]);
}

const PRIMARY: &str = "7,\"TARN, Ivo\",\"individual\",\"SDGT] [IFSR\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"DOB circa 1961; \
    alt. DOB 29 Jun 1962; nationality Iran; Gender Male; Passport A1 (Iran); a.k.a. 'FO\"\r\n\
    8,\"GREY STAR\",\"vessel\",\"CUBA\",-0- ,\"X9\",-0- ,-0- ,-0- ,\"Panama\",-0- ,-0- \r\n\u{1a}";
const ALIASES: &str = "7,1,\"aka\",\"TARNE, Ivo\",-0- \r\n";

#[test]
fn ofac_set_is_read_as_one_list() {
    let addresses = "7,9,\"1 High Street\",\"Tehran\",\"Iran\",-0- \r\n";
    let comments = "7,\"X'.\"\r\n";
    let files = [
        file("add.csv", addresses),
        file("sdn.csv", PRIMARY),
        file("sdn_comments.csv", comments),
        file("alt.csv", ALIASES),
    ];
    let list = one(&files);
    assert_eq!(list.version.source, Source::OfacSdn);
    let person = &list.entities[0];
    let expected = [("TARN, Ivo", NameKind::Primary), ("FOX", NameKind::WeakAlias), ("TARNE, Ivo", NameKind::Alias)];
    assert_eq!(names(person), expected);
    assert_eq!(person.births.iter().map(ToString::to_string).collect::<Vec<_>>(), ["circa 1961", "1962-06-29"]);
    assert_eq!(person.programs, ["SDGT", "IFSR"]);
    assert_eq!(person.ids[0].country.map(|c| c.to_string()).as_deref(), Some("ir"));
    assert_eq!(person.addresses[0].text, "1 High Street, Tehran");
    assert_eq!((list.entities[1].kind, list.entities[1].nationalities[0].code()), (Kind::Vessel, "pa"));
    let shuffled = [files[3], files[1], files[0], files[2]];
    assert_eq!(one(&shuffled).version.sha256, list.version.sha256);
}

#[test]
fn advanced_xml_is_read() {
    let text = r#"<Sanctions xmlns="urn:x"><DateOfIssue><Year>2025</Year><Month>3</Month><Day>4</Day></DateOfIssue>
<ReferenceValueSets><PartyTypeValues><PartyType ID="1">Individual</PartyType></PartyTypeValues>
<PartySubTypeValues><PartySubType ID="4" PartyTypeID="1">Unknown</PartySubType></PartySubTypeValues>
<FeatureTypeValues><FeatureType ID="8">Birthdate</FeatureType><FeatureType ID="10">Nationality Country</FeatureType>
<FeatureType ID="224">Gender</FeatureType></FeatureTypeValues><CountryValues><Country ID="11070">Iran</Country></CountryValues>
<DetailReferenceValues><DetailReference ID="91526">Male</DetailReference></DetailReferenceValues>
<IDRegDocTypeValues><IDRegDocType ID="1571">Passport</IDRegDocType></IDRegDocTypeValues></ReferenceValueSets>
<Locations><Location ID="5"><LocationCountry CountryID="11070"/></Location></Locations>
<IDRegDocuments><IDRegDocument ID="1" IDRegDocTypeID="1571" IdentityID="30" IssuedBy-CountryID="11070"><IDRegistrationNo>A1</IDRegistrationNo></IDRegDocument></IDRegDocuments>
<DistinctParties><DistinctParty FixedRef="7"><Profile ID="7" PartySubTypeID="4"><Identity ID="30" Primary="true">
<Alias Primary="false" LowQuality="true"><DocumentedName><DocumentedNamePart><NamePartValue>Fox</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
<Alias Primary="true" LowQuality="false"><DocumentedName><DocumentedNamePart><NamePartValue>Tarn</NamePartValue></DocumentedNamePart><DocumentedNamePart><NamePartValue>Ivo</NamePartValue></DocumentedNamePart></DocumentedName></Alias></Identity>
<Feature FeatureTypeID="8"><FeatureVersion><DatePeriod><Start Approximate="false"><From><Year>1961</Year><Month>1</Month><Day>1</Day></From></Start><End><To><Year>1961</Year><Month>12</Month><Day>31</Day></To></End></DatePeriod></FeatureVersion></Feature>
<Feature FeatureTypeID="10"><FeatureVersion><VersionLocation LocationID="5"/></FeatureVersion></Feature>
<Feature FeatureTypeID="224"><FeatureVersion><VersionDetail DetailReferenceID="91526"/></FeatureVersion></Feature>
</Profile></DistinctParty></DistinctParties>
<SanctionsEntries><SanctionsEntry ProfileID="7"><SanctionsMeasure><Comment>SDGT</Comment></SanctionsMeasure></SanctionsEntry></SanctionsEntries></Sanctions>"#;
    let list = one(&[file("cons_advanced.xml", text)]);
    assert_eq!((list.version.source, list.version.date.as_deref()), (Source::OfacConsolidated, Some("2025-03-04")));
    let person = &list.entities[0];
    assert_eq!(names(person), [("Tarn Ivo", NameKind::Primary), ("Fox", NameKind::WeakAlias)]);
    assert_eq!(
        (person.kind, person.gender, person.births[0].to_string().as_str()),
        (Kind::Person, Some(Gender::Male), "1961")
    );
    assert_eq!(
        (person.nationalities[0].code(), person.programs[0].as_str(), person.ids[0].number.as_str()),
        ("ir", "SDGT", "A1")
    );
}

#[test]
fn eu_list_is_the_same_in_both_formats() {
    let text = r#"<export xmlns="http://eu.europa.ec/fpi/fsd/export" generationDate="2025-03-04T10:00:00"><sanctionEntity logicalId="13">
<regulation programme="IRQ"/><subjectType code="person" classificationCode="P"/>
<nameAlias firstName="Ivo" lastName="Tarn" wholeName="Ivo Tarn" gender="M" strong="true"/>
<nameAlias wholeName="Fox" strong="false"/><citizenship countryIso2Code="IQ"/>
<birthdate circa="true" year="1961" birthdate=""/><identification number="A1" identificationTypeDescription="Passport" countryIso2Code="IQ"/>
</sanctionEntity></export>"#;
    let xml = one(&[file("eu.xml", text)]);
    let table = "fileGenerationDate;Entity_LogicalId;Entity_SubjectType_ClassificationCode;Entity_Regulation_Programme;NameAlias_WholeName;\
        NameAlias_Gender;NameAlias_Strong;BirthDate_Year;BirthDate_Circa;Citizenship_CountryIso2Code;Identification_Number;\
        Identification_TypeDescription;Identification_CountryIso2Code\n\
        04/03/2025;13;P;IRQ;Ivo Tarn;M;true;;;;;;\n04/03/2025;13;P;IRQ;Fox;;false;;;;;;\n\
        04/03/2025;13;P;IRQ;;;;1961;true;;;;\n04/03/2025;13;P;IRQ;;;;;;IQ;A1;Passport;IQ\n";
    let csv = one(&[file("eu.csv", table)]);
    assert_eq!(xml.entities, csv.entities);
    assert_eq!((xml.version.date, csv.version.date), (Some("2025-03-04".into()), Some("2025-03-04".into())));
    assert_eq!(names(&xml.entities[0]), [("Ivo Tarn", NameKind::Primary), ("Fox", NameKind::WeakAlias)]);
    assert_eq!(xml.entities[0].births[0].to_string(), "circa 1961");
}

#[test]
fn uk_list_is_read_in_both_formats() {
    let text = "<Designations><DateGenerated>04/03/2025</DateGenerated><Designation><UniqueID>AFG0001</UniqueID><Names><Name><Name1>Fox</Name1>\
        <NameType>Alias</NameType></Name><Name><Name1>Ivo</Name1><Name6>TARN</Name6><NameType>Primary Name</NameType></Name></Names>\
        <RegimeName>Afghanistan</RegimeName><IndividualEntityShip>Individual</IndividualEntityShip><IndividualDetails><Individual>\
        <DOBs><DOB>dd/mm/1961</DOB></DOBs><Nationalities><Nationality>Iraq</Nationality></Nationalities><Genders><Gender>Male</Gender></Genders>\
        </Individual></IndividualDetails></Designation></Designations>";
    let xml = one(&[file("uk.xml", text)]);
    let table = "Report Date: 04-Mar-2025\nUnique ID,Name 6,Name 1,Name type,Alias strength,Regime Name,Designation Type,D.O.B,Nationality(/ies),Gender\n\
        AFG0001,TARN,Ivo,Primary Name,,Afghanistan,Individual,dd/mm/1961,Iraq,Male\nAFG0001,,Fox,Alias,,Afghanistan,Individual,,,\n";
    let csv = one(&[file("uk.csv", table)]);
    assert_eq!(xml.entities, csv.entities);
    assert_eq!((xml.version.date, csv.version.date), (Some("2025-03-04".into()), Some("2025-03-04".into())));
    assert_eq!(names(&csv.entities[0]), [("Ivo TARN", NameKind::Primary), ("Fox", NameKind::Alias)]);
    assert_eq!(
        (csv.entities[0].births[0].to_string().as_str(), csv.entities[0].nationalities[0].code()),
        ("1961", "iq")
    );
}

#[test]
fn lines_of_one_denied_person_are_one_entry() {
    let text = "\"Name\"\t\"Street_Address\"\t\"City\"\t\"State\"\t\"Country\"\t\"Postal_Code\"\t\"Standard_Order\"\n\
        \"IVO TARN\"\t\"1 A ST\"\t\"RENO\"\t\"NV\"\t\"US\"\t\"1\"\t\"Y\"\n\"IVO TARN\"\t\"2 B ST\"\t\"RENO\"\t\"NV\"\t\"US\"\t\"1\"\t\"Y\"\n\
        \"GREY TRADING LLC\"\t\"\"\t\"\"\t\"\"\t\"\"\t\"\"\t\"Y\"\n";
    let list = one(&[file("dpl.txt", text)]);
    assert_eq!(
        list.entities.iter().map(|e| (e.kind, e.addresses.len())).collect::<Vec<_>>(),
        [(Kind::Person, 2), (Kind::Organisation, 0)]
    );
}

#[test]
fn damaged_files_are_errors_that_name_them() {
    let fails = |files: &[File<'_>], word: &str| {
        let error = read(files).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    fails(&[file("un.xml", &UN[..UN.len() - 40])], "un.xml is damaged");
    fails(&[file("un.xml", &UN.replace("</DATAID>", "</DATA>"))], "un.xml is damaged");
    fails(&[file("un.xml", "<CONSOLIDATED_LIST></CONSOLIDATED_LIST>")], "no entries");
    fails(&[file("sdn.csv", PRIMARY)], "alt.csv");
    fails(&[file("sdn.csv", &PRIMARY[..80]), file("alt.csv", ALIASES)], "quoted cell");
    fails(&[file("sdn.csv", PRIMARY), file("alt.csv", "9,1,\"aka\",\"X\",-0- \n")], "entry 9");
    fails(&[file("uk.csv", "Name 6,Name 1,Unique ID\nA,B\n")], "line 2 has 2 columns");
    fails(&[file("un.xml", UN), file("un2.xml", UN)], "un2.xml");
    fails(&[file("holiday.jpg", "\u{ff}\u{d8}")], "not a sanctions list");
}
