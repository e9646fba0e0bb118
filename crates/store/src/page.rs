//! Lists in pages. Rows are ordered by id, that is by creation, so rows that come or go never shift a page.

use crate::ids::Id;

/// A part of a list, oldest row first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass it as `after` to get the rows that follow; `None` on the last page.
    pub next: Option<Id>,
}

/// The ids that a page may hold, as a closed range of byte strings, and how many rows to ask for.
pub(crate) struct Window {
    pub(crate) first: Vec<u8>,
    pub(crate) last: Vec<u8>,
    /// One more than wanted, to see whether another page follows.
    pub(crate) rows: i64,
    limit: Option<usize>,
}

impl Window {
    pub(crate) fn new(id: Option<Id>, after: Option<Id>, limit: Option<u32>) -> Window {
        // The successor of a byte string in the order of both databases is the string with a zero byte behind it.
        let after = after.map(|id| [id.to_bytes(), vec![0]].concat()).unwrap_or_default();
        let exact = id.map(Id::to_bytes);
        Window {
            first: exact.clone().unwrap_or_default().max(after),
            last: exact.unwrap_or_else(|| vec![0xff]),
            rows: limit.map_or(i64::MAX, |limit| i64::from(limit) + 1),
            limit: limit.map(|limit| limit as usize),
        }
    }

    /// Cuts off the additional row.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> Id) -> Page<T> {
        let more = self.limit.is_some_and(|limit| items.len() > limit);
        if let Some(limit) = self.limit {
            items.truncate(limit);
        }
        let next = items.last().filter(|_| more).map(id);
        Page { items, next }
    }
}
