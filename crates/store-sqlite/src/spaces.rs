//! The short numbers that stand for a tenant in one environment, remembered.

use std::collections::HashMap;

use posthouse_types::{Environment, Space, TenantId};
use rusqlite::{Connection, OptionalExtension};

use crate::fault::{Done, Fault};

/// What is known of the table `spaces`. Numbers never change and are never taken back, so what was read
/// from a committed state stays true; what a rolled-back transaction added must be forgotten.
#[derive(Debug, Default)]
pub(crate) struct Spaces {
    numbers: HashMap<Space, i64>,
    spaces: HashMap<i64, Space>,
}

impl Spaces {
    /// The number of a space; `None` when nothing was ever stored for it.
    pub(crate) fn number(&mut self, connection: &Connection, space: Space) -> Done<Option<i64>> {
        if let Some(number) = self.numbers.get(&space) {
            return Ok(Some(*number));
        }
        let number = connection
            .prepare_cached("SELECT number FROM spaces WHERE tenant = ?1 AND environment = ?2")?
            .query_row((space.tenant.to_bytes(), environment_code(space.environment)), |row| row.get(0))
            .optional()?;
        if let Some(number) = number {
            self.remember(space, number);
        }
        Ok(number)
    }

    /// The number of a space, given out now when it has none.
    pub(crate) fn ensure(&mut self, connection: &Connection, space: Space) -> Done<i64> {
        if let Some(number) = self.number(connection, space)? {
            return Ok(number);
        }
        connection
            .prepare_cached("INSERT INTO spaces (tenant, environment) VALUES (?1, ?2)")?
            .execute((space.tenant.to_bytes(), environment_code(space.environment)))?;
        let number = connection.last_insert_rowid();
        self.remember(space, number);
        Ok(number)
    }

    /// The space of a number.
    pub(crate) fn space(&mut self, connection: &Connection, number: i64) -> Done<Space> {
        if let Some(space) = self.spaces.get(&number) {
            return Ok(*space);
        }
        let corrupt = |column| Fault::corrupt("spaces", column, number.to_string());
        let (tenant, environment): (Vec<u8>, i64) = connection
            .prepare_cached("SELECT tenant, environment FROM spaces WHERE number = ?1")?
            .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or_else(|| corrupt("number"))?;
        let space = Space {
            tenant: TenantId::from_bytes(&tenant).ok_or_else(|| corrupt("tenant"))?,
            environment: environment_of(environment).ok_or_else(|| corrupt("environment"))?,
        };
        self.remember(space, number);
        Ok(space)
    }

    /// Forgets everything: after a rollback.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.spaces.clear();
    }

    fn remember(&mut self, space: Space, number: i64) {
        self.numbers.insert(space, number);
        self.spaces.insert(number, space);
    }
}

/// The stored code of an environment.
pub(crate) fn environment_code(environment: Environment) -> i64 {
    match environment {
        Environment::Live => 0,
        Environment::Test => 1,
    }
}

/// The inverse of [`environment_code`].
pub(crate) fn environment_of(code: i64) -> Option<Environment> {
    match code {
        0 => Some(Environment::Live),
        1 => Some(Environment::Test),
        _ => None,
    }
}
