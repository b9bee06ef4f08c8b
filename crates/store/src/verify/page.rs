//! Reading a whole table page by page in order of its key, rows that cannot be read included.

use std::collections::VecDeque;
use std::fmt::Write as _;

use yaoki_core::clerk::Clerk;
use yaoki_core::facts::{Acknowledgement, Batch, Event, Operation, Transfer};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::contact::Contact;
use yaoki_core::identity::credential::Credential;
use yaoki_core::identity::people::{Consent, PaymentProof};
use yaoki_core::identity::recovery::Recovery;
use yaoki_core::message::Message;
use yaoki_core::proposal::Proposal;
use yaoki_core::row::{Corrupt, Kind, Row, Source, Value};
use yaoki_core::session::StaffSession;
use yaoki_core::shift::Shift;
use yaoki_core::state::{Device, EnrolmentLink, Member, PaymentState};
use yaoki_core::top_up::{Card, TopUp};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql::{self, Statement};
use crate::table::{Balance, DeviceSeen, LedgerList, Record, Tally};

/// The most rows that are read at once.
pub(crate) const PAGE_ROWS: i64 = 4096;
/// The most columns of a key.
const KEY_PARTS: usize = 4;

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// An integer.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// There is no such part, or it cannot be read.
    None,
}

impl Part {
    fn read<S: Source>(source: &S, kind: Option<&Kind>, index: usize) -> Self {
        match kind {
            Some(Kind::Int) => source.int(index).map_or(Self::None, Self::Int),
            Some(Kind::Bytes) => {
                source.bytes(index).map_or(Self::None, |bytes| Self::Bytes(bytes.to_vec()))
            }
            _ => Self::None,
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::None => Value::Int(i64::MAX),
        }
    }
}

/// A row as it was read, or what is wrong with it. A table's key is its first columns here, at most
/// [`KEY_PARTS`].
#[derive(Clone, Debug)]
pub(crate) struct Checked<T> {
    /// The row.
    pub(crate) row: Result<T, Corrupt>,
    key: [Part; KEY_PARTS],
}

impl<T: Record> Checked<T> {
    /// The key, as findings show it.
    pub(crate) fn key(&self) -> String {
        let parts = self.key.iter().take(T::KEY.len()).map(|part| match part {
            Part::Int(number) => number.to_string(),
            Part::Bytes(bytes) => hex(bytes),
            Part::None => "?".to_owned(),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// The first part of the key.
    pub(crate) const fn number(&self) -> i64 {
        match self.key[0] {
            Part::Int(number) => number,
            _ => i64::MAX,
        }
    }

    /// The second part of the key.
    pub(crate) const fn second(&self) -> i64 {
        match self.key[1] {
            Part::Int(number) => number,
            _ => i64::MAX,
        }
    }
}

impl<T: Row> Row for Checked<T> {
    const TABLE: &'static str = T::TABLE;
    const COLUMNS: &'static [&'static str] = T::COLUMNS;
    const KINDS: &'static [Kind] = T::KINDS;

    fn values<'a>(&'a self, out: &mut Vec<Value<'a>>) {
        self.row.as_ref().expect("only a good row is written").values(out);
    }

    fn read<S: Source>(source: &S) -> Result<Self, Corrupt> {
        let key = [0, 1, 2, 3].map(|index| Part::read(source, T::KINDS.get(index), index));
        Ok(Self { row: T::read(source), key })
    }
}

impl<T: Record> Record for Checked<T> {
    const KEY: &'static [&'static str] = T::KEY;
}

/// A table that grows, read in order of its key.
pub(crate) trait Paged: Record {
    /// The page after a key: its columns, then how many rows.
    const AFTER: &'static Statement;
}

