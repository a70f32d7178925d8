//! Who asks, and what they may do.

use posthouse_types::{Capabilities, Capability, KeyId, ProjectId, Space, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// An authenticated caller. Every use case takes one, and sees its space only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The key it came with.
    pub key: KeyId,
    /// What it sees.
    pub space: Space,
    /// It sees this project only.
    pub project: Option<ProjectId>,
    /// What it may do.
    pub capabilities: Capabilities,
    /// The key's digest, by which it is asked for again while a stream lasts; `None` for a caller inside the
    /// process.
    pub digest: Option<[u8; 32]>,
    /// When its right ends: a login's, which no one removes before.
    pub until: Option<Timestamp>,
}

impl Caller {
    /// Refuses a caller without the capability.
    pub fn need(&self, needs: Capability) -> Result<()> {
        if self.capabilities.has(needs) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden { needs }, format!("the key lacks the capability {needs}")))
    }

    /// Refuses a caller whose key is limited to one project: the thing belongs to the whole space.
    pub fn need_whole_space(&self, needs: Capability) -> Result<()> {
        self.need(needs)?;
        if self.project.is_none() {
            return Ok(());
        }
        let detail = "the key is limited to one project, and this concerns all of them";
        Err(Error::new(ErrorKind::Forbidden { needs }, detail))
    }

    /// True when the caller may see something of this project.
    pub fn sees(&self, project: Option<ProjectId>) -> bool {
        self.project.is_none() || self.project == project
    }

    /// The project that something new belongs to: the one asked for, or the key's own. A key of one project
    /// can not name another.
    pub fn project_for(&self, asked: Option<ProjectId>, location: &str) -> Result<Option<ProjectId>> {
        match (self.project, asked) {
            (Some(own), Some(asked)) if own != asked => {
                Err(Error::field(location, "must be the key's own project, or absent"))
            }
            (own, asked) => Ok(asked.or(own)),
        }
    }
}
