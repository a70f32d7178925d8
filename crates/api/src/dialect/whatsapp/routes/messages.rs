//! Votes in polls.

use axum::Json;
use axum::extract::State;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, JsonBody, Segments, Writer};

/// Vote on a poll message
///
/// `options` is the complete set of choices that you want selected: it replaces your previous vote. An empty one
/// clears it; a single-choice poll takes one. A vote that stands already is answered with `replayed` true, and makes
/// no second event. Needs `send`.
#[utoipa::path(
    post, path = "/api/v1/sessions/{session}/messages/{mid}/vote", operation_id = "voteMessage", tag = "Messages",
    params(
        ("session" = String, Path, description = "The session whose account votes, with or without `sess_`."),
        ("mid" = String, Path, description = "The poll's message."),
    ),
    request_body = wire::Vote,
    responses(
        (status = 200, description = "The vote stands.", body = wire::SendResult),
        (status = 400, description = "The message is not a poll, an option is none of its choices, or the body is \
            not valid.", body = wire::ErrorBody),
        (status = 409, description = "Someone else voted at the same moment.", body = wire::ErrorBody),
    )
)]
pub(crate) async fn vote(
    State(api): State<Api>,
    Writer(caller): Writer,
    Segments((session, mid)): Segments<(String, String)>,
    JsonBody(request): JsonBody<wire::Vote>,
) -> Answer<Json<wire::SendResult>> {
    let cast = convert::cast_vote(&session, &mid, request)?;
    let message = cast.message;
    let voted = api.engine.vote(&caller, cast).await?;
    Ok(Json(convert::send_result(message, &voted)))
}
