use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::time::Duration;

use vultus_store::{Id, Kind};

use super::*;
use crate::origin::Presence;

/// Work of an account that is always waited for.
fn origin(account: u64) -> Origin {
    Origin::own(Id::new(Kind::Account, 1, account.to_be_bytes()))
}

fn counting(threads: usize, queue: usize) -> (Arc<Pool<usize>>, Arc<AtomicUsize>) {
    let loads = Arc::new(AtomicUsize::new(0));
    let counter = loads.clone();
    let size = Size { threads, spare: 0, queue, share: 0.5 };
    let pool = Pool::start(size, move || Ok(counter.fetch_add(1, Ordering::SeqCst))).unwrap();
    (Arc::new(pool), loads)
}

/// Occupies one thread until the returned sender is dropped.
async fn occupy(pool: &Arc<Pool<usize>>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (started, running) = oneshot::channel();
    let pool = pool.clone();
    tokio::spawn(async move {
        pool.run(&origin(0), move |_| {
            let _ = started.send(());
            let _ = held.recv();
        })
        .await
    });
    running.await.unwrap();
    release
}

#[tokio::test]
async fn a_full_queue_answers_at_once_and_recovers() {
    let (pool, _) = counting(1, 1);
    let release = occupy(&pool).await;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(&origin(1), |_| 7).await }
    });
    while pool.unfinished() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.run(&origin(2), |_| ()).await, Err(Error::Busy));
    drop(release);
    assert_eq!(waiting.await.unwrap(), Ok(7));
    assert_eq!(pool.run(&origin(2), |_| 8).await, Ok(8));
}

#[tokio::test]
async fn one_account_leaves_places_to_others_and_they_do_not_wait_behind_its_jobs() {
    let (pool, _) = counting(1, 9);
    let release = occupy(&pool).await;
    let done = Arc::new(Mutex::new(Vec::new()));
    let (mut tasks, mut refused) = (Vec::new(), 0);
    let mut send = |account: u64, name: &'static str| match pool.enter(&origin(account)) {
        Ok(place) => {
            let done = done.clone();
            tasks.push(tokio::spawn(async move { place.run(move |_| lock(&done).push(name)).await }));
        }
        Err(error) => {
            assert_eq!(error, Error::AccountBusy);
            refused += 1;
        }
    };
    (0..8).for_each(|_| send(1, "flood"));
    send(2, "other");
    tokio::task::yield_now().await;
    drop(release);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(refused, 3, "half of the nine places that the running job leaves, rounded up, are not");
    assert_eq!(lock(&done).iter().position(|name| *name == "other"), Some(1));
}

#[tokio::test]
async fn jobs_of_one_place_let_others_between_them() {
    let (pool, _) = counting(1, 4);
    let done = Arc::new(Mutex::new(Vec::new()));
    let place = pool.enter(&origin(1)).unwrap();
    let release = occupy(&pool).await;
    let mark = |name: &'static str| {
        let done = done.clone();
        move |_: &mut usize| lock(&done).push(name)
    };
    let two = async {
        place.run(mark("first")).await.unwrap();
        place.run(mark("second")).await.unwrap();
    };
    let other = async {
        pool.run(&origin(2), mark("other")).await.unwrap();
    };
    let start = async { drop(release) };
    tokio::join!(two, other, start);
    assert_eq!(*lock(&done), ["first", "other", "second"]);
}

#[tokio::test]
async fn a_job_whose_caller_has_gone_leaves_the_queue_with_what_it_holds() {
    let (pool, _) = counting(1, 4);
    let release = occupy(&pool).await;
    let (waiting, presence) = Presence::new();
    let gone = Origin { presence, ..origin(1) };
    let picture = Arc::new(());
    let held = picture.clone();
    let run = pool.run(&gone, move |_| drop(held));
    let leave = async {
        assert_eq!(Arc::strong_count(&picture), 2);
        drop(waiting);
    };
    let (result, ()) = tokio::join!(run, leave);
    assert_eq!(result, Err(Error::Over));
    assert_eq!((Arc::strong_count(&picture), pool.unfinished(), pool.withdrawn()), (1, 1, 1));
    assert_eq!(pool.run(&gone, |_| ()).await, Err(Error::Over));
    drop(release);
}

#[tokio::test]
async fn a_job_whose_future_is_dropped_leaves_the_queue() {
    let (pool, _) = counting(1, 4);
    let release = occupy(&pool).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let mark = ran.clone();
    let origin = origin(1);
    let abandoned = pool.run(&origin, move |_| mark.fetch_add(1, Ordering::SeqCst));
    assert!(tokio::time::timeout(Duration::from_millis(20), abandoned).await.is_err());
    drop(release);
    assert_eq!(pool.run(&origin, |_| ()).await, Ok(()));
    assert_eq!((ran.load(Ordering::SeqCst), pool.withdrawn()), (0, 1));
}

#[tokio::test]
async fn a_panicking_job_fails_alone_and_its_engine_is_replaced() {
    let (pool, loads) = counting(1, 4);
    assert_eq!(pool.run(&origin(1), |_| panic!("a defect")).await, Err::<(), _>(Error::Panicked));
    assert_eq!(pool.run(&origin(1), |engine| *engine).await, Ok(1), "the second engine");
    assert_eq!((loads.load(Ordering::SeqCst), pool.unfinished()), (2, 0));
}

#[tokio::test]
async fn a_load_failure_is_reported_and_jobs_do_not_hang() {
    let pool =
        Pool::<()>::start(Size { threads: 2, spare: 0, queue: 1, share: 0.5 }, || Err("no models".into())).unwrap();
    assert_eq!(pool.loaded().await, Err("no models".into()));
    assert_eq!(pool.run(&origin(1), |()| ()).await, Err(Error::NotLoaded));
}

#[tokio::test]
async fn stopping_waits_for_the_threads_and_refuses_further_jobs() {
    struct Engine(Arc<AtomicUsize>);
    impl Drop for Engine {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    let load = move || {
        thread::sleep(Duration::from_millis(50));
        Ok(Engine(count.clone()))
    };
    let pool = Pool::start(Size { threads: 2, spare: 0, queue: 1, share: 0.5 }, load).unwrap();
    pool.stop();
    assert_eq!(ended.load(Ordering::SeqCst), 2, "also those that were still loading");
    assert_eq!(pool.run(&origin(1), |_| ()).await, Err(Error::NotLoaded));
}

#[tokio::test]
async fn threads_work_side_by_side() {
    let (pool, _) = counting(2, 0);
    let release = occupy(&pool).await;
    assert_eq!(pool.run(&origin(1), |_| 1).await, Ok(1));
    drop(release);
}

#[tokio::test]
async fn a_spare_thread_serves_another_account_while_one_runs_as_much_as_it_may() {
    let pool = Arc::new(Pool::start(Size { threads: 1, spare: 1, queue: 4, share: 1.0 }, || Ok(0)).unwrap());
    let release = occupy(&pool).await;
    let more = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(&origin(0), |_| 1).await }
    });
    while pool.unfinished() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.run(&origin(1), |_| 2).await, Ok(2));
    assert!(!more.is_finished(), "the account waits for its own job");
    drop(release);
    assert_eq!(more.await.unwrap(), Ok(1));
}
