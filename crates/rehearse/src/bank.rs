//! What a scenario asks of a book: the same commands that a server submits, decided by the same
//! rules in the same commits.

use thiserror::Error;
use yaoki_core::code::CodeCipher;
use yaoki_core::command::{Act, Administer, Ask, Caller, Command};
use yaoki_core::facts::{Event, Operation};
use yaoki_core::ids::{FactId, MemberNumber, RequestId, RequestKey, TerminalNumber};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Device, Member};
use yaoki_core::time::{Instant, SECOND_MS};

/// What a book says to a command.
#[derive(Clone, Debug)]
pub enum Answered {
    /// An operation is on record, carried out or declined.
    Decided(Operation),
    /// An event is on record.
    Done(Event),
    /// Nothing is on record.
    Refused(Refusal),
}

/// Why a scenario cannot go on.
#[derive(Debug, Error)]
pub enum BankError {
    /// The book did not answer.
    #[error("the book must answer: {0}")]
    Broken(String),
    /// What the scenario stands on was refused.
    #[error("the scenario stands on it that {what}, and the book says {said}")]
    Refused {
        /// What was to be done.
        what: &'static str,
        /// What was said.
        said: String,
    },
}

/// A book that plays along.
pub trait Bank {
    /// It is this time from now on.
    fn pass(&mut self, now: Instant);
    /// The time.
    fn now(&self) -> Instant;
    /// Carries out commands, many at once; what is said to each, in their order.
    ///
    /// # Errors
    /// [`BankError::Broken`].
    fn ask(&mut self, commands: Vec<Command>) -> Result<Vec<Answered>, BankError>;
    /// Members by number, those that are there.
    ///
    /// # Errors
    /// [`BankError::Broken`].
    fn members(&mut self, numbers: &[MemberNumber]) -> Result<Vec<Member>, BankError>;
    /// Devices by number, those that are there.
    ///
    /// # Errors
    /// [`BankError::Broken`].
    fn devices(&mut self, numbers: &[FactId]) -> Result<Vec<Device>, BankError>;
    /// What draws and reads the codes of this book.
    fn cipher(&self) -> &CodeCipher;
}

/// Makes requests that are never the same twice.
#[derive(Debug, Default)]
pub struct Requests(u128);

impl Requests {
    /// The next id.
    pub fn id(&mut self) -> RequestId {
        self.0 += 1;
        RequestId(self.0.to_be_bytes())
    }

    /// An act of two operators.
    pub fn act(&mut self, act: Act) -> Command {
        Command::Administer(Administer {
            request: self.id(),
            actor: "Aoi".to_owned(),
            second: "Ren".to_owned(),
            reason: "a rehearsal".to_owned(),
            act,
        })
    }

    /// A request of a terminal.
    pub fn of_terminal(&mut self, terminal: TerminalNumber, now: Instant) -> Ask {
        let caller = Caller { key: RequestKey { request: self.id(), terminal }, generation: 1 };
        Ask { caller, valid_until: now.plus_ms(30 * SECOND_MS), fingerprint: [0; 16] }
    }
}

/// Carries out acts that must be done; their events.
///
/// # Errors
/// [`BankError`].
pub fn done(
    bank: &mut impl Bank,
    what: &'static str,
    commands: Vec<Command>,
) -> Result<Vec<Event>, BankError> {
    let answers = bank.ask(commands)?;
    let event = |answer| match answer {
        Answered::Done(event) => Ok(event),
        other => Err(BankError::Refused { what, said: format!("{other:?}") }),
    };
    answers.into_iter().map(event).collect()
}