macro_rules! paged {
    ($($row:ty: $after:ident;)+) => {
        $(impl Paged for $row { const AFTER: &'static Statement = &sql::$after; })+
    };
}

paged! {
    Operation: OPERATIONS_AFTER;
    Transfer: TRANSFERS_AFTER;
    Event: EVENTS_AFTER;
    Acknowledgement: ACKNOWLEDGEMENTS_AFTER;
    Batch: ALL_BATCHES_AFTER;
    Member: MEMBERS_AFTER;
    Device: DEVICES_AFTER;
    EnrolmentLink: LINKS_AFTER;
    PaymentState: PAYMENT_STATES_AFTER;
    Balance: BALANCES_AFTER;
    Tally: TALLIES_AFTER;
    LedgerList: LEDGER_LIST_AFTER;
    Message: MESSAGES_AFTER;
    Credential: CREDENTIALS_AFTER;
    Contact: CONTACTS_AFTER;
    Recovery: RECOVERIES_AFTER;
    Consent: CONSENTS_AFTER;
    PaymentProof: PROOFS_AFTER;
    Challenge: CHALLENGES_AFTER;
    DeviceSeen: DEVICES_SEEN_AFTER;
    Proposal: PROPOSALS_AFTER;
    StaffSession: STAFF_SESSIONS_AFTER;
    Clerk: CLERKS_AFTER;
    Card: CARDS_AFTER;
    TopUp: TOP_UPS_AFTER;
    Shift: SHIFTS_AFTER;
}

/// A table being read from its start, or from a key on.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    after: [Part; KEY_PARTS],
    rows: VecDeque<Checked<T>>,
    ended: bool,
}

impl<T: Paged> Pages<T> {
    /// From the start.
    pub(crate) fn new() -> Self {
        let start = |index: usize| match (index < T::KEY.len(), T::KINDS.get(index)) {
            (true, Some(Kind::Int)) => Part::Int(i64::MIN),
            (true, _) => Part::Bytes(Vec::new()),
            (false, _) => Part::None,
        };
        Self { after: [0, 1, 2, 3].map(start), rows: VecDeque::new(), ended: false }
    }

    /// From after every key whose first part is `number` or less.
    pub(crate) fn after(number: i64) -> Self {
        let mut pages = Self::new();
        pages.after[0] = Part::Int(number);
        if T::KEY.len() > 1 {
            pages.after[1] = Part::Int(i64::MAX);
        }
        pages
    }

    /// Reads the next page, if the one before is used up.
    pub(crate) fn fill(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        if self.ended || !self.rows.is_empty() {
            return Ok(());
        }
        let mut arguments: Vec<Value<'_>> =
            self.after.iter().take(T::KEY.len()).map(Part::value).collect();
        arguments.push(Value::Int(PAGE_ROWS));
        let rows: Vec<Checked<T>> = conn.query(T::AFTER, &arguments)?;
        self.ended = i64::try_from(rows.len()).is_ok_and(|count| count < PAGE_ROWS);
        if let Some(last) = rows.last() {
            self.after.clone_from(&last.key);
        }
        self.rows = rows.into();
        Ok(())
    }

    /// The next row.
    pub(crate) fn next(&mut self, conn: &mut Conn) -> Result<Option<Checked<T>>, StoreError> {
        self.fill(conn)?;
        Ok(self.rows.pop_front())
    }

    /// The next row, left where it is.
    pub(crate) fn peek(&mut self, conn: &mut Conn) -> Result<Option<&Checked<T>>, StoreError> {
        self.fill(conn)?;
        Ok(self.rows.front())
    }

    /// The next page, or what is left of it.
    pub(crate) fn page(&mut self, conn: &mut Conn) -> Result<Vec<Checked<T>>, StoreError> {
        self.fill(conn)?;
        Ok(std::mem::take(&mut self.rows).into())
    }

    /// Up to which first key part everything is at hand, after [`Pages::fill`].
    pub(crate) fn at_hand(&self) -> i64 {
        match self.rows.back() {
            Some(last) if !self.ended => last.number(),
            _ => i64::MAX,
        }
    }

    /// Takes what is at hand up to `until`.
    pub(crate) fn take_until(&mut self, until: i64) -> Vec<Checked<T>> {
        let count = self.rows.partition_point(|row| row.number() <= until);
        self.rows.drain(..count).collect()
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_paged_table_is_its_first_columns() {
        fn check<T: Paged>() {
            assert_eq!(&T::COLUMNS[..T::KEY.len()], T::KEY, "{}", T::TABLE);
            assert_eq!(T::AFTER.arguments, T::KEY.len() + 1, "{}", T::TABLE);
        }
        check::<Operation>();
        check::<Transfer>();
        check::<Event>();
        check::<Acknowledgement>();
        check::<Batch>();
        check::<Member>();
        check::<Device>();
        check::<EnrolmentLink>();
        check::<PaymentState>();
        check::<Balance>();
        check::<Tally>();
        check::<LedgerList>();
        check::<Message>();
    }
}
