//! Migrations: numbered, run in order, each in one transaction, recorded in table `migration`.
//!
//! One text serves both dialects; the tokens below are all that differs. Each migration is marked
//! `online` or `stop`. A release works on its own schema and, where the newest migration is
//! `online`, on the one before: so it is brought to one node after another, and the schema changed
//! when every node has it. A node refuses a schema outside its range and says what to run.

use yaoki_core::money::Currency;
use yaoki_core::row::Value;
use yaoki_core::time::Instant;

use crate::conn::{Conn, Purpose};
use crate::database::Database;
use crate::error::StoreError;
use crate::sql;
use crate::table::{Book, BookKind, Number};

/// Whether nodes may run while a migration does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nodes of this release run meanwhile: it works without what the migration brings, too.
    Online,
    /// Every node stops first: this release does not work without it.
    Stop,
}

/// One numbered change of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// 1, 2, 3…
    pub number: i64,
    /// What it does.
    pub title: &'static str,
    /// Whether nodes may run meanwhile.
    pub mode: Mode,
    text: &'static str,
}

/// Every migration, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        title: "the book",
        mode: Mode::Stop,
        text: include_str!("schema/0001_book.sql"),
    },
    Migration {
        number: 2,
        title: "the place of a store",
        mode: Mode::Stop,
        text: include_str!("schema/0002_place.sql"),
    },
    Migration {
        number: 3,
        title: "webhooks",
        mode: Mode::Stop,
        text: include_str!("schema/0003_webhooks.sql"),
    },
    Migration {
        number: 4,
        title: "hourly tallies of stores",
        mode: Mode::Stop,
        text: include_str!("schema/0004_tally.sql"),
    },
    Migration {
        number: 5,
        title: "messages",
        mode: Mode::Stop,
        text: include_str!("schema/0005_message.sql"),
    },
    Migration {
        number: 6,
        title: "who a member is",
        mode: Mode::Stop,
        text: include_str!("schema/0006_identity.sql"),
    },
    Migration {
        number: 7,
        title: "operators, proposals and clerks",
        mode: Mode::Stop,
        text: include_str!("schema/0007_staff.sql"),
    },
    Migration {
        number: 8,
        title: "limits and money that comes in",
        mode: Mode::Stop,
        text: include_str!("schema/0008_money_in.sql"),
    },
];

const REGISTER: &str =
    "CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, title TEXT NOT NULL)";

/// How often a migration is tried that finds its tables, or the lock of migrations, held: each try
/// waits for a second at most, so that nodes which run meanwhile do not wait behind it.
const TRIES_MAX: usize = 60;

/// The tokens of the schema text: SQLite's and PostgreSQL's form.
const TOKENS: &[(&str, &str, &str)] = &[
    ("{ROWID}", "INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"),
    ("{INT}", "INTEGER NOT NULL", "BIGINT NOT NULL"),
    // Numbers that a closed list or the calendar keeps small: SQLite keeps them small by itself.
    ("{SMALL}", "INTEGER NOT NULL", "SMALLINT NOT NULL"),
    ("{DAY}", "INTEGER NOT NULL", "INTEGER NOT NULL"),
    ("{BYTES}", "BLOB NOT NULL", "BYTEA NOT NULL"),
    ("{TEXT}", "TEXT NOT NULL", "TEXT NOT NULL"),
    ("{CLUSTERED}", "WITHOUT ROWID", ""),
    ("{HOT}", "", "WITH (fillfactor = 70)"),
];

/// The number of the newest schema that a release with these migrations works on.
fn newest(migrations: &[Migration]) -> i64 {
    migrations.last().map_or(0, |migration| migration.number)
}

/// The number of the oldest one.
fn oldest(migrations: &[Migration]) -> i64 {
    match migrations {
        [.., before, newest] if newest.mode == Mode::Online => before.number,
        _ => newest(migrations),
    }
}

/// The schema's number; 0 where there is none yet.
pub fn schema_version(conn: &mut Conn) -> Result<i64, StoreError> {
    // Two PostgreSQL sessions that do this at once can get in each other's way, the first time
    // only.
    conn.run_script(REGISTER).or_else(|_| conn.run_script(REGISTER))?;
    Ok(conn.query::<Number>(&sql::SCHEMA_VERSION, &[])?.pop().map_or(0, |row| row.number))
}

/// Refuses a schema that this release does not work on.
pub(crate) fn check(conn: &mut Conn) -> Result<(), StoreError> {
    let found = schema_version(conn)?;
    check_number(found)
}

