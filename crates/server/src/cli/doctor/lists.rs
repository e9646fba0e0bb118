//! The sanctions lists can be read and are not too old.

use super::Check;
use crate::clock;
use crate::config::Config;
use crate::lists::{Folder, Installed};

const NAME: &str = "sanctions lists";
/// Publishers change their lists every few days.
const OLD_DAYS: i64 = 7;
const DAY_US: i64 = 24 * 3600 * clock::SECOND_US;

pub(super) async fn check(config: &Config) -> anyhow::Result<Vec<Check>> {
    let folder = Folder::new(config.screening.lists.path(&config.data.data_dir));
    let read = move || folder.load().and_then(|_| folder.installed());
    Ok(match tokio::task::spawn_blocking(read).await? {
        Err(error) => vec![Check::error(NAME, format!("{error:#}"), "vultus lists pull, or vultus lists import")],
        Ok(lists) if lists.is_empty() => vec![Check::ok(NAME, "none are installed; `vultus lists pull` fetches them")],
        Ok(lists) => lists.iter().map(age).collect(),
    })
}

fn age(list: &Installed) -> Check {
    let days = (clock::now_us() - list.checked_us) / DAY_US;
    let source = list.version.source;
    let found = format!("{source}: {} entries, last checked {days} days ago", list.version.entries);
    if days > OLD_DAYS {
        return Check::warning(NAME, found, format!("vultus lists pull --list {source}, or set --lists-pull-hours"));
    }
    Check::ok(NAME, found)
}
