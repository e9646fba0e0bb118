//! `facedetect`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, base64, keys_of, reply};
use crate::pictures::{bomb, nobody, photo, side_by_side, twins};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn a_face_has_the_documented_shape() {
    let app = TestApp::new().await;
    let answer = app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
    assert_eq!(keys_of(&answer), ["data", "faces", "message", "meta", "success"]);
    assert_eq!(answer["message"], "face processed successfully");
    assert_eq!(keys_of(&answer["data"]), ["faces"]);
    let face = &answer["data"]["faces"][0];
    assert_eq!(keys_of(face), ["bounding_box", "points"]);

    let [x1, y1, x2, y2, confidence] = numbers(&face["bounding_box"]).try_into().unwrap();
    assert!(x1 < x2 && y1 < y2 && (0.5..=1.0).contains(&confidence));
    let points = face["points"].as_array().unwrap();
    assert!(points.len() == 10 && points.iter().all(Value::is_i64), "ten integers");
    let points = numbers(&face["points"]);
    let (x, y) = points.split_at(5);
    assert!(x[0] < x[2] && x[2] < x[1] && x[3] < x[4], "left is left in the image: {x:?}");
    assert!(y[0] < y[2] && y[2] < y[3] && y[1] < y[2] && y[2] < y[4], "eyes above nose above mouth: {y:?}");
    assert!(x.iter().all(|x| (x1..=x2).contains(x)) && y.iter().all(|y| (y1..=y2).contains(y)));

    let quality = &answer["meta"]["faces"][0]["quality"];
    assert_eq!(keys_of(quality), ["brightness", "face_size_px", "pitch_deg", "roll_deg", "sharpness", "yaw_deg"]);
}

#[tokio::test]
async fn landmarks_come_as_parts_and_as_68_points_only_on_request() {
    let app = TestApp::new().await;
    for on in ["rawlandmarks=true", "rawlandmark=1", "rawlandmarks=YES", "rawlandmarks=", "rawlandmarks"] {
        let answer = app.post_bytes(&format!("/v1/facedetect?{on}"), photo("collins")).await.ok();
        let face = &answer["faces"][0];
        assert_eq!(answer["faces"], answer["data"]["faces"], "{on}");
        assert_eq!(keys_of(face), ["bounding_box", "landmarks", "landmarks68", "points"]);
        let parts = &face["landmarks"][0][0];
        let lengths: Vec<_> =
            keys_of(parts).iter().map(|part| (*part, parts[part].as_array().unwrap().len())).collect();
        let expected = [
            ("bottom_lip", 12),
            ("chin", 17),
            ("left_eye", 6),
            ("left_eyebrow", 5),
            ("nose_bridge", 4),
            ("nose_tip", 5),
            ("right_eye", 6),
            ("right_eyebrow", 5),
            ("top_lip", 12),
        ];
        assert_eq!(lengths, expected);
        assert_eq!(parts["top_lip"][0], parts["bottom_lip"][6], "the lips share the mouth corners");
        let all = face["landmarks68"].as_array().unwrap();
        assert!(all.len() == 68 && all.iter().all(|point| numbers(point).len() == 2));
    }
    for off in ["rawlandmarks=false", "rawlandmarks=0", "rawlandmark=no"] {
        let answer = app.post_bytes(&format!("/v1/facedetect?{off}"), photo("collins")).await.ok();
        assert_eq!(keys_of(&answer["data"]["faces"][0]), ["bounding_box", "points"], "{off}");
        assert_eq!(answer["faces"], answer["data"]["faces"], "{off}");
    }
    let message =
        app.post_bytes("/v1/facedetect?rawlandmarks=maybe", photo("collins")).await.problem(400, "wrong_value");
    assert!(message.contains("rawlandmarks") && message.contains("true, 1, yes"), "{message}");
}

