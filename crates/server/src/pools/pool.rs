//! Threads that own an inference engine, and the bounded queue before them.
//!
//! Async code hands a closure to [`Pool::run`] and awaits its result. What is waiting is bounded: a full queue answers
//! [`Error::Busy`] at once. A job whose caller has gone (the future was dropped) is skipped when its turn comes. A job
//! that panics fails alone: its thread loads a fresh engine and goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// All threads are at work and the queue is full.
    #[error("all inference threads are busy and as many requests wait as may: try again shortly")]
    Busy,
    /// The job panicked.
    #[error("an inference job panicked")]
    Panicked,
    /// The thread has no engine, because loading it failed.
    #[error("the inference engine is not loaded: try again shortly")]
    NotLoaded,
}

/// How far the loading of the engines is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loading {
    /// No thread has an engine yet.
    Running,
    /// At least one thread has an engine.
    Ready,
    /// An engine could not be loaded; the text says why.
    Failed(String),
}

type Job<S> = Box<dyn FnOnce(Option<&mut S>) + Send>;
type Load<S> = dyn Fn() -> Result<S, String> + Send + Sync;

/// Threads that each own an `S`: the vision engine, or a fake in tests.
pub struct Pool<S> {
    /// None once the pool is stopped.
    jobs: Mutex<Option<mpsc::Sender<Job<S>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    permits: Arc<Semaphore>,
    capacity: usize,
    loading: watch::Receiver<Loading>,
    skipped: Arc<AtomicU64>,
    abandoned: AtomicU64,
}

/// Counts callers that go away while they wait.
struct Caller<'a> {
    abandoned: &'a AtomicU64,
    waiting: bool,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if self.waiting {
            self.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S: Send + 'static> Pool<S> {
    /// Starts `threads` threads, each of which calls `load` for its engine, and lets `queue` jobs wait for them.
    ///
    /// Returns at once: jobs that come before the engines are loaded wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        threads: usize,
        queue: usize,
        load: impl Fn() -> Result<S, String> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let (report, loading) = watch::channel(Loading::Running);
        let waiting = Arc::new(Mutex::new(waiting));
        let load: Arc<Load<S>> = Arc::new(load);
        let mut handles = Vec::with_capacity(threads);
        for number in 0..threads {
            let (waiting, load, report) = (waiting.clone(), load.clone(), report.clone());
            let thread = thread::Builder::new().name(format!("engine-{number}"));
            handles.push(thread.spawn(move || work(&waiting, &*load, &report))?);
        }
        let capacity = (threads + queue).min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(capacity));
        let (jobs, threads) = (Mutex::new(Some(jobs)), Mutex::new(handles));
        Ok(Self { jobs, threads, permits, capacity, loading, skipped: Arc::default(), abandoned: AtomicU64::new(0) })
    }

    /// Runs `job` on the next free thread.
    ///
    /// # Errors
    /// [`Error`] says why there is no result.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut S) -> T + Send + 'static) -> Result<T, Error> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let (answer, result) = oneshot::channel();
        self.send(package(job, answer, permit, self.skipped.clone()))?;
        let mut caller = Caller { abandoned: &self.abandoned, waiting: true };
        let result = result.await.unwrap_or(Err(Error::Panicked));
        caller.waiting = false;
        result
    }

    fn send(&self, job: Job<S>) -> Result<(), Error> {
        lock(&self.jobs).as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or(Error::NotLoaded)
    }

    /// How many jobs are running or waiting.
    pub fn unfinished(&self) -> usize {
        self.capacity - self.permits.available_permits()
    }

    /// How many callers went away before they had a result.
    pub fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// How many jobs were skipped because their caller had gone when their turn came.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// How far the loading is.
    pub fn loading(&self) -> Loading {
        self.loading.borrow().clone()
    }

    /// Waits until an engine is loaded.
    ///
    /// # Errors
    /// Why an engine could not be loaded.
    pub async fn loaded(&self) -> Result<(), String> {
        let mut loading = self.loading.clone();
        let settled = loading.wait_for(|state| *state != Loading::Running).await;
        match settled.as_deref() {
            Ok(Loading::Failed(reason)) => Err(reason.clone()),
            Ok(Loading::Ready | Loading::Running) => Ok(()),
            Err(_) => Err("the engine threads ended".into()),
        }
    }
}

impl<S> Pool<S> {
    /// Ends the threads once they have done or skipped what waits for them, and waits for that. Blocks.
    ///
    /// The process must not end before: the inference runtime crashes when it is unloaded under a thread that uses it.
    pub fn stop(&self) {
        drop(lock(&self.jobs).take());
        for thread in lock(&self.threads).drain(..) {
            // Jobs are run under `catch_unwind`; a thread that panicked all the same has ended, which is what counts.
            let _ = thread.join();
        }
    }
}

