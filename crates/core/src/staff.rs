//! What operators do in sessions, and the rows of staff in a batch: which are loaded, which were
//! changed, and how events fold into them.
//!
//! | rows                              | where                    | guarded by                |
//! | --------------------------------- | ------------------------ | ------------------------- |
//! | operators, proposals              | every lane's directory   | the switchboard's version |
//! | links, passkeys, sessions, clerks | loaded by key            | a lock on the row         |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clerk::Clerk;
use crate::command::{Act, Command, TopUpWithCode};
use crate::facts::{Event, EventKind};
use crate::identity::people::Private;
use crate::ids::{ClerkNumber, FactId, OperatorNumber, RequestId};
use crate::operator::{Operator, OperatorLink, OperatorPasskey, Role, Roles, Sealed, part};
use crate::proposal::{Proposal, ProposalState};
use crate::session::StaffSession;
use crate::shift::{Shift, shift_of_event};
use crate::time::Instant;
use crate::view::{Numbers, View};

/// What an operator does in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operate {
    /// What the caller made.
    pub request: RequestId,
    /// The session, whose token and key the server has proven.
    pub session: FactId,
    /// Why; must be said for closing, suspending, freezing and proposing.
    pub reason: String,
    /// What.
    pub deed: Deed,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An act; one that takes two names its proposal ([`Act::Agreed`]).
    Act(Act),
    /// Proposes an act that takes two.
    Propose(Act),
    /// Approves what another proposed.
    Approve(FactId),
    /// Refuses a proposal, or withdraws an own one.
    Refuse(FactId),
    /// The user was verified again by a passkey: digest of its credential's id, its counter.
    Verify([u8; 32], i64),
    /// Ends a session.
    EndSession(FactId),
    /// Ends all sessions of an operator.
    EndSessions(OperatorNumber),
    /// A passkey that was registered at a colleague's link is the one of whom it was made for.
    ConfirmPasskey([u8; 32]),
}

/// Operators, and the newest proposals.
#[derive(Clone, Debug, Default)]
pub struct StaffDirectory {
    /// By number, ended ones included.
    pub operators: BTreeMap<OperatorNumber, Operator>,
    /// By id; none that may still be decided or used is missing.
    pub proposals: BTreeMap<FactId, Proposal>,
}

impl StaffDirectory {
    /// The proposals that an event makes void: what they would undo was done anew.
    pub fn made_void_by(&self, event: &Event) -> Vec<FactId> {
        let Some(digest) = Act::that_undoes(event).map(|act| act.digest()) else {
            return Vec::new();
        };
        let at = event.id.at();
        let lives = |row: &Proposal| {
            matches!(row.state_at(at), ProposalState::Open | ProposalState::Approved)
        };
        let void = self.proposals.values().filter(|row| row.digest == digest && lives(row));
        void.filter(|row| row.id < event.id).map(|row| row.id).collect()
    }

    /// Whether two operators who make operators have registered: from then on the book is theirs.
    pub fn is_in_office(&self) -> bool {
        self.admins().count() >= 2
    }

    /// Those who make operators and have registered.
    pub fn admins(&self) -> impl Iterator<Item = &Operator> {
        let admin = Roles::of(&[Role::Admin]);
        let active = self.operators.values().filter(|operator| operator.is_active());
        active.filter(move |operator| operator.roles.meet(admin))
    }

    /// How many proposals of an operator wait, for a decision or to be carried out.
    pub fn waiting(&self, proposer: OperatorNumber, now: Instant) -> usize {
        let own = self.proposals.values().filter(|proposal| proposal.proposer == proposer);
        let waits = |state| matches!(state, ProposalState::Open | ProposalState::Approved);
        own.filter(|proposal| waits(proposal.state_at(now))).count()
    }
}

/// Keys of rows that are locked and loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaffKeys {
    /// Links, by digest.
    pub links: Vec<[u8; 32]>,
    /// Passkeys, by digest of the credential's id.
    pub passkeys: Vec<[u8; 32]>,
    /// Sessions.
    pub sessions: Vec<FactId>,
    /// Clerks.
    pub clerks: Vec<ClerkNumber>,
}

impl StaffKeys {
    /// Orders every list by key, without repeats, so that all lanes lock in the same order.
    pub fn sort(&mut self) {
        fn tidy<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        tidy(&mut self.links);
        tidy(&mut self.passkeys);
        tidy(&mut self.sessions);
        tidy(&mut self.clerks);
    }

