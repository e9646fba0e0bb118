//! Threads that own an inference engine, and the bounded queue before them.
//!
//! Async code takes a [`Place`] and hands it closures, one after the other; what holds a place is bounded in all and for
//! each account, and what is refused is refused at once. Accounts take turns at the threads, and none can take all of them:
//! spare ones serve the others while one account floods the pool with long jobs. A job whose caller has gone leaves the queue at once, with all that it holds. A job that panics fails alone: its thread loads a fresh engine and
//! goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{oneshot, watch};
use vultus_store::Id;

use super::queue::Queue;
use crate::budget::{Budget, Held, Refusal};
use crate::origin::Origin;

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// All threads are at work and the queue is full.
    #[error("all inference threads are busy and as many requests wait as may: try again shortly")]
    Busy,
    /// The account has its part of the queue.
    #[error("as many requests of this account wait for inference as may: send fewer at a time")]
    AccountBusy,
    /// Nobody waits for the result any more: the client has gone, or the request's time is over.
    #[error("the request took too long: try again, or send smaller images")]
    Over,
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

/// How large a pool is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Threads that one account may take, at least 1.
    pub threads: usize,
    /// Further threads, for other accounts only.
    pub spare: usize,
    /// Jobs that may wait.
    pub queue: usize,
    /// The part of what the others leave of all places that one account may have.
    pub share: f64,
}

type Job<S> = Box<dyn FnOnce(Option<&mut S>) + Send>;
type Load<S> = dyn Fn() -> Result<S, String> + Send + Sync;

/// Threads that each own an `S`: the vision engine, or a fake in tests.
pub struct Pool<S> {
    line: Arc<Line<S>>,
    places: Arc<Budget>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    loading: watch::Receiver<Loading>,
}

/// The jobs that wait.
struct Line<S> {
    jobs: Mutex<Jobs<S>>,
    changed: Condvar,
    withdrawn: AtomicU64,
}

struct Jobs<S> {
    queue: Queue<Job<S>>,
    stopped: bool,
}

/// The right to have one job at a time in the pool.
pub struct Place<S> {
    line: Arc<Line<S>>,
    origin: Origin,
    held: Arc<Held>,
}

/// A job in the line; leaves it when dropped.
struct Waiting<'a, S> {
    line: &'a Line<S>,
    number: u64,
}

