//! What the kernel says about a process: CPU time and memory.

use std::fs;

use crate::error::{Context, Result};
use crate::stats;

/// The unit of the times in `/proc/<pid>/stat`: USER_HZ, 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory of a process, in MB of 1,000,000 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Resident now.
    pub rss_mb: f64,
    /// The most that ever was resident.
    pub peak_mb: f64,
    /// Resident and not backed by a file (a mapped database file is page cache, not ours).
    pub anonymous_mb: f64,
}

/// User and system time used so far, in seconds.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).context(format!("read {path}"))?;
    parse_stat(&text).context(format!("no times in {path}"))
}

/// The same of this process.
pub fn own_cpu_seconds() -> Result<f64> {
    cpu_seconds(std::process::id())
}

/// Resident memory.
pub fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).context(format!("read {path}"))?;
    parse_status(&text).context(format!("no memory in {path}"))
}

/// The name of the program may hold spaces and parentheses; what follows the last one is regular.
fn parse_stat(text: &str) -> Option<f64> {
    let (_, after) = text.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11).map(str::parse::<usize>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(stats::float(user + system) / TICKS_PER_SECOND)
}

fn parse_status(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: usize = line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(stats::float(kib * 1_024) / 1e6)
    };
    Some(Memory { rss_mb: field("VmRSS")?, peak_mb: field("VmHWM")?, anonymous_mb: field("RssAnon")? })
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, memory, parse_stat, parse_status};

    #[test]
    fn stat_is_read_after_the_name() {
        let text = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0";
        assert!((parse_stat(text).unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn status_is_read_by_name() {
        let text = "VmHWM:\t 20000 kB\nVmRSS:\t 10000 kB\nRssAnon:\t 5000 kB\n";
        assert!((parse_status(text).unwrap().rss_mb - 10.24).abs() < 1e-9);
        assert_eq!(parse_status("VmRSS: 1 kB"), None);
    }

    #[test]
    fn this_process_can_be_asked() {
        let pid = std::process::id();
        cpu_seconds(pid).unwrap();
        assert!(memory(pid).unwrap().rss_mb > 0.0);
    }
}
