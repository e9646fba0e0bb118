use super::*;

fn parse(json: &str) -> Fields<'_> {
    Fields::parse(json.as_bytes()).unwrap()
}

/// With the body, as an endpoint that takes pictures reads it.
fn parse_pictures(upload: &Upload) -> Fields<'_> {
    Fields { upload: Some(upload), ..Fields::parse(&upload.bytes).unwrap() }
}

#[test]
fn images_come_in_the_order_of_their_numbers_with_gaps() {
    let json = r#"{"img10": "AQ==", "img2": "Ag==", "img0": null, "img": "AA==", "imgx": 1, "name": "n"}"#;
    let upload = Upload::of(json);
    let fields = parse_pictures(&upload);
    let names: Vec<_> = fields.pictures(3).unwrap().into_iter().map(|picture| picture.field.unwrap()).collect();
    assert_eq!(names, ["img", "img2", "img10"]);
    assert!(matches!(fields.pictures(2), Err(Error::TooManyImages { sent: 3, limit: 2 })));
}

#[test]
fn errors_name_the_field() {
    let upload = Upload::of(r#"{"img3": "???", "name": 7, "threshold": [1], "unknowns": {"a": 1}, "limit": 0.5}"#);
    let fields = parse_pictures(&upload);
    let messages = [
        fields.picture("img3").unwrap_err(),
        fields.picture("img").unwrap_err(),
        fields.name().unwrap_err(),
        fields.threshold().unwrap_err(),
        fields.flag("unknowns").unwrap_err(),
        fields.limit(1_000).unwrap_err(),
    ]
    .map(|error| error.to_string());
    assert_eq!(
        messages,
        [
            "\"img3\" is not valid base64: send the image file's bytes in base64, with or without a data: prefix",
            "\"img\" is missing: send an image in base64",
            "\"name\" must be a string, not a number",
            "\"threshold\" must be a number, not an array",
            "\"unknowns\" must be a boolean, not an object",
            "\"limit\" must be a whole number from 1 to 1000",
        ]
    );
}

#[test]
fn flags_are_read_as_old_clients_send_them() {
    for on in ["true", "1", "\"true\"", "\"YES\"", "\"1\"", "\"\""] {
        assert_eq!(parse(&format!("{{\"f\": {on}}}")).flag("f").unwrap(), Some(true), "{on}");
    }
    for off in ["false", "0", "\"false\"", "\"no\"", "\"0\""] {
        assert_eq!(parse(&format!("{{\"f\": {off}}}")).flag("f").unwrap(), Some(false), "{off}");
    }
    assert!(parse(r#"{"f": "maybe"}"#).flag("f").unwrap_err().to_string().contains("true, 1, yes"));
    assert_eq!(parse(r#"{"f": null}"#).flag("f").unwrap(), None);
}

#[test]
fn bodies_that_are_no_object_are_refused_with_the_place() {
    for body in ["[1]", "\"x\"", "{\"a\":", "{a: 1}", "null", "{} {}"] {
        assert!(matches!(Fields::parse(body.as_bytes()), Err(Error::NotJson { .. })), "{body}");
    }
    assert!(matches!(Fields::parse(b" \r\n"), Err(Error::EmptyBody { .. })));
    assert!(Fields::parse(b"\xef\xbb\xbf {\"a\": 1}").is_ok(), "a byte order mark");
}

#[test]
fn query_parameters_fill_in_what_the_body_lacks() {
    let uri: Uri = "/enroll?name=Q%20q&limit=5".parse().unwrap();
    let body = Bytes::from_static(br#"{"name": "B"}"#);
    let fields = from_body_or_query(&body, &uri, true).unwrap();
    assert_eq!(fields.name().unwrap().as_deref(), Some("B"));
    assert_eq!(fields.limit(1_000).unwrap(), Some(5));
    let junk = Bytes::from_static(b"--boundary");
    assert_eq!(from_body_or_query(&junk, &uri, false).unwrap().name().unwrap().as_deref(), Some("Q q"));
    assert!(from_body_or_query(&junk, &uri, true).is_err());
}

#[test]
fn ids_of_another_kind_are_not_found_and_endless_ones_are_refused() {
    let enrollment = Id::new(Kind::Enrollment, 1, [1; 8]).to_string();
    let json = format!("{{\"collection_id\": \"{enrollment}\", \"id\": \"{}\"}}", "A".repeat(513));
    let fields = parse(&json);
    let wrong = fields.required_id(&["collection_id"], Entity::Collection).unwrap_err();
    assert!(matches!(wrong, Error::NotFound(Entity::Collection)));
    assert!(matches!(fields.id(&["id"], Entity::Enrollment), Err(Error::WrongValue { .. })));
    assert!(
        fields.required_id(&["enrollment_id"], Entity::Enrollment).unwrap_err().to_string().contains("enrollment_id")
    );
}
