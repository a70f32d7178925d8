//! Members of an endpoint that several dialects write alike.

use std::collections::BTreeMap;

use posthouse_types::{EventFilter, EventPattern, EventType, Headers};

use super::Fields;

impl Fields {
    /// Reads event patterns, noting each that is wrong.
    pub(crate) fn event_filter(&mut self, patterns: &[String], location: &str) -> Option<EventFilter> {
        let mut read = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.iter().enumerate() {
            read.extend(self.read(pattern, EventPattern::parse, || format!("{location}[{index}]")));
            if self.is_full() {
                return None;
            }
        }
        if read.len() < patterns.len() {
            return None;
        }
        self.take(EventFilter::new(read), || location.to_owned())
    }

    /// Reads event types, each of which must be among those `known`; notes each that is not.
    pub(crate) fn event_types(
        &mut self,
        names: &[String],
        known: &[&'static str],
        location: &str,
    ) -> Option<EventFilter> {
        let mut read = Vec::with_capacity(names.len().min(known.len()));
        let mut all_known = true;
        for (index, name) in names.iter().enumerate() {
            let parsed = if known.contains(&name.as_str()) { EventType::parse(name).ok() } else { None };
            let refused = || format!("must be one of {}, not `{name}`", known.join(", "));
            let event_type = self.take(parsed.ok_or_else(refused), || format!("{location}[{index}]"));
            all_known &= event_type.is_some();
            read.extend(event_type.map(EventPattern::Exact));
            if self.is_full() {
                break;
            }
        }
        let filter = all_known.then(|| EventFilter::new(read))?;
        self.take(filter, || location.to_owned())
    }

    /// Reads custom headers, noting the one that is wrong.
    pub(crate) fn headers(&mut self, headers: BTreeMap<String, String>, location: &str) -> Option<Headers> {
        Headers::new(headers)
            .map_err(|(name, invalid)| {
                let dot = if name.is_empty() { "" } else { "." };
                self.refuse(format!("{location}{dot}{name}"), invalid);
            })
            .ok()
    }
}
