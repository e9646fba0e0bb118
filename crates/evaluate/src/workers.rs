//! Runs a piece of work for every item of a list, on several threads with an engine each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};
use vultus_vision::models::Models;
use vultus_vision::{Engine, Params};

/// How engines are made, and how many.
pub struct Workers {
    pub models: Models,
    pub params: Params,
    pub threads: usize,
}

impl Workers {
    /// Calls `work` once for each item and returns the results in the order of the items. Shows a progress bar on
    /// standard error when that is a terminal.
    pub fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&mut Engine, &T) -> anyhow::Result<R> + Sync,
    ) -> anyhow::Result<Vec<R>> {
        let bar = ProgressBar::new(items.len() as u64);
        bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} pictures, {eta} left")?);
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(items.len()));
        let serve = || -> anyhow::Result<()> {
            let mut engine = Engine::load(&self.models, self.params)?;
            while let Some((index, item)) = fetch(&next, items) {
                let result = work(&mut engine, item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
                results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                bar.inc(1);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let running: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(serve)).collect();
            running.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
        })?;
        bar.finish_and_clear();
        let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

fn fetch<'t, T>(next: &AtomicUsize, items: &'t [T]) -> Option<(usize, &'t T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}
