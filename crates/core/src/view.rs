//! The view: the rows that a batch has loaded, and what it has changed of them so far.
//!
//! `decide` reads it, only [`View::apply`] changes it: a refusal leaves no trace, and later
//! commands of a batch see earlier ones. Each changed row is saved once.

mod history;
mod touch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::history::{History, Walk};
pub use self::touch::{Touch, refer_all, touch};
use crate::chain::Facts;
use crate::code::CodeRules;
use crate::facts::{Acknowledgement, Event, EventKind, Operation, OperationKind, Transfer};
use crate::identity::challenge::Challenge;
use crate::identity::people::{People, Private, Touched};
use crate::ids::{
    FactId, LaneNumber, MemberNumber, MerchantNumber, RequestId, RequestKey, StoreNumber,
    TerminalNumber, WebhookNumber,
};
use crate::money::Currency;
use crate::policy::{Policy, PolicyInForce};
use crate::shift::credit_of_event;
use crate::staff::{self, StaffDirectory, StaffRows};
use crate::state::{EnrolmentLink, EnrolmentWay, Member, Merchant, PaymentState, Store, Terminal};
use crate::switches::{self, Place, Switch, same_switch};
use crate::time::{Instant, ZoneOffset};
use crate::webhook::Webhook;
pub use crate::{state::terminal_of_event, switches::switch_of_event};

/// What the operator has set, the same for the whole batch.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The book's currency.
    pub currency: Currency,
    /// The operator's zone at the time of the batch.
    pub zone: ZoneOffset,
    /// The one-time code.
    pub code: CodeRules,
}

/// Merchants, stores, terminals, webhooks and closed switches: changes seldom, kept by a lane under
/// the switchboard's version.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// By number.
    pub merchants: BTreeMap<MerchantNumber, Merchant>,
    /// By number.
    pub stores: BTreeMap<StoreNumber, Store>,
    /// By number.
    pub terminals: BTreeMap<TerminalNumber, Terminal>,
    /// Every closed switch.
    pub switches: Vec<Switch>,
    /// By number, ended ones included.
    pub webhooks: BTreeMap<WebhookNumber, Webhook>,
    /// Operators and proposals.
    pub staff: StaffDirectory,
    /// Limits on money.
    pub policy: PolicyInForce,
}

impl Directory {
    /// The place of a terminal, as switches see it.
    pub fn place(&self, terminal: TerminalNumber) -> Option<Place> {
        let terminal = self.terminals.get(&terminal)?;
        let store = self.stores.get(&terminal.store)?;
        Some(Place {
            merchant: store.merchant,
            store: store.number,
            terminal: terminal.number,
            ..Place::default()
        })
    }

    /// Whether `capability` is closed at `place`.
    pub fn is_closed(&self, capability: switches::Capability, place: &Place, now: Instant) -> bool {
        self.switches.iter().any(|switch| switch.stops(capability, place, now))
    }

    /// The store of a terminal; none for jobs and operators.
    pub fn store_of(&self, terminal: TerminalNumber) -> StoreNumber {
        self.terminals.get(&terminal).map_or(StoreNumber::NONE, |terminal| terminal.store)
    }
}

/// The numbers that were given out last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// The last merchant.
    pub merchant: i64,
    /// The last store.
    pub store: i64,
    /// The last terminal.
    pub terminal: i64,
    /// The last member.
    pub member: i64,
    /// The last webhook endpoint.
    pub webhook: i64,
    /// The last operator.
    pub operator: i64,
    /// The last clerk.
    pub clerk: i64,
}

/// What a decision changes: facts, and the secrets that facts may not carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Operations, by id.
    pub operations: Vec<Operation>,
    /// Transfers, by id.
    pub transfers: Vec<Transfer>,
    /// Events, by id.
    pub events: Vec<Event>,
    /// What events name by digest only, by the event's id.
    pub private: BTreeMap<FactId, Private>,
    /// Challenges that were opened or changed.
    pub challenges: Vec<Challenge>,
    /// Acknowledgements.
    pub acknowledgements: Vec<Acknowledgement>,
    /// What members and operators are told of it.
    pub messages: Vec<crate::message::Message>,
    /// Keys of messages whose codes were typed.
    pub confirmed: Vec<[u8; 32]>,
}

