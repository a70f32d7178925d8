//! What can be asked. Source: Moltis, `crates/gateway`, `webhooks` and `methods`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use posthouse_engine::{Caller, CreateSource, Error, ErrorKind, InboundQuery, UpdateSource};
use posthouse_types::limits::PAGE_ITEMS_MAX;
use posthouse_types::{Capability, InboundRef, PageRequest, SourceRef};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::change;
use super::error::Failure;
use super::frame::payload;
use super::params::{Params, camel_case};
use super::wire::{Delivery, ProfileSummary, ResponseAction, Webhook};
use crate::http::{Api, PAYLOAD_DEPTH_MAX, is_too_deep};

/// What a method answers.
pub(super) type Answered = Result<Box<RawValue>, Failure>;

type Method = for<'a> fn(&'a Api, &'a Caller, Params) -> BoxFuture<'a, Answered>;

/// All methods, by name.
pub(super) const METHODS: [(&str, Method); 11] = [
    ("webhooks.create", |api, caller, params| create(api, caller, params).boxed()),
    ("webhooks.delete", |api, caller, params| delete(api, caller, params).boxed()),
    ("webhooks.deliveries", |api, caller, params| deliveries(api, caller, params).boxed()),
    ("webhooks.delivery.actions", |api, caller, params| actions(api, caller, params).boxed()),
    ("webhooks.delivery.get", |api, caller, params| delivery(api, caller, params).boxed()),
    ("webhooks.delivery.payload", |api, caller, params| body(api, caller, params).boxed()),
    ("webhooks.delivery.retry", |api, caller, params| retry(api, caller, params).boxed()),
    ("webhooks.get", |api, caller, params| get(api, caller, params).boxed()),
    ("webhooks.list", |api, caller, _| list(api, caller).boxed()),
    ("webhooks.profiles", |api, caller, _| std::future::ready(profiles(api, caller)).boxed()),
    ("webhooks.update", |api, caller, params| update(api, caller, params).boxed()),
];

/// Does what is asked.
pub(super) async fn call(api: &Api, caller: &Caller, method: &str, params: Option<Value>) -> Answered {
    let known = METHODS.iter().find(|(name, _)| *name == method);
    let (_, method) = known.ok_or_else(|| Failure::unknown_method(method))?;
    method(api, caller, Params::of(params)?).await
}

async fn list(api: &Api, caller: &Caller) -> Answered {
    let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
    let mut webhooks = Vec::new();
    // Moltis has no pages; how many sources there may be is bounded.
    loop {
        let found = api.engine.sources(caller, page).await?;
        webhooks.extend(found.items.into_iter().map(|detail| Webhook::of(detail, None)));
        match found.next {
            Some(next) => page = PageRequest { limit: PAGE_ITEMS_MAX, after: Some(next) },
            None => return Ok(payload(&webhooks)),
        }
    }
}

async fn get(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("id")?;
    let detail = api.engine.source(caller, SourceRef::Number(id)).await.map_err(|e| webhook(e, id))?;
    Ok(payload(&Webhook::of(detail, None)))
}

async fn create(api: &Api, caller: &Caller, params: Params) -> Answered {
    // Whoever may not is told so whatever the rest says.
    caller.need(Capability::Manage)?;
    let invalid = |error: Error| told(error, "invalid webhook spec: ");
    let (settings, change) = change::create(params.0).map_err(invalid)?;
    let provider_token = change.provider_token.flatten();
    let create = CreateSource { settings, project: None, secret: change.secret, provider_token };
    let (detail, made) = api.engine.create_source(caller, create).await.map_err(invalid)?;
    Ok(payload(&Webhook::of(detail, made.as_ref())))
}

