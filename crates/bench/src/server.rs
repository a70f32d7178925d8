//! The gateway under test: its folder, its process, its key, and the few calls that set a scenario up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::child::Listening;
use crate::error::{Context, Error, Result};
use crate::load::{Connection, Target};
use crate::stats;

const READY_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(60);
const READYZ_POLL: Duration = Duration::from_millis(1);
const JSON: &str = "application/json";
const METRICS_TOKEN: &str = "bench-metrics";
const WAITING: &str = "webhooks_worker_queue_depth";

/// The most that a limit of requests to sources may be set to.
pub const RATE_PER_MINUTE_MAX: u32 = 100_000_000;

/// A folder for one gateway: its data and the logs of all its starts. Whoever owns the folder above it removes it.
pub struct Home {
    folder: PathBuf,
    binary: PathBuf,
    variables: Vec<(&'static str, String)>,
    starts: u32,
}

/// A running gateway with a key to it.
pub struct Server {
    process: Listening,
    target: Target,
}

/// An endpoint as the API creates it.
#[derive(Deserialize)]
pub struct Endpoint {
    /// Its signing secret.
    pub secret: String,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
}

impl Home {
    /// Creates the folder, which has to be on a disk for the figures to mean anything.
    pub fn new(binary: &Path, folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).context(format!("create {}", folder.display()))?;
        Ok(Self { folder, binary: binary.to_owned(), variables: vec![], starts: 0 })
    }

    /// Its gateways get this in their environment.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// A source takes on as much as comes, and [`Server::turns_waiting`] is answered.
    #[must_use]
    pub fn open_to_sources(self) -> Self {
        self.with_variable("POSTHOUSE_INGEST_GLOBAL_PER_MINUTE", RATE_PER_MINUTE_MAX.to_string())
            .with_variable("POSTHOUSE_METRICS_TOKEN", METRICS_TOKEN)
    }

    /// Starts the gateway on this folder's data.
    pub async fn start(&mut self) -> Result<Listening> {
        self.starts += 1;
        let mut command = self.command(&["serve"]);
        command.args(["--listen", "127.0.0.1:0", "--allow-private-targets"]);
        let log = self.folder.join(format!("server-{}.log", self.starts));
        Listening::start(command, &log, READY_PATIENCE).await
    }

    /// Creates a key that may do everything; works while the gateway runs.
    pub fn create_key(&self) -> Result<String> {
        let mut command = self.command(&["keys", "create"]);
        command.args(["--tenant", "bench", "--environment", "live"]);
        command.args(["--capabilities", "all", "--output", "json"]);
        let output = command.output().context("run keys create")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(Error::new(format!("keys create: {}: {text}{errors}", output.status)));
        }
        let key: Key = serde_json::from_str(text.trim()).context(format!("keys create printed {text}"))?;
        Ok(key.key)
    }

    /// Starts the gateway and creates a key.
    pub async fn start_with_key(&mut self) -> Result<Server> {
        let process = self.start().await?;
        let target = Target::new(process.address, &self.create_key()?)?;
        Ok(Server { process, target })
    }

    /// How large the database is, in MB of 1,000,000 bytes.
    pub fn data_mb(&self) -> Result<f64> {
        let entries = std::fs::read_dir(self.folder.join("data")).context("list the data folder")?;
        let mut bytes = 0.0;
        for entry in entries {
            let metadata = entry.and_then(|entry| entry.metadata()).context("size of a data file")?;
            bytes += stats::float(usize::try_from(metadata.len()).unwrap_or(usize::MAX));
        }
        Ok(bytes / 1e6)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(words).arg("--data").arg(self.folder.join("data"));
        command.current_dir(&self.folder).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Server {
    /// A started process, and the key it already knows.
    pub fn known(process: Listening, key: &str) -> Result<Self> {
        let target = Target::new(process.address, key)?;
        Ok(Self { process, target })
    }

    /// Where to send requests.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The process.
    pub fn process(&mut self) -> &mut Listening {
        &mut self.process
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits until `/readyz` answers 200; says how long after the start of the process that was.
    pub async fn ready(&self) -> Result<Duration> {
        let patience = Instant::now() + READY_PATIENCE;
        while Instant::now() < patience {
            if let Ok(mut connection) = Connection::open(&self.target).await
                && let Ok(answer) = connection.get("/readyz").await
                && answer.status == StatusCode::OK
            {
                return Ok(self.process.spawned.elapsed());
            }
            tokio::time::sleep(READYZ_POLL).await;
        }
        Err(Error::new("/readyz does not answer 200"))
    }

    /// Asks it to stop, and waits; says how long that took.
    pub async fn stop(mut self) -> Result<Duration> {
        let (status, took) = self.process.terminate(STOP_PATIENCE).await?;
        if status.success() {
            Ok(took)
        } else {
            Err(Error::new(format!("after SIGTERM it ended with {status}")))
        }
    }

    /// Creates an endpoint.
    pub async fn create_endpoint(&self, endpoint: &Value) -> Result<Endpoint> {
        let mut connection = Connection::open(&self.target).await?;
        create_endpoint(&mut connection, endpoint).await
    }

    /// How many turns of agents wait or run; of a gateway that is [`Home::open_to_sources`].
    pub async fn turns_waiting(&self) -> Result<usize> {
        let target = Target::new(self.process.address, METRICS_TOKEN)?;
        let answer = Connection::open(&target).await?.get("/metrics").await?;
        let body = answer.expect(StatusCode::OK).context("metrics")?;
        let text = String::from_utf8_lossy(&body);
        let count = text.lines().find_map(|line| line.strip_prefix(WAITING)?.trim().parse().ok());
        count.context(format!("no {WAITING} in the metrics"))
    }

    /// Whether any delivery is still to be made.
    pub async fn has_pending(&self) -> Result<bool> {
        let mut connection = Connection::open(&self.target).await?;
        let answer = connection.get("/api/v1/deliveries?status=pending&limit=1").await?;
        let body = answer.expect(StatusCode::OK).context("list the pending deliveries")?;
        let page: Page = serde_json::from_slice(&body).context("list of deliveries")?;
        Ok(!page.data.is_empty())
    }
}

/// Creates an endpoint over a connection that is kept.
pub async fn create_endpoint(connection: &mut Connection, endpoint: &Value) -> Result<Endpoint> {
    let answer = connection.post("/api/v1/endpoints", JSON, Bytes::from(endpoint.to_string())).await?;
    let body = answer.expect(StatusCode::CREATED).context("create an endpoint")?;
    serde_json::from_slice(&body).context("created endpoint")
}
