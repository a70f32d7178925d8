//! Members of an endpoint that several dialects write alike.

use std::collections::BTreeMap;

use posthouse_types::{EventFilter, EventPattern, Headers};

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
