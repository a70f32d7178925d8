//! Endpoints in memory: matching an event costs a few look-ups, however many endpoints there are.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use posthouse_types::wire::session_twin;
use posthouse_types::{EndpointId, Event, EventPattern, EventType, ProjectId, SessionId, Space, Wire};

use crate::target::Target;

/// Every endpoint of every space, indexed by scope and event type.
#[derive(Default)]
pub(crate) struct Registry {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    targets: HashMap<EndpointId, Arc<Target>>,
    /// Of enabled endpoints only.
    scopes: HashMap<Scope, ByType>,
    spaces: HashMap<Space, HashSet<EndpointId>>,
    /// How many endpoints of a space admit sessions under either of two names; spaces without any are left out.
    two_named: HashMap<Space, usize>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Scope {
    space: Space,
    project: Option<ProjectId>,
    session: Option<SessionId>,
}

#[derive(Default)]
struct ByType {
    any: Vec<Arc<Target>>,
    exact: HashMap<EventType, Vec<Arc<Target>>>,
    prefix: HashMap<EventType, Vec<Arc<Target>>>,
}

impl Registry {
    /// Adds an endpoint, or puts its new state in place of the old.
    pub(crate) fn put(&self, target: Target) {
        let target = Arc::new(target);
        let mut inner = self.inner.write();
        inner.remove(target.endpoint.id);
        inner.insert(target);
    }

    /// Forgets an endpoint.
    pub(crate) fn remove(&self, id: EndpointId) {
        self.inner.write().remove(id);
    }

    /// Puts these endpoints in place of all there were.
    pub(crate) fn replace_all(&self, targets: Vec<Target>) {
        let mut fresh = Inner::default();
        for target in targets {
            fresh.insert(Arc::new(target));
        }
        *self.inner.write() = fresh;
    }

    /// One endpoint, enabled or not.
    pub(crate) fn get(&self, id: EndpointId) -> Option<Arc<Target>> {
        self.inner.read().targets.get(&id).cloned()
    }

    /// How many endpoints a space has.
    pub(crate) fn count(&self, space: Space) -> usize {
        self.inner.read().spaces.get(&space).map_or(0, HashSet::len)
    }

    /// All endpoints of a space, oldest first.
    pub(crate) fn of_space(&self, space: Space) -> Vec<Arc<Target>> {
        let inner = self.inner.read();
        let ids = inner.spaces.get(&space).into_iter().flatten();
        let mut targets: Vec<_> = ids.filter_map(|id| inner.targets.get(id).cloned()).collect();
        targets.sort_by_key(|target| target.endpoint.id);
        targets
    }

    /// All endpoints of all spaces.
    pub(crate) fn ids(&self) -> Vec<EndpointId> {
        self.inner.read().targets.keys().copied().collect()
    }

    /// The enabled endpoints whose scope and event filter admit the event, oldest first. Payload filters are
    /// the caller's to apply.
    pub(crate) fn matching(&self, event: &Event) -> Vec<Arc<Target>> {
        let inner = self.inner.read();
        let mut found: Vec<Arc<Target>> = Vec::new();
        let two_named = inner.two_named.contains_key(&event.space);
        let twin = event.session.as_ref().filter(|_| two_named).and_then(session_twin);
        let projects = [None, event.project];
        for project in &projects[..=usize::from(event.project.is_some())] {
            let mut collect = |session| {
                let scope = Scope { space: event.space, project: *project, session };
                if let Some(by_type) = inner.scopes.get(&scope) {
                    by_type.collect(&event.event_type, &mut found);
                }
            };
            collect(None);
            if event.session.is_some() {
                collect(event.session.clone());
            }
            if twin.is_some() {
                collect(twin.clone());
            }
        }
        if twin.is_some() {
            found.retain(|target| target.endpoint.admits(event));
        }
        if found.len() > 1 {
            found.sort_by_key(|target| target.endpoint.id);
            found.dedup_by_key(|target| target.endpoint.id);
        }
        found
    }
}

impl Inner {
    fn insert(&mut self, target: Arc<Target>) {
        let endpoint = &target.endpoint;
        self.spaces.entry(endpoint.space).or_default().insert(endpoint.id);
        if is_two_named(&target) {
            *self.two_named.entry(endpoint.space).or_default() += 1;
        }
        if endpoint.settings.enabled {
            self.scopes.entry(scope_of(&target)).or_default().insert(&target);
        }
        self.targets.insert(target.endpoint.id, target);
    }

    fn remove(&mut self, id: EndpointId) {
        let Some(old) = self.targets.remove(&id) else { return };
        if is_two_named(&old)
            && let Entry::Occupied(mut count) = self.two_named.entry(old.endpoint.space)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        if let Some(ids) = self.spaces.get_mut(&old.endpoint.space) {
            ids.remove(&id);
        }
        let scope = scope_of(&old);
        if let Some(by_type) = self.scopes.get_mut(&scope) {
            by_type.remove(&old);
            if by_type.is_empty() {
                self.scopes.remove(&scope);
            }
        }
    }
}

fn is_two_named(target: &Target) -> bool {
    target.endpoint.session.is_some() && target.endpoint.settings.wire == Wire::Whatsapp
}

fn scope_of(target: &Target) -> Scope {
    let endpoint = &target.endpoint;
    Scope { space: endpoint.space, project: endpoint.project, session: endpoint.session.clone() }
}

impl ByType {
    fn insert(&mut self, target: &Arc<Target>) {
        for pattern in target.endpoint.settings.events.patterns() {
            let bucket = match pattern {
                EventPattern::Any => &mut self.any,
                EventPattern::Exact(event_type) => self.exact.entry(event_type.clone()).or_default(),
                EventPattern::Prefix(prefix) => self.prefix.entry(prefix.clone()).or_default(),
            };
            bucket.push(Arc::clone(target));
        }
    }

    fn remove(&mut self, old: &Target) {
        let id = old.endpoint.id;
        let keep = |bucket: &mut Vec<Arc<Target>>| {
            bucket.retain(|target| target.endpoint.id != id);
            !bucket.is_empty()
        };
        for pattern in old.endpoint.settings.events.patterns() {
            let (map, name) = match pattern {
                EventPattern::Any => {
                    keep(&mut self.any);
                    continue;
                }
                EventPattern::Exact(event_type) => (&mut self.exact, event_type),
                EventPattern::Prefix(prefix) => (&mut self.prefix, prefix),
            };
            if map.get_mut(name).is_some_and(|bucket| !keep(bucket)) {
                map.remove(name);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.exact.is_empty() && self.prefix.is_empty()
    }

    fn collect(&self, event_type: &EventType, found: &mut Vec<Arc<Target>>) {
        found.extend(self.any.iter().cloned());
        if let Some(bucket) = self.exact.get(event_type) {
            found.extend(bucket.iter().cloned());
        }
        if self.prefix.is_empty() {
            return;
        }
        let text = event_type.as_str();
        for (end, _) in text.match_indices('.') {
            let prefix = EventType::parse(&text[..end]).expect("the words of an event type make one");
            if let Some(bucket) = self.prefix.get(&prefix) {
                found.extend(bucket.iter().cloned());
            }
        }
    }
}
