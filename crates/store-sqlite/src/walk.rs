//! Walking along an index for a page. Conditions that the index serves say where the walk goes; the others are
//! decided row by row, so that a page can end when enough rows were looked at, whether they passed or not.

use posthouse_store::{PAGE_BYTES_MAX, SCAN_ROWS_MAX};
use posthouse_types::Page;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::fault::Done;
use crate::rows::Cells;

/// A walk in the making. Values are bound, never written into the text.
pub(crate) struct Walk {
    table: &'static str,
    columns: &'static str,
    from: String,
    within: Conditions,
    only: Conditions,
}

#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn and(&mut self, condition: &str) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(condition);
    }
}

impl Walk {
    /// Along the rows of `from`, by the first of its `columns`, which is an id, from the highest down.
    pub(crate) fn new(table: &'static str, columns: &'static str, from: String) -> Self {
        Self { table, columns, from, within: Conditions::default(), only: Conditions::default() }
    }

    /// Goes there only: for what the index serves.
    pub(crate) fn within(&mut self, condition: &str, value: impl Into<Value>) {
        self.within_plain(condition);
        self.within.values.push(value.into());
    }

    /// The same without a value.
    pub(crate) fn within_plain(&mut self, condition: &str) {
        self.within.and(condition);
    }

    /// Lets only such rows pass.
    pub(crate) fn only(&mut self, condition: &str, value: impl Into<Value>) {
        self.only.and(condition);
        self.only.values.push(value.into());
    }

    fn sql(&self) -> String {
        let passes = if self.only.sql.is_empty() { "1" } else { &self.only.sql };
        let (columns, from, within) = (self.columns, &self.from, &self.within.sql);
        format!("SELECT {columns}, ({passes}) FROM {from} WHERE {within} ORDER BY 1 DESC")
    }

    /// Reads one page: `limit` items or [`PAGE_BYTES_MAX`] of them, as `read` counts their bytes, out of
    /// [`SCAN_ROWS_MAX`] rows at the most.
    pub(crate) fn page<T, K: Copy>(
        self,
        connection: &Connection,
        limit: usize,
        key: fn(&[u8]) -> Option<K>,
        mut read: impl FnMut(&Row<'_>) -> Done<(T, usize)>,
    ) -> Done<Page<T, K>> {
        let mut statement = connection.prepare_cached(&self.sql())?;
        let verdict = statement.column_count() - 1;
        let values = self.only.values.into_iter().chain(self.within.values);
        let mut rows = statement.query(params_from_iter(values))?;
        let mut page = Page { items: Vec::new(), next: None };
        let (mut last, mut bytes) = (None, 0);
        let mut looked = 0;
        while let Some(row) = rows.next()? {
            let passes = row.get::<_, Option<bool>>(verdict)?.unwrap_or(false);
            let full = page.items.len() >= limit || bytes >= PAGE_BYTES_MAX;
            if looked >= SCAN_ROWS_MAX || (passes && full) {
                page.next = last;
                break;
            }
            if passes {
                let (item, size) = read(row)?;
                page.items.push(item);
                bytes += size;
            }
            last = Some(Cells::new(self.table, row).id(0, "id", key)?);
            looked += 1;
        }
        Ok(page)
    }

    /// Passes over `left` items, or as many of them as are among the next rows, `rows_max` at the most: the last row
    /// looked at, and how many are still to be passed over. `None` when there is no row behind.
    pub(crate) fn skip<K>(
        self,
        connection: &Connection,
        (mut left, rows_max): (usize, usize),
        key: fn(&[u8]) -> Option<K>,
    ) -> Done<Option<(K, usize)>> {
        let mut statement = connection.prepare_cached(&self.sql())?;
        let verdict = statement.column_count() - 1;
        let values = self.only.values.into_iter().chain(self.within.values);
        let mut rows = statement.query(params_from_iter(values))?;
        let mut looked = 0;
        while let Some(row) = rows.next()? {
            looked += 1;
            left -= usize::from(row.get::<_, Option<bool>>(verdict)?.unwrap_or(false));
            if left == 0 || looked >= rows_max {
                return Ok(Some((Cells::new(self.table, row).id(0, "id", key)?, left)));
            }
        }
        Ok(None)
    }
}
