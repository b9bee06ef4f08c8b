//! Copying a book: the pages of an SQLite file, or every table row by row.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use yaoki_core::clerk::Clerk;
use yaoki_core::facts::{Acknowledgement, Batch, Event, Operation, Transfer};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::{Consent, PaymentProof};
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::message::Message;
use yaoki_core::operator::{Operator, OperatorLink, OperatorPasskey};
use yaoki_core::proposal::Proposal;
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::state::{
    Device, EnrolmentLink, Lane, Member, Merchant, PaymentState, Store, Terminal,
};
use yaoki_core::switches::Switch;
use yaoki_core::top_up::{Card, TopUp};
use yaoki_core::webhook::Webhook;

use crate::conn::{CheckpointMode, Conn, Purpose, SqliteConn};
use crate::database::Database;
use crate::error::StoreError;
use crate::migrate;
use crate::sql::{self, Statement};
use crate::table::{Balance, Book, DeviceSeen, LedgerList, Position, Record, Switchboard, Tally};
use crate::verify::page::{Paged, Pages};
use crate::verify::{Progress, Progressing};

/// Pages of a file that are copied before the progress is said.
const STEP_PAGES: i32 = 8192;
/// A copy's write-ahead log is moved into the file at this size, bytes.
const WAL_BYTES_MAX: u64 = 64 << 20;

/// Copies the pages of a file under the snapshot that `source` holds: what others write meanwhile
/// changes nothing of it, so it is one pass.
pub(super) fn pages(
    source: &SqliteConn,
    target: &Path,
    progress: Progressing<'_>,
) -> Result<(), StoreError> {
    pages_by(STEP_PAGES, source, target, progress)
}

fn pages_by(
    step: i32,
    source: &SqliteConn,
    target: &Path,
    progress: Progressing<'_>,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::write("backup", error);
    // A snapshot begins with the first read.
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let lanes = "SELECT COUNT(*) FROM lane";
    source.raw().query_row(lanes, [], read).map_err(|error| StoreError::read("lanes", error))?;
    let mut file = rusqlite::Connection::open(target).map_err(StoreError::open)?;
    // It is synced as a whole before it gets its name.
    file.execute_batch("PRAGMA synchronous = OFF").map_err(StoreError::open)?;
    let backup = Backup::new(source.raw(), &mut file).map_err(failed)?;
    loop {
        let result = backup.step(step).map_err(failed)?;
        let state = backup.progress();
        let of = u64::try_from(state.pagecount).unwrap_or(0);
        let left = u64::try_from(state.remaining).unwrap_or(0);
        progress(Progress { step: "pages", done: of.saturating_sub(left), of });
        match result {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // The snapshot is ours and the target nobody else's.
            other => unreachable!("a backup within a snapshot is never {other:?}"),
        }
    }
}

/// Copies every table into a new file.
pub(super) fn into_file(
    source: &mut Conn,
    target: &Path,
    progress: Progressing<'_>,
) -> Result<(), StoreError> {
    let mut file = Conn::open(&Database::Sqlite(target.to_owned()), Purpose::Admin)?;
    migrate::migrate(&mut file)?;
    file.begin()?;
    tables(source, &mut file, progress)?;
    file.commit()?;
    file.checkpoint(CheckpointMode::Truncate).map(drop)
}

macro_rules! tables {
    (few: $($few:ident from $statement:ident),+; many: $($many:ident),+;) => {
        /// Copies every table, in the transaction that the caller began.
        pub(super) fn tables(
            source: &mut Conn,
            target: &mut Conn,
            progress: Progressing<'_>,
        ) -> Result<(), StoreError> {
            $(few::<$few>(source, target, &sql::$statement)?;)+
            $(many::<$many>(source, target, progress)?;)+
            Ok(())
        }

        #[cfg(test)]
        const COPIED: &[&str] = &[
            $(<$few as yaoki_core::row::Row>::TABLE,)+
            $(<$many as yaoki_core::row::Row>::TABLE),+
        ];
    };
}

