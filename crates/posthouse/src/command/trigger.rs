//! `posthouse trigger`: a webhook as a provider would send it, to try a source out.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use posthouse_egress::SendRequest;
use posthouse_engine::{Clock as _, SystemClock};
use posthouse_providers::auth::{self, Verifier};
use posthouse_providers::{self as providers, sample};
use posthouse_types::{AuthMode, SecretText, SourceRef};
use serde_json::{Value, json};

use crate::client::{self, Remote, SERVER_DEFAULT};
use crate::error::Error;
use crate::output::{Format, say};

/// Send a sample to a source, signed as its provider signs.
#[derive(Debug, clap::Args)]
pub(super) struct Trigger {
    /// The provider's profile, such as github
    #[arg(required_unless_present = "list")]
    profile: Option<String>,
    /// The type of the event, such as pull_request.opened [default: the profile's first]
    event: Option<String>,
    /// Print the profiles and the events there are samples of
    #[arg(long)]
    list: bool,
    /// Send to this source of the server, with its own secret
    #[arg(long, value_name = "ID")]
    source: Option<SourceRef>,
    /// The ingest URL; with --source, the base URL of the server [default: http://127.0.0.1:8400]
    #[arg(long, env = "POSTHOUSE_URL")]
    url: Option<String>,
    /// API key; with --source
    #[arg(long, env = "POSTHOUSE_API_KEY", hide_env_values = true)]
    key: Option<String>,
    /// What the source checks with; not signed without it
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Send the secret in this header, instead of what the profile does
    #[arg(long, value_name = "NAME")]
    header_auth: Option<String>,
    /// A body of your own
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// One more header; may be given several times
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The delivery's id: the second with it is a duplicate [default: a new one each time]
    #[arg(long)]
    id: Option<String>,
    /// How many to send, one after the other
    #[arg(long, default_value_t = 1)]
    count: u32,
}

/// Where to send, and how it is signed there.
struct Target {
    uri: Uri,
    mode: AuthMode,
    /// The header of the mode `static_header`.
    header: Option<String>,
    secret: Option<SecretText>,
}

impl Trigger {
    pub(super) async fn run(self, format: Format) -> Result<(), Error> {
        if self.list {
            return list(self.profile.as_deref(), format);
        }
        let name = self.profile.as_deref().unwrap_or_default();
        let profile = providers::find(name).ok_or_else(|| unknown(name))?;
        let target = self.target(profile.auth).await?;
        let body = self.body.as_ref().map(std::fs::read).transpose().map_err(|error| {
            let path = self.body.as_deref().unwrap_or(std::path::Path::new("")).display();
            Error::Usage(format!("{path} can not be read: {error}"))
        })?;
        let client = client::client()?;
        let mut refused = None;
        for _ in 0..self.count {
            let request = self.request(name, &target, body.as_deref())?;
            let answer = client::exchange(&client, request).await?;
            let text = answer.text.trim_end().to_owned();
            let read = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
            let shown = json!({ "status": answer.status, "answer": read });
            format.print(&shown, || format!("{} {text}", answer.status));
            if !(200..300).contains(&answer.status) {
                refused = Some(answer.status);
            }
        }
        refused.map_or(Ok(()), |status| Err(Error::Usage(why(status))))
    }

    /// Where to send, from the flags or from the server that has the source.
    async fn target(&self, usual: AuthMode) -> Result<Target, Error> {
        let mut target = if let Some(source) = self.source {
            self.of_source(source).await?
        } else {
            let url = self.url.as_deref().unwrap_or_default();
            let uri = client::parse(url).ok().filter(|uri| uri.path() != "/");
            let uri = uri.ok_or_else(|| {
                let how = "say where: --source with the source's id, or --url with its ingest URL";
                Error::Usage(how.to_owned())
            })?;
            Target { uri, mode: usual, header: None, secret: None }
        };
        if let Some(secret) = &self.secret {
            target.secret = Some(SecretText::new(secret.clone()));
        }
        if let Some(header) = &self.header_auth {
            (target.mode, target.header) = (AuthMode::StaticHeader, Some(header.to_ascii_lowercase()));
        }
        if let Some(secret) = &target.secret {
            Verifier::new(target.mode, target.header.as_deref(), std::slice::from_ref(secret))
                .map_err(|invalid| Error::Usage(format!("{}: {invalid}", target.mode)))?;
        }
        Ok(target)
    }

