//! Work that goes to its end even when nobody waits for it any more.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};

/// Does `work` to its end even if whoever asked for it goes away meanwhile; a panic in it is an error.
pub(crate) async fn see_through<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    Unhindered::new(AssertUnwindSafe(work).catch_unwind())
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the work was given up half-way")))
}

/// A future that is done in place; dropped before its end, it goes on as a task of its own. So work that must be
/// finished costs no task where, as nearly always, someone waits for it.
struct Unhindered<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Unhindered<T> {
    /// Begins when it is first polled.
    fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Unhindered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let work = self.0.as_mut().expect("a future is not polled after its end");
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Unhindered<T> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
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
