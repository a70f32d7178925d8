//! API keys: making, checking, forgetting.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::{Mutex, RwLock};
use posthouse_store::{KeyRecord, Tenant};
use posthouse_types::{
    Capabilities, Capability, Environment, KeyId, KeyStyle, Name, Page, PageRequest, ProjectId, SecretText,
    Space, TenantId, Timestamp,
};
use sha2::{Digest as _, Sha256};

use posthouse_types::limits::KEYS_PER_SPACE_MAX;

use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result, within};
use crate::login::Login;
use crate::wire::ORGANIZATION_PREFIX;
use crate::{Engine, IdSource};

/// How long a key is believed without asking the store again: another process may have removed it.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// How long an organization is believed to be none of ours.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Keys, or organizations, remembered at a time; past it the memory starts afresh.
const REMEMBERED_MAX: usize = 10_000;
/// Longer texts are not keys.
const KEY_CHARS_MAX: usize = 128;
/// Random bytes of a key: enough that a plain digest is a safe way to store it.
const KEY_RANDOM_BYTES: usize = 32;

/// How many requests one key may make.
#[derive(Debug, Clone, Copy)]
pub struct KeyLimit {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

impl Default for KeyLimit {
    /// High enough for a platform that publishes each event on its own, low enough that a loop gone wrong in
    /// one client leaves room for the others.
    fn default() -> Self {
        let many = NonZeroU32::new(20_000).expect("20,000 is not 0");
        Self { per_second: many, burst: many }
    }
}

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct CreateKey {
    /// For people.
    pub name: Name,
    /// What it opens, within the tenant.
    pub environment: Environment,
    /// What it may do.
    pub capabilities: Capabilities,
    /// It sees this project only.
    pub project: Option<ProjectId>,
    /// Whose keys it looks like.
    pub style: KeyStyle,
}

/// A new key: the only time its text is known.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The text to present.
    pub key: SecretText,
    /// What is stored of it.
    pub record: KeyRecord,
}

/// Keys seen lately, by digest.
pub(crate) struct KeyCache {
    limit: KeyLimit,
    known: RwLock<HashMap<[u8; 32], Arc<Known>>>,
    /// By key, or by person: one who comes with another login has used up what the first one did.
    limiters: Mutex<HashMap<KeyId, Arc<DefaultDirectRateLimiter>>>,
}

struct Known {
    caller: Caller,
    checked_at: Timestamp,
    limiter: Arc<DefaultDirectRateLimiter>,
}

impl KeyCache {
    pub(crate) fn new(limit: KeyLimit) -> Self {
        Self { limit, known: RwLock::default(), limiters: Mutex::default() }
    }

    /// What is known of a key and need not be asked for again just now.
    fn believed(&self, digest: &[u8; 32], now: Timestamp) -> Option<Arc<Known>> {
        let known = self.known.read().get(digest).cloned()?;
        let valid = known.caller.until.is_none_or(|until| until > now);
        (valid && now.since(known.checked_at) < BELIEVED_FOR).then_some(known)
    }

    fn put(&self, digest: [u8; 32], caller: Caller, now: Timestamp) -> Arc<Known> {
        let limiter = self.limiter(caller.key);
        let mut known = self.known.write();
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, entry| now.since(entry.checked_at) < BELIEVED_FOR);
        }
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        let entry = Arc::new(Known { caller, checked_at: now, limiter });
        known.insert(digest, Arc::clone(&entry));
        entry
    }

    /// The limiter of a key; who is looked up again keeps the one it had, or looking up would refill it.
    fn limiter(&self, key: KeyId) -> Arc<DefaultDirectRateLimiter> {
        let mut limiters = self.limiters.lock();
        if limiters.len() >= REMEMBERED_MAX {
            limiters.retain(|_, limiter| Arc::strong_count(limiter) > 1);
        }
        let quota = Quota::per_second(self.limit.per_second).allow_burst(self.limit.burst);
        Arc::clone(limiters.entry(key).or_insert_with(|| Arc::new(RateLimiter::direct(quota))))
    }

    fn forget(&self, digest: &[u8; 32]) {
        self.known.write().remove(digest);
    }
}

impl Known {
    /// The caller, unless it has used up its requests.
    fn admit(&self) -> Result<Caller> {
        self.limiter.check().map_err(|until| {
            let retry_after = until.wait_time_from(DefaultClock::default().now());
            Error::new(ErrorKind::RateLimited { retry_after }, "too many requests with this key")
        })?;
        Ok(self.caller.clone())
    }
}

