//! A source made ready to receive: parsed once when it changes, not once per request.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use ipnet::IpNet;
use metrics::Counter;
use parking_lot::{Mutex, RwLock};
use posthouse_providers::auth::{Refused, Verifier};
use posthouse_providers::{Profile, find};
use posthouse_store::{Snapshot, SourceRecord};
use posthouse_types::{
    Agent, AgentId, AgentSettings, AuthMode, Invalid, PublicId, Source, SourceId, SourceSettings, Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::secrets::Credentials;
use super::settings::{is_secret_header, network};
use crate::measure::{self, NO_TYPE};
use crate::window::Window;

/// Types of events that metrics tell apart at one source, beyond those of its profile's catalogue.
const TYPES_COUNTED_MAX: usize = 50;

/// A source with everything that a request to it needs.
pub struct Door {
    pub(crate) source: Source,
    pub(crate) profile: &'static Profile,
    /// None: they can not be opened.
    verifiers: Option<Vec<(Verifier, Option<Timestamp>)>>,
    networks: Vec<IpNet>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) traffic: Arc<Traffic>,
}

/// What of a source outlives its changes: what it took on of late.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) accepted: Window,
    /// Refused requests that were recorded.
    pub(crate) refused: Window,
    /// Filtered and repeated ones.
    pub(crate) passed_over: Window,
    types: Mutex<HashSet<String>>,
    /// By type; what counts as another type is not among them.
    received: Mutex<HashMap<String, Counter>>,
}

/// A source's configuration as deliveries keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Configured {
    pub(crate) public_id: String,
    pub(crate) source: SourceSettings,
    pub(crate) agent: Option<ConfiguredAgent>,
}

/// The agent of a source as deliveries keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConfiguredAgent {
    pub(crate) id: AgentId,
    pub(crate) settings: AgentSettings,
}

impl Configured {
    /// Reads what [`Door::new`] wrote.
    pub(crate) fn read(snapshot: &Snapshot) -> Option<Self> {
        serde_json::from_str(&snapshot.text).ok()
    }

    fn write(&self) -> Snapshot {
        let text = serde_json::to_string(self).expect("settings always have a JSON form");
        Snapshot { digest: Sha256::digest(&text).into(), text }
    }
}

impl Door {
    /// Without credentials it takes nothing, but says that it is there; unless nothing has to be proved.
    pub(super) fn new(
        record: &SourceRecord,
        credentials: Option<&Credentials>,
        agent: Option<Arc<Agent>>,
    ) -> Result<Self, Invalid> {
        let source = record.source.clone();
        let settings = &source.settings;
        let profile = find(&settings.profile)
            .ok_or_else(|| Invalid::because(format!("there is no profile {}", settings.profile)))?;
        let configured = Configured {
            public_id: source.public_id.to_string(),
            source: settings.clone(),
            agent: agent.map(|agent| ConfiguredAgent { id: agent.id, settings: agent.settings.clone() }),
        };
        let header = settings.auth_header.as_deref();
        let none = Credentials::default();
        let credentials = credentials.or((settings.auth == AuthMode::None).then_some(&none));
        let verifiers = credentials.map(|credentials| credentials.verifiers(settings.auth, header));
        Ok(Self {
            verifiers: verifiers.transpose()?,
            networks: settings.allowed_cidrs.iter().filter_map(|text| network(text)).collect(),
            snapshot: Arc::new(configured.write()),
            traffic: Arc::default(),
            profile,
            source,
        })
    }

    /// Its secrets can not be opened, so nobody can prove anything until it is given new ones, or the server its key.
    pub const fn is_sealed(&self) -> bool {
        self.verifiers.is_none()
    }

    /// The longest body it takes, bytes.
    pub fn body_bytes_max(&self) -> usize {
        self.source.settings.max_body_bytes as usize
    }

