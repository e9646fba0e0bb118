//! `vultus doctor`: looks at everything that a server needs, changes nothing, and says what to do. One file per group of checks.

mod data;
mod database;
mod lists;
mod models;
mod system;

use std::fmt::{Display, Write as _};

use anyhow::bail;
use serde::Serialize;

use super::print;
use crate::config::Config;

/// Arguments of `vultus doctor`: the options of `vultus serve`, so that it looks at the same server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

/// One thing that a server needs, and its state.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do, unless all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// The server runs, but not as it should.
    Warning,
    /// The server does not start, or fails requests.
    Error,
}

impl Check {
    fn ok(name: &'static str, found: impl Display) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.to_string(), advice: None }
    }

    fn warning(name: &'static str, found: impl Display, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.to_string(), advice: Some(advice.into()) }
    }

    fn error(name: &'static str, found: impl Display, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Error, found: found.to_string(), advice: Some(advice.into()) }
    }
}

/// Runs all checks and prints what they find.
///
/// # Errors
/// When a check finds an error.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = &args.config;
    let mut checks = data::check(&config.data);
    checks.extend(database::check(&config.data).await);
    checks.extend(models::check(config).await?);
    checks.extend(lists::check(config).await?);
    checks.extend(system::check(config).await);
    print(&if args.json { serde_json::to_string_pretty(&checks)? } else { report(&checks) })?;
    let errors: Vec<_> =
        checks.iter().filter(|check| check.verdict == Verdict::Error).map(|check| check.name).collect();
    if !errors.is_empty() {
        bail!("this server cannot run as it is: {}", errors.join(", "));
    }
    Ok(())
}

fn report(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { name, verdict, found, advice } in checks {
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Error => "error",
        };
        let _ = writeln!(text, "{verdict:<8} {name:<16} {found}");
        if let Some(advice) = advice {
            let _ = writeln!(text, "{:<25} -> {advice}", "");
        }
    }
    text.truncate(text.trim_end().len());
    text
}