/// Which derived rows must be saved.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// Members that were there before.
    pub members: BTreeSet<MemberNumber>,
    /// Members that are new.
    pub members_new: BTreeSet<MemberNumber>,
    /// Payments.
    pub payment_states: BTreeSet<FactId>,
    /// Devices, factors, addresses, recoveries, consents.
    pub people: BTreeSet<Touched>,
    /// Those of them that are new.
    pub people_new: BTreeSet<Touched>,
    /// Challenges.
    pub challenges: BTreeSet<[u8; 32]>,
    /// Enrolment links.
    pub links: BTreeSet<[u8; 32]>,
    /// Merchants.
    pub merchants: BTreeSet<MerchantNumber>,
    /// Stores whose clerks changed.
    pub stores: BTreeSet<StoreNumber>,
    /// Stores that are new.
    pub stores_new: BTreeSet<StoreNumber>,
    /// Terminals that were there before.
    pub terminals: BTreeSet<TerminalNumber>,
    /// Terminals that are new.
    pub terminals_new: BTreeSet<TerminalNumber>,
    /// Switches that were closed.
    pub switches_closed: Vec<Switch>,
    /// Switches that were opened.
    pub switches_opened: Vec<Switch>,
    /// Webhook endpoints that were there before.
    pub webhooks: BTreeSet<WebhookNumber>,
    /// Webhook endpoints that are new.
    pub webhooks_new: BTreeSet<WebhookNumber>,
    /// Whether limits on money are others.
    pub policy: bool,
}

impl Changed {
    /// Whether merchants, stores, terminals, webhooks or switches changed: every lane must see it
    /// at once.
    pub fn directory(&self) -> bool {
        !(self.merchants.is_empty()
            && self.stores.is_empty()
            && self.stores_new.is_empty()
            && self.terminals.is_empty()
            && self.terminals_new.is_empty()
            && self.switches_closed.is_empty()
            && self.switches_opened.is_empty()
            && self.webhooks.is_empty()
            && self.webhooks_new.is_empty()
            && !self.policy)
    }
}

/// The rows a batch has loaded and changed.
#[derive(Clone, Debug)]
pub struct View {
    /// The lane that decides.
    pub lane: LaneNumber,
    /// The commit that is being made.
    pub seq: i64,
    /// The time of the batch: max(clock, the lane's last).
    pub now: Instant,
    /// The last id given out.
    pub last_id: FactId,
    /// What the operator has set.
    pub rules: Arc<Rules>,
    /// Merchants, stores, terminals, switches.
    pub directory: Arc<Directory>,
    /// Members, locked.
    pub members: BTreeMap<MemberNumber, Member>,
    /// Lists of members that were walked back.
    pub histories: BTreeMap<MemberNumber, History>,
    /// Operations by request.
    pub operations: BTreeMap<RequestKey, Operation>,
    /// Operations by id.
    pub payments: BTreeMap<FactId, Operation>,
    /// Payments that have come further than being paid at once.
    pub payment_states: BTreeMap<FactId, PaymentState>,
    /// Operations that are acknowledged.
    pub acknowledged: BTreeSet<FactId>,
    /// Events by request.
    pub events: BTreeMap<RequestId, Event>,
    /// Enrolment links.
    pub links: BTreeMap<[u8; 32], EnrolmentLink>,
    /// Devices, factors, addresses, recoveries.
    pub people: People,
    /// Challenges.
    pub challenges: BTreeMap<[u8; 32], Challenge>,
    /// The numbers given out last, where a command asks for new ones.
    pub numbers: Option<Numbers>,
    /// Messages that were decided so far.
    pub outgoing: crate::message::Outgoing,
    /// Rows of staff.
    pub staff: StaffRows,
    /// What was decided so far.
    pub facts: Facts,
    /// What must be saved.
    pub changed: Changed,
}

