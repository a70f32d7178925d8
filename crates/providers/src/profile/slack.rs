//! Slack, the Events API. Source: Slack, “The Events API” and “url_verification event”.

use posthouse_types::AuthMode;
use posthouse_types::limits::INBOUND_TEXT_CHARS_MAX;

use super::{CatalogueEntry, Profile};
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::{Json, key_part};
use crate::lines::{Lines, headline};

/// Bytes shown of a message.
const TEXT_BYTES_MAX: usize = 1000;

pub(super) static PROFILE: Profile = Profile {
    name: "slack",
    display_name: "Slack",
    auth: AuthMode::SlackSignature,
    catalogue: &[
        CatalogueEntry::new("app_mention", "Somebody mentions the app").used_for("Answering questions"),
        CatalogueEntry::new("message", "Message in a conversation of the app").used_for("Following a channel"),
        CatalogueEntry::new("reaction_added", "Somebody reacts to a message").used_for("Starting work by an emoji"),
        CatalogueEntry::new("member_joined_channel", "Somebody joins a channel").used_for("Welcoming"),
        CatalogueEntry::new("channel_created", "New channel"),
    ],
    setup_guide: "\
1. In your app's settings at Slack, copy the **Signing Secret** under **Basic Information** into this source.
2. Under **Event Subscriptions**, turn events on and set the **Request URL** to the URL of this source. Slack sends a
   challenge at once; it is answered.
3. Under **Subscribe to bot events**, add the events that you want, and save.
4. Install the app into the workspace, and invite it to the channels that it is to follow.
",
    tools: &[],
    read,
    summarise,
    challenge: Some(challenge),
};

fn read(incoming: &Incoming<'_>) -> Reading {
    let payload = incoming.payload().unwrap_or_default();
    let json = Json::new(&payload);
    let [outer, inner, id] = json.pick(["type", "event.type", "event_id"]);
    let outer = outer.text();
    let kind = match outer.as_deref() {
        Some("event_callback") => inner.text(),
        _ => outer,
    };
    Reading {
        event_type: kind.and_then(|kind| event_type(&kind, None)),
        delivery_key: id.text().and_then(|id| DeliveryKey::given(&id)),
        entity_key: thread(json),
        ..Reading::default()
    }
}

/// A thread is its channel and the time of its first message, which is one itself until it is answered.
fn thread(json: Json<'_>) -> Option<String> {
    let event = json.at("event");
    let [channel, thread, message] = event.pick(["channel", "thread_ts", "ts"]);
    let channel = channel.text().and_then(|channel| key_part(&channel))?;
    let time = thread.text().or_else(|| message.text()).and_then(|time| key_part(&time))?;
    Some(format!("slack:{channel}:{time}"))
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let payload = incoming.payload().unwrap_or_default();
    let event_type = event_type.unwrap_or("unknown");
    let [team, event] = Json::new(&payload).pick(["team_id", "event"]);
    let [channel, user, bot, text, reaction, thread, subtype] =
        event.pick(["channel", "user", "bot_id", "text", "reaction", "thread_ts", "subtype"]);
    // Of new channels and users the whole object is there instead of the id.
    let channel = channel.line().or_else(|| channel.first(["name", "id"]).line());
    let user = user.line().or_else(|| user.first(["name", "id"]).line()).or_else(|| bot.line());

    let mut lines = Lines::new(&format!("Slack event: {event_type}"));
    lines.gap();
    lines.fact("Workspace", team.line());
    lines.fact("Channel", channel.as_ref());
    lines.fact("User", user.as_ref());
    lines.fact("Subtype", subtype.line());
    lines.fact("Reaction", reaction.line());
    lines.fact("Thread", thread.line());
    lines.block("Text", text.text().as_deref(), TEXT_BYTES_MAX);
    let event = format!("Slack {event_type}");
    lines.finish(&headline(&event, channel.as_deref(), None, user.as_deref()))
}

/// The challenge as it stands, which Slack takes as plain text.
fn challenge(incoming: &Incoming<'_>) -> Option<String> {
    let payload = incoming.payload()?;
    let [kind, challenge] = Json::new(&payload).pick(["type", "challenge"]);
    let challenge = challenge.text().filter(|_| kind.text().as_deref() == Some("url_verification"))?;
    let fits = !challenge.is_empty()
        && challenge.chars().count() <= INBOUND_TEXT_CHARS_MAX
        && !challenge.contains(char::is_control);
    fits.then(|| challenge.into_owned())
}
