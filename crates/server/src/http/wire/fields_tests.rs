use bytes::Bytes;

use super::*;
use crate::error::Error as FlowError;

const IMG: Parameter = Parameter::optional("img", Kind::Picture, "");
const IMAGES: Parameter = Parameter::required("img0", Kind::Pictures, "");
const NAME: Parameter = Parameter::optional("name", Kind::Label, "");
const SWITCH: Parameter = Parameter::optional("unknowns", Kind::Switch, "").or(&["other"]);
const THRESHOLD: Parameter = Parameter::optional("threshold", Kind::Score, "");
const FMR: Parameter = Parameter::optional("fmr", Kind::Rate, "");
const LIMIT: Parameter = Parameter::optional("limit", Kind::Count { most: 1_000 }, "");
const PERSON: Parameter = Parameter::required("enrollment_id", Kind::Id(Entity::Enrollment), "").or(&["id"]);
const COLLECTION: Parameter = Parameter::required("collection_id", Kind::Id(Entity::Collection), "");
const METADATA: Parameter = Parameter::optional("metadata", Kind::Object, "");

static ALL: &[Parameter] = &[IMAGES, NAME, SWITCH, THRESHOLD, FMR, LIMIT, PERSON, COLLECTION, METADATA];
static JSON: Endpoint = Endpoint { form: Form::Json("Body"), parameters: ALL };
static QUERY: Endpoint = Endpoint { form: Form::Query, parameters: ALL };
static PICTURE: Endpoint = Endpoint { form: Form::Picture("Picture"), parameters: &[IMG, SWITCH] };

fn read(endpoint: &Endpoint, body: impl Into<Bytes>, query: &'static str) -> Result<Fields<'static>, Error> {
    Fields::read(endpoint, Box::leak(Box::new(Upload::of(body.into()))), query, false)
}

fn parse(json: impl Into<String>) -> Fields<'static> {
    read(&JSON, json.into(), "").unwrap()
}

fn refusal(body: impl Into<Bytes>) -> String {
    read(&JSON, body, "").map(|_| ()).unwrap_err().to_string()
}