impl<S: Send + 'static> Pool<S> {
    /// Starts the threads, each of which calls `load` for its engine.
    ///
    /// Returns at once: jobs that come before the engines are loaded wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(size: Size, load: impl Fn() -> Result<S, String> + Send + Sync + 'static) -> std::io::Result<Self> {
        let Size { threads, spare, queue, share } = size;
        let jobs = Mutex::new(Jobs { queue: Queue::new(threads), stopped: false });
        let line = Arc::new(Line { jobs, changed: Condvar::new(), withdrawn: AtomicU64::new(0) });
        let (report, loading) = watch::channel(Loading::Running);
        let load: Arc<Load<S>> = Arc::new(load);
        let mut handles = Vec::with_capacity(threads + spare);
        for number in 0..threads + spare {
            let (line, load, report) = (line.clone(), load.clone(), report.clone());
            let thread = thread::Builder::new().name(format!("engine-{number}"));
            handles.push(thread.spawn(move || work(&line, &*load, &report))?);
        }
        let places = Budget::new(threads.saturating_add(queue), share, threads);
        Ok(Self { line, places, threads: Mutex::new(handles), loading })
    }

    /// Takes a place for work that is several jobs: other accounts take their turns between these.
    ///
    /// # Errors
    /// [`Error::Busy`] or [`Error::AccountBusy`].
    pub fn enter(&self, origin: &Origin) -> Result<Place<S>, Error> {
        let held = self.places.take(origin.account, 1).map_err(|refusal| match refusal {
            Refusal::Full => Error::Busy,
            Refusal::Share => Error::AccountBusy,
        })?;
        Ok(Place { line: self.line.clone(), origin: origin.clone(), held: Arc::new(held) })
    }

    /// Runs one job when its turn comes.
    ///
    /// # Errors
    /// Those of [`Pool::enter`] and [`Place::run`].
    pub async fn run<T: Send + 'static>(
        &self,
        origin: &Origin,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.enter(origin)?.run(job).await
    }

    /// How many places are held: by jobs that run or wait, and by work between two jobs.
    pub fn unfinished(&self) -> usize {
        self.places.held()
    }

    /// How many jobs left the queue because nobody waited for them any more.
    pub fn withdrawn(&self) -> u64 {
        self.line.withdrawn.load(Ordering::Relaxed)
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
    /// Ends the threads once they have done what waits for them, and waits for that. Blocks.
    ///
    /// The process must not end before: the inference runtime crashes when it is unloaded under a thread that uses it.
    pub fn stop(&self) {
        lock(&self.line.jobs).stopped = true;
        self.line.changed.notify_all();
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

impl<S: Send + 'static> Place<S> {
    /// Runs a job when its turn comes, unless nobody waits for it by then.
    ///
    /// # Errors
    /// [`Error`] says why there is no result.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut S) -> T + Send + 'static) -> Result<T, Error> {
        if self.origin.presence.is_over() {
            return Err(Error::Over);
        }
        let (answer, result) = oneshot::channel();
        // The place is held until the job has ended, also when its caller has gone meanwhile.
        let held = self.held.clone();
        let waiting = self.line.push(&self.origin, |engine| {
            let result = engine.map(job).ok_or(Error::NotLoaded);
            drop(held);
            // A caller that went away meanwhile misses the result and nothing else.
            drop(answer.send(result));
        })?;
        let result = tokio::select! {
            biased;
            // A job that panics drops its sender.
            result = result => result.unwrap_or(Err(Error::Panicked)),
            () = self.origin.presence.over() => Err(Error::Over),
        };
        drop(waiting);
        result
    }
}

impl<S> Line<S> {
    fn push(
        &self,
        origin: &Origin,
        job: impl FnOnce(Option<&mut S>) + Send + 'static,
    ) -> Result<Waiting<'_, S>, Error> {
        let mut jobs = lock(&self.jobs);
        if jobs.stopped {
            return Err(Error::NotLoaded);
        }
        let number = jobs.queue.push(origin.account, Box::new(job));
        self.changed.notify_one();
        Ok(Waiting { line: self, number })
    }

    /// Waits for the next job, and gives it with its account; none when the pool is stopped.
    fn next(&self) -> Option<(Id, Job<S>)> {
        let mut jobs = lock(&self.jobs);
        loop {
            if let Some(job) = jobs.queue.pop() {
                return Some(job);
            }
            if jobs.stopped && jobs.queue.is_empty() {
                return None;
            }
            jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a job has ended. The account may run another one, for which a thread may wait.
    fn finish(&self, account: Id) {
        let mut jobs = lock(&self.jobs);
        jobs.queue.finish(account);
        if jobs.stopped {
            self.changed.notify_all();
        }
    }
}

impl<S> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        // Of a job that was taken, nothing is left here.
        let job = lock(&self.line.jobs).queue.withdraw(self.number);
        if job.is_some() {
            self.line.withdrawn.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The life of one thread: load an engine, work until the pool is stopped.
fn work<S>(line: &Line<S>, load: &Load<S>, report: &watch::Sender<Loading>) {
    let mut engine = load_reported(load, report);
    while let Some((account, job)) = line.next() {
        if engine.is_none() {
            engine = load_reported(load, report);
        }
        if catch_unwind(AssertUnwindSafe(|| job(engine.as_mut()))).is_err() {
            tracing::error!("an inference job panicked; its thread loads a fresh engine");
            engine = load_reported(load, report);
        }
        line.finish(account);
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
#[path = "pool_tests.rs"]
mod tests;
