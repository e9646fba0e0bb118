//! A table in a real Milvus, which `TEST_MILVUS_URL` names.

use vultus_milvus::{Client, Row, Stamp, Table};

const DIMENSION: usize = 8;

/// A direction in the plane.
fn at(degrees: f32) -> Vec<f32> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [&[cos, sin], &[0.0; DIMENSION - 2][..]].concat()
}

fn row(key: &str, degrees: f32) -> Row {
    Row { key: key.to_owned(), vector: at(degrees) }
}

fn client() -> Client {
    Client::new(&std::env::var("TEST_MILVUS_URL").expect("TEST_MILVUS_URL names a Milvus")).unwrap()
}

async fn table(name: &str) -> Table {
    Table::drop(&client(), name).await.unwrap();
    Table::open(&client(), name, DIMENSION).await.unwrap()
}

/// The keys of the hits of one probe.
async fn search(table: &Table, space: &str, degrees: f32, seen: Stamp) -> Vec<String> {
    let found = table.search(space, &[at(degrees)], 10, 100, seen).await.unwrap().remove(0);
    found.into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn a_search_sees_the_writes_of_its_stamp_and_only_its_space() {
    let table = table("test_search").await;
    assert!(search(&table, "a", 0.0, Stamp::NEVER).await.is_empty());
    let seen = table.insert("a", vec![row("a/ada/1", 10.0), row("a/ada/2", 50.0), row("a/bob/3", 20.0)]).await.unwrap();
    let later = table.insert("b", vec![row("b/eve/4", 10.0)]).await.unwrap();
    assert!(seen > Stamp::NEVER && later > seen);
    let found = table.search("a", &[at(10.0), at(60.0)], 2, 100, seen).await.unwrap();
    let [best, worse] = &found[..] else { panic!("an answer for each probe") };
    assert_eq!(best.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a/ada/1", "a/bob/3"]);
    assert!((best[0].1 - 1.0).abs() < 1e-3 && (best[1].1 - 10_f32.to_radians().cos()).abs() < 1e-3);
    assert_eq!(worse.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a/ada/2", "a/bob/3"]);
    assert_eq!(search(&table, "b", 0.0, later).await, ["b/eve/4"]);
    table.remove(&["a/bob/3".to_owned()]).await.unwrap();
    let seen = table.insert("a", vec![row("a/bob/3", 11.0)]).await.unwrap();
    assert_eq!(search(&table, "a", 12.0, seen).await, ["a/bob/3", "a/ada/1", "a/ada/2"], "a row is replaced");
}

#[tokio::test]
async fn what_is_removed_is_neither_found_nor_listed() {
    let table = table("test_remove").await;
    let rows = (0..50).map(|number| row(&format!("a/p{:02}/{number}", number / 2), number as f32)).collect();
    table.insert("a", rows).await.unwrap();
    let seen = table.insert("b", vec![row("b/x/1", 0.0)]).await.unwrap();
    let range = |from: &str, until: &str| from.to_owned()..until.to_owned();
    let (person, other) = (range("a/p07/", "a/p070"), range("a/p09/", "a/p090"));
    let of_person = |seen| table.keys("a", std::slice::from_ref(&person), seen);
    assert_eq!(of_person(seen).await.unwrap(), ["a/p07/14", "a/p07/15"]);
    let seen = table.remove(&of_person(seen).await.unwrap()).await.unwrap();
    assert!(of_person(seen).await.unwrap().is_empty());
    assert!(!search(&table, "a", 14.0, seen).await.iter().any(|key| key.starts_with("a/p07/")));
    let some = table.keys("a", &[person.clone(), other], seen).await.unwrap();
    assert_eq!(some, ["a/p09/18", "a/p09/19"]);
    let all = table.keys("a", &[range("a/", "a0")], seen).await.unwrap();
    assert_eq!(all.len(), 48);
    assert!(all.is_sorted());
    let now = table.now().await.unwrap();
    assert!(now > seen);
    assert_eq!(table.first_key("", now).await.unwrap().as_deref(), Some("a/p00/0"));
    assert_eq!(table.first_key("a0", now).await.unwrap().as_deref(), Some("b/x/1"));
    assert_eq!(table.first_key("b0", now).await.unwrap(), None);
}

#[tokio::test]
async fn a_table_made_again_has_another_id() {
    let first = table("test_anew").await;
    let same = Table::open(&client(), "test_anew", DIMENSION).await.unwrap();
    assert_eq!(first.id, same.id);
    assert_ne!(first.id, table("test_anew").await.id);
    Table::drop(&client(), "test_anew").await.unwrap();
    let missing = first.insert("a", vec![row("a/b/c", 0.0)]).await.unwrap_err();
    assert!(matches!(missing, vultus_milvus::Error::NoTable), "{missing:?}");
}

#[tokio::test]
async fn more_keys_than_milvus_gives_at_once_are_read_in_pages() {
    let table = table("test_pages").await;
    let mut seen = Stamp::NEVER;
    for thousand in 0..20 {
        let rows =
            (0..1000).map(|number| row(&format!("a/{}", (thousand * 1000 + number) * 7919 % 20_000), 0.0)).collect();
        seen = table.insert("a", rows).await.unwrap();
    }
    let keys = table.keys("a", &["a/".to_owned().."a0".to_owned()], seen).await.unwrap();
    assert_eq!(keys.len(), 20_000);
    assert!(keys.is_sorted_by(|a, b| a < b));
}
