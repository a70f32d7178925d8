//! Ids in paths. One that can not be an id names nothing: it is not found, like any other that is not there.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use posthouse_engine::{Error, ErrorKind};
use posthouse_types::{
    ActionId, AgentId, DeliveryId, EndpointId, EventRef, InboundRef, KeyId, MessageId, SessionId, SourceRef,
};
use serde::de::DeserializeOwned;

use super::limits::VALUE_CHARS_MAX;
use super::{Api, Refusal};

/// An id that may stand in a path.
pub(crate) trait PathId: FromStr {
    /// What it names, for people.
    const KIND: &'static str;
}

/// The id in the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: PathId> FromRequestParts<Api> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let text = match Path::<String>::from_request_parts(parts, api).await {
            Ok(Path(text)) if text.chars().count() <= VALUE_CHARS_MAX => text,
            _ => {
                let detail = format!("there is no such {}", T::KIND);
                return Err(Error::new(ErrorKind::NotFound, detail).into());
            }
        };
        text.parse().map(Self).map_err(|_| Error::not_found(T::KIND, text).into())
    }
}

/// Several texts of the path, in order. What they mean is for the conversion to say.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Segments<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Path(texts) = Path::<T>::from_request_parts(parts, api)
            .await
            .map_err(|_| Error::new(ErrorKind::NotFound, "there is nothing of this name"))?;
        Ok(Self(texts))
    }
}

/// Reads an id of a path; one that can not be an id names nothing.
pub(crate) fn path_id<T: PathId>(text: &str) -> Result<T, Error> {
    let shown = if text.chars().count() <= VALUE_CHARS_MAX { text } else { "of this name" };
    text.parse().map_err(|_| Error::not_found(T::KIND, shown))
}

macro_rules! path_ids {
    ($($id:ty = $kind:literal;)*) => {$(
        impl PathId for $id {
            const KIND: &'static str = $kind;
        }
    )*};
}

path_ids! {
    ActionId = "action";
    AgentId = "agent";
    DeliveryId = "delivery";
    EndpointId = "endpoint";
    EventRef = "event";
    InboundRef = "inbound delivery";
    KeyId = "key";
    MessageId = "message";
    SessionId = "session";
    SourceRef = "source";
}
