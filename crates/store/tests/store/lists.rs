use tokio::sync::mpsc;
use vultus_store::collections::Piece;
use vultus_store::enrollments::{self, Filter};
use vultus_store::{Id, Kind, collections};

use crate::world::{World, assert_fails, new_id, now, on_each_database, written};

async fn ids(world: &World, filter: Filter<'_>) -> (Vec<Id>, Option<Id>) {
    let page = enrollments::list(&world.db, world.account, &filter).await.unwrap();
    (page.items.iter().map(|enrollment| enrollment.id).collect(), page.next)
}

#[tokio::test]
async fn pages_are_complete_and_without_duplicates_while_rows_come_and_go() {
    on_each_database(async |world| {
        let mut expected = Vec::new();
        for i in 0..10 {
            expected.push(world.enroll(&format!("person {i}"), 1 + i % 3, None).await);
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let (page, next) = ids(&world, Filter { limit: Some(3), after, ..Filter::default() }).await;
            seen.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
            // The row that the cursor names goes, and new ones come.
            if seen.len() == 3 {
                written!(world.db, world.account, enrollments::delete(seen[2], now())).await.unwrap();
            }
            if seen.len() < 9 {
                expected.push(world.enroll("newcomer", 1, None).await);
            }
        }
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn the_last_page_has_no_cursor_even_when_it_is_full() {
    on_each_database(async |world| {
        let all = [world.enroll("a", 3, None).await, world.enroll("b", 2, None).await];
        assert_eq!(ids(&world, Filter { limit: Some(2), ..Filter::default() }).await, (all.to_vec(), None));
        assert_eq!(ids(&world, Filter { limit: Some(1), ..Filter::default() }).await, (vec![all[0]], Some(all[0])));
        assert_eq!(ids(&world, Filter { after: Some(all[1]), ..Filter::default() }).await, (vec![], None));
    })
    .await;
}

#[tokio::test]
async fn filters_combine() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, Some(home)).await;
        let bob = world.enroll("Bob", 1, Some(home)).await;
        let other_ada = world.enroll("Ada", 1, None).await;
        let only = async |filter| ids(&world, filter).await.0;

        assert_eq!(only(Filter::default()).await, [ada, bob, other_ada]);
        assert_eq!(only(Filter { name: Some("Ada"), ..Filter::default() }).await, [ada, other_ada]);
        assert_eq!(only(Filter { name: Some("ada"), ..Filter::default() }).await, []);
        assert_eq!(only(Filter { collection_id: Some(home), ..Filter::default() }).await, [ada, bob]);
        let both = Filter { collection_id: Some(home), name: Some("Ada"), ..Filter::default() };
        assert_eq!(only(both.clone()).await, [ada]);
        assert_eq!(only(Filter { id: Some(bob), ..both }).await, []);
        assert_eq!(only(Filter { id: Some(bob), ..Filter::default() }).await, [bob]);
        assert_eq!(only(Filter { id: Some(ada), after: Some(bob), ..Filter::default() }).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_names_something_unknown_fails_and_an_empty_collection_does_not() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        assert_eq!(ids(&world, Filter { collection_id: Some(home), ..Filter::default() }).await, (vec![], None));
        let unknown = new_id(Kind::Collection);
        let filter = Filter { collection_id: Some(unknown), ..Filter::default() };
        assert_fails!(enrollments::list(db, account, &filter).await, NotFound, Collection, unknown);
        written!(db, account, collections::delete(home, now())).await.unwrap();
        let filter = collections::Filter { id: Some(home), ..collections::Filter::default() };
        assert_fails!(collections::list(db, account, &filter).await, Gone, Collection, home);
    })
    .await;
}

#[tokio::test]
async fn collections_are_listed_by_name_and_in_pages() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let made = [world.collection("Home").await, world.collection("Work").await, world.collection("Home").await];
        let only = async |filter| {
            let page = collections::list(db, account, &filter).await.unwrap();
            (page.items.iter().map(|collection| collection.id).collect::<Vec<_>>(), page.next)
        };
        let homes = collections::Filter { name: Some("Home"), ..Default::default() };
        assert_eq!(only(homes).await, (vec![made[0], made[2]], None));
        let start = collections::Filter { limit: Some(2), ..Default::default() };
        assert_eq!(only(start.clone()).await, (made[..2].to_vec(), Some(made[1])));
        assert_eq!(only(collections::Filter { after: Some(made[1]), ..start }).await, (made[2..].to_vec(), None));
    })
    .await;
}

#[tokio::test]
async fn a_list_that_is_sent_is_of_one_moment_however_long_its_receiver_takes() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        let mut expected = Vec::new();
        for number in 0..50 {
            expected.push(world.enroll(&format!("person {number}"), 1 + number % 3, Some(home)).await);
        }
        let (to, mut people) = mpsc::channel(1);
        let (into, mut pieces) = mpsc::channel(1);
        let (db, account) = (world.db.clone(), world.account);
        let sending = tokio::spawn(async move {
            let (filter, everybody) = (collections::Filter::default(), Filter::default());
            tokio::try_join!(
                enrollments::send_all(&db, account, &everybody, &to),
                collections::send_all(&db, account, &filter, &into)
            )
            .map(drop)
        });
        let mut seen = vec![people.recv().await.unwrap()];
        assert!(matches!(pieces.recv().await.unwrap(), Piece::Collection(found) if found.id == home));
        written!(world.db, account, enrollments::delete(expected[30], now())).await.unwrap();
        world.enroll("newcomer", 1, Some(home)).await;
        let mut members = Vec::new();
        let (mut more_people, mut more_pieces) = (true, true);
        while more_people || more_pieces {
            tokio::select! {
                next = people.recv(), if more_people => { more_people = next.is_some(); seen.extend(next) }
                next = pieces.recv(), if more_pieces => { more_pieces = next.is_some(); members.extend(next) }
            }
        }
        sending.await.unwrap().unwrap();
        assert_eq!(seen.iter().map(|person| person.id).collect::<Vec<_>>(), expected);
        assert!(seen.iter().enumerate().all(|(at, person)| person.embeddings.len() == 1 + at % 3));
        assert_eq!(members, expected.into_iter().map(Piece::Member).collect::<Vec<_>>());
    })
    .await;
}