async fn update(api: &Api, caller: &Caller, mut params: Params) -> Answered {
    caller.need(Capability::Manage)?;
    let id = params.id("id")?;
    let source = SourceRef::Number(id);
    let members = match params.0.remove("patch") {
        None => Map::new(),
        Some(Value::Object(members)) => camel_case(members),
        Some(_) => return Err(told(Error::field("body.patch", "must be an object"), "invalid patch: ")),
    };
    let now = api.engine.source(caller, source).await.map_err(|e| webhook(e, id))?;
    let invalid = |error: Error| match error.kind {
        ErrorKind::NotFound => webhook(error, id),
        _ => told(error, "invalid patch: "),
    };
    let change = change::patch(members, &now.source.settings).map_err(invalid)?;
    let update = UpdateSource {
        settings: &|settings| change.apply(settings),
        secret: change.secret.clone(),
        provider_token: change.provider_token.clone(),
    };
    let detail = api.engine.update_source(caller, source, update).await.map_err(invalid)?;
    Ok(payload(&Webhook::of(detail, None)))
}

async fn delete(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("id")?;
    api.engine.delete_source(caller, SourceRef::Number(id)).await.map_err(|e| webhook(e, id))?;
    Ok(payload(&json!({ "deleted": id })))
}

fn profiles(api: &Api, caller: &Caller) -> Answered {
    caller.need(Capability::Read)?;
    let profiles = api.engine.profiles().iter().map(|&profile| ProfileSummary::from(profile));
    Ok(payload(&profiles.collect::<Vec<_>>()))
}

async fn deliveries(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("webhookId")?;
    let page = PageRequest::new(params.count("limit")?, None)
        .map_err(|invalid| Error::field("body.limit", invalid))?;
    let query = InboundQuery { skip: params.count("offset")?.unwrap_or(0), ..InboundQuery::default() };
    let found = api.engine.inbound_deliveries(caller, SourceRef::Number(id), query, page);
    let found = found.await.map_err(|e| webhook(e, id))?.items;
    let found = found.into_iter().map(|delivery| Delivery::of(delivery, id));
    Ok(payload(&found.collect::<Vec<_>>()))
}

async fn delivery(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("id")?;
    let found = api.engine.inbound_delivery(caller, InboundRef::Number(id)).await;
    let found = found.map_err(|e| delivered(e, id))?.delivery;
    let webhook = api.engine.source(caller, found.source.into()).await?.source.number;
    Ok(payload(&Delivery::of(found, webhook)))
}

/// The body: as it is when it is JSON, else in base64.
async fn body(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("id")?;
    let found = api.engine.inbound_body(caller, InboundRef::Number(id)).await;
    let Some((_, body)) = found.map_err(|e| delivered(e, id))? else { return Ok(payload(&Value::Null)) };
    // Unread, so that its numbers stay what they are.
    match serde_json::from_slice::<Box<RawValue>>(&body) {
        Ok(json) if !is_too_deep(json.get().as_bytes(), PAYLOAD_DEPTH_MAX) => Ok(json),
        _ => Ok(payload(&json!({ "raw": STANDARD.encode(&body), "size": body.len() }))),
    }
}

async fn actions(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("deliveryId")?;
    let found = api.engine.inbound_delivery(caller, InboundRef::Number(id)).await;
    let actions = found.map_err(|e| delivered(e, id))?.actions.into_iter().enumerate();
    let actions = actions.map(|(place, action)| ResponseAction::of(action, id, place));
    Ok(payload(&actions.collect::<Vec<_>>()))
}

async fn retry(api: &Api, caller: &Caller, params: Params) -> Answered {
    let id = params.id("id")?;
    let found = api.engine.rerun_inbound(caller, InboundRef::Number(id)).await;
    let found = found.map_err(|e| delivered(e, id))?;
    let webhook = api.engine.source(caller, found.source.into()).await?.source.number;
    Ok(payload(&Delivery::of(found, webhook)))
}

fn webhook(error: Error, id: u64) -> Failure {
    match error.kind {
        ErrorKind::NotFound => Failure::not_found("webhook", id),
        _ => error.into(),
    }
}

fn delivered(error: Error, id: u64) -> Failure {
    match error.kind {
        ErrorKind::NotFound => Failure::not_found("delivery", id),
        _ => error.into(),
    }
}

/// Says what it is that is not valid, as Moltis does.
fn told(error: Error, context: &str) -> Failure {
    let is_invalid = matches!(error.kind, ErrorKind::Invalid(_));
    let failure = Failure::from(error);
    if is_invalid { failure.in_context(context) } else { failure }
}
