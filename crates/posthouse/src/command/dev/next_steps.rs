//! What to try next: lines to copy into a shell, as they are.

use super::inbound::Shown;

const LINES: &str = include_str!("next_steps.txt");

/// The lines, for this server, key and source.
pub(super) fn text(url: &str, key: Option<&str>, shown: &Shown) -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_ref().and_then(|path| path.to_str()).unwrap_or("posthouse");
    let filled = [
        ("{URL}", url),
        ("{KEY}", key.unwrap_or("YOUR_KEY")),
        ("{POSTHOUSE}", program),
        ("{SOURCE}", &shown.source),
        ("{INGEST}", &shown.ingest_url),
        ("{SESSION}", shown.session.as_deref().unwrap_or("SESSION_ID")),
    ];
    filled.iter().fold(LINES.trim_end().to_owned(), |text, (name, value)| text.replace(name, value))
}