tables! {
    few: Book from BOOKS, Switchboard from SWITCHBOARDS, Lane from LANES, Position from POSITIONS,
        Merchant from MERCHANTS, Store from STORES, Terminal from TERMINALS, Switch from SWITCHES,
        Webhook from WEBHOOKS, Operator from OPERATORS, OperatorLink from OPERATOR_LINKS,
        OperatorPasskey from OPERATOR_PASSKEYS;
    many: Operation, Transfer, Event, Acknowledgement, Batch, Member, Device, EnrolmentLink,
        PaymentState, Balance, Tally, LedgerList, Message, Credential, Contact, Recovery, Consent,
        PaymentProof, Challenge, DeviceSeen, Proposal, StaffSession, Clerk, Card, TopUp, Shift;
}

fn few<T: Record>(
    source: &mut Conn,
    target: &mut Conn,
    statement: &'static Statement,
) -> Result<(), StoreError> {
    let rows: Vec<T> = source.query(statement, &[])?;
    target.upsert(&rows.iter().collect::<Vec<_>>())?;
    Ok(())
}

fn many<T: Paged>(
    source: &mut Conn,
    target: &mut Conn,
    progress: Progressing<'_>,
) -> Result<(), StoreError> {
    let mut pages: Pages<T> = Pages::new();
    let mut done = 0;
    loop {
        let page = pages.page(source)?;
        if page.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(page.len());
        for checked in page {
            let key = checked.key();
            rows.push(checked.row.map_err(|corrupt| StoreError::corrupt::<T>(corrupt, &key))?);
        }
        let count = u64::try_from(rows.len()).unwrap_or(0);
        if target.insert(&rows.iter().collect::<Vec<_>>())? != count {
            let problem = format!("the target has rows of {} already", T::TABLE);
            return Err(StoreError::Refused(problem));
        }
        done += count;
        progress(Progress { step: T::TABLE, done, of: 0 });
        if target.wal_bytes() > WAL_BYTES_MAX || (!target.is_postgres() && done % 65_536 == 0) {
            target.commit()?;
            target.checkpoint(CheckpointMode::Truncate)?;
            target.begin()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use yaoki_core::ids::LaneNumber;

    #[test]
    fn what_others_write_meanwhile_neither_waits_nor_makes_a_copy_begin_anew() {
        let folder = std::env::temp_dir().join(format!("yaoki_copy_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let open = |name: &str| {
            let conn = Conn::open(&Database::Sqlite(folder.join(name)), Purpose::Admin);
            conn.expect("a file can be made")
        };
        let (mut source, mut writer) = (open("source.db"), open("source.db"));
        migrate::migrate(&mut source).expect("the schema can be made");
        let count = |conn: &mut Conn| -> usize {
            let rows: Vec<Position> = conn.query(&sql::POSITIONS, &[]).expect("rows");
            rows.len()
        };
        let mut written = 0;
        let mut write = |conn: &mut Conn| {
            let rows: Vec<Position> = (written..written + 100)
                .map(|seq| Position { name: format!("{seq:100}"), lane: LaneNumber(0), seq })
                .collect();
            written += 100;
            assert_eq!(conn.insert(&rows.iter().collect::<Vec<_>>()).expect("it is written"), 100);
        };
        write(&mut writer);
        source.begin_snapshot().expect("it begins");
        let (mut done, mut all) = (0, 0);
        let Conn::Sqlite(raw) = &source else { unreachable!("it is a file") };
        pages_by(1, raw, &folder.join("copy.db"), &mut |progress| {
            assert!(progress.done == done + 1 && (all == 0 || progress.of == all), "one pass");
            (done, all) = (progress.done, progress.of);
            write(&mut writer);
        })
        .expect("it is copied");
        source.end_snapshot().expect("it ends");
        assert!(done == all && done > 10);
        assert_eq!(
            (count(&mut open("copy.db")), count(&mut source)),
            (100, 100 + 100 * usize::try_from(all).expect("few pages"))
        );
        std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    }

    #[test]
    fn every_table_is_copied_once() {
        let all: BTreeSet<&str> = crate::table::TABLES.iter().map(|table| table.name).collect();
        let copied: BTreeSet<&str> = COPIED.iter().copied().collect();
        assert_eq!((copied.len(), &copied), (COPIED.len(), &all));
    }
}
