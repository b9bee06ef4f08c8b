//! One top-up by card, brought as far as the acquirer lets it. The member's page, the acquirer's
//! own messages and a job all come here, at once and on any node: each step is a command under an
//! id that every node makes alike, and each call to the acquirer may be made twice.
//!
//! | the acquirer says  | the book says        | then                                        |
//! | ------------------ | -------------------- | ------------------------------------------- |
//! | nothing is there   | requested            | it is made, without effect                  |
//! | made               | open, not declining  | it is confirmed; past its time, cancelled   |
//! | the holder is asked| open, not declining  | the page sends him there; past its time, it |
//! |                    |                      | is cancelled                                |
//! | held               | requested, unknown   | the limits judge it with what 3-D Secure    |
//! |                    |                      | said                                        |
//! | held               | authorized, held by  | nothing before its time; then it is let go  |
//! |                    | a rule               | on, if nobody has objected                  |
//! | held               | authorized           | it is captured                              |
//! | any of these       | declining            | it is cancelled                             |
//! | taken              | open                 | it is in the balance                        |
//! | failed, cancelled  | open                 | it is declined                              |
//! | no answer          | requested, authorized| it is unknown, until the acquirer is asked  |
//!
//! Nothing is ever settled by hand.

use yaoki_core::command::{Command, MoneyIn, MoneyInStep};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::EventKind;
use yaoki_core::ids::{FactId, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::time::{Instant, MINUTE_MS};
use yaoki_core::top_up::{ABANDONED_MS, TopUp, TopUpState};
use yaoki_store::{Part, read};

use super::acquirer::{Acquirer, AcquirerError, Standing};
use crate::api::member::freeze_token;
use crate::app::App;
use crate::edge::deadline::Deadline;
use crate::edge::error::EdgeError;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Cause, Problem};
use crate::edge::reads::Side;
use crate::web::texts::Language;

/// The most steps of one drive: more come with the next.
const STEPS_MAX: usize = 8;
/// What the acquirer does not know by then was never made there, milliseconds.
const UNMADE_MS: i64 = 2 * MINUTE_MS;
/// The longest that a drive takes, milliseconds; each call has a time-out of its own.
const DRIVE_MS: i64 = 30_000;

/// How a top-up stands after a drive.
#[derive(Clone, Debug)]
pub struct Driven {
    /// Its row.
    pub row: TopUp,
    /// Where its holder is asked.
    pub asks_at: Option<String>,
}

/// What one look at the acquirer leads to.
enum Next {
    /// Something was done: look again.
    Again,
    /// There is nothing to do now.
    Rest(Option<String>),
}

/// Brings a top-up as far as it goes now.
///
/// # Errors
/// A [`Problem`]: the book cannot be asked. What the acquirer says or does not is no error: it is
/// how the top-up stands.
pub async fn drive(app: &App, acquirer: &Acquirer, id: FactId) -> Result<Driven, Problem> {
    drive_for(app, acquirer, id, None).await
}

/// The same, for a page of this language; a browser that comes back says its own otherwise.
///
/// # Errors
/// As [`drive`].
pub async fn drive_for(
    app: &App,
    acquirer: &Acquirer,
    id: FactId,
    language: Option<Language>,
) -> Result<Driven, Problem> {
    let deadline = Deadline::after(DRIVE_MS, app.now());
    let drive = Drive { app, acquirer, deadline, language };
    let mut row = drive.row(id).await?;
    for _ in 0..STEPS_MAX {
        if !row.state.is_open() {
            break;
        }
        let next = drive.step(&row).await?;
        row = drive.row(id).await?;
        if let Next::Rest(asks_at) = next {
            return Ok(Driven { row, asks_at });
        }
    }
    Ok(Driven { row, asks_at: None })
}

struct Drive<'a> {
    app: &'a App,
    acquirer: &'a Acquirer,
    deadline: Deadline,
    language: Option<Language>,
}