impl View {
    /// An empty view of a lane that is about to make commit `seq`.
    pub fn new(
        lane: LaneNumber,
        seq: i64,
        now: Instant,
        rules: Arc<Rules>,
        directory: Arc<Directory>,
    ) -> Self {
        Self {
            lane,
            seq,
            now,
            last_id: FactId::NONE,
            rules,
            directory,
            members: BTreeMap::new(),
            histories: BTreeMap::new(),
            operations: BTreeMap::new(),
            payments: BTreeMap::new(),
            payment_states: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            events: BTreeMap::new(),
            links: BTreeMap::new(),
            people: People::default(),
            challenges: BTreeMap::new(),
            numbers: None,
            outgoing: crate::message::Outgoing::default(),
            staff: StaffRows::default(),
            facts: Facts::default(),
            changed: Changed::default(),
        }
    }

    /// The first of `count` ids for the next effects.
    pub fn next_ids(&self, count: i64) -> FactId {
        self.last_id.next_block(self.lane, self.now, count)
    }

    /// The operation that began this payment, if it is one.
    pub fn payment(&self, id: FactId) -> Option<&Operation> {
        self.payments.get(&id).filter(|operation| operation.begins_payment())
    }

    /// How far a payment has come.
    pub fn payment_state(&self, begun: &Operation) -> PaymentState {
        let state = self.payment_states.get(&begun.id);
        state.cloned().unwrap_or_else(|| PaymentState::began(begun))
    }

    /// Keeps a member that was locked and loaded. Facts of one member ascend by id even where
    /// another lane, whose clock is ahead, booked the last one: then this commit is a millisecond
    /// later.
    pub fn keep_member(&mut self, member: Member) {
        if member.last_id.lane() != self.lane && member.last_id.at() >= self.now {
            self.now = member.last_id.at().plus_ms(1);
        }
        self.members.insert(member.number, member);
    }

    /// Keeps an operation that was loaded or decided, under both its keys.
    pub fn keep_operation(&mut self, operation: Operation) {
        let key = RequestKey { request: operation.request_id, terminal: operation.terminal };
        if operation.begins_payment() {
            self.payments.insert(operation.id, operation.clone());
        }
        self.operations.insert(key, operation);
    }

    /// Changes the view by what was decided. Everything derived is folded from the facts.
    pub fn apply(&mut self, effects: Effects) {
        for transfer in effects.transfers {
            self.take_id(transfer.id);
            let member = self.members.get_mut(&transfer.member);
            member.expect("a transfer's member is loaded").fold_transfer(&transfer);
            self.facts.transfers.push(transfer);
        }
        for operation in effects.operations {
            self.take_id(operation.id);
            self.fold_operation(&operation);
            self.facts.operations.push(operation.clone());
            self.keep_operation(operation);
        }
        let mut private = effects.private;
        for event in effects.events {
            self.take_id(event.id);
            self.take_number(&event);
            let private = private.remove(&event.id).unwrap_or_default();
            if let Some(store) = Store::of_event(&event) {
                let stores = &mut Arc::make_mut(&mut self.directory).stores;
                stores.get_mut(&store).expect("the store is loaded").fold_event(&event);
                self.changed.stores.insert(store);
            }
            if let Some((store, change, taken)) = credit_of_event(&event) {
                let stores = &mut Arc::make_mut(&mut self.directory).stores;
                stores.get_mut(&store).expect("the store is loaded").allot(change, taken);
                self.changed.stores.insert(store);
            }
            if event.kind.is_of_staff() {
                self.fold_staff(&event, private);
            } else {
                self.fold_event(&event, private);
            }
            for void in self.directory.staff.made_void_by(&event) {
                let proposals = &mut Arc::make_mut(&mut self.directory).staff.proposals;
                proposals.get_mut(&void).expect("it was just found").make_void();
                self.staff.changed.proposals.insert(void);
            }
            self.events.insert(event.request_id, event.clone());
            self.facts.events.push(event);
        }
        for challenge in effects.challenges {
            self.changed.challenges.insert(challenge.id);
            self.challenges.insert(challenge.id, challenge);
        }
        for acknowledgement in effects.acknowledgements {
            self.acknowledged.insert(acknowledgement.operation);
            self.facts.acknowledgements.push(acknowledgement);
        }
        self.outgoing.take(effects.messages, effects.confirmed);
    }