    async fn of_source(&self, source: SourceRef) -> Result<Target, Error> {
        let url = self.url.clone().unwrap_or_else(|| SERVER_DEFAULT.to_owned());
        let key = self.key.clone();
        let key = key.ok_or_else(|| Error::Usage("--source needs --key, or POSTHOUSE_API_KEY".to_owned()))?;
        let remote = Remote { url, key };
        let path = format!("/api/v1/sources/{source}");
        let found = remote.get(&path).await?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let unfit = || Error::Usage("the server does not answer as this version does".to_owned());
        let mode = found["auth"]["mode"].as_str().and_then(|mode| mode.parse().ok()).ok_or_else(unfit)?;
        let secret = match (&self.secret, mode) {
            (Some(_), _) | (_, AuthMode::None) => None,
            (None, _) => text(&remote.get(&format!("{path}/secret")).await?["secret"]).map(SecretText::new),
        };
        Ok(Target {
            uri: client::parse(found["ingest_url"].as_str().ok_or_else(unfit)?)?,
            mode,
            header: text(&found["auth"]["header"]),
            secret,
        })
    }

    /// A request like no other before it, signed now.
    fn request(&self, profile: &str, target: &Target, own: Option<&[u8]>) -> Result<SendRequest, Error> {
        let unique = self.id.clone().unwrap_or_else(|| hex::encode(rand::random::<[u8; 16]>()));
        let event = self.event.as_deref().or_else(|| sample::events(profile).first().copied());
        let sample = event.and_then(|event| sample::sample(profile, event, &unique));
        let (mut pairs, body) = match (own, sample) {
            (Some(own), Some(sample)) => (sample.headers, Bytes::copy_from_slice(own)),
            (Some(own), None) => (json_type(), Bytes::copy_from_slice(own)),
            (None, Some(sample)) => (sample.headers, Bytes::from(sample.body)),
            (None, None) => return Err(no_sample(profile, event)),
        };
        if let Some(secret) = &target.secret {
            let now = SystemClock.now();
            pairs.extend(auth::sign(target.mode, target.header.as_deref(), secret, &body, now));
        }
        for given in &self.header {
            let (name, value) = given
                .split_once(':')
                .ok_or_else(|| Error::Usage(format!("--header `{given}`: must be `NAME: VALUE`")))?;
            pairs.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let mut request = SendRequest::post(target.uri.clone(), body);
        request.headers = headers(&pairs)?;
        Ok(request)
    }
}

fn json_type() -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), "application/json".to_owned())]
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let unfit = || Error::Usage(format!("`{name}` and its value are not fit to be a header"));
        let value = HeaderValue::try_from(value).map_err(|_| unfit())?;
        headers.insert(HeaderName::try_from(name).map_err(|_| unfit())?, value);
    }
    Ok(headers)
}

/// The profiles, or one of them, with what there are samples of.
fn list(only: Option<&str>, format: Format) -> Result<(), Error> {
    let names = providers::all().iter().map(|profile| profile.name);
    let names: Vec<&str> = names.filter(|name| only.is_none_or(|only| only == *name)).collect();
    if names.is_empty() {
        return Err(unknown(only.unwrap_or_default()));
    }
    if format.is_json() {
        let entry = |name: &&str| json!({ "profile": name, "events": sample::events(name) });
        say(&json!({ "data": names.iter().map(entry).collect::<Vec<_>>() }).to_string());
        return Ok(());
    }
    for name in names {
        match sample::events(name) {
            [] => say(&format!("{name} --body FILE")),
            events => events.iter().for_each(|event| say(&format!("{name} {event}"))),
        }
    }
    Ok(())
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = providers::all().iter().map(|profile| profile.name).collect();
    Error::Usage(format!("there is no profile `{name}`: must be one of {}", names.join(", ")))
}

fn no_sample(profile: &str, event: Option<&str>) -> Error {
    let what = event.map_or_else(String::new, |event| format!(" of `{event}`"));
    let events = sample::events(profile);
    let known = if events.is_empty() { String::new() } else { format!(", but of {}", events.join(", ")) };
    Error::Usage(format!(
        "there is no sample{what} for {profile}{known}; --body and --header send one of your own"
    ))
}

