//! The commands, one file each.

mod config_check;
mod dev;
mod keys;
mod migrate;
mod publish;
mod serve;
mod trigger;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::configuration::{self, Loaded, LogFormat};
use crate::error::Error;
use crate::output::Format;

/// A webhook gateway: publish events, deliver them signed, retry, inspect, replay.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Configuration file (TOML)
    #[arg(long, global = true, env = "POSTHOUSE_CONFIG")]
    config: Option<PathBuf>,
    /// Directory of the embedded store [default: posthouse-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How to print results
    #[arg(long, global = true, value_enum, default_value_t = Format::Auto)]
    output: Format,
    /// Log filter, such as info or posthouse_engine=debug,info
    #[arg(long, global = true)]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, send a first event, and keep serving: the first five minutes
    Dev(Listen),
    /// Serve
    Serve(Listen),
    /// Make, list and remove API keys; works beside a running server
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Publish an event, or a file of events, to a running server
    Publish(publish::Publish),
    /// Send a sample to a source, signed as its provider signs
    Trigger(trigger::Trigger),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the store's tables up to date (serve does it too)
    Migrate(migrate::Migrate),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the OpenAPI document of an API, or the names of all
    #[command(hide = true)]
    Openapi {
        /// The API
        name: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and say where every value comes from
    Check,
}

#[derive(Debug, Args)]
struct Listen {
    /// Address and port to serve on; port 0 takes a free one [default: 127.0.0.1:8400]
    #[arg(long)]
    listen: Option<String>,
    /// Deliver to private and loopback addresses too (for development)
    #[arg(long)]
    allow_private_targets: bool,
}

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Result<(), Error> {
    let Cli { global, command } = cli;
    match command {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "posthouse", &mut std::io::stdout());
            Ok(())
        }
        Command::Openapi { name: None } => {
            posthouse_api::dialects().for_each(crate::output::say);
            Ok(())
        }
        Command::Openapi { name: Some(name) } => {
            let document = posthouse_api::openapi(&name);
            let document = document.ok_or_else(|| Error::Usage(format!("there is no API named {name}")))?;
            crate::output::say(&document);
            Ok(())
        }
        Command::Config(ConfigCommand::Check) => config_check::run(&load(&global, None)?, global.output),
        Command::Publish(publish) => block_on(publish.run(global.output)),
        Command::Trigger(trigger) => block_on(trigger.run(global.output)),
        Command::Migrate(migrate) => migrate.run(&load(&global, None)?.config, global.output),
        Command::Keys(keys) => block_on(keys.run(&load(&global, None)?.config, global.output)),
        Command::Serve(listen) => {
            let loaded = load(&global, Some(&listen))?;
            start_logging(&loaded, &loaded.config.log);
            block_on(serve::run(&loaded.config))
        }
        Command::Dev(listen) => {
            let mut loaded = load(&global, Some(&listen))?;
            loaded.config.allow_private_targets = true;
            let filter = global.log.unwrap_or_else(|| "warn".to_owned());
            start_logging(&loaded, &filter);
            block_on(dev::run(loaded.config, listen.listen.is_some()))
        }
    }
}

fn load(global: &Global, listen: Option<&Listen>) -> Result<Loaded, Error> {
    let mut flags = Vec::new();
    if let Some(data) = &global.data {
        flags.push(("data", data.display().to_string()));
    }
    if let Some(log) = &global.log {
        flags.push(("log", log.clone()));
    }
    if let Some(listen) = listen {
        flags.extend(listen.listen.iter().map(|listen| ("listen", listen.clone())));
        if listen.allow_private_targets {
            flags.push(("allow_private_targets", "true".to_owned()));
        }
    }
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(configuration::load(global.config.as_deref(), environment, &flags)?)
}

/// Logs go to standard error: standard output is for results.
fn start_logging(loaded: &Loaded, filter: &str) {
    // Finer than this, the client of language models logs whole conversations.
    let filter = tracing_subscriber::EnvFilter::new(format!("{filter},rig=info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match loaded.config.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    for name in &loaded.unknown_variables {
        tracing::warn!("the environment variable {name} is not a setting of Posthouse");
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