    fn take_id(&mut self, id: FactId) {
        self.last_id = self.last_id.max(id);
    }

    fn fold_operation(&mut self, operation: &Operation) {
        if operation.member.is_some() {
            self.trim_windows(operation);
            let store = self.directory.store_of(operation.terminal);
            let member = self.members.get_mut(&operation.member);
            member.expect("an operation's member is loaded").fold_operation(operation, store);
            self.changed.members.insert(operation.member);
        }
        let count = self.people.count();
        if let Some(touched) = self.people.fold_operation(operation) {
            if self.people.count() > count {
                self.changed.people_new.insert(touched);
            }
            self.changed.people.insert(touched);
            return;
        }
        if !operation.has_effect() || !operation.payment.is_some() {
            return;
        }
        if operation.kind == OperationKind::Authorize {
            self.payment_states.insert(operation.id, PaymentState::began(operation));
            self.changed.payment_states.insert(operation.id);
        } else if operation.payment != operation.id {
            let begun = self.payment(operation.payment).expect("a payment is loaded").clone();
            let state = self.payment_states.entry(begun.id);
            state.or_insert_with(|| PaymentState::began(&begun)).fold_operation(operation);
            self.changed.payment_states.insert(begun.id);
        }
    }

    fn fold_event(&mut self, event: &Event, private: Private) {
        let number = event.subject;
        match event.kind {
            EventKind::MerchantCreated => {
                let number = MerchantNumber(number);
                let merchant = Merchant { number, name: event.text.clone() };
                Arc::make_mut(&mut self.directory).merchants.insert(number, merchant);
                self.changed.merchants.insert(number);
            }
            EventKind::StoreCreated => {
                let store = store_of_event(event);
                self.changed.stores_new.insert(store.number);
                Arc::make_mut(&mut self.directory).stores.insert(store.number, store);
            }
            EventKind::TerminalCreated => {
                let terminal = terminal_of_event(event);
                self.changed.terminals_new.insert(terminal.number);
                Arc::make_mut(&mut self.directory).terminals.insert(terminal.number, terminal);
            }
            EventKind::TerminalSuspended
            | EventKind::TerminalResumed
            | EventKind::TerminalKeyRotated => {
                let directory = Arc::make_mut(&mut self.directory);
                let terminal = directory.terminals.get_mut(&TerminalNumber(number));
                terminal.expect("the terminal is loaded").fold_event(event);
                self.changed.terminals.insert(TerminalNumber(number));
            }
            EventKind::MemberCreated => {
                let member = member_of_event(event);
                self.changed.members_new.insert(member.number);
                self.members.insert(member.number, member);
            }
            EventKind::LinkCreated => {
                let link = link_of_event(event);
                self.changed.links.insert(link.digest);
                self.links.insert(link.digest, link);
            }
            EventKind::SwitchClosed | EventKind::SwitchOpened => self.fold_switch(event),
            EventKind::PolicyChanged => {
                let policy = Policy::read(&event.text).expect("the rule has read it");
                Arc::make_mut(&mut self.directory).policy = policy.into();
                self.changed.policy = true;
            }
            EventKind::WebhookCreated
            | EventKind::WebhookEnded
            | EventKind::WebhookSecretRotated => self.fold_webhook(event),
            EventKind::LaneCreated
            | EventKind::Checkpoint
            | EventKind::Restored
            | EventKind::BookOpened
            | EventKind::CashCreditReleased
            | EventKind::BulkOpened
            | EventKind::ClerkActed => {}
            _ => self.fold_member_event(event, private),
        }
    }

