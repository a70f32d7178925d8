//! Host names that one dialect has to itself: a published client that can not be given a path before its own needs
//! no more than a name that leads here.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use http::header::HOST;
use tower::{ServiceExt as _, service_fn};

/// Sends requests for these hosts to their routers, and all others to `rest`.
pub(crate) fn by_host(owners: HashMap<String, Router>, rest: Router) -> Router {
    let owners = Arc::new(owners);
    Router::new().fallback_service(service_fn(move |request: Request| {
        let owner = name_of(&request).and_then(|name| owners.get(&name));
        owner.unwrap_or(&rest).clone().oneshot(request)
    }))
}

/// The host of a request in lower case, without its port.
fn name_of(request: &Request) -> Option<String> {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = header.or_else(|| request.uri().authority().map(http::uri::Authority::as_str))?;
    let authority = authority.parse::<http::uri::Authority>().ok()?;
    Some(authority.host().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn names_are_without_port_and_case() {
        for (host, name) in [
            ("API.Example:8400", Some("api.example")),
            ("api.example", Some("api.example")),
            ("[::1]:80", Some("[::1]")),
            ("a b", None),
        ] {
            let request = Request::builder().header(HOST, host).body(Body::empty()).unwrap();
            assert_eq!(name_of(&request).as_deref(), name, "{host}");
        }
    }
}