impl Engine {
    /// Who presents this key, if it is one of ours and has requests left. The look-up is by digest, so it
    /// takes the same time however much of a wrong key is right.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller> {
        let unknown = || Error::new(ErrorKind::Unauthenticated, "the API key is not valid");
        if presented.is_empty() || presented.len() > KEY_CHARS_MAX {
            return Err(unknown());
        }
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let now = self.clock.now();
        // A login is no key, although both are remembered alike.
        let believed = self.keys.believed(&digest, now).filter(|known| known.caller.until.is_none());
        let known = if let Some(known) = believed {
            known
        } else {
            let Some(record) = self.store.key_by_digest(&digest).await? else {
                self.keys.forget(&digest);
                return Err(unknown());
            };
            self.keys.put(digest, caller_of(&record), now)
        };
        known.admit()
    }

    /// The same for an API key or a person's login, whichever it is: a login is a JWT, whose parts are separated by
    /// full stops, and no key holds one.
    pub async fn authenticate_key_or_login(&self, presented: &str) -> Result<Caller> {
        match &self.logins {
            Some(logins) if presented.contains('.') => {
                let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
                let now = self.clock.now();
                let known = if let Some(known) = self.keys.believed(&digest, now) {
                    known
                } else {
                    let login = logins.verify(presented).await?;
                    self.keys.put(digest, self.caller_of_login(login).await?, now)
                };
                known.admit()
            }
            _ => self.authenticate(presented).await,
        }
    }

    async fn caller_of_login(&self, login: Login) -> Result<Caller> {
        let Some(tenant) = self.tenant_of(&login.organization).await? else {
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "the login names an organization that is not known",
            ));
        };
        // One handle for one person, whatever login they come with: limits are counted by it.
        let person = Sha256::digest(format!("{tenant} {}", login.subject));
        let handle = person.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        Ok(Caller {
            key: KeyId::from_u128(handle),
            space: Space { tenant, environment: login.environment },
            project: None,
            capabilities: login.capabilities,
            digest: None,
            until: Some(login.until),
        })
    }

    /// The tenant that a login calls so. What looks like an id is one: a tenant that was named after another's id
    /// is not that other. Tenants stay, so those known are not asked for again, and those unknown not at once.
    async fn tenant_of(&self, organization: &str) -> Result<Option<TenantId>> {
        let now = self.clock.now();
        if let Some((tenant, checked_at)) = self.tenants.read().get(organization).copied()
            && (tenant.is_some() || now.since(checked_at) < UNKNOWN_FOR)
        {
            return Ok(tenant);
        }
        let id =
            organization.strip_prefix(ORGANIZATION_PREFIX).map(|rest| format!("{}{rest}", TenantId::PREFIX));
        let id: Option<TenantId> = id.as_deref().unwrap_or(organization).parse().ok();
        let is_meant = |tenant: &Tenant| match id {
            Some(id) => tenant.id == id,
            None => tenant.name.as_str() == organization,
        };
        let found = self.store.tenants().await?.into_iter().find(is_meant).map(|tenant| tenant.id);
        let mut tenants = self.tenants.write();
        if tenants.len() >= REMEMBERED_MAX {
            tenants.clear();
        }
        tenants.insert(organization.to_owned(), (found, now));
        Ok(found)
    }

    /// True as long as the caller's key is there; asks the store when it has not for a second.
    pub(crate) async fn still_known(&self, caller: &Caller) -> Result<bool> {
        let now = self.clock.now();
        if caller.until.is_some_and(|until| until <= now) {
            return Ok(false);
        }
        let Some(digest) = caller.digest else { return Ok(true) };
        if self.keys.believed(&digest, now).is_some() {
            return Ok(true);
        }
        let record = self.store.key_by_digest(&digest).await?;
        match &record {
            Some(record) => drop(self.keys.put(digest, caller_of(record), now)),
            None => self.keys.forget(&digest),
        }
        Ok(record.is_some())
    }

    /// Makes a key in the caller's tenant. No key can make one that may do more than itself, nor a test key a live
    /// one: test keys lie about where live ones must not.
    pub async fn create_key(&self, caller: &Caller, create: CreateKey) -> Result<CreatedKey> {
        caller.need(Capability::Admin)?;
        if !governs(caller, create.environment) {
            return Err(Error::field("body.environment", "must be test: a test key makes no live keys"));
        }
        if create.capabilities.is_empty() {
            return Err(Error::field("body.capabilities", "must name at least one"));
        }
        if !caller.capabilities.covers(create.capabilities) {
            return Err(Error::field(
                "body.capabilities",
                "must be among the capabilities of the key that asks",
            ));
        }
        let project = caller.project_for(create.project, "body.project_id")?;
        let space = Space { tenant: caller.space.tenant, environment: create.environment };
        if let Some(project) = project
            && self.store.project(space, project).await?.is_none()
        {
            let message = format!("there is no project {project} in {}", create.environment);
            return Err(Error::field("body.project_id", message));
        }
        within("keys", self.store.counts(space).await?.keys, KEYS_PER_SPACE_MAX)?;
        let created = new_key(&self.ids, space, CreateKey { project, ..create }, self.clock.now());
        self.store.insert_key(created.record.clone()).await?;
        Ok(created)
    }

    /// The keys of the caller's tenant: of both environments for a live key, of its own for a test key; of its
    /// project only when it is limited to one.
    pub async fn keys(&self, caller: &Caller, page: PageRequest<KeyId>) -> Result<Page<KeyRecord, KeyId>> {
        caller.need(Capability::Admin)?;
        let mut items = Vec::new();
        let mut after = page.after;
        loop {
            let slice = PageRequest { limit: page.limit - items.len(), after };
            let found = self.store.keys(caller.space.tenant, slice).await?;
            items.extend(found.items.into_iter().filter(|key| reaches(caller, key)));
            after = found.next;
            if after.is_none() || items.len() == page.limit {
                return Ok(Page { items, next: after });
            }
        }
    }

    /// Removes a key. It stops working at once here, and within a second on other nodes.
    pub async fn delete_key(&self, caller: &Caller, id: KeyId) -> Result<()> {
        caller.need(Capability::Admin)?;
        let not_found = || Error::not_found("key", id);
        let tenant = caller.space.tenant;
        // The page that begins just before the key shows whether it is the caller's to remove.
        let before = PageRequest { limit: 1, after: Some(KeyId::from_u128(id.as_u128().saturating_add(1))) };
        let found = self.store.keys(tenant, before).await?.items.into_iter().next();
        found.filter(|key| key.id == id && reaches(caller, key)).ok_or_else(not_found)?;
        let record = self.store.delete_key(tenant, id).await?.ok_or_else(not_found)?;
        self.keys.forget(&record.digest);
        Ok(())
    }
}