#[tokio::test]
async fn the_body_is_recognised_whatever_its_content_type() {
    let app = TestApp::new().await;
    let json = json!({"img": base64(&photo("collins"))}).to_string().into_bytes();
    for body in [photo("collins"), json] {
        for kind in [None, Some("application/x-www-form-urlencoded"), Some("application/json"), Some("image/png")] {
            let mut request = app.request(Method::POST, "/v1/facedetect").body(body.clone());
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            let answer = reply(request).await.ok();
            assert_eq!(answer["data"]["faces"].as_array().unwrap().len(), 1, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn nobody_is_a_success_and_several_faces_are_all_reported() {
    let app = TestApp::new().await;
    let answer = app.post_bytes("/v1/facedetect", nobody()).await.ok();
    assert_eq!(answer["data"], json!({"faces": []}));
    let answer = app.post_bytes("/v1/facedetect", twins("collins")).await.ok();
    assert_eq!(answer["data"]["faces"].as_array().unwrap().len(), 2);
    assert_eq!(answer["meta"]["faces"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn bodies_that_are_no_picture_are_reported_apart() {
    let app = TestApp::new().await;
    let path = "/v1/facedetect";
    assert!(app.post_bytes(path, vec![]).await.problem(400, "empty_body").contains("image"));
    assert!(app.post_bytes(path, b"hello".to_vec()).await.problem(400, "bad_image").contains("JPEG"));
    let mut cut = photo("collins");
    cut.truncate(cut.len() / 2);
    assert!(app.post_bytes(path, cut.clone()).await.problem(400, "bad_image").contains("cut off"));
    let message = app.post(path, &json!({"img": base64(&cut)})).await.problem(400, "bad_image");
    assert!(message.starts_with("\"img\": "), "{message}");
    let message = app.post_bytes(path, bomb()).await.problem(400, "bad_image");
    assert!(message.contains("8000 x 8000") && message.contains("51000000"), "{message}");
    let message = app.post(path, &json!({"img": "not base64!"})).await.problem(400, "not_base64");
    assert!(message.contains("\"img\""), "{message}");
    let message = app.post(path, &json!({"img": 5})).await.problem(400, "wrong_type");
    assert_eq!(message, "\"img\" must be a string, not a number");
    assert!(app.post(path, &json!({})).await.problem(400, "missing_field").contains("\"img\""));
    app.post_bytes(path, b"{\"img\": ".to_vec()).await.problem(400, "not_json");
}

#[tokio::test]
async fn the_largest_faces_are_answered_and_all_are_counted() {
    let app = TestApp::with(|config| config.vision.max_faces = 2).await;
    let crowd = side_by_side(&[("biden", 0.5), ("collins", 1.0), ("obama-portrait", 0.7), ("collins", 0.6)]);
    let answer = app.post_bytes("/v1/facedetect?rawlandmarks=true", crowd).await.ok();
    assert_eq!((answer["meta"]["found"].as_u64(), answer["meta"]["max_faces"].as_u64()), (Some(4), Some(2)));
    for list in [&answer["faces"], &answer["data"]["faces"], &answer["meta"]["faces"]] {
        assert_eq!(list.as_array().unwrap().len(), 2);
    }
    let widths: Vec<f64> = answer["data"]["faces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|face| {
            let rect = numbers(&face["bounding_box"]);
            rect[2] - rect[0]
        })
        .collect();
    assert!(widths[0] > 100.0 && widths[1] > 80.0, "the largest of four: {widths:?}");
}

#[tokio::test]
async fn a_picture_that_needs_more_memory_than_there_is_is_refused_or_waits() {
    let app = TestApp::with_own_engine(|config| {
        config.images.decode_memory_bytes = 2_000_000;
        config.http.request_timeout = std::time::Duration::from_secs(20);
    })
    .await;
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
    let message = app.post_bytes("/v1/facedetect", side_by_side(&[("collins", 1.0), ("biden", 1.0)])).await;
    let message = message.problem(400, "bad_image");
    assert!(message.contains("the limit is 2000000"), "{message}");
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
}
