//! `posthouse migrate`.

use posthouse_store_sqlite::{Options, Role, SqliteStore};
use serde_json::json;

use crate::configuration::Config;
use crate::error::Error;
use crate::output::Format;

/// Brings the store's tables up to date.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Migrate {
    pub(super) fn run(&self, config: &Config, format: Format) -> Result<(), Error> {
        let steps = SqliteStore::pending_migrations(&config.data)?;
        if !self.dry_run {
            // Opening applies what is pending, also when another process opens at the same moment.
            SqliteStore::open(Options::new(&config.data, Role::OneShot))?;
        }
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        let sql: Vec<&str> = steps.iter().map(|step| step.sql).collect();
        format.print(&json!({ "dry_run": self.dry_run, "steps": names }), || {
            match (names.is_empty(), self.dry_run) {
                (true, _) => "The store is up to date.".to_owned(),
                (false, true) => sql.join("\n"),
                (false, false) => format!("Done: {}", names.join(", ")),
            }
        });
        Ok(())
    }
}
