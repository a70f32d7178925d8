//! Query strings: known parameters only, each once.

use axum::extract::FromRequestParts;
use http::request::Parts;
use posthouse_engine::{Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::json::refused_member;
use super::{Api, Refusal};

/// The query as `T`, whose members are optional texts: what they mean is for the conversion to say.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refusal> {
        let pairs =
            axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
                Error::new(ErrorKind::Malformed { location: "query".into() }, "the query can not be read")
            })?;
        let mut members = Map::new();
        for (name, value) in pairs.0 {
            let location = format!("query.{name}");
            if members.insert(name, Value::String(value)).is_some() {
                return Err(Error::field(location, "is given twice").into());
            }
        }
        serde_path_to_error::deserialize(Value::Object(members)).map(Self).map_err(|error| {
            Error::invalid(vec![refused_member("query", error.path(), error.inner())]).into()
        })
    }
}