#[test]
fn images_come_in_the_order_of_their_numbers_with_gaps() {
    let fields = parse(r#"{"img10": "AQ==", "img2": "Ag==", "img0": null, "img": "AA==", "imgx": 1, "name": "n"}"#);
    let names: Vec<_> = fields.pictures(3).unwrap().into_iter().map(|picture| picture.field.unwrap()).collect();
    assert_eq!(names, ["img", "img2", "img10"]);
    let fields = parse(r#"{"img0": "", "img1": "", "img2": "", "img3": ""}"#);
    assert!(matches!(fields.pictures(3), Err(Error::TooManyImages { sent: 4, limit: 3 })));
}

#[test]
fn errors_name_the_field() {
    let fields = parse(
        r#"{"img3": "???", "name": 7, "threshold": [1], "other": {"a": 1}, "limit": 0.5, "fmr": 0, "metadata": [1]}"#,
    );
    let messages = [
        fields.pictures(3).map(drop),
        fields.picture(&IMG).map(drop),
        fields.label(&NAME).map(drop),
        fields.number(&THRESHOLD).map(drop),
        fields.switch(&SWITCH).map(drop),
        fields.count(&LIMIT).map(drop),
        fields.number(&FMR).map(drop),
        fields.object(&METADATA).map(drop),
        fields.required_id(&PERSON).map(drop),
    ]
    .map(|result| result.unwrap_err().to_string());
    assert_eq!(
        messages,
        [
            "\"img3\" is not valid base64: send the image file's bytes in base64, with or without a data: prefix",
            "\"img\" is missing: send an image in base64",
            "\"name\" must be a string, not a number",
            "\"threshold\" must be a number, not an array",
            "\"other\" must be a boolean, not an object",
            "\"limit\" must be a whole number from 1 to 1000",
            "\"fmr\" must be above 0 and at most 0.1, such as 1e-4",
            "\"metadata\" must be a JSON object",
            "\"enrollment_id\" is missing: send the id of an enrollment",
        ]
    );
}

#[test]
fn switches_are_read_as_old_clients_send_them() {
    let read = |value: &str| parse(format!("{{\"unknowns\": {value}}}")).switch(&SWITCH);
    for on in ["true", "1", "\"true\"", "\"YES\"", "\"1\"", "\"\""] {
        assert_eq!(read(on).unwrap(), Some(true), "{on}");
    }
    for off in ["false", "0", "\"false\"", "\"no\"", "\"0\""] {
        assert_eq!(read(off).unwrap(), Some(false), "{off}");
    }
    assert!(read("\"maybe\"").unwrap_err().to_string().contains("true, 1, yes"));
    assert_eq!(read("null").unwrap(), None);
}

#[test]
fn bodies_that_are_no_object_are_refused_with_the_place() {
    for body in ["[1]", "\"x\"", "{\"a\":", "{a: 1}", "null", "{} {}"] {
        assert!(matches!(read(&JSON, body, ""), Err(Error::NotJson { .. })), "{body}");
    }
    assert!(matches!(read(&JSON, " \r\n", ""), Err(Error::EmptyBody { .. })));
    assert!(read(&JSON, "\u{feff} {\"a\": 1}", "").is_ok(), "a byte order mark");
    let twice = serde_json::to_string(r#"{"name": "Zebra Quokka"}"#).unwrap();
    let message = refusal(twice);
    assert!(message.contains("encoded twice") && !message.contains("Zebra"), "{message}");
}

#[test]
fn forms_are_recognised_for_what_they_are() {
    let form =
        "--5f\r\nContent-Disposition: form-data; name=\"image\"; filename=\"me.jpg\"\r\n\r\n\u{ff}\r\n--5f--\r\n";
    for endpoint in [&JSON, &PICTURE] {
        assert!(matches!(read(endpoint, form, ""), Err(Error::Multipart)));
    }
    assert!(matches!(read(&JSON, "--not json", ""), Err(Error::NotJson { .. })));
}

#[test]
fn only_known_members_are_kept_and_neither_their_number_nor_their_depth_is_unbounded() {
    let fields = parse(r#"{"a": {"name": "no"}, "name": "yes", "b": [1, {"c": "\"}]"}], "img99999999999": 1}"#);
    assert_eq!(fields.values.len(), 1);
    assert_eq!(fields.label(&NAME).unwrap().as_deref(), Some("yes"));

    let members = |count: usize| format!("{{{}}}", vec!["\"aaaaa\":0"; count].join(","));
    assert!(read(&JSON, members(1_000), "").is_ok());
    assert!(refusal(members(1_001)).contains("more than 1000 parameters"));

    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&JSON, nested(31), "").is_ok());
    assert!(refusal(nested(32)).contains("more than 32 deep"));
    assert!(refusal("[".repeat(1_000_000)).contains("more than 32 deep"));
    assert!(read(&JSON, format!(r#"{{"name": "{}", "a,a": ",,,"}}"#, "[{\\\"".repeat(2_000)), "").is_ok());
}

#[test]
fn objects_are_stored_without_the_space_between_their_parts() {
    let fields = parse("{\"metadata\": {\n  \"a b\" : [ 1, 2.50 ],\r\n\t\"c\\\" \\\\\": \" d\" } }");
    assert_eq!(fields.object(&METADATA).unwrap().unwrap(), r#"{"a b":[1,2.50],"c\" \\":" d"}"#);
    let spacious =
        |bytes: usize| parse(format!("{{\"metadata\": {{\"a\": {}\"{}\"}}}}", " ".repeat(9_000), "x".repeat(bytes)));
    assert!(spacious(4_088).object(&METADATA).unwrap().is_some());
    assert!(spacious(4_089).object(&METADATA).unwrap_err().to_string().contains("longer than 4096 bytes"));
}

#[test]
fn query_parameters_fill_in_what_the_body_lacks() {
    let fields = read(&QUERY, r#"{"name": "B"}"#, "name=Q%20q&limit=4&limit=5&x=1").unwrap();
    assert_eq!(fields.label(&NAME).unwrap().as_deref(), Some("B"));
    assert_eq!(fields.count(&LIMIT).unwrap(), Some(5));
    let (junk, query) = (Upload::of(Bytes::from_static(b"--boundary")), "name=Q%20q");
    let lenient = Fields::read(&QUERY, &junk, query, true).unwrap();
    assert_eq!(lenient.label(&NAME).unwrap().as_deref(), Some("Q q"));
    assert!(Fields::read(&QUERY, &junk, query, false).is_err());
    assert_eq!(read(&JSON, "{}", "name=Q").unwrap().label(&NAME).unwrap(), None, "queries end up in logs");
}

#[test]
fn a_picture_is_the_body_or_stands_in_an_object() {
    let file = read(&PICTURE, &b"\xff\xd8\xff"[..], "unknowns").unwrap();
    assert_eq!(file.picture(&IMG).unwrap().bytes.len(), 3);
    assert_eq!(file.switch(&SWITCH).unwrap(), Some(true));
    let object = read(&PICTURE, &b" {\"img\": \"AAAA\"}"[..], "").unwrap().picture(&IMG).unwrap();
    assert_eq!((object.field.as_deref(), object.bytes.len()), (Some("img"), 3));
    assert!(matches!(read(&PICTURE, " ", ""), Err(Error::EmptyBody { .. })));
}

#[test]
fn ids_of_another_kind_are_not_found_and_endless_ones_are_refused() {
    let enrollment = Id::new(vultus_store::Kind::Enrollment, 1, [1; 8]).to_string();
    let fields = parse(format!("{{\"collection_id\": \"{enrollment}\", \"id\": \"{}\"}}", "A".repeat(513)));
    let wrong = fields.required_id(&COLLECTION).unwrap_err();
    assert!(matches!(wrong, Error::Flow(FlowError::NotFound(Entity::Collection))));
    assert!(matches!(fields.id(&PERSON), Err(Error::WrongValue { .. })));
}