impl Drive<'_> {
    async fn row(&self, id: FactId) -> Result<TopUp, Problem> {
        let read = move |conn: &mut yaoki_store::Conn| read::money_in::top_up(conn, id);
        let row = self.app.read(Side::Devices, self.deadline, read).await?;
        row.ok_or_else(|| Refusal::TopUpMustExist.into())
    }

    async fn step(&self, row: &TopUp) -> Result<Next, Problem> {
        if row.reference.is_empty() {
            return self.make(row).await;
        }
        if row.state == TopUpState::TakingBack {
            return self.give_back(row).await;
        }
        if row.is_held() && row.held_until > self.app.now() {
            return Ok(Next::Rest(None));
        }
        let intent = match self.acquirer.look(&row.reference).await {
            Ok(intent) => intent,
            Err(error) => return self.not_answered(row, &error).await,
        };
        let over = self.is_over(row, ABANDONED_MS);
        let declining = row.state == TopUpState::Declining;
        match intent.standing {
            Standing::Made | Standing::Asks(_) if declining || over => self.let_go(row).await,
            Standing::Made => self.confirm(row).await,
            Standing::Asks(at) => Ok(Next::Rest(at)),
            Standing::Processing => Ok(Next::Rest(None)),
            Standing::Held(_) if declining => self.let_go(row).await,
            Standing::Held(_) if row.is_held() => {
                self.book(row, MoneyInStep::Release(row.id)).await?;
                Ok(Next::Again)
            }
            // It was judged before it became unknown, here or by another node, and that holds.
            Standing::Held(_) if row.was_judged() => self.capture(row).await,
            Standing::Held(said) => {
                self.book(row, MoneyInStep::Authorize(row.id, said)).await?;
                Ok(Next::Again)
            }
            Standing::Taken(_) if intent.amount == row.amount => {
                self.book(row, MoneyInStep::Post(row.id)).await?;
                Ok(Next::Again)
            }
            Standing::Taken(_) => {
                // It is not what was asked for: a person must look, and nothing is booked.
                let (id, there) = (row.id.0, intent.amount);
                tracing::error!(id, there, asked = row.amount, "the acquirer took another amount");
                Ok(Next::Rest(None))
            }
            Standing::Failed => self.let_go(row).await,
            Standing::Cancelled => {
                let reason =
                    if over { Refusal::TopUpWasAbandoned } else { Refusal::CardWasDeclined };
                self.book(row, MoneyInStep::Decline(row.id, reason)).await?;
                Ok(Next::Again)
            }
        }
    }

    fn is_over(&self, row: &TopUp, ms: i64) -> bool {
        row.id.at().plus_ms(ms) <= self.app.now().max(Instant(0))
    }

    /// What is made has no effect: where the reply is lost another one is made, and this one is
    /// never confirmed.
    async fn make(&self, row: &TopUp) -> Result<Next, Problem> {
        if self.is_over(row, UNMADE_MS) || row.state == TopUpState::Declining {
            let step = MoneyInStep::Unmade(row.id, Refusal::TopUpWasAbandoned);
            self.book(row, step).await?;
            return Ok(Next::Again);
        }
        let id = row.card;
        let read = move |conn: &mut yaoki_store::Conn| read::money_in::card(conn, id);
        let card = self.app.read(Side::Devices, self.deadline, read).await?;
        let card = card.ok_or_else(|| Problem::from(Refusal::CardMustExist))?;
        let amount = (row.amount, self.app.book.currency());
        match self.acquirer.make(row.id, amount, &card.token, row.challenge != 0).await {
            Ok(intent) => {
                self.book(row, MoneyInStep::Refer(row.id, intent.id)).await?;
                Ok(Next::Again)
            }
            Err(AcquirerError::Refused { status, message }) => {
                tracing::warn!(id = row.id.0, status, message, "the acquirer makes no payment");
                let step = MoneyInStep::Unmade(row.id, Refusal::CardWasDeclined);
                self.book(row, step).await?;
                Ok(Next::Again)
            }
            Err(error @ AcquirerError::NoAnswer(_)) => self.not_answered(row, &error).await,
        }
    }

    async fn confirm(&self, row: &TopUp) -> Result<Next, Problem> {
        let url = back_to(self.app, self.language);
        match self.acquirer.confirm(&row.reference, &url).await {
            // A card that is declined is said by how the payment stands then.
            Ok(()) | Err(AcquirerError::Refused { status: 402, .. }) => Ok(Next::Again),
            Err(error @ AcquirerError::Refused { .. }) => {
                // Another node was first, or it will be let go of when its time is over.
                tracing::warn!(id = row.id.0, %error, "a payment is not confirmed");
                Ok(Next::Rest(None))
            }
            Err(error) => self.not_answered(row, &error).await,
        }
    }

    async fn capture(&self, row: &TopUp) -> Result<Next, Problem> {
        match self.acquirer.capture(&row.reference).await {
            // Another node was first: how it stands says so.
            Ok(()) | Err(AcquirerError::Refused { .. }) => Ok(Next::Again),
            Err(error) => self.not_answered(row, &error).await,
        }
    }

    /// Lets go of it, and books that once the acquirer says so.
    async fn let_go(&self, row: &TopUp) -> Result<Next, Problem> {
        match self.acquirer.cancel(&row.reference).await {
            Ok(()) => {
                let over = self.is_over(row, ABANDONED_MS);
                let reason =
                    if over { Refusal::TopUpWasAbandoned } else { Refusal::CardWasDeclined };
                self.book(row, MoneyInStep::Decline(row.id, reason)).await?;
                Ok(Next::Again)
            }
            Err(AcquirerError::Refused { .. }) => Ok(Next::Again),
            Err(error) => self.not_answered(row, &error).await,
        }
    }

    async fn give_back(&self, row: &TopUp) -> Result<Next, Problem> {
        match self.acquirer.give_back(&row.reference).await {
            Ok(true) => {
                self.book(row, MoneyInStep::Returned(row.id)).await?;
                Ok(Next::Again)
            }
            Ok(false) => Ok(Next::Rest(None)),
            Err(error) => {
                tracing::warn!(id = row.id.0, %error, "a top-up has not gone back yet");
                Ok(Next::Rest(None))
            }
        }
    }

    /// It is not known what became of it; it will be asked.
    async fn not_answered(&self, row: &TopUp, error: &AcquirerError) -> Result<Next, Problem> {
        let id = identifier::text(Kind::TopUp, row.id.0);
        // It is asked every few seconds, and said once.
        if matches!(row.state, TopUpState::Requested | TopUpState::Authorized) {
            tracing::warn!(id, %error, "a top-up is unknown until the acquirer answers");
            let step = MoneyInStep::Unknown(row.id);
            let made = if row.reference.is_empty() { "" } else { " and made" };
            let request = RequestId::of_step(&format!("unknown {}{made}", row.state), row.id);
            let freeze = String::new();
            self.submit(MoneyIn { request, member: row.member, freeze, step }).await?;
        } else {
            tracing::debug!(id, %error, "a top-up is still unknown");
        }
        Ok(Next::Rest(None))
    }

    async fn book(&self, row: &TopUp, step: MoneyInStep) -> Result<Option<EventKind>, Problem> {
        let freeze = match step {
            // It may be held, and is told then.
            MoneyInStep::Authorize(..) => freeze_token(self.app, row.member),
            _ => String::new(),
        };
        self.submit(MoneyIn::step(row.member, row.id, step).freezing_by(freeze)).await
    }

    /// A step that came too late, because somebody else was first, changes nothing: how the top-up
    /// stands is looked at anew.
    async fn submit(&self, step: MoneyIn) -> Result<Option<EventKind>, Problem> {
        let deadline = self.deadline;
        match self.app.submit(Part::Members, Command::MoneyIn(step), deadline).await {
            Ok(Outcome::Done { event, .. }) => Ok(Some(event.kind)),
            Ok(_) => Ok(None),
            Err(problem) => match problem.cause() {
                Cause::Rule(Refusal::TopUpMustBeOpen) => Ok(None),
                _ => Err(problem),
            },
        }
    }
}

/// Where a browser comes back to.
pub(crate) fn back_to(app: &App, language: Option<Language>) -> String {
    let asked = language.map(|language| format!("?lang={}", language.tag())).unwrap_or_default();
    format!("{}/wallet{asked}#/money", app.wallet_origin())
}

/// The acquirer, where there is one.
///
/// # Errors
/// [`Refusal::TopUpIsClosed`]: cards are not taken here.
pub fn acquirer(app: &App) -> Result<&Acquirer, Problem> {
    app.acquirer.as_ref().ok_or_else(|| Refusal::TopUpIsClosed.into())
}

/// What the acquirer did not say to us, as an answer.
pub(crate) fn problem(error: &AcquirerError) -> Problem {
    tracing::warn!(%error, "the acquirer was asked in vain");
    Problem::from(EdgeError::AcquirerUnreachable).and_retry_after(5)
}
