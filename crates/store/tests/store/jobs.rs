use tokio::task::JoinSet;
use vultus_store::fits::{self, Fit};
use vultus_store::jobs::{self, Job, Terms};
use vultus_store::rejections::{self, NewRejection};
use vultus_store::{Kind, Micros, blobs, collections};

use crate::world::{MODEL, World, assert_fails, new_id, now, on_each_database, written};

const LEASE: Micros = 1_000_000;

async fn claim(world: &World) -> Option<jobs::Claim> {
    let now = now();
    claim_at(world, Job::Fit, now, now, now + LEASE).await
}

async fn claim_at(world: &World, job: Job, due: Micros, now: Micros, lease: Micros) -> Option<jobs::Claim> {
    jobs::claim(&world.db, job, &Terms { due, now, lease, per_account: 100 }).await.unwrap()
}

#[tokio::test]
async fn a_change_of_a_collection_asks_for_one_fit() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        assert_eq!(claim(&world).await, None);
        let before = now();
        world.enroll("Ada", 1, Some(home)).await;
        world.enroll("Bob", 1, Some(home)).await;
        assert_eq!(claim_at(&world, Job::Fit, before, now(), now()).await, None, "changes are gathered");
        let job = claim(&world).await.unwrap();
        assert_eq!((job.account, job.subject, job.attempt), (world.account, home, 1));
        assert_eq!(claim(&world).await, None, "it is claimed once");
        jobs::finish(&world.db, &job, now()).await.unwrap();
        assert_eq!((claim(&world).await, jobs::count(&world.db).await.unwrap()), (None, jobs::Count::default()));
    })
    .await;
}

#[tokio::test]
async fn a_change_during_a_fit_asks_for_another() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        world.enroll("Ada", 1, Some(home)).await;
        let job = claim(&world).await.unwrap();
        world.enroll("Bob", 1, Some(home)).await;
        jobs::finish(&world.db, &job, now()).await.unwrap();
        let again = claim(&world).await.unwrap();
        jobs::finish(&world.db, &again, now()).await.unwrap();
        assert_eq!(claim(&world).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_lost_worker_is_claimed_again_and_one_that_fails_is_tried_again() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        written!(world.db, world.account, jobs::fit_soon(home, 0)).await.unwrap();
        let time = now();
        let lost = claim_at(&world, Job::Fit, 0, time, time).await.unwrap();
        let found = claim(&world).await.unwrap();
        assert_eq!((found.subject, lost.attempt, found.attempt), (home, 1, 2));
        assert!(!jobs::extend(&world.db, &lost, now()).await.unwrap(), "it is another's now");
        jobs::finish(&world.db, &lost, now()).await.unwrap();
        jobs::fail(&world.db, &lost, "too late", Some(now())).await.unwrap();
        assert_eq!(claim(&world).await, None, "who lost it changes nothing any more");
        assert!(jobs::extend(&world.db, &found, now() + LEASE).await.unwrap());
        jobs::fail(&world.db, &found, "no memory", Some(now() + LEASE)).await.unwrap();
        assert_eq!(claim(&world).await, None, "not at once");
        let later = now() + 2 * LEASE;
        let third = claim_at(&world, Job::Fit, later, later, later + LEASE).await.unwrap();
        jobs::fail(&world.db, &third, "no memory", None).await.unwrap();
        assert_eq!(jobs::count(&world.db).await.unwrap(), jobs::Count { open: 0, failed: 1 });
        assert_eq!(claim_at(&world, Job::Fit, later * 2, later, later).await, None, "it is set aside");
        written!(world.db, world.account, jobs::fit_soon(home, 0)).await.unwrap();
        assert_eq!(claim(&world).await.unwrap().attempt, 1, "until it is asked for again");
    })
    .await;
}

