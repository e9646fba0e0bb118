use vultus_store::keys::{NewApiKey, by_id, count, insert, list, revoke};
use vultus_store::{Error, Kind, accounts};

use crate::world::{World, assert_fails, new_id, now, on_each_database, written};

#[tokio::test]
async fn a_key_names_its_account_and_keeps_its_first_revocation() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let (id, created) = (new_id(Kind::Key), now());
        let (hash, scopes) = (&[0, 255, 7], "match identify");
        let new = NewApiKey { id, hash, name: "phone", scopes, test: true, answers: "arrays", expires: Some(77) };
        written!(db, account, insert(&new, created)).await.unwrap();

        let key = by_id(db, id).await.unwrap();
        assert_eq!(
            (key.account_id, key.hash.as_slice(), key.name.as_str()),
            (account, [0, 255, 7].as_slice(), "phone")
        );
        assert_eq!((key.scopes.as_str(), key.created, key.expires), ("match identify", created, Some(77)));
        assert_eq!((key.test, key.answers.as_str(), key.revoked), (true, "arrays", None));

        let first = now();
        written!(db, account, revoke(id, first)).await.unwrap();
        written!(db, account, revoke(id, now())).await.unwrap();
        assert_eq!(by_id(db, id).await.unwrap().revoked, Some(first));
        assert_eq!(count(db, Some(account)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_operator_sees_the_keys_of_all_accounts() {
    on_each_database(async |world| {
        let ids = [new_id(Kind::Key), new_id(Kind::Key)];
        for (id, account) in ids.into_iter().zip([world.account, world.stranger]) {
            let hash = id.to_string();
            let new = NewApiKey {
                id,
                hash: hash.as_bytes(),
                name: "k",
                scopes: "all",
                test: false,
                answers: "object",
                expires: None,
            };
            written!(world.db, account, insert(&new, now())).await.unwrap();
        }
        let all: Vec<_> = list(&world.db, None).await.unwrap().iter().map(|key| key.id).collect();
        assert_eq!(all, ids);
        let own: Vec<_> = list(&world.db, Some(world.account)).await.unwrap().iter().map(|key| key.id).collect();
        assert_eq!(own, ids[..1]);
        assert_eq!(count(&world.db, None).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_hash_is_stored_once_and_an_account_must_exist() {
    on_each_database(async |world| {
        let new = |id| NewApiKey {
            id,
            hash: b"same",
            name: "k",
            scopes: "all",
            test: false,
            answers: "object",
            expires: None,
        };
        written!(world.db, world.account, insert(&new(new_id(Kind::Key)), now())).await.unwrap();
        let error = written!(world.db, world.stranger, insert(&new(new_id(Kind::Key)), now())).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
        let nobody = new_id(Kind::Account);
        assert_fails!(
            written!(world.db, nobody, insert(&new(new_id(Kind::Key)), now())).await,
            NotFound,
            Account,
            nobody
        );
        let unknown = new_id(Kind::Key);
        assert_fails!(by_id(&world.db, unknown).await, NotFound, Key, unknown);
    })
    .await;
}

#[tokio::test]
async fn an_account_is_made_once_per_name() {
    on_each_database(async |world| {
        let again = World::account_called(&world.db, "ours").await;
        assert_eq!(again.id, world.account);
        assert_eq!(accounts::by_id(&world.db, world.account).await.unwrap(), again);
        let all: Vec<_> = accounts::list(&world.db).await.unwrap().iter().map(|account| account.id).collect();
        assert_eq!(all, [world.account, world.stranger]);
    })
    .await;
}