    fn fold_member_event(&mut self, event: &Event, private: Private) {
        let number = MemberNumber(event.subject);
        let member = self.members.get_mut(&number).expect("the member is loaded");
        if member.takes(event) {
            member.fold_event(event, private.code_secret);
            self.changed.members.insert(number);
        }
        if let Some(digest) = link_used_by(event)
            && let Some(link) = self.links.get_mut(&digest)
        {
            link.device = FactId(event.object);
            self.changed.links.insert(digest);
        }
        let count = self.people.count();
        if let Some(touched) = self.people.fold_event(event, private) {
            if self.people.count() > count {
                self.changed.people_new.insert(touched);
            }
            self.changed.people.insert(touched);
        }
    }

    fn fold_switch(&mut self, event: &Event) {
        let switch = switch_of_event(event);
        let directory = Arc::make_mut(&mut self.directory);
        directory.switches.retain(|other| !same_switch(other, &switch));
        let (kept, dropped) =
            (&mut self.changed.switches_closed, &mut self.changed.switches_opened);
        kept.retain(|other| !same_switch(other, &switch));
        dropped.retain(|other| !same_switch(other, &switch));
        if event.kind == EventKind::SwitchClosed {
            directory.switches.push(switch.clone());
            kept.push(switch);
        } else {
            dropped.push(switch);
        }
    }

    fn fold_webhook(&mut self, event: &Event) {
        let number = WebhookNumber(event.subject);
        let webhooks = &mut Arc::make_mut(&mut self.directory).webhooks;
        if event.kind == EventKind::WebhookCreated {
            webhooks.insert(number, Webhook::of_event(event));
            self.changed.webhooks_new.insert(number);
        } else {
            webhooks.get_mut(&number).expect("the webhook is loaded").fold_event(event);
            self.changed.webhooks.insert(number);
        }
    }

    fn take_number(&mut self, event: &Event) {
        let Some(numbers) = &mut self.numbers else { return };
        match event.kind {
            EventKind::MerchantCreated => numbers.merchant = event.subject,
            EventKind::StoreCreated => numbers.store = event.subject,
            EventKind::TerminalCreated => numbers.terminal = event.subject,
            EventKind::MemberCreated => numbers.member = event.subject,
            EventKind::WebhookCreated => numbers.webhook = event.subject,
            _ => staff::take_number(numbers, event),
        }
    }
}

/// The member that an event created.
pub const fn member_of_event(event: &Event) -> Member {
    Member { last_id: event.id, ..Member::new(MemberNumber(event.subject)) }
}

/// The store that an event created.
pub fn store_of_event(event: &Event) -> Store {
    let (name, place) = event.text.split_once('\n').unwrap_or((&event.text, ""));
    Store {
        number: StoreNumber(event.subject),
        merchant: MerchantNumber(event.object),
        cutoff_minutes: event.number,
        name: name.to_owned(),
        place: place.to_owned(),
        clerks: 0,
        cash_allotted: 0,
        cash_taken: 0,
    }
}

/// The enrolment link that an event created.
pub fn link_of_event(event: &Event) -> EnrolmentLink {
    EnrolmentLink {
        digest: event.digest.as_slice().try_into().expect("a link's digest has 32 bytes"),
        member: MemberNumber(event.subject),
        expires_at: Instant(event.number),
        device: FactId::NONE,
        inviter: FactId(event.object),
    }
}

/// The digest of the link that an event used up. A device that came another way used none.
pub fn link_used_by(event: &Event) -> Option<[u8; 32]> {
    let by_link =
        event.kind == EventKind::DeviceEnrolled && event.number == EnrolmentWay::Link.code();
    let used = by_link || event.kind == EventKind::DevicePending;
    used.then(|| event.digest.get(64..)?.try_into().ok()).flatten()
}