#[tokio::test]
async fn an_account_with_its_share_of_running_jobs_keeps_no_other_waiting() {
    on_each_database(async |world| {
        let claim = async |now| {
            let terms = Terms { due: now, now, lease: now + LEASE, per_account: 2 };
            jobs::claim(&world.db, Job::RemoveImage, &terms).await.unwrap()
        };
        let (many, one) = ([(); 5].map(|()| new_id(Kind::Embedding)), new_id(Kind::Embedding));
        let due = now();
        written!(world.db, world.account, blobs::reserve(blobs::Kind::Image, &many, due)).await.unwrap();
        written!(world.db, world.stranger, blobs::reserve(blobs::Kind::Image, &[one], due + 1)).await.unwrap();
        let time = due + 2;
        let first = claim(time).await.unwrap();
        assert_eq!((first.account, claim(time).await.unwrap().account), (world.account, world.account));
        assert_eq!(claim(time).await.map(|claim| claim.subject), Some(one), "though others are due for longer");
        assert_eq!(claim(time).await, None);
        jobs::finish(&world.db, &first, time).await.unwrap();
        assert_eq!(claim(time).await.unwrap().account, world.account);
        assert_eq!(claim(time).await, None);
        assert!(claim(time + 2 * LEASE).await.is_some(), "what a lost worker ran counts for nobody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_claimed_by_one_of_many_workers() {
    on_each_database(async |world| {
        for i in 0..30 {
            world.enroll("someone", 1, Some(world.collection(&i.to_string()).await)).await;
        }
        let mut workers = JoinSet::new();
        for _ in 0..4 {
            let world = world.clone();
            workers.spawn(async move {
                let mut done = Vec::new();
                // A worker that lost a race goes on: only many empty looks in a row mean that there is nothing left.
                let mut idle = 0;
                while idle < 20 {
                    match claim(&world).await {
                        Some(job) => {
                            jobs::finish(&world.db, &job, now()).await.unwrap();
                            done.push(job.subject);
                            idle = 0;
                        }
                        None => idle += 1,
                    }
                }
                done
            });
        }
        let mut done = workers.join_all().await.concat();
        assert_eq!(done.len(), 30);
        done.sort_unstable();
        done.dedup();
        assert_eq!(done.len(), 30);
    })
    .await;
}

#[tokio::test]
async fn the_newest_fit_is_kept_and_goes_with_its_collection() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let fit = |version, data: &[u8]| Fit {
            model: MODEL.into(),
            version,
            outdated: 2,
            fitted: now(),
            data: data.to_vec(),
        };
        assert_eq!(world.state(home).await.fit, None);
        let newest = fit(5, b"new");
        written!(db, account, fits::save(home, &newest)).await.unwrap();
        written!(db, account, fits::save(home, &fit(4, b"old"))).await.unwrap();
        assert_eq!(fits::of_collection(db, account, home).await.unwrap(), Some(newest.clone()));
        let stamp = world.state(home).await.fit.unwrap();
        assert_eq!((stamp.fitted, stamp.model.as_str(), stamp.outdated), (newest.fitted, MODEL, 2));
        assert_eq!(fits::of_collection(db, world.stranger, home).await.unwrap(), None);
        written!(db, world.stranger, fits::save(home, &fit(9, b"theirs"))).await.unwrap();
        assert_eq!(fits::of_collection(db, account, home).await.unwrap(), Some(newest));
        written!(db, account, collections::delete(home, now())).await.unwrap();
        assert_eq!(fits::of_collection(db, account, home).await.unwrap(), None);
        written!(db, account, fits::save(home, &fit(6, b"late"))).await.unwrap();
        assert_eq!(fits::of_collection(db, account, home).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_newest_rejections_are_kept_and_ask_for_a_fit() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, None).await;
        let vectors = [[0.0_f32; 8], [1.0; 8], [2.0; 8]];
        for vector in &vectors {
            let new = NewRejection {
                id: new_id(Kind::Rejection),
                collection_id: home,
                enrollment_id: ada,
                model: MODEL,
                vector,
            };
            written!(db, account, rejections::insert(&new, 2, now())).await.unwrap();
            assert_fails!(
                written!(db, world.stranger, rejections::insert(&new, 2, now())).await,
                NotFound,
                Collection,
                home
            );
        }
        let kept = rejections::list(db, account, home, MODEL).await.unwrap();
        assert_eq!(kept.iter().map(|one| one.vector[0]).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(rejections::list(db, account, home, "another model").await.unwrap(), []);
        assert_eq!(rejections::list(db, world.stranger, home, MODEL).await.unwrap(), []);
        assert_eq!(claim(&world).await.unwrap().subject, home);
        written!(db, account, vultus_store::enrollments::delete(ada, now())).await.unwrap();
        assert_eq!(rejections::list(db, account, home, MODEL).await.unwrap(), []);
    })
    .await;
}
