//! Two servers on one database.

use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, base64};
use crate::pictures::photo;
use crate::start::{text, vultus};

#[tokio::test]
async fn what_one_server_changes_the_other_sees_at_once() {
    let secret = || Some("servers of a database have one secret".to_owned());
    let one = TestApp::with(|config| config.data.secret = secret()).await;
    let url = one.app.config.data.database_url();
    let other = TestApp::with(|config| (config.data.database_url, config.data.secret) = (Some(url), secret())).await;
    let home = one.collection("Home").await;
    let probe = json!({"img": base64(&photo("obama-blue-room")), "collection_id": home});
    let seen = async |app: &TestApp| app.post("/v1/identify", &probe).await.ok()["data"]["key"].clone();
    assert_eq!(seen(&other).await, json!(null));

    let body = json!({"img0": base64(&photo("obama-portrait")), "name": "Barack", "collection_id": home});
    let barack = one.post("/v1/enroll", &body).await.ok()["data"]["enrollment_id"].clone();
    assert_eq!((seen(&other).await, seen(&one).await), (barack.clone(), barack.clone()));

    let joe = other.enroll("Joe", &photo("biden")).await;
    let photos = json!({"enrollment_id": joe, "img0": base64(&photo("obama-blue-room"))});
    other.json(Method::PUT, "/v1/enroll", &photos).await.ok();
    other.join(&joe, &home).await;
    assert_eq!((seen(&one).await, seen(&other).await), (json!(joe), json!(joe)), "the same photo is nearest");

    one.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": joe})).await.ok();
    assert_eq!(seen(&other).await, barack);
    other.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": barack})).await.ok();
    assert_eq!(seen(&one).await, json!(null));
}

#[tokio::test]
async fn the_vectors_of_a_database_that_searches_them_can_be_checked_and_made_again() {
    let app = TestApp::new().await;
    app.join(&app.enroll("Joe", &photo("biden")).await, &app.collection("Home").await).await;
    let run = |command: &str| {
        let mut command = vultus(app.dir.path(), &["vectors", command]);
        let done = command.env("VULTUS_DATABASE_URL", app.app.config.data.database_url()).output().unwrap();
        (done.status.success(), [done.stdout, done.stderr].map(|bytes| text(&bytes).to_owned()).concat())
    };
    let [(checked, check), (made, rebuild)] = ["check", "rebuild"].map(run);
    if app.app.db.is_postgres() {
        assert!(checked && check.contains("all 1 vectors are present"), "{check}");
        assert!(made && rebuild.contains("the vectors of 1 people"), "{rebuild}");
    } else {
        assert!(!checked && !made && check.contains("there is nothing to check") && rebuild == check, "{check}");
    }
}
