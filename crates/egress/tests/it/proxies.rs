//! Through a proxy: HTTP CONNECT and SOCKS5, with and without a user. The policy holds all the same.

use std::sync::{Arc, Mutex};

use posthouse_egress::{Egress, EgressConfig, Proxy};
use posthouse_types::outcome::{Outcome, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::{Server, default_config, local_config, post, read_request};
use crate::tls::{self_signed, trusting};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const DELIVERED: Outcome = Outcome::Delivered { status: 200 };

/// What a proxy was asked for, one line per connection.
type Asked = Arc<Mutex<Vec<String>>>;

/// A CONNECT proxy that demands this `Proxy-Authorization`, if any.
async fn connect_proxy(auth: Option<&'static str>) -> (Server, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let server = Server::start(move |mut stream| {
        let log = Arc::clone(&log);
        async move {
            let Some((head, _)) = read_request(&mut stream).await else { return };
            log.lock().unwrap().push(head.lines().next().unwrap().to_owned());
            let given = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: "));
            if given != auth {
                stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").await.ok();
                return;
            }
            let target = head.split(' ').nth(1).unwrap();
            let Ok(mut upstream) = TcpStream::connect(target).await else {
                stream.write_all(b"HTTP/1.1 502 No\r\n\r\n").await.ok();
                return;
            };
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.ok();
            copy_bidirectional(&mut stream, &mut upstream).await.ok();
        }
    })
    .await;
    (server, asked)
}

/// A SOCKS5 proxy (IPv4 targets only) that demands this user and password, if any.
async fn socks_proxy(user: Option<(&'static str, &'static str)>) -> (Server, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let server = Server::start(move |mut stream| {
        let log = Arc::clone(&log);
        async move {
            socks_session(&mut stream, user, &log).await.ok();
        }
    })
    .await;
    (server, asked)
}

async fn socks_session(
    stream: &mut TcpStream,
    user: Option<(&str, &str)>,
    log: &Asked,
) -> std::io::Result<()> {
    let _version = stream.read_u8().await?;
    let methods = read_counted(stream).await?;
    let method = if user.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, method]).await?;
    if let Some((name, password)) = user {
        let _version = stream.read_u8().await?;
        let given = (read_counted(stream).await?, read_counted(stream).await?);
        if given != (name.as_bytes().to_vec(), password.as_bytes().to_vec()) {
            return stream.write_all(&[1, 1]).await;
        }
        stream.write_all(&[1, 0]).await?;
    }
    let mut request = [0; 10];
    stream.read_exact(&mut request).await?;
    let [5, 1, 0, 1, a, b, c, d, high, low] = request else { return stream.write_all(&[5, 8]).await };
    let target = format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([high, low]));
    log.lock().unwrap().push(target.clone());
    let mut upstream = TcpStream::connect(target).await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(stream, &mut upstream).await?;
    Ok(())
}

async fn read_counted(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn through(scheme: &str, user: &str, proxy: &Server) -> Proxy {
    format!("{scheme}://{user}{}", proxy.address).parse().unwrap()
}

#[tokio::test]
async fn connect_asks_for_the_checked_address() {
    let target = Server::answering(OK).await;
    let (proxy, asked) = connect_proxy(None).await;
    let egress =
        Egress::new(EgressConfig { proxy: Some(through("http", "", &proxy)), ..local_config() }).unwrap();
    let url = format!("http://localhost:{}/hook", target.address.port());
    assert_eq!(post(&egress, &url).await.outcome, DELIVERED);
    assert_eq!(*asked.lock().unwrap(), [format!("CONNECT {} HTTP/1.1", target.address)]);
}

#[tokio::test]
async fn tls_through_connect_checks_the_name() {
    let (target, pem) = self_signed("localhost").await;
    let (proxy, asked) = connect_proxy(None).await;
    let egress =
        Egress::new(EgressConfig { proxy: Some(through("http", "", &proxy)), ..trusting(&pem) }).unwrap();
    let report = post(&egress, &format!("https://localhost:{}/", target.address.port())).await;
    assert_eq!(report.outcome, DELIVERED, "{:?}", report.error);
    assert_eq!(*asked.lock().unwrap(), [format!("CONNECT {} HTTP/1.1", target.address)]);
}

#[tokio::test]
async fn socks_asks_for_the_checked_address_with_and_without_tls() {
    let (target, pem) = self_signed("localhost").await;
    let (proxy, asked) = socks_proxy(None).await;
    let egress =
        Egress::new(EgressConfig { proxy: Some(through("socks5", "", &proxy)), ..trusting(&pem) }).unwrap();
    let report = post(&egress, &format!("https://localhost:{}/", target.address.port())).await;
    assert_eq!(report.outcome, DELIVERED, "{:?}", report.error);
    let plain = Server::answering(OK).await;
    assert_eq!(post(&egress, &plain.url("/")).await.outcome, DELIVERED);
    assert_eq!(*asked.lock().unwrap(), [target.address.to_string(), plain.address.to_string()]);
}

#[tokio::test]
async fn users_are_authenticated() {
    let target = Server::answering(OK).await;
    // "user:p@ss" in base64.
    let (http, _) = connect_proxy(Some("Basic dXNlcjpwQHNz")).await;
    let (socks, _) = socks_proxy(Some(("user", "p@ss"))).await;
    for (scheme, proxy) in [("http", &http), ("socks5", &socks)] {
        for (user, expected) in [
            ("user:p%40ss@", DELIVERED),
            ("user:wrong@", Outcome::Unreachable { stage: Stage::Connect }),
            ("", Outcome::Unreachable { stage: Stage::Connect }),
        ] {
            let config = EgressConfig { proxy: Some(through(scheme, user, proxy)), ..local_config() };
            let report = post(&Egress::new(config).unwrap(), &target.url("/")).await;
            assert_eq!(report.outcome, expected, "{scheme} {user}");
            let error = report.error.unwrap_or_default();
            assert!(!error.contains("wrong") && !error.contains(&proxy.address.to_string()), "{error}");
        }
    }
    assert_eq!(target.accepted(), 2);
}

#[tokio::test]
async fn the_target_is_policed_and_the_proxy_is_not() {
    let target = Server::answering(OK).await;
    let (http, _) = connect_proxy(None).await;
    let (socks, _) = socks_proxy(None).await;
    for (scheme, proxy) in [("http", &http), ("socks5", &socks)] {
        let config = EgressConfig { proxy: Some(through(scheme, "", proxy)), ..default_config() };
        let egress = Egress::new(config).unwrap();
        for url in [target.url("/"), format!("https://localhost:{}/", target.address.port())] {
            assert_eq!(post(&egress, &url).await.outcome, Outcome::Blocked, "{scheme} {url}");
        }
        assert_eq!(proxy.accepted(), 0, "{scheme}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_down_or_refuses_is_unreachable() {
    let (proxy, _) = connect_proxy(None).await;
    let refusing = EgressConfig { proxy: Some(through("http", "", &proxy)), ..local_config() };
    let down = EgressConfig { proxy: Some("http://127.0.0.1:1".parse().unwrap()), ..local_config() };
    for config in [refusing, down] {
        let report = post(&Egress::new(config).unwrap(), "http://127.0.0.1:1/").await;
        assert_eq!(report.outcome, Outcome::Unreachable { stage: Stage::Connect });
        assert_eq!(report.error.as_deref(), Some("no connection through the proxy"));
    }
}
