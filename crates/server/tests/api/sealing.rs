//! Vectors are sealed where they are stored, under a secret that can be changed and must not be lost.

use std::time::Duration;

use serde_json::json;
use vultus::clock::now_us;
use vultus::keyring::Keyring;
use vultus::seal;
use vultus_store::fits::{self, Fit};
use vultus_store::{Db, embeddings};

use crate::app::{TestApp, base64};
use crate::pictures::photo;
use crate::vectors::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_database_hold_no_vector_in_plain() {
    let mut app = TestApp::with_worker(|_| ()).await;
    let home = app.collection("Home").await;
    let id = app.enroll("Eileen", &photo("collins")).await;
    app.join(&id, &home).await;
    app.jobs_done().await;
    let (db, account) = (app.app.db.clone(), app.account().await);
    let stored = embeddings::list(&db, account, id.parse().unwrap()).await.unwrap();
    let bytes: Vec<u8> = stored[0].vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(bytes.len(), 4 * 512);
    app.stop().await.unwrap();
    if db.is_postgres() {
        // Its files are not ours to read; what its search needs in plain is documented.
        return;
    }
    let mut files = 0;
    for file in std::fs::read_dir(app.dir.path()).unwrap().map(Result::unwrap) {
        if file.file_name().to_string_lossy().starts_with("vultus.db") {
            let content = std::fs::read(file.path()).unwrap();
            let found = bytes.chunks(16).filter(|part| content.windows(16).any(|window| window == *part)).count();
            assert_eq!(found, 0, "{:?}", file.path());
            files += 1;
        }
    }
    assert!(files > 0);
}

#[tokio::test]
async fn people_stay_readable_when_the_secret_is_changed_and_a_lost_secret_is_reported() {
    let world = World::new("model").await;
    let home = world.collection().await;
    let ada = world.enroll(home, &[30.0]).await;
    let (old, new) = (vec![7; 32], vec![8; 32]);
    let ring = |current: &Vec<u8>, former: &[&Vec<u8>]| {
        Keyring::new(current.clone(), former.iter().map(|secret| (*secret).clone()).collect())
    };
    let with = |keyring: &Keyring| -> Db { world.db.clone().sealed_by(seal::sealer(keyring)) };

    let strange = ring(&vec![9; 32], &[]);
    let lost = seal::rewrap_all(&with(&strange), &strange).await.unwrap_err();
    assert!(format!("{lost:#}").contains("restore secret.key"), "{lost:#}");
    assert!(embeddings::list(&with(&strange), world.account, ada).await.is_err());

    let during = ring(&new, &[&old]);
    assert_eq!(embeddings::list(&with(&during), world.account, ada).await.unwrap().len(), 1);
    assert_eq!(seal::rewrap_all(&with(&during), &during).await.unwrap(), 1);
    assert_eq!(seal::rewrap_all(&with(&during), &during).await.unwrap(), 0);
    let after = ring(&new, &[]);
    assert_eq!(seal::rewrap_all(&with(&after), &after).await.unwrap(), 0);
    assert_eq!(embeddings::list(&with(&after), world.account, ada).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_stored_classifier_that_cannot_be_read_is_fitted_again_and_no_client_notices() {
    let app = TestApp::with_worker(|config| config.matching.refit_delay = Duration::ZERO).await;
    let home = app.collection("Home").await;
    let id = app.enroll("Eileen", &photo("collins")).await;
    app.join(&id, &home).await;
    app.jobs_done().await;
    let (db, account) = (app.app.db.clone(), app.account().await);
    let (home, probe) = (home.parse().unwrap(), json!({"collection_id": home, "img": base64(&photo("collins"))}));
    let fitted = fits::of_collection(&db, account, home).await.unwrap().unwrap();
    let damaged = Fit { fitted: now_us(), data: b"of another program".to_vec(), ..fitted };
    let mut tx = db.write(account).await.unwrap();
    fits::save(&mut tx, account, home, &damaged).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["key"], id);
    for _ in 0..500 {
        if fits::of_collection(&db, account, home).await.unwrap().unwrap().data != damaged.data {
            assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["key"], id);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is not fitted again");
}