/// Refuses the number of a schema that this release does not work on.
///
/// # Errors
/// [`StoreError`]: what to run.
pub fn check_number(found: i64) -> Result<(), StoreError> {
    check_within(found, MIGRATIONS)
}

fn check_within(found: i64, migrations: &[Migration]) -> Result<(), StoreError> {
    let (needed, known) = (oldest(migrations), newest(migrations));
    match found {
        0 => Err(StoreError::BookMissing),
        found if found < needed => Err(StoreError::SchemaTooOld { found, needed }),
        found if found > known => Err(StoreError::SchemaTooNew { found, known }),
        _ => Ok(()),
    }
}

/// Runs what is missing; says which were run.
pub fn migrate(conn: &mut Conn) -> Result<Vec<Migration>, StoreError> {
    let (found, known) = (schema_version(conn)?, newest(MIGRATIONS));
    if found > known {
        return Err(StoreError::SchemaTooNew { found, known });
    }
    let mut run = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| migration.number > found) {
        if patiently(conn, migration)? {
            run.push(*migration);
        }
    }
    Ok(run)
}

/// Runs one migration in one transaction, again while something is held; false when another node
/// ran it meanwhile.
fn patiently(conn: &mut Conn, migration: &Migration) -> Result<bool, StoreError> {
    let mut tries = 0;
    loop {
        conn.begin()?;
        match apply(conn, migration) {
            Ok(applied) => return conn.commit().map(|()| applied),
            Err(error) => {
                conn.rollback()?;
                if !error.is_conflict() || tries >= TRIES_MAX {
                    return Err(error);
                }
            }
        }
        tries += 1;
    }
}

fn apply(conn: &mut Conn, migration: &Migration) -> Result<bool, StoreError> {
    let postgres = conn.is_postgres();
    if postgres {
        conn.run_script("SELECT pg_advisory_xact_lock(8008)")?;
    }
    let arguments = [Value::Int(migration.number), Value::Text(migration.title)];
    if conn.execute(&sql::RECORD_MIGRATION, &arguments)? == 0 {
        // Another node ran it while this one waited for the lock.
        return Ok(false);
    }
    let mut text = migration.text.to_owned();
    for (token, sqlite, server) in TOKENS {
        text = text.replace(token, if postgres { server } else { sqlite });
    }
    conn.run_script(&text).map(|()| true)
}

/// Makes a book where there is none: schema, and the one row that says what it is for, for ever.
pub fn create(
    database: &Database,
    kind: BookKind,
    currency: Currency,
    zone: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let mut conn = Conn::open(database, Purpose::Admin)?;
    migrate(&mut conn)?;
    let book = Book {
        id: 1,
        kind,
        currency,
        zone: zone.to_owned(),
        created_at: now,
        code_generation: 1,
        closed: 0,
    };
    if conn.insert(&[&book])? == 0 {
        return Err(StoreError::BookExists);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(modes: &[Mode]) -> Vec<Migration> {
        let migration = |(number, &mode)| Migration { number, title: "", mode, text: "" };
        (1..).zip(modes).map(migration).collect()
    }

    /// What a release with these migrations says of each schema from 0 on.
    fn said(modes: &[Mode]) -> Vec<&'static str> {
        let migrations = release(modes);
        let word = |found| match check_within(found, &migrations) {
            Ok(()) => "works",
            Err(StoreError::BookMissing) => "missing",
            Err(StoreError::SchemaTooOld { .. }) => "too old",
            Err(StoreError::SchemaTooNew { .. }) => "too new",
            Err(other) => panic!("{other}"),
        };
        (0..=newest(&migrations) + 1).map(word).collect()
    }

    #[test]
    fn a_release_works_on_the_schema_before_where_the_step_from_it_is_online() {
        use Mode::{Online, Stop};
        assert_eq!(said(&[Stop]), ["missing", "works", "too new"]);
        assert_eq!(said(&[Stop, Online]), ["missing", "works", "works", "too new"]);
        assert_eq!(said(&[Stop, Stop]), ["missing", "too old", "works", "too new"]);
        let two_steps = said(&[Stop, Online, Online]);
        assert_eq!(two_steps, ["missing", "too old", "works", "works", "too new"]);
    }

    #[test]
    fn migrations_are_numbered_without_gaps_and_the_first_needs_every_node_to_stop() {
        let numbers: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.number).collect();
        assert!(numbers.iter().copied().eq((1..).take(numbers.len())), "{numbers:?}");
        assert_eq!(MIGRATIONS[0].mode, Mode::Stop);
    }
}
