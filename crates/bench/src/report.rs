//! Figures: how they are judged, printed and stored.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Context, Result};
use crate::machine::{Commit, Machine};
use crate::stats;

/// What a figure should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The value is at least this.
    AtLeast(f64),
    /// The value is at most this.
    AtMost(f64),
    /// The value is at least this part of the raw limit.
    RatioAtLeast(f64),
}

/// One figure: the median of what was measured, and all of it.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    all: Vec<f64>,
    /// Part of the raw limit, where the figure is a rate like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_to_raw: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    #[serde(skip)]
    rated: bool,
}

impl Figure {
    /// From all values measured; the figure is their median.
    pub fn new(name: &str, unit: &'static str, all: Vec<f64>) -> Self {
        let value = stats::median(&all);
        Self {
            name: name.to_owned(),
            unit,
            value,
            all,
            ratio_to_raw: None,
            marks: vec![],
            met: None,
            rated: false,
        }
    }

    /// From one value.
    pub fn one(name: &str, unit: &'static str, value: f64) -> Self {
        Self::new(name, unit, vec![value])
    }

    /// A rate that is compared with the raw limit.
    #[must_use]
    pub fn rated(mut self) -> Self {
        self.rated = true;
        self
    }

    /// Something it should reach.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    fn judge(&mut self, raw: Option<f64>) {
        self.ratio_to_raw = raw.filter(|_| self.rated).map(|raw| self.value / raw);
        let reaches = |mark: &Mark| match *mark {
            Mark::AtLeast(bound) => Some(self.value >= bound),
            Mark::AtMost(bound) => Some(self.value <= bound),
            Mark::RatioAtLeast(bound) => Some(self.ratio_to_raw? >= bound),
        };
        let met: Option<Vec<bool>> = self.marks.iter().map(reaches).collect();
        self.met = met.filter(|met| !met.is_empty()).map(|met| met.into_iter().all(|met| met));
    }
}

/// What came of one scenario.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Its name.
    pub scenario: &'static str,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// Why it did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One run on one machine.
#[derive(Debug, Serialize)]
pub struct Report {
    /// RFC 3339.
    pub date: String,
    /// What was checked out.
    pub commit: Commit,
    /// What was measured.
    pub binary: PathBuf,
    /// Where.
    pub machine: Machine,
    /// How, in sentences.
    pub conditions: Vec<String>,
    /// Requests per second without a gateway: the mean of before and after.
    pub raw_per_second: Option<f64>,
    /// All of them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Fills in ratios and verdicts, once the raw limit is known.
    pub fn judge(&mut self) {
        for figure in self.findings.iter_mut().flat_map(|finding| &mut finding.figures) {
            figure.judge(self.raw_per_second);
        }
    }

    /// Whether all scenarios came to their end. Missed marks are no failure: they are figures.
    pub fn is_complete(&self) -> bool {
        self.findings.iter().all(|finding| finding.failure.is_none())
    }

    /// Prints a table.
    pub fn print(&self) {
        say(&format!("\n{}", self.machine.summary()));
        if let Some(raw) = self.raw_per_second {
            say(&format!("raw limit {raw:.0} requests/s (mean of before and after)"));
        }
        say(&format!(
            "\n{:<9} {:<34} {:>12} {:<5} {:>7}  {:<18} all values",
            "scenario", "figure", "value", "unit", "of raw", "mark"
        ));
        for finding in &self.findings {
            for figure in &finding.figures {
                say(&row(finding.scenario, figure));
            }
            if let Some(failure) = &finding.failure {
                say(&format!("{:<9} FAILED: {failure}", finding.scenario));
            }
        }
    }

    /// Writes the file; says where.
    pub fn store(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).context(format!("create {}", folder.display()))?;
        let stamp: String = self.date.chars().filter(char::is_ascii_alphanumeric).collect();
        let path = folder.join(format!("{stamp}-{}.json", self.commit.id()));
        let text = serde_json::to_string_pretty(self).context("report as JSON")?;
        fs::write(&path, text + "\n").context(format!("write {}", path.display()))?;
        Ok(path)
    }
}

fn row(scenario: &str, figure: &Figure) -> String {
    let ratio = figure.ratio_to_raw.map(|ratio| format!("{ratio:.3}")).unwrap_or_default();
    let all = match figure.all.as_slice() {
        [] | [_] => String::new(),
        several => several.iter().map(|value| number(*value)).collect::<Vec<_>>().join(" "),
    };
    let verdict = match figure.met {
        Some(true) => "ok ",
        Some(false) => "MISSED ",
        None => "",
    };
    let marks: Vec<String> = figure.marks.iter().map(|mark| describe(*mark)).collect();
    let judged = format!("{verdict}{}", marks.join(", "));
    let (name, unit) = (&figure.name, figure.unit);
    format!("{scenario:<9} {name:<34} {:>12} {unit:<5} {ratio:>7}  {judged:<18} {all}", number(figure.value))
        .trim_end()
        .to_owned()
}

fn describe(mark: Mark) -> String {
    match mark {
        Mark::AtLeast(bound) => format!(">= {bound}"),
        Mark::AtMost(bound) => format!("<= {bound}"),
        Mark::RatioAtLeast(bound) => format!(">= {bound} raw"),
    }
}

fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// Says something to whoever runs the program.
#[expect(clippy::print_stdout, reason = "the output of this program")]
pub fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::{Figure, Mark};

    #[test]
    fn a_mark_is_judged_by_value_or_ratio() {
        let judged = |figure: Figure, raw| {
            let mut figure = figure;
            figure.judge(raw);
            figure.met
        };
        let rate = || Figure::new("x", "1/s", vec![10.0, 30.0, 20.0]).rated();
        assert_eq!(judged(rate(), Some(100.0)), None);
        assert_eq!(judged(rate().mark(Mark::RatioAtLeast(0.2)), Some(100.0)), Some(true));
        assert_eq!(judged(rate().mark(Mark::RatioAtLeast(0.3)), Some(100.0)), Some(false));
        assert_eq!(judged(rate().mark(Mark::RatioAtLeast(0.3)), None), None);
        assert_eq!(judged(rate().mark(Mark::AtLeast(20.0)).mark(Mark::AtMost(19.0)), None), Some(false));
    }
}