/// Makes a tenant (when there is none of this name) and a key, without a server: what `posthouse keys create`
/// does beside one.
pub async fn create_first_key(
    store: &dyn posthouse_store::Store,
    ids: &IdSource,
    tenant: Name,
    create: CreateKey,
    now: Timestamp,
) -> Result<CreatedKey> {
    let tenant = Tenant { id: TenantId::from_u128(ids.next()), name: tenant, created_at: now };
    let tenant = store.ensure_tenant(tenant).await?;
    let space = Space { tenant: tenant.id, environment: create.environment };
    let created = new_key(ids, space, create, now);
    store.insert_key(created.record.clone()).await?;
    Ok(created)
}

fn caller_of(record: &KeyRecord) -> Caller {
    Caller {
        key: record.id,
        space: record.space,
        project: record.project,
        capabilities: record.capabilities,
        digest: Some(record.digest),
        until: None,
    }
}

/// True when a key is the caller's to see: of an environment it governs, and of its project when it has one.
fn reaches(caller: &Caller, key: &KeyRecord) -> bool {
    key.space.tenant == caller.space.tenant
        && governs(caller, key.space.environment)
        && caller.sees(key.project)
}

/// True when the caller may make and remove keys of this environment: live keys govern both, test keys their own.
fn governs(caller: &Caller, environment: Environment) -> bool {
    caller.space.environment == Environment::Live || environment == Environment::Test
}

fn new_key(ids: &IdSource, space: Space, create: CreateKey, now: Timestamp) -> CreatedKey {
    let random: [u8; KEY_RANDOM_BYTES] = rand::random();
    let prefix = create.style.prefix(space.environment);
    let key = SecretText::new(format!("{prefix}{}", hex::encode(random)));
    let text = key.expose();
    let record = KeyRecord {
        id: KeyId::from_u128(ids.next_at(now)),
        space,
        project: create.project,
        name: create.name,
        capabilities: create.capabilities,
        digest: Sha256::digest(text.as_bytes()).into(),
        hint: format!("{prefix}…{}", &text[text.len() - 4..]),
        created_at: now,
    };
    CreatedKey { key, record }
}
