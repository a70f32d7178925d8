//! Pages of what a caller sees.

use posthouse_store::StoreError;
use posthouse_types::{Page, PageRequest, ProjectId};

use crate::caller::Caller;

/// A page of the records that the caller sees, of a list that holds those of all projects. For lists that are short
/// (there is a limit to each), so that passing over those of other projects costs little.
pub(crate) async fn seen<R, K: Clone, F>(
    caller: &Caller,
    page: PageRequest<K>,
    about: impl Fn(&R) -> (Option<ProjectId>, K),
    read: impl Fn(PageRequest<K>) -> F,
) -> Result<Page<R, K>, StoreError>
where
    F: Future<Output = Result<Page<R, K>, StoreError>>,
{
    let limit = page.limit;
    let mut after = page.after;
    let mut found = Vec::new();
    loop {
        let Page { items, next } = read(PageRequest { limit, after }).await?;
        found.extend(items.into_iter().filter(|record| caller.sees(about(record).0)));
        if next.is_none() || found.len() > limit {
            return Ok(Page::from_rows(found, limit, |record| about(record).1));
        }
        after = next;
    }
}
