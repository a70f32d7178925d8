//! `posthouse keys`: works on the store itself, beside a running server or without one.

use std::sync::Arc;

use posthouse_engine::{Clock as _, CreateKey, CreatedKey, IdSource, SystemClock, create_first_key};
use posthouse_store::{KeyRecord, Store, Tenant};
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{
    Capabilities, Capability, Environment, KeyId, KeyStyle, Name, PageRequest, ProjectId, Space,
    limits::PAGE_ITEMS_MAX,
};
use serde_json::{Value, json};

use crate::configuration::Config;
use crate::error::Error;
use crate::output::Format;

/// Make, list and remove API keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Keys {
    /// Make a key, and its tenant when there is none of that name; prints the key, once
    Create(Create),
    /// List the keys of a tenant
    List {
        /// The tenant's name
        #[arg(long)]
        tenant: String,
    },
    /// Remove a key; it stops working within a second
    Revoke {
        /// The tenant's name
        #[arg(long)]
        tenant: String,
        /// The key's id (`key_…`)
        id: KeyId,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The tenant's name
    #[arg(long)]
    tenant: String,
    /// live or test
    #[arg(long, default_value = "live")]
    environment: Environment,
    /// all, or a comma-separated list of manage, publish, send, read, admin
    #[arg(long, default_value = "all", value_parser = capabilities)]
    capabilities: Capabilities,
    /// A name for people
    #[arg(long, default_value = "command line")]
    name: String,
    /// Let the key see this project only
    #[arg(long)]
    project: Option<ProjectId>,
    /// Whose keys it looks like: posthouse, molroo, sonzai, whatsapp or casey
    #[arg(long, default_value = "posthouse")]
    style: KeyStyle,
}

impl Keys {
    pub(super) async fn run(self, config: &Config, format: Format) -> Result<(), Error> {
        let store = SqliteStore::open(Options::new(&config.data, Role::OneShot))?;
        let result = match self {
            Self::Create(create) => create.run(&store, format).await,
            Self::List { tenant } => list(&store, &tenant, format).await,
            Self::Revoke { tenant, id } => revoke(&store, &tenant, id, format).await,
        };
        store_close(&store).await?;
        result
    }
}

async fn store_close(store: &dyn Store) -> Result<(), Error> {
    Ok(store.close().await?)
}

impl Create {
    async fn run(self, store: &dyn Store, format: Format) -> Result<(), Error> {
        let tenant = name("tenant", &self.tenant)?;
        let create = CreateKey {
            name: name("name", &self.name)?,
            environment: self.environment,
            capabilities: self.capabilities,
            project: self.project,
            style: self.style,
        };
        if let Some(project) = self.project {
            let known = match find(store, &self.tenant).await {
                Ok(tenant) => {
                    store.project(Space { tenant: tenant.id, environment: self.environment }, project).await?
                }
                Err(_) => None,
            };
            if known.is_none() {
                return Err(Error::Usage(format!("there is no project {project} in {}", self.environment)));
            }
        }
        let ids = IdSource::new(Arc::new(SystemClock));
        let created = create_first_key(store, &ids, tenant, create, SystemClock.now()).await?;
        let CreatedKey { key, record } = created;
        let json = json!({
            "id": record.id.to_string(),
            "key": key.expose(),
            "tenant_id": record.space.tenant.to_string(),
            "environment": record.space.environment.as_str(),
        });
        format.print(&json, || {
            format!(
                "{}\nKey {} for tenant {} ({}), {}. It is shown this once.",
                key.expose(),
                record.id,
                self.tenant,
                record.space.environment,
                names(record.capabilities),
            )
        });
        Ok(())
    }
}

async fn list(store: &dyn Store, tenant: &str, format: Format) -> Result<(), Error> {
    let tenant = find(store, tenant).await?;
    let mut keys: Vec<KeyRecord> = Vec::new();
    let mut after = None;
    loop {
        let page = store.keys(tenant.id, PageRequest { limit: PAGE_ITEMS_MAX, after }).await?;
        keys.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let json: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "id": key.id.to_string(), "name": key.name.as_str(), "hint": key.hint,
                "environment": key.space.environment.as_str(),
                "capabilities": key.capabilities.iter().map(Capability::as_str).collect::<Vec<_>>(),
                "project_id": key.project.map(|id| id.to_string()), "created_at": key.created_at.to_string(),
            })
        })
        .collect();
    format.print(&json!({ "data": json }), || {
        let rows = keys.iter().map(|key| {
            let (id, hint, name) = (key.id, &key.hint, &key.name);
            format!("{id}  {hint:<16}  {}  {}  {name}", key.created_at, names(key.capabilities))
        });
        rows.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

async fn revoke(store: &dyn Store, tenant: &str, id: KeyId, format: Format) -> Result<(), Error> {
    let tenant = find(store, tenant).await?;
    if store.delete_key(tenant.id, id).await?.is_none() {
        return Err(Error::Usage(format!("tenant {} has no key {id}", tenant.name)));
    }
    format.print(&json!({ "id": id.to_string(), "revoked": true }), || format!("Key {id} is removed."));
    Ok(())
}

async fn find(store: &dyn Store, tenant: &str) -> Result<Tenant, Error> {
    let tenants = store.tenants().await?;
    let found = tenants.into_iter().find(|known| known.name.as_str() == tenant);
    found.ok_or_else(|| Error::Usage(format!("there is no tenant {tenant}")))
}

fn name(flag: &str, text: &str) -> Result<Name, Error> {
    Name::parse(text).map_err(|invalid| Error::Usage(format!("--{flag} {invalid}")))
}

fn names(capabilities: Capabilities) -> String {
    capabilities.iter().map(Capability::as_str).collect::<Vec<_>>().join(",")
}

fn capabilities(text: &str) -> Result<Capabilities, posthouse_types::Invalid> {
    if text == "all" {
        return Ok(Capabilities::ALL);
    }
    text.split(',').map(|name| name.trim().parse::<Capability>()).collect()
}
