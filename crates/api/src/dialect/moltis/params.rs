//! Parameters of requests. Moltis's server reads camelCase, its control program and its agents write snake_case
//! (`crates/ctl`, `crates/tools`): both are read here, and where both are there, camelCase counts.

use serde_json::{Map, Value};

use super::error::{Failure, INVALID_REQUEST};

/// The parameters of a request, names in camelCase.
#[derive(Debug, Default)]
pub(super) struct Params(pub(super) Map<String, Value>);

impl Params {
    /// None at all and null mean the same.
    pub(super) fn of(params: Option<Value>) -> Result<Self, Failure> {
        match params {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Object(members)) => Ok(Self(camel_case(members))),
            Some(_) => Err(Failure::new(INVALID_REQUEST, "params must be an object")),
        }
    }

    /// A number that has to be there.
    pub(super) fn id(&self, name: &str) -> Result<u64, Failure> {
        self.0.get(name).and_then(Value::as_u64).ok_or_else(|| Failure::missing(name))
    }

    /// A number that may be absent, or null.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Failure> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
                let wrong = || posthouse_engine::Error::field(format!("body.{name}"), "must be a number");
                Ok(Some(count.ok_or_else(wrong)?))
            }
        }
    }
}

/// The same members under names in camelCase.
pub(super) fn camel_case(members: Map<String, Value>) -> Map<String, Value> {
    let (mut named, others): (Map<_, _>, Map<_, _>) =
        members.into_iter().partition(|(name, _)| !name.contains('_'));
    for (name, value) in others {
        named.entry(camel(&name)).or_insert(value);
    }
    named
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read_and_camel_case_counts() {
        let Value::Object(members) = json!({
            "source_profile": 1, "sourceProfile": 2, "auth_mode": 3, "rate_limit_per_minute": 4, "name": 5, "_": 6,
        }) else {
            unreachable!()
        };
        let expected =
            json!({ "sourceProfile": 2, "authMode": 3, "rateLimitPerMinute": 4, "name": 5, "": 6 });
        assert_eq!(Value::Object(camel_case(members)), expected);
    }

    #[test]
    fn ids_are_whole_numbers() {
        let params =
            Params::of(Some(json!({ "id": 7, "webhook_id": "7", "limit": null, "offset": -1 }))).unwrap();
        assert_eq!(params.id("id").unwrap(), 7);
        assert_eq!(params.id("webhookId").unwrap_err().message, "missing 'webhookId'");
        assert_eq!(params.count("limit").unwrap(), None);
        assert_eq!(params.count("offset").unwrap_err().message, "offset: must be a number");
        assert!(Params::of(Some(json!([1]))).is_err());
        assert!(Params::of(None).unwrap().0.is_empty());
    }
}
