//! Opens the TCP connection to one of several checked addresses, directly or through the proxy.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::limits::{ADDRESS_STAGGER, ADDRESSES_TRIED_MAX};
use crate::proxy::Proxy;

pub(crate) type Tcp = TokioIo<TcpStream>;
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Connects to the first of `addresses` that answers. Each address gets a head start over the next, so one
/// that swallows packets delays the attempt and does not end it. The order alternates between families.
pub(crate) async fn direct(addresses: &[SocketAddr]) -> io::Result<Tcp> {
    let mut waiting = alternating(addresses);
    let mut running: FuturesUnordered<_> = waiting.next().map(TcpStream::connect).into_iter().collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "no address");
    let mut next = waiting.next();
    while !running.is_empty() {
        tokio::select! {
            Some(result) = running.next() => match result {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(TokioIo::new(stream));
                }
                Err(error) => failure = error,
            },
            () = tokio::time::sleep(ADDRESS_STAGGER), if next.is_some() => {}
        }
        // Whether the one before failed or is merely late, it is the next one's turn.
        running.extend(next.map(TcpStream::connect));
        next = waiting.next();
    }
    Err(failure)
}

/// The addresses to try: the resolver's order, which knows our routes, but changing the family each time.
fn alternating(addresses: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let of_family = |v4: bool| addresses.iter().copied().filter(move |address| address.is_ipv4() == v4);
    let (mut first, mut second) = (of_family(first_is_v4), of_family(!first_is_v4));
    let both = std::iter::from_fn(move || {
        let pair = [first.next(), second.next()];
        pair.iter().any(Option::is_some).then_some(pair)
    });
    both.flatten().flatten().take(ADDRESSES_TRIED_MAX)
}

/// Asks the proxy for each of `addresses` in turn until it reaches one.
pub(crate) async fn through(proxy: &Proxy, addresses: &[SocketAddr]) -> Result<Tcp, BoxError> {
    let mut failure: BoxError = "no address".into();
    for address in alternating(addresses) {
        match through_to(proxy, address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn through_to(proxy: &Proxy, address: SocketAddr) -> Result<Tcp, BoxError> {
    let target = Uri::try_from(format!("http://{address}")).expect("a socket address is a URI's authority");
    match proxy {
        Proxy::Http(server) => {
            let tunnel = Tunnel::new(server.uri().clone(), ToProxy);
            let mut tunnel = match server.basic_auth() {
                Some(auth) => tunnel.with_auth(auth),
                None => tunnel,
            };
            Ok(tunnel.call(target).await?)
        }
        Proxy::Socks5(server) => {
            let socks = SocksV5::new(server.uri().clone(), ToProxy);
            let mut socks = match server.user() {
                Some((user, password)) => socks.with_auth(user.clone(), password.clone()),
                None => socks,
            };
            Ok(socks.call(target).await?)
        }
    }
}

/// Connects to the proxy itself, whose address is not policed.
#[derive(Debug, Clone, Copy)]
struct ToProxy;

impl Service<Uri> for ToProxy {
    type Response = Tcp;
    type Error = io::Error;
    type Future = BoxFuture<Tcp, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, proxy: Uri) -> Self::Future {
        Box::pin(async move {
            let authority = proxy.authority().expect("a proxy's URI has host and port");
            let addresses: Vec<_> = tokio::net::lookup_host(authority.as_str()).await?.collect();
            direct(&addresses).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_the_number_is_bounded() {
        let parse = |text: &&str| text.parse::<SocketAddr>().expect("valid");
        let addresses: Vec<_> = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].iter().map(parse).collect();
        let order: Vec<_> = alternating(&addresses).map(|address| address.to_string()).collect();
        assert_eq!(order, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        let many = vec![addresses[0]; 50];
        assert_eq!(alternating(&many).count(), ADDRESSES_TRIED_MAX);
        assert_eq!(alternating(&[]).count(), 0);
    }
}
