//! Which addresses may send, and whose word counts for what they are.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use posthouse_api::{ApiOptions, ServeOptions};
use posthouse_engine::Options;
use posthouse_types::AuthMode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Inbox;
use crate::stream::PATIENCE;
use crate::world::World;

/// What a connection from there brings along.
pub(super) fn peer(address: &str) -> ConnectInfo<SocketAddr> {
    ConnectInfo(SocketAddr::new(address.parse().unwrap(), 50_000))
}

async fn ask(world: &World, inbox: &Inbox, from: &str, forwarded: Option<&str>) -> u16 {
    let mut request = Request::builder().method("POST").uri(&inbox.path).extension(peer(from));
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    world.knock(request.body(Body::from(format!("{from} {forwarded:?}"))).unwrap()).await.status.as_u16()
}

async fn behind_proxies() -> World {
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
    let api = ApiOptions { trusted_proxies: Arc::from(trusted), ..ApiOptions::default() };
    World::with(Options::default(), api).await
}

#[tokio::test]
async fn only_listed_addresses_may_send() {
    let world = behind_proxies().await;
    let inbox = world
        .inbox_with("generic", AuthMode::None, |settings| {
            let networks = ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"];
            settings.allowed_cidrs = networks.map(str::to_owned).to_vec();
        })
        .await;
    for (from, forwarded, status) in [
        ("192.0.2.200", None, 202),
        ("::ffff:192.0.2.201", None, 202),
        ("198.51.100.7", None, 202),
        ("198.51.100.8", None, 403),
        ("2001:db8:1::1", None, 202),
        ("2001:db9::1", None, 403),
        // A stranger's word counts for nothing, whichever way it points.
        ("203.0.113.1", Some("192.0.2.1"), 403),
        ("192.0.2.1", Some("203.0.113.1"), 202),
        // Behind a proxy that is trusted, its own entry is the last.
        ("10.0.0.1", Some("192.0.2.1"), 202),
        ("10.0.0.1", Some("203.0.113.1"), 403),
        ("10.0.0.1", Some("192.0.2.1, 203.0.113.1"), 403),
        ("10.0.0.1", Some("203.0.113.1, 192.0.2.1"), 202),
        ("fd00::5", Some("203.0.113.1, 192.0.2.1, 10.9.9.9"), 202),
        ("10.0.0.1", Some("192.0.2.1, nonsense"), 403),
        ("10.0.0.1", None, 403),
    ] {
        assert_eq!(ask(&world, &inbox, from, forwarded).await, status, "{from} {forwarded:?}");
    }
    let unknown = Request::builder().method("POST").uri(&inbox.path).body(Body::empty()).unwrap();
    assert_eq!(world.knock(unknown).await.status, 403, "who is not known is not listed");
}

#[tokio::test]
async fn who_sent_it_is_recorded() {
    let world = behind_proxies().await;
    let inbox = world.inbox(AuthMode::None).await;
    assert_eq!(ask(&world, &inbox, "10.0.0.1", Some("1.2.3.4, ::ffff:203.0.113.9")).await, 202);
    assert_eq!(ask(&world, &inbox, "203.0.113.7", Some("1.2.3.4")).await, 202);
    let seen: Vec<_> = world.recorded(&inbox).await.iter().map(|one| one.remote_ip.unwrap()).collect();
    assert_eq!(
        seen,
        ["203.0.113.7", "203.0.113.9"].map(|address| address.parse::<std::net::IpAddr>().unwrap())
    );
}

#[tokio::test]
async fn the_server_knows_its_peers() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::None).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = world.stop.subscribe();
    tokio::spawn(posthouse_api::serve(listener, world.router.clone(), stop, ServeOptions::default()));
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}",
        inbox.path
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(world.recorded(&inbox).await[0].remote_ip, Some(Ipv4Addr::LOCALHOST.into()));
}
