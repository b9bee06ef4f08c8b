//! A private book on the disk of this machine that a scenario plays with, born `staging`, gone
//! afterwards. Its clock is the scenario's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;

use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_core::command::Command;
use yaoki_core::decide::Outcome;
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::money::Currency;
use yaoki_core::row::Row;
use yaoki_core::state::{Device, Member};
use yaoki_core::time::{Instant, ZoneOffset};
use yaoki_rehearse::bank::{Answered, Bank, BankError};
use yaoki_store::{Answer, Book, BookKind, BookOptions, Conn, Database, Part, StoreError};

/// 2026-01-05T03:00:00Z, noon in Tokyo.
const BEGINS: i64 = 1_767_582_000_000;
/// Commands that are under way at once.
const UNDER_WAY: usize = 256;

/// An open book and its clock.
pub(crate) struct PrivateBook {
    book: Arc<Book>,
    clock: Arc<AtomicI64>,
    cipher: CodeCipher,
    _folder: tempfile::TempDir,
}

impl PrivateBook {
    /// Makes one with nothing in it.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("yaoki-rehearse-").tempdir()?;
        let database = Database::Sqlite(folder.path().join("book.db"));
        let clock = Arc::new(AtomicI64::new(BEGINS));
        let zone = "Asia/Tokyo";
        yaoki_store::create(&database, BookKind::Staging, Currency::JPY, zone, Instant(BEGINS))?;
        let rules = || CodeRules::new("9876", 120);
        let reads = Arc::clone(&clock);
        let now = Arc::new(move || Instant(reads.load(Ordering::SeqCst)));
        let zone = Arc::new(|_| ZoneOffset { minutes: 540 });
        let mut options = BookOptions::new(database, rules()?, now, zone);
        "rehearsal".clone_into(&mut options.node);
        options.lanes = 2;
        options.clock_is_real = false;
        // Nothing of it is kept.
        options.unsafe_without_sync = true;
        let cipher = CodeCipher::new(rules()?, &[7; 32], None);
        Ok(Self { book: Book::open(options)?, clock, cipher, _folder: folder })
    }

    fn rows<R: Row + Send + 'static>(
        &self,
        find: impl FnOnce(&mut Conn) -> Result<Vec<R>, StoreError> + Send + 'static,
    ) -> Result<Vec<R>, BankError> {
        self.book.read_and_wait(find).map_err(|error| BankError::Broken(error.to_string()))
    }
}

fn answered(answer: Answer) -> Result<Answered, BankError> {
    match answer {
        Answer::Decided(Outcome::Decided { operation, .. }) => Ok(Answered::Decided(operation)),
        Answer::Decided(Outcome::Done { event, .. }) => Ok(Answered::Done(event)),
        Answer::Refused(refused) => Ok(Answered::Refused(refused.refusal)),
        other => Err(BankError::Broken(format!("{other:?}"))),
    }
}

impl Bank for PrivateBook {
    fn pass(&mut self, now: Instant) {
        self.clock.fetch_max(now.0, Ordering::SeqCst);
    }

    fn now(&self) -> Instant {
        Instant(self.clock.load(Ordering::SeqCst))
    }

    fn ask(&mut self, commands: Vec<Command>) -> Result<Vec<Answered>, BankError> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let waiting: Vec<_> = commands
                .by_ref()
                .take(UNDER_WAY)
                .map(|command| {
                    let (sender, receiver) = sync_channel(1);
                    // Nobody listens any more where the scenario has ended with an error.
                    let reply = Box::new(move |answer| drop(sender.send(answer)));
                    self.book.submit(Part::Money, command, Instant(i64::MAX), reply);
                    receiver
                })
                .collect();
            for receiver in waiting {
                let gone = |_| BankError::Broken("it has stopped".to_owned());
                answers.push(answered(receiver.recv().map_err(gone)?)?);
            }
        }
        Ok(answers)
    }

    fn members(&mut self, numbers: &[MemberNumber]) -> Result<Vec<Member>, BankError> {
        let numbers = numbers.to_vec();
        let mut rows = self.rows(move |conn| conn.find::<Member, _>(&numbers))?;
        rows.sort_unstable_by_key(|row| row.number);
        Ok(rows)
    }

    fn devices(&mut self, numbers: &[FactId]) -> Result<Vec<Device>, BankError> {
        let numbers = numbers.to_vec();
        let mut rows = self.rows(move |conn| conn.find::<Device, _>(&numbers))?;
        rows.sort_unstable_by_key(|row| row.member);
        Ok(rows)
    }

    fn cipher(&self) -> &CodeCipher {
        &self.cipher
    }
}
