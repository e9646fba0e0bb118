//! API keys over HTTP.

use reqwest::Method;
use vultus::auth::keys::{self, NewKey};
use vultus::auth::principal::Scope;
use vultus::clock::{SECOND_US, now_us};

use crate::app::{Reply, TestApp, reply};
use crate::operations::{Operation, operations};
use crate::pictures::photo;

async fn with(app: &TestApp, key: &str) -> Reply {
    reply(app.bare(Method::GET, "/v1/enroll").header("x-api-key", key)).await
}

#[tokio::test]
async fn every_endpoint_needs_a_key_with_its_scope() {
    let app = TestApp::new().await;
    let operations = operations();
    assert!(operations.len() >= 16, "{}", operations.len());
    for Operation { method, path, scope, .. } in operations {
        let scope = scope.unwrap();
        for path in [path.as_str(), path.strip_prefix("/v1").unwrap()] {
            reply(app.bare(method.clone(), path)).await.problem(401, "key_missing");
            let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
            let lacking = app.key_with(&others, None).await;
            let refused = reply(app.bare(method.clone(), path).header("x-api-key", lacking)).await;
            let message = refused.problem(403, "scope_missing");
            assert!(message.contains(&format!("\"{scope}\"")), "{message}");
            let enough = app.key_with(&[scope], None).await;
            let admitted = reply(app.bare(method.clone(), path).header("x-api-key", enough)).await;
            assert!(matches!(admitted.status.as_u16(), 200 | 400), "{method} {path}: {}", admitted.json);
        }
    }
}

#[tokio::test]
async fn unknown_revoked_and_expired_keys_are_refused_with_what_is_safe_to_say() {
    let app = TestApp::new().await;
    with(&app, &format!("  {} ", app.key)).await.ok();
    with(&app, "").await.problem(401, "key_missing");
    for key in ["test12345", "vultus_", "vultus_\u{e9}", &format!("{}A", app.key), &app.key[..app.key.len() - 1]] {
        with(&app, key).await.problem(401, "key_unknown");
    }

    let expired = app.key_with(&Scope::ALL, Some(now_us() - SECOND_US)).await;
    with(&app, &expired).await.problem(401, "key_expired");
    with(&app, &wrong_secret(&expired)).await.problem(401, "key_unknown");
    with(&app, &app.key_with(&Scope::ALL, Some(now_us() + 3600 * SECOND_US)).await).await.ok();

    let given = "a-given-key-of-an-old-client";
    let past = NewKey { account: "old", name: "n", expires: Some(now_us() - SECOND_US), ..NewKey::ANY };
    keys::adopt(&app.app.db, &app.app.keyring, &past, &given.parse().unwrap()).await.unwrap();
    with(&app, given).await.problem(401, "key_expired");

    let revoked = app.key_with(&Scope::ALL, None).await;
    with(&app, &revoked).await.ok();
    let stored = vultus_store::keys::list(&app.app.db, None).await.unwrap().pop().unwrap();
    let mut tx = app.app.db.write(stored.account_id).await.unwrap();
    vultus_store::keys::revoke(&mut tx, stored.account_id, stored.id, now_us()).await.unwrap();
    tx.commit().await.unwrap();
    with(&app, &revoked).await.problem(401, "key_revoked");
    with(&app, &wrong_secret(&revoked)).await.problem(401, "key_unknown");
}

/// The same key id with another secret.
fn wrong_secret(key: &str) -> String {
    let (start, end) = key.split_at(key.len() - 10);
    format!("{start}{}", end.chars().rev().collect::<String>())
}

#[tokio::test]
async fn a_large_upload_with_a_wrong_key_is_reported_so_and_not_cut_off() {
    let app = TestApp::new().await;
    let mut large = photo("collins");
    large.resize(20 << 20, 0);
    let request = app.bare(Method::POST, "/v1/facedetect").header("x-api-key", "wrong").body(large);
    reply(request).await.problem(401, "key_unknown");
}
