//! What explains the API: OpenAPI documents, the browser for them, a page for each kind of error.

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::dialect::native::errors;

/// `/openapi/<name>.json`, `/docs` and `/errors/<slug>`.
pub(crate) fn router(documents: Vec<(&'static str, OpenApi)>) -> Router {
    let mut router = Router::new().route("/errors/{slug}", get(error_page));
    let mut urls = Vec::new();
    for (name, document) in documents {
        let url = format!("/openapi/{name}.json");
        let text = document.to_pretty_json().expect("a document of strings and maps has a JSON form");
        let text = bytes::Bytes::from(text);
        let serve = move || async move { ([(CONTENT_TYPE, "application/json")], text) };
        router = router.route(&url, get(serve));
        urls.push(url);
    }
    router.merge(SwaggerUi::new("/docs").config(Config::new(urls)))
}

async fn error_page(Path(slug): Path<String>) -> Response {
    match errors::page(&slug) {
        Some(page) => Html(page).into_response(),
        None => (StatusCode::NOT_FOUND, "There is no error of this name.\n").into_response(),
    }
}
