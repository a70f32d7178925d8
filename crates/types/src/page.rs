//! Pages of a list, newest first.

use crate::Invalid;
use crate::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};

/// What a caller asks of a list: how many items, and before which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Items wanted, 1 to [`PAGE_ITEMS_MAX`].
    pub limit: usize,
    /// Only what comes after this key in list order; `None` starts at the top.
    pub after: Option<K>,
}

impl<K> PageRequest<K> {
    /// Checks the limit; `None` is [`PAGE_ITEMS_DEFAULT`].
    pub fn new(limit: Option<usize>, after: Option<K>) -> Result<Self, Invalid> {
        let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if limit == 0 || limit > PAGE_ITEMS_MAX {
            return Err(Invalid::because(format!("must be 1 to {PAGE_ITEMS_MAX}")));
        }
        Ok(Self { limit, after })
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The key to continue after; `None` on the last page.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// Makes a page from up to `limit + 1` rows: the extra row only tells that there is more.
    pub fn from_rows(mut rows: Vec<T>, limit: usize, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Self { items: rows, next }
    }

    /// The same page with its items converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U, K> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}