    /// Adds what a command is decided with.
    pub(crate) fn of_command(&mut self, command: &Command) {
        if let Command::Operate(Operate { session, deed, .. }) = command {
            self.sessions.push(*session);
            match deed {
                Deed::Verify(passkey, _) | Deed::ConfirmPasskey(passkey) => {
                    self.passkeys.push(*passkey);
                }
                Deed::EndSession(session) => self.sessions.push(*session),
                _ => {}
            }
        }
        if let Command::TopUpWithCode(TopUpWithCode { second: Some(token), .. }) = command {
            self.sessions.push(token.session);
            self.clerks.push(token.clerk);
        }
        if let Some(token) = command.clerk() {
            self.sessions.push(token.session);
            self.clerks.push(token.clerk);
        }
        match command.act() {
            Some(Act::AddPasskey { link, lookup, .. }) => {
                self.links.push(*link);
                self.passkeys.push(*lookup);
            }
            Some(Act::EndPasskey(passkey) | Act::OpenSession { passkey, .. }) => {
                self.passkeys.push(*passkey);
            }
            Some(
                Act::ResetClerkPin(clerk, _)
                | Act::EndClerk(clerk)
                | Act::SignInClerk { clerk, .. },
            ) => self.clerks.push(*clerk),
            _ => {}
        }
    }
}

/// Rows that are loaded by key, and which of all must be saved.
#[derive(Clone, Debug, Default)]
pub struct StaffRows {
    /// By digest.
    pub links: BTreeMap<[u8; 32], OperatorLink>,
    /// By digest of the credential's id.
    pub passkeys: BTreeMap<[u8; 32], OperatorPasskey>,
    /// By id.
    pub sessions: BTreeMap<FactId, StaffSession>,
    /// By number.
    pub clerks: BTreeMap<ClerkNumber, Clerk>,
    /// Those of the clerks.
    pub shifts: BTreeMap<FactId, Shift>,
    /// What must be saved.
    pub changed: StaffChanged,
}

/// Which rows of staff must be saved.
#[derive(Clone, Debug, Default)]
pub struct StaffChanged {
    /// Operators.
    pub operators: BTreeSet<OperatorNumber>,
    /// Proposals.
    pub proposals: BTreeSet<FactId>,
    /// Links.
    pub links: BTreeSet<[u8; 32]>,
    /// Passkeys that were there before.
    pub passkeys: BTreeSet<[u8; 32]>,
    /// Passkeys that are new.
    pub passkeys_new: BTreeSet<[u8; 32]>,
    /// Sessions.
    pub sessions: BTreeSet<FactId>,
    /// Clerks that were there before.
    pub clerks: BTreeSet<ClerkNumber>,
    /// Clerks that are new.
    pub clerks_new: BTreeSet<ClerkNumber>,
    /// Shifts that were there before.
    pub shifts: BTreeSet<FactId>,
    /// Shifts that are new.
    pub shifts_new: BTreeSet<FactId>,
}

impl StaffChanged {
    /// Whether operators or proposals changed: every lane must see it at once.
    pub fn directory(&self) -> bool {
        !(self.operators.is_empty() && self.proposals.is_empty())
    }
}

impl EventKind {
    /// Whether it is about operators, proposals, sessions of staff or clerks.
    pub const fn is_of_staff(self) -> bool {
        let clerks = matches!(self.code(), 50..70 | 73..=75);
        clerks || matches!(self, Self::OperatorPasskeyConfirmed)
    }
}

/// Books an event about staff. `directory` is asked for only where operators or proposals change:
/// it may have to be copied.
///
/// # Panics
/// When a row is not loaded that the event is about: a decision was made without it.
pub fn fold<'a>(
    directory: impl FnOnce() -> &'a mut StaffDirectory,
    rows: &mut StaffRows,
    event: &Event,
    secret: Option<Sealed>,
) {
    match event.kind {
        EventKind::FirstOperatorsCreated
        | EventKind::OperatorCreated
        | EventKind::OperatorRolesChanged
        | EventKind::OperatorEnded
        | EventKind::OperatorSessionsEnded => fold_operator(directory(), rows, event),
        EventKind::OperatorPasskeyAdded => {
            rows.add_passkey(event, secret);
            fold_operator(directory(), rows, event);
        }
        EventKind::OperatorPasskeyEnded | EventKind::OperatorPasskeyConfirmed => {
            rows.passkey(event);
            fold_operator(directory(), rows, event);
        }
        EventKind::OperatorLinked => rows.put_link(OperatorLink::of_event(event)),
        EventKind::StaffSessionOpened => {
            rows.passkey(event);
            rows.put_session(StaffSession::of_operator(event));
        }
        EventKind::StaffSessionVerified => {
            rows.passkey(event);
            rows.session(event);
        }
        EventKind::StaffSessionEnded => rows.session(event),
        EventKind::Proposed => {
            let proposal = Proposal::of_event(event).expect("it was just proposed");
            rows.changed.proposals.insert(proposal.id);
            directory().proposals.insert(proposal.id, proposal);
        }
        EventKind::ProposalApproved | EventKind::ProposalRefused | EventKind::ProposalUsed => {
            let id = FactId(event.object);
            let proposal = directory().proposals.get_mut(&id);
            proposal.expect("the proposal is loaded").fold_event(event);
            rows.changed.proposals.insert(id);
        }
        _ => rows.clerk(event, secret),
    }
}

