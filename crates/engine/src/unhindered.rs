//! Work that goes to its end even when nobody waits for it any more.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};

/// Does `work` to its end even if whoever asked for it goes away meanwhile; a panic in it is an error. Not a function
/// that is `async` itself: that would have room for the work beside the box it goes into.
pub(crate) fn see_through<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> {
    let work = Unhindered::new(AssertUnwindSafe(work).catch_unwind());
    work.map(|done| {
        done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the work was given up half-way")))
    })
}

/// A future that is done in place; dropped between its begin and its end, it goes on as a task of its own. So work that
/// must be finished costs no task where, as nearly always, someone waits for it.
struct Unhindered<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    begun: bool,
}

impl<T: Send + 'static> Unhindered<T> {
    /// Begins when it is first polled.
    fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), begun: false }
    }
}

impl<T: Send + 'static> Future for Unhindered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.begun = true;
        let work = self.work.as_mut().expect("a future is not polled after its end");
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Unhindered<T> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end.
        if let (true, Some(work), Ok(runtime)) = (self.begun, self.work.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::Unhindered;

    #[tokio::test]
    async fn it_ends_in_place_and_goes_on_when_it_is_dropped() {
        assert_eq!(Unhindered::new(async { 7 }).await, 7);
        let (go, gone) = oneshot::channel::<()>();
        let (told, tells) = oneshot::channel();
        let mut work = Unhindered::new(async move {
            gone.await.unwrap();
            told.send("done").unwrap();
        });
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(tells.await, Ok("done"));
    }
}
