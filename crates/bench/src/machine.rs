//! The conditions of a measurement: which machine, which commit, how fast its disk really syncs.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde::Serialize;

use crate::error::{Context, Result};
use crate::stats;

const SYNCS: usize = 200;
const SYNC_BYTES: usize = 4_096;

/// Where and of what a figure was taken.
#[derive(Debug, Serialize)]
pub struct Machine {
    cpu: String,
    cores: usize,
    memory_mb: usize,
    kernel: String,
    filesystem: String,
    /// Median time of appending 4 KiB and `fdatasync`, where the data folders are.
    fdatasync_ms: f64,
    load_average_before: String,
}

/// The commit of the working folder.
#[derive(Debug, Serialize)]
pub struct Commit {
    id: String,
    /// Whether tracked files differ from it.
    modified: bool,
}

impl Machine {
    /// Asks the kernel, and the disk that holds `folder`.
    pub fn inspect(folder: &Path) -> Result<Self> {
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mb: memory_mb().unwrap_or(0),
            kernel: line("/proc/sys/kernel/osrelease"),
            filesystem: filesystem(folder)?,
            fdatasync_ms: fdatasync_ms(folder)?,
            load_average_before: line("/proc/loadavg"),
        })
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let Self { cpu, cores, memory_mb, kernel, filesystem, fdatasync_ms, .. } = self;
        format!(
            "{cpu}, {cores} cores, {memory_mb} MB, Linux {kernel}, {filesystem}, fdatasync {fdatasync_ms:.2} ms"
        )
    }

    /// Whether a sync does nothing here, so that durability costs nothing.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.filesystem.as_str(), "tmpfs" | "ramfs")
    }
}

impl Commit {
    /// Asks git; empty outside a repository.
    pub fn current() -> Self {
        Self {
            id: git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default(),
            modified: git(&["status", "--porcelain", "--untracked-files=no"])
                .is_some_and(|text| !text.is_empty()),
        }
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Share of CPU time that the hypervisor gave to others: a measure of the noise of a shared machine.
#[derive(Debug, Clone, Copy)]
pub struct Stolen {
    stolen: usize,
    all: usize,
}

impl Stolen {
    /// Until now, since the machine started.
    pub fn so_far() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let fields: Vec<usize> = first.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
        Self { stolen: fields.get(7).copied().unwrap_or(0), all: fields.iter().take(8).sum() }
    }

    /// In percent, since an earlier look.
    pub fn percent_since(self, earlier: Self) -> f64 {
        let all = stats::float(self.all - earlier.all).max(1.0);
        stats::float(self.stolen - earlier.stolen) / all * 100.0
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let found = text.lines().find(|line| line.starts_with(name))?;
    Some(found.split_once(':')?.1.trim().to_owned())
}

fn memory_mb() -> Option<usize> {
    let kib: usize = field("/proc/meminfo", "MemTotal")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024 / 1_000_000)
}

/// The type of the filesystem mounted nearest above the folder.
fn filesystem(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize().context("folder for the data")?;
    let mounts = fs::read_to_string("/proc/mounts").context("read /proc/mounts")?;
    Ok(nearest(&mounts, &folder).unwrap_or_default())
}

fn nearest(mounts: &str, folder: &Path) -> Option<String> {
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = mounted.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

fn fdatasync_ms(folder: &Path) -> Result<f64> {
    let path = folder.join("posthouse-bench-sync");
    let mut file = File::create(&path).context("file to sync")?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[0; SYNC_BYTES]).context("write")?;
        file.sync_data().context("fdatasync")?;
        times.push(stats::milliseconds(began.elapsed()));
    }
    fs::remove_file(&path).context("remove the file to sync")?;
    Ok(stats::median(&times))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::nearest;

    #[test]
    fn the_nearest_mount_above_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(nearest(mounts, Path::new("/tmp/x")).unwrap(), "tmpfs");
        assert_eq!(nearest(mounts, Path::new("/tmpfoo")).unwrap(), "ext4");
    }
}