/// What a refusal mostly means.
fn why(status: u16) -> String {
    let why = match status {
        401 => {
            "it was not signed, or with another secret, or the source checks something else (its auth.mode)"
        }
        403 => "this address is not among those that may send (the source's allowed_cidrs)",
        404 => "there is no source at this URL, or it is off",
        413 => "the body is longer than the source takes (its max_body_bytes)",
        429 => "there were more in a minute than the source, or the server, takes",
        _ => "it was not taken on",
    };
    format!("answered {status}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(profile: &str) -> Trigger {
        Trigger {
            profile: Some(profile.to_owned()),
            event: None,
            list: false,
            source: None,
            url: Some("http://127.0.0.1:1/api/webhooks/ingest/wh_1".to_owned()),
            key: None,
            secret: Some("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned()),
            header_auth: None,
            body: None,
            header: Vec::new(),
            id: None,
            count: 1,
        }
    }

    async fn requests(trigger: &Trigger) -> Result<[SendRequest; 2], Error> {
        let name = trigger.profile.as_deref().unwrap();
        let target = trigger.target(providers::find(name).unwrap().auth).await?;
        let own = trigger.body.as_ref().map(|_| b"{}".as_slice());
        Ok([trigger.request(name, &target, own)?, trigger.request(name, &target, own)?])
    }

    /// Every sample of every profile passes the check of the profile's own mode.
    #[tokio::test]
    async fn samples_prove_who_sent_them() {
        let mut checked = 0;
        for profile in providers::all() {
            for event in sample::events(profile.name) {
                let trigger = Trigger { event: Some((*event).to_owned()), ..trigger(profile.name) };
                let [one, other] = requests(&trigger).await.unwrap();
                let secrets = [SecretText::new(trigger.secret.clone().unwrap())];
                let verifier = Verifier::new(profile.auth, None, &secrets).unwrap();
                for request in [&one, &other] {
                    verifier.verify(&request.headers, &request.body, SystemClock.now()).unwrap();
                }
                assert_ne!((&one.headers, &one.body), (&other.headers, &other.body), "{event}: a repeat");
                checked += 1;
            }
        }
        assert!(checked >= 30, "{checked}");
    }

    #[tokio::test]
    async fn the_secret_goes_into_a_header_of_ones_choice() {
        let trigger = Trigger {
            header_auth: Some("X-Token".to_owned()),
            id: Some("a".to_owned()),
            ..trigger("github")
        };
        let [one, other] = requests(&trigger).await.unwrap();
        assert_eq!(one.headers["x-token"], trigger.secret.as_deref().unwrap());
        assert!(!one.headers.contains_key("x-hub-signature-256"));
        assert_eq!(one.headers, other.headers, "a fixed id makes repeats");
    }

    #[tokio::test]
    async fn a_body_of_ones_own_takes_the_place_of_the_samples() {
        let own = || Some(PathBuf::from("own.json"));
        let github =
            Trigger { body: own(), header: vec!["X-GitHub-Event: star".to_owned()], ..trigger("github") };
        let [one, _] = requests(&github).await.unwrap();
        assert_eq!((&one.body[..], &one.headers["x-github-event"]), (&b"{}"[..], &"star".parse().unwrap()));
        let sentry = Trigger { body: own(), ..trigger("sentry") };
        assert!(requests(&sentry).await.unwrap()[0].headers.contains_key("sentry-hook-signature"));
        let named = Trigger { event: Some("star.created".to_owned()), ..trigger("github") };
        let error = requests(&named).await.unwrap_err().to_string();
        assert!(error.contains("star.created") && error.contains("push"), "{error}");
    }

    #[tokio::test]
    async fn what_can_not_work_is_said_before_anything_is_sent() {
        let nowhere = Trigger { url: Some("http://127.0.0.1:8400/".to_owned()), ..trigger("github") };
        let no_key = Trigger { source: Some(SourceRef::Number(1)), ..trigger("github") };
        let bad_header = Trigger { header: vec!["X".to_owned()], ..trigger("github") };
        let bad_secret = Trigger { secret: Some("whsec_*".to_owned()), ..trigger("standard_webhooks") };
        for (trigger, named) in [
            (nowhere, "--source"),
            (no_key, "--key"),
            (bad_header, "--header"),
            (bad_secret, "standard_webhooks"),
        ] {
            let error = requests(&trigger).await.unwrap_err().to_string();
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