    /// Whether an address may send. One that is not known may only where all may.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let within =
            |address: IpAddr| self.networks.iter().any(|network| network.contains(&address.to_canonical()));
        self.networks.is_empty() || address.is_some_and(within)
    }

    /// Checks who sent a request, with any secret that is valid now.
    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refused> {
        let mut refused = Refused::NoSecret;
        for (verifier, until) in self.verifiers.iter().flatten() {
            if until.is_some_and(|until| until <= now) {
                continue;
            }
            match verifier.verify(headers, body, now) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Whether a header proves something, or may, and must not be kept.
    pub(crate) fn is_secret_header(&self, name: &str) -> bool {
        is_secret_header(&self.source.settings, name)
    }

    /// Counts a delivery of this type as taken on.
    pub(crate) fn count_received(&self, event_type: Option<&str>) {
        let name = event_type.unwrap_or(NO_TYPE);
        let mut received = self.traffic.received.lock();
        if let Some(counter) = received.get(name) {
            counter.increment(1);
            return;
        }
        let label = self.counted_type(event_type);
        let counter = measure::received(self.source.id, label.clone());
        counter.increment(1);
        if label == name {
            received.insert(label, counter);
        }
    }

    /// The name under which metrics count a type: senders choose types, and must not choose how many there are.
    pub(crate) fn counted_type(&self, event_type: Option<&str>) -> String {
        let Some(event_type) = event_type else { return NO_TYPE.to_owned() };
        if self.profile.catalogue.iter().any(|entry| entry.event_type == event_type) {
            return event_type.to_owned();
        }
        let mut types = self.traffic.types.lock();
        if types.contains(event_type) || types.len() < TYPES_COUNTED_MAX {
            types.insert(event_type.to_owned());
            return event_type.to_owned();
        }
        "other".to_owned()
    }
}

/// Every source of every space, by what its URL ends with.
#[derive(Default)]
pub(crate) struct Doors {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    doors: HashMap<PublicId, Arc<Door>>,
    by_id: HashMap<SourceId, PublicId>,
}

impl Doors {
    /// The source of this public id, enabled or not.
    pub(crate) fn get(&self, public_id: PublicId) -> Option<Arc<Door>> {
        self.inner.read().doors.get(&public_id).cloned()
    }

    /// How a source is configured now.
    pub(crate) fn configured(&self, source: SourceId) -> Option<Configured> {
        let inner = self.inner.read();
        Configured::read(&inner.doors.get(inner.by_id.get(&source)?)?.snapshot)
    }

    /// Adds a source, or puts its new state in place of the old, which leaves its traffic to it.
    pub(crate) fn put(&self, mut door: Door) {
        let mut inner = self.inner.write();
        if let Some(old) = inner.doors.get(&door.source.public_id) {
            door.traffic = Arc::clone(&old.traffic);
        }
        inner.by_id.insert(door.source.id, door.source.public_id);
        inner.doors.insert(door.source.public_id, Arc::new(door));
    }

    /// Forgets a source.
    pub(crate) fn remove(&self, id: SourceId) {
        let mut inner = self.inner.write();
        if let Some(public_id) = inner.by_id.remove(&id) {
            inner.doors.remove(&public_id);
        }
    }

    /// Puts these sources in place of all there were.
    pub(crate) fn replace_all(&self, doors: Vec<Door>) {
        let kept: HashSet<SourceId> = doors.iter().map(|door| door.source.id).collect();
        let gone: Vec<SourceId> =
            self.inner.read().by_id.keys().copied().filter(|id| !kept.contains(id)).collect();
        for door in doors {
            self.put(door);
        }
        for id in gone {
            self.remove(id);
        }
    }

    /// The name under which metrics count a type at a source; see [`Door::counted_type`].
    pub(crate) fn counted_type(&self, source: SourceId, event_type: Option<&str>) -> String {
        let inner = self.inner.read();
        let door = inner.by_id.get(&source).and_then(|public_id| inner.doors.get(public_id));
        door.map_or_else(|| "other".to_owned(), |door| door.counted_type(event_type))
    }

    /// The sources of an agent.
    pub(crate) fn of_agent(&self, agent: AgentId) -> Vec<SourceId> {
        let inner = self.inner.read();
        let bound = inner.doors.values().filter(|door| door.source.settings.agent == Some(agent));
        bound.map(|door| door.source.id).collect()
    }
}
