use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use vultus_store::{collections, embeddings, enrollments, vectors};

use crate::world::{MAX, MODEL, append, embedding, enrollment, now, on_each_database, written};

#[tokio::test(flavor = "multi_thread")]
async fn positions_stay_dense_when_many_append_at_once() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        let id = world.enroll("Ada", 1, Some(home)).await;
        let before = world.version(home).await;
        let mut tasks = JoinSet::new();
        for i in 0..20_u8 {
            let world = world.clone();
            tasks.spawn(async move {
                let new = [embedding(f32::from(i)), embedding(f32::from(i))];
                append(&world.db, world.account, id, &new, MAX).await
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap().unwrap();
        }
        let stored = embeddings::list(&world.db, world.account, id).await.unwrap();
        let positions: Vec<_> = stored.iter().map(|embedding| embedding.position).collect();
        assert_eq!(positions, (0..41).collect::<Vec<_>>());
        // The two of one call stand side by side.
        assert!(stored[1..].chunks(2).all(|pair| pair[0].vector == pair[1].vector));
        assert_eq!(world.version(home).await, before + 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_when_many_append_at_once() {
    on_each_database(async |world| {
        let id = world.enroll("Ada", 1, None).await;
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let world = world.clone();
            tasks.spawn(async move { append(&world.db, world.account, id, &[embedding(0.0)], 5).await.is_ok() });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|stored| *stored).count(), 4);
        assert_eq!(embeddings::list(&world.db, world.account, id).await.unwrap().len(), 5);
    })
    .await;
}

/// Writers that touch the same two collections in both orders, with readers beside them.
#[tokio::test(flavor = "multi_thread")]
async fn writers_neither_fail_nor_deadlock_and_galleries_match_their_versions() {
    on_each_database(async |world| {
        let pair = [world.collection("Home").await, world.collection("Work").await];
        let mut tasks = JoinSet::new();
        for i in 0..16 {
            let (writer, reader) = (world.clone(), world.clone());
            tasks.spawn(async move {
                let (db, account) = (&writer.db, writer.account);
                let new = enrollment("someone", 1, Some(pair[i % 2]));
                written!(db, account, enrollments::insert(&new, now())).await.unwrap();
                written!(db, account, collections::add_member(pair[(i + 1) % 2], new.id, now())).await.unwrap();
                append(db, account, new.id, &[embedding(1.0)], MAX).await.unwrap();
                if i % 4 == 0 {
                    written!(db, account, enrollments::delete(new.id, now())).await.unwrap();
                }
            });
            tasks.spawn(async move {
                let (first, second) = (reader.gallery(pair[0]).await, reader.gallery(pair[0]).await);
                assert!(first.0 <= second.0);
                assert_eq!(first.0 == second.0, first.1 == second.1);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        for collection in pair {
            // Created as 1; 16 joins, 16 additions, 4 deletions.
            assert_eq!(world.version(collection).await, 37);
            assert_eq!(world.gallery(collection).await.1.len(), 24);
        }
    })
    .await;
}

/// A client that hangs up drops the future of its request at any point.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_write_leaves_nothing_half_done_and_blocks_nobody() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        for i in 0..60 {
            let new = enrollment("Ada", 3, Some(home));
            let write = written!(world.db, world.account, enrollments::insert(&new, now()));
            let _ = tokio::time::timeout(Duration::from_micros(50 * i), write).await;
        }
        world.enroll("Bob", 3, Some(home)).await;
        let all = enrollments::list(&world.db, world.account, &enrollments::Filter::default()).await.unwrap().items;
        assert!(all.iter().all(|stored| stored.embeddings.len() == 3 && stored.collection_id == Some(home)));
        assert_eq!(world.gallery(home).await.1.len(), 3 * all.len());
        assert_eq!(world.version(home).await, 1 + all.len() as i64);
    })
    .await;
}

/// Polls a future so many times, and then drops it.
async fn abandon_after<T>(polls: u32, future: impl Future<Output = T>) {
    let (mut future, mut left) = (std::pin::pin!(future), polls);
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

/// A connection that goes back to the pool inside a transaction gives the next client errors, old answers or lost writes.
#[tokio::test(flavor = "multi_thread")]
async fn no_connection_stays_in_a_transaction_when_thousands_of_requests_are_dropped() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 2, Some(home)).await;
        let mut tasks = JoinSet::new();
        for task in 0..8_u32 {
            let world = world.clone();
            tasks.spawn(async move {
                let (db, account) = (&world.db, world.account);
                for i in 0..500 {
                    let polls = (i * 7 + task) % 23;
                    match i % 4 {
                        0 => abandon_after(polls, collections::members(db, account, home, MODEL, &[ada])).await,
                        1 => abandon_after(polls, collections::changes(db, account, home, 1, 0)).await,
                        2 => abandon_after(polls, vectors::search(db, account, home, MODEL, &[1.0; 8], 1, 100)).await,
                        _ => abandon_after(polls, append(db, account, ada, &[embedding(1.0)], u32::MAX)).await,
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        // One at a time: whoever uses a connection next would end a transaction that was left open.
        for polls in 0..20 {
            abandon_after(polls, collections::members(&world.db, world.account, home, MODEL, &[ada])).await;
            assert!(world.leaves_no_transaction().await, "dropped after {polls} polls");
        }
        for i in 0..100 {
            let name = format!("Eve {i}");
            world.enroll(&name, 1, Some(home)).await;
            let filter = enrollments::Filter { name: Some(&name), ..Default::default() };
            let found = enrollments::list(&world.db, world.account, &filter).await.unwrap().items;
            assert_eq!(found.len(), 1, "what was acknowledged is read");
            assert_eq!(world.state(home).await.members, 2 + i, "by every kind of reader");
            assert!(collections::changes(&world.db, world.account, home, 1, 0).await.is_ok());
        }
    })
    .await;
}
