//! Progress on standard error: a bar on a terminal, a log line elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// One step that takes a while. Its bar disappears with it.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// A step of a known number of bytes.
    pub(super) fn bytes(what: &str, bytes: u64) -> Self {
        let style = "{msg:36} {bar:30} {bytes}/{total_bytes}";
        Self::start(format!("writing {what}"), style, || ProgressBar::new(bytes))
    }

    /// A step of unknown length.
    pub(super) fn spinner(what: String) -> Self {
        Self::start(what, "{spinner} {msg} {elapsed}", || {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        })
    }

    /// Adds bytes to the progress.
    pub(super) fn advance(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    fn start(what: String, style: &str, bar: impl Fn() -> ProgressBar) -> Self {
        if !stderr().is_terminal() {
            tracing::info!("{what}");
            return Self(None);
        }
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = bar().with_style(style).with_message(what);
        Self(Some(bar))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