fn fold_operator(directory: &mut StaffDirectory, rows: &mut StaffRows, event: &Event) {
    let first = event.kind == EventKind::FirstOperatorsCreated;
    if !first && event.kind != EventKind::OperatorCreated {
        let number = OperatorNumber(event.subject);
        let operator = directory.operators.get_mut(&number);
        operator.expect("the operator is loaded").fold_event(event);
        rows.changed.operators.insert(number);
        return;
    }
    for (operator, link) in Operator::of_event(event) {
        rows.changed.operators.insert(operator.number);
        directory.operators.insert(operator.number, operator);
        rows.put_link(link);
    }
}

impl StaffRows {
    fn put_link(&mut self, link: OperatorLink) {
        self.changed.links.insert(link.digest);
        self.links.insert(link.digest, link);
    }

    fn put_session(&mut self, session: StaffSession) {
        self.changed.sessions.insert(session.id);
        self.sessions.insert(session.id, session);
    }

    fn add_passkey(&mut self, event: &Event, secret: Option<Sealed>) {
        let secret = secret.expect("a credential comes with its event");
        let passkey = OperatorPasskey::of_event(event, secret);
        let digest = part(&event.digest, 2);
        let link = self.links.get_mut(&digest).expect("the link is loaded");
        link.used = event.id;
        self.changed.links.insert(digest);
        self.changed.passkeys_new.insert(passkey.lookup);
        self.passkeys.insert(passkey.lookup, passkey);
    }

    fn passkey(&mut self, event: &Event) {
        let lookup = part(&event.digest, 0);
        let passkey = self.passkeys.get_mut(&lookup).expect("the passkey is loaded");
        passkey.fold_event(event);
        self.changed.passkeys.insert(lookup);
    }

    fn session(&mut self, event: &Event) {
        let id = FactId(event.object);
        let session = self.sessions.get_mut(&id).expect("the session is loaded");
        session.fold_event(event);
        self.changed.sessions.insert(id);
    }

    fn clerk(&mut self, event: &Event, secret: Option<Sealed>) {
        let number = ClerkNumber(event.subject);
        if event.kind == EventKind::ClerkCreated {
            let pin = secret.expect("a PIN's digest comes with its event");
            self.clerks.insert(number, Clerk::of_event(event, pin));
            self.changed.clerks_new.insert(number);
            return;
        }
        let clerk = self.clerks.get_mut(&number).expect("the clerk is loaded");
        clerk.fold_event(event, secret);
        self.changed.clerks.insert(number);
        if event.kind == EventKind::ClerkSignedIn {
            self.put_session(StaffSession::of_clerk(event));
        }
        match shift_of_event(event) {
            Some(id) if event.kind == EventKind::ShiftOpened => {
                self.shifts.insert(id, Shift::of_event(event));
                self.changed.shifts_new.insert(id);
            }
            Some(id) => {
                self.shifts.get_mut(&id).expect("the shift is loaded").fold_event(event);
                self.changed.shifts.insert(id);
            }
            None => {}
        }
    }
}

impl View {
    /// Books an event about staff; what it names by digest only comes beside it.
    pub(crate) fn fold_staff(&mut self, event: &Event, private: Private) {
        let secret = (!private.secret.is_empty()).then_some(Sealed(private.secret));
        let (directory, rows) = (&mut self.directory, &mut self.staff);
        fold(move || &mut Arc::make_mut(directory).staff, rows, event, secret);
    }

    /// Keeps rows of staff that were locked and loaded. Facts about one row ascend by id even where
    /// another lane, whose clock is ahead, booked the last one: then this commit is a millisecond
    /// later.
    pub fn keep_staff(&mut self, rows: StaffRows) {
        let passkeys = rows.passkeys.values().map(|row| row.id);
        let sessions = rows.sessions.values().map(|row| row.id);
        let clerks = rows.clerks.values().map(|row| row.last_id);
        for last in passkeys.chain(sessions).chain(clerks) {
            if last.lane() != self.lane && last.at() >= self.now {
                self.now = last.at().plus_ms(1);
            }
        }
        self.staff = rows;
    }
}

/// Takes the number that an event gave out.
pub(crate) const fn take_number(numbers: &mut Numbers, event: &Event) {
    match event.kind {
        EventKind::FirstOperatorsCreated => numbers.operator = event.subject + 1,
        EventKind::OperatorCreated => numbers.operator = event.subject,
        EventKind::ClerkCreated => numbers.clerk = event.subject,
        _ => {}
    }
}