impl<S> Drop for Pool<S> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wraps a job so that it carries its permit, is skipped when its caller has gone, and answers when it panics (the
/// dropped sender is the answer then).
fn package<S, T: Send + 'static>(
    job: impl FnOnce(&mut S) -> T + Send + 'static,
    answer: oneshot::Sender<Result<T, Error>>,
    permit: OwnedSemaphorePermit,
    skipped: Arc<AtomicU64>,
) -> Job<S> {
    Box::new(move |engine| {
        if answer.is_closed() {
            skipped.fetch_add(1, Ordering::Relaxed);
        } else {
            let result = engine.map(job).ok_or(Error::NotLoaded);
            // A caller that went away meanwhile misses the result and nothing else.
            drop(answer.send(result));
        }
        drop(permit);
    })
}

/// The life of one thread: load an engine, work until the pool is gone.
fn work<S>(waiting: &Mutex<mpsc::Receiver<Job<S>>>, load: &Load<S>, report: &watch::Sender<Loading>) {
    let mut engine = load_reported(load, report);
    loop {
        // The guard is held while waiting: one idle thread waits in `recv`, the others for the lock.
        let next = lock(waiting).recv();
        let Ok(job) = next else { return };
        if engine.is_none() {
            engine = load_reported(load, report);
        }
        if catch_unwind(AssertUnwindSafe(|| job(engine.as_mut()))).is_err() {
            tracing::error!("an inference job panicked; its thread loads a fresh engine");
            engine = load_reported(load, report);
        }
    }
}

fn load_reported<S>(load: &Load<S>, report: &watch::Sender<Loading>) -> Option<S> {
    match load() {
        Ok(engine) => {
            report.send_replace(Loading::Ready);
            Some(engine)
        }
        Err(reason) => {
            tracing::error!(reason, "an inference engine cannot be loaded");
            report.send_if_modified(|state| {
                let first = *state == Loading::Running;
                if first {
                    *state = Loading::Failed(reason);
                }
                first
            });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    fn counting(threads: usize, queue: usize) -> (Arc<Pool<usize>>, Arc<AtomicUsize>) {
        let loads = Arc::new(AtomicUsize::new(0));
        let counter = loads.clone();
        let pool = Pool::start(threads, queue, move || Ok(counter.fetch_add(1, Ordering::SeqCst))).unwrap();
        (Arc::new(pool), loads)
    }

    /// Occupies one thread until the returned sender is dropped.
    async fn occupy(pool: &Arc<Pool<usize>>) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let pool = pool.clone();
        tokio::spawn(async move {
            pool.run(move |_| {
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
            async move { pool.run(|_| 7).await }
        });
        while pool.permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|_| ()).await, Err(Error::Busy));
        drop(release);
        assert_eq!(waiting.await.unwrap(), Ok(7));
        assert_eq!(pool.run(|_| 8).await, Ok(8));
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_is_skipped() {
        let (pool, _) = counting(1, 4);
        let release = occupy(&pool).await;
        let ran = Arc::new(AtomicUsize::new(0));
        let mark = ran.clone();
        let abandoned = pool.run(move |_| mark.fetch_add(1, Ordering::SeqCst));
        assert!(tokio::time::timeout(Duration::from_millis(20), abandoned).await.is_err());
        drop(release);
        assert_eq!(pool.run(|_| ()).await, Ok(()));
        assert_eq!((ran.load(Ordering::SeqCst), pool.skipped()), (0, 1));
    }

    #[tokio::test]
    async fn a_panicking_job_fails_alone_and_its_engine_is_replaced() {
        let (pool, loads) = counting(1, 4);
        assert_eq!(pool.run(|_| panic!("a defect")).await, Err::<(), _>(Error::Panicked));
        assert_eq!(pool.run(|engine| *engine).await, Ok(1), "the second engine");
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_load_failure_is_told_and_jobs_do_not_hang() {
        let pool = Pool::<()>::start(2, 1, || Err("no models".into())).unwrap();
        assert_eq!(pool.loaded().await, Err("no models".into()));
        assert_eq!(pool.run(|()| ()).await, Err(Error::NotLoaded));
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
        let pool = Pool::start(2, 1, load).unwrap();
        pool.stop();
        assert_eq!(ended.load(Ordering::SeqCst), 2, "also those that were still loading");
        assert_eq!(pool.run(|_| ()).await, Err(Error::NotLoaded));
    }

    #[tokio::test]
    async fn threads_work_side_by_side() {
        let (pool, _) = counting(2, 0);
        let release = occupy(&pool).await;
        assert_eq!(pool.run(|_| 1).await, Ok(1));
        drop(release);
    }
}
