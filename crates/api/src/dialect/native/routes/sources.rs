//! Sources: make, change, remove; secrets; the profiles they are made from.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, UpdateSource};
use posthouse_types::{Capability, SourceRef, SourceSettings};

use super::super::convert;
use super::super::wire;
use crate::http::{
    Answer, Api, Confidential, Id, JsonBody, Manager, OptionalJson, Place, Query, page_request,
};

/// Make a source
///
/// Enter its `ingest_url` at the provider, and its secret: the answer holds it when it was made here. Needs `manage`.
#[utoipa::path(
    post, path = "/sources", operation_id = "createSource", tag = "Sources",
    request_body = wire::CreateSource,
    responses(
        (status = 201, description = "Made.", body = wire::CreatedSource),
        (status = 409, description = "A limit is reached.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Manager(caller): Manager,
    place: Place,
    JsonBody(request): JsonBody<wire::CreateSource>,
) -> Answer<(StatusCode, Confidential<wire::CreatedSource>)> {
    let create = convert::create_source(request, api.engine.profiles())?;
    let (source, made) = api.engine.create_source(&caller, create).await?;
    Ok((StatusCode::CREATED, Confidential(convert::created_source(source, made.as_ref(), &place))))
}

/// List sources
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/sources", operation_id = "listSources", tag = "Sources", params(wire::PageQuery),
    responses((status = 200, description = "A page of sources.", body = wire::Page<wire::Source>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    place: Place,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Source>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let sources = api.engine.sources(&caller, page).await?;
    Ok(Json(convert::page_out(sources, |source| convert::source_out(source, &place))))
}

/// Get a source
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/sources/{id}", operation_id = "getSource", tag = "Sources",
    params(("id" = String, Path, description = "The source's id, or its number.")),
    responses((status = 200, description = "The source.", body = wire::Source))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SourceRef>,
    place: Place,
) -> Answer<Json<wire::Source>> {
    let source = api.engine.source(&caller, id).await?;
    Ok(Json(convert::source_out(source, &place)))
}

/// Change a source
///
/// What is absent stays, also inside of objects; null puts back what a source has when nothing is said. What arrived
/// before goes on as the source was then. Needs `manage`.
#[utoipa::path(
    patch, path = "/sources/{id}", operation_id = "updateSource", tag = "Sources",
    params(("id" = String, Path, description = "The source's id, or its number.")),
    request_body = wire::UpdateSource,
    responses(
        (status = 200, description = "The source, changed.", body = wire::Source),
        (status = 409, description = "Someone else changed it at the same moment.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update(
    State(api): State<Api>,
    Manager(caller): Manager,
    Id(id): Id<SourceRef>,
    place: Place,
    JsonBody(request): JsonBody<wire::UpdateSource>,
) -> Answer<Json<wire::Source>> {
    // What may be said depends on what the source is.
    let now = api.engine.source_for(&caller, Capability::Manage, id).await?;
    let patch = convert::source_patch(request, &now.settings, api.engine.profiles())?;
    let settings = |settings: &mut SourceSettings| patch.settings.apply(settings);
    let update =
        UpdateSource { settings: &settings, secret: patch.secret, provider_token: patch.provider_token };
    let source = api.engine.update_source(&caller, id, update).await?;
    Ok(Json(convert::source_out(source, &place)))
}

/// Remove a source
///
/// With all its deliveries. Its sessions stay. Needs `manage`.
#[utoipa::path(
    delete, path = "/sources/{id}", operation_id = "deleteSource", tag = "Sources",
    params(("id" = String, Path, description = "The source's id, or its number.")),
    responses((status = 204, description = "Removed."))
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SourceRef>,
) -> Answer<StatusCode> {
    api.engine.delete_source(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reveal a source's secret
///
/// What senders prove themselves with, for whoever has to enter it at the provider. Needs `manage`.
#[utoipa::path(
    get, path = "/sources/{id}/secret", operation_id = "getSourceSecret", tag = "Sources",
    params(("id" = String, Path, description = "The source's id, or its number.")),
    responses((status = 200, description = "The newest secret or token.", body = wire::SourceSecret))
)]
pub(crate) async fn secret(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SourceRef>,
) -> Answer<Confidential<wire::SourceSecret>> {
    let secret = api.engine.source_secret(&caller, id).await?;
    Ok(Confidential(wire::SourceSecret { secret: secret.expose().to_owned() }))
}

/// Rotate a source's secret
///
/// The old secret is taken beside the new one for a while, so that the provider can change over. Without a body: a
/// secret of ours and a day. Needs `manage`.
#[utoipa::path(
    post, path = "/sources/{id}/rotate-secret", operation_id = "rotateSourceSecret", tag = "Sources",
    params(("id" = String, Path, description = "The source's id, or its number.")),
    request_body = Option<wire::RotateSourceSecret>,
    responses(
        (status = 200, description = "The secret that is taken from now on.", body = wire::RotatedSourceSecret),
        (status = 409, description = "Its mode has no secret, or someone else changed the source at the same moment.",
            body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_secret(
    State(api): State<Api>,
    Manager(caller): Manager,
    Id(id): Id<SourceRef>,
    OptionalJson(request): OptionalJson<wire::RotateSourceSecret>,
) -> Answer<Confidential<wire::RotatedSourceSecret>> {
    let rotated = api.engine.rotate_source_secret(&caller, id, convert::rotate_source(request)).await?;
    Ok(Confidential(convert::rotated_source(&rotated)))
}

/// List provider profiles
///
/// What is known of each provider, all on one page. Needs `read`.
#[utoipa::path(
    get, path = "/profiles", operation_id = "listProfiles", tag = "Sources",
    responses((status = 200, description = "All profiles.", body = wire::Page<wire::Profile>))
)]
pub(crate) async fn profiles(
    State(api): State<Api>,
    caller: Caller,
) -> Answer<Json<wire::Page<wire::Profile>>> {
    caller.need(Capability::Read)?;
    Ok(Json(convert::profiles_out(api.engine.profiles())))
}
