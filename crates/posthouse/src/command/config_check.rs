//! `posthouse config check`.

use serde_json::{Map, json};

use crate::configuration::{KEYS, Loaded};
use crate::error::Error;
use crate::output::Format;

/// Says what every setting is and where it was set, having checked that it can be used.
pub(super) fn run(loaded: &Loaded, format: Format) -> Result<(), Error> {
    loaded.config.egress()?;
    loaded.config.logins()?;
    loaded.config.public_url()?;
    loaded.config.hosts()?;
    let rows = KEYS.map(|(key, what)| {
        let (value, origin) = &loaded.values[key];
        (key, value.clone(), *origin, what)
    });
    let json: Map<_, _> = rows
        .iter()
        .map(|(key, value, origin, _)| {
            ((*key).to_owned(), json!({ "value": value, "from": origin.to_string() }))
        })
        .collect();
    let answer = json!({ "ok": true, "settings": json, "unknown_variables": loaded.unknown_variables });
    format.print(&answer, || {
        let mut lines: Vec<String> = rows
            .iter()
            .map(|(key, value, origin, what)| {
                let value = value.as_deref().unwrap_or("-");
                let origin = origin.to_string();
                format!("{key:<28} {value:<24} {origin:<12} {what}")
            })
            .collect();
        let unknown = &loaded.unknown_variables;
        lines.extend(unknown.iter().map(|name| format!("! {name} in the environment is not a setting")));
        lines.push("The configuration is valid.".to_owned());
        lines.join("\n")
    });
    Ok(())
}
