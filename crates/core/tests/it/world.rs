//! A naive store: maps, batches exactly as DESIGN.md says ("A write"), and an audit after each
//! commit.
//!
//! It saves only the rows that a view says were changed, so that a forgotten mark shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yaoki_core::account::Account;
use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_core::command::{Act, Administer, Asset, Command, Credit, Refer};
use yaoki_core::decide::{Decision, Outcome, decide};
use yaoki_core::facts::{Acknowledgement, Event, EventKind, Operation, Transfer};
use yaoki_core::identity::challenge::Challenge;
use yaoki_core::identity::people::{People, Touched};
use yaoki_core::ids::{
    ClerkNumber, FactId, LaneNumber, MemberNumber, MerchantNumber, RequestId, RequestKey,
    StoreNumber,
};
use yaoki_core::message::Message;
use yaoki_core::money::Currency;
use yaoki_core::shift::Shift;
use yaoki_core::staff::StaffRows;
use yaoki_core::state::{EnrolmentLink, Member, PaymentState, PaymentStatus};
use yaoki_core::time::{DAY_MS, Instant, ZoneOffset};
use yaoki_core::top_up::{COUNTED_MS, CardState};
use yaoki_core::view::{Directory, Numbers, Rules, Touch, View, member_of_event, refer_all, touch};
use yaoki_core::window::Recount;

/// 2026-01-01, noon in Tokyo.
pub(crate) const NOON: Instant = Instant(1_767_236_400_000);
pub(crate) const CODE_KEY: [u8; 32] = [1; 32];
/// Money that each member begins with.
pub(crate) const BEGINNING: i64 = 10_000;
pub(crate) const MEMBERS: i64 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) seq: i64,
    pub(crate) last_id: FactId,
    pub(crate) last_at: Instant,
}

/// The whole book: two merchants with a store each, terminals 1 and 2 in the first, 3 in the second
/// (whose day ends at one in the morning), and members with a device and money.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) members: BTreeMap<MemberNumber, Member>,
    pub(crate) operations: BTreeMap<RequestKey, Operation>,
    pub(crate) states: BTreeMap<FactId, PaymentState>,
    pub(crate) transfers: BTreeMap<(MemberNumber, FactId), Transfer>,
    pub(crate) events: BTreeMap<RequestId, Event>,
    pub(crate) links: BTreeMap<[u8; 32], EnrolmentLink>,
    pub(crate) people: People,
    pub(crate) challenges: BTreeMap<[u8; 32], Challenge>,
    pub(crate) messages: Vec<Message>,
    pub(crate) acknowledged: BTreeMap<FactId, Acknowledgement>,
    pub(crate) staff: StaffRows,
    /// Codes that a script has saved.
    pub(crate) shown: BTreeMap<String, String>,
    administered: u128,
}

impl World {
    pub(crate) fn new() -> Self {
        let code = CodeRules::new("9900", 120).unwrap();
        let zone = ZoneOffset { minutes: 540 };
        let rules = Rules { currency: Currency::JPY, zone, code };
        let lane = |_| Lane { seq: 0, last_id: FactId::NONE, last_at: Instant(0) };
        let mut world = Self {
            now: NOON,
            lanes: (0..2).map(lane).collect(),
            rules: Arc::new(rules),
            directory: Arc::default(),
            members: BTreeMap::new(),
            operations: BTreeMap::new(),
            states: BTreeMap::new(),
            transfers: BTreeMap::new(),
            events: BTreeMap::new(),
            links: BTreeMap::new(),
            people: People::default(),
            challenges: BTreeMap::new(),
            messages: Vec::new(),
            acknowledged: BTreeMap::new(),
            staff: StaffRows::default(),
            shown: BTreeMap::new(),
            administered: 0,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for (merchant, terminals) in [(1, 2), (2, 1)] {
            let name = |what| format!("{what} of {merchant}");
            self.act(Act::CreateMerchant(name("shop")));
            let number = MerchantNumber(merchant);
            let cutoff_minutes = (merchant - 1) * 60;
            let (name, place) = (name("store"), String::new());
            self.act(Act::CreateStore { merchant: number, name, place, cutoff_minutes });
            for _ in 0..terminals {
                let name = format!("register of {merchant}");
                self.act(Act::CreateTerminal(StoreNumber(merchant), name));
            }
        }
        for member in (1..=MEMBERS).map(MemberNumber) {
            self.act(Act::CreateMember);
            self.enrol(member);
            self.run(&[credit(member, BEGINNING, u8::try_from(member.0).unwrap())]);
        }
    }

    /// Enrols a new paying device and says which.
    pub(crate) fn enrol(&mut self, member: MemberNumber) -> FactId {
        self.administered += 1;
        let link = *blake3::hash(&self.administered.to_be_bytes()).as_bytes();
        self.act(Act::CreateLink(member, link, self.now.plus_ms(1000)));
        let secret = *blake3::hash(&link).as_bytes();
        self.act(Act::EnrolDevice { link, public_key: [4; 65], secret });
        self.members[&member].device
    }

    /// Administers by two good names; must be done.
    pub(crate) fn act(&mut self, act: Act) -> Event {
        let command = self.administer(act);
        match self.run(&[command]).remove(0) {
            Decision::Done(Outcome::Done { event, replayed: false }) => event,
            other => panic!("an act must be done: {other:?}"),
        }
    }

    /// The command of an act, with a new request id.
    pub(crate) fn administer(&mut self, act: Act) -> Command {
        self.administered += 1;
        Command::Administer(Administer {
            request: RequestId(self.administered.to_be_bytes()),
            actor: "Aoi".to_owned(),
            second: "Ren".to_owned(),
            reason: "because".to_owned(),
            act,
        })
    }

    pub(crate) fn cipher(&self) -> CodeCipher {
        CodeCipher::new(self.rules.code.clone(), &CODE_KEY, None)
    }

    /// The digits that the member's paying device shows now.
    pub(crate) fn code(&self, member: MemberNumber) -> String {
        let issued = self.cipher().issue(&self.members[&member], self.now);
        issued.map(|issued| issued.digits).unwrap_or_default()
    }

    pub(crate) fn operation(&self, id: FactId) -> Option<&Operation> {
        self.operations.values().find(|operation| operation.id == id)
    }

    /// One batch on lane 0. What answers `Later` leads the next batch, at most three times.
    pub(crate) fn run(&mut self, commands: &[Command]) -> Vec<Decision> {
        self.run_on(0, commands)
    }

    pub(crate) fn run_on(&mut self, lane: usize, commands: &[Command]) -> Vec<Decision> {
        let mut answers: Vec<Decision> = commands.iter().map(|_| Decision::Later).collect();
        for _ in 0..4 {
            let open = |(_, answer): &(usize, &Decision)| **answer == Decision::Later;
            let open: Vec<usize> =
                answers.iter().enumerate().filter(open).map(|(index, _)| index).collect();
            if open.is_empty() {
                break;
            }
            let batch: Vec<&Command> = open.iter().map(|&index| &commands[index]).collect();
            for (index, answer) in open.into_iter().zip(self.commit(lane, &batch)) {
                answers[index] = answer;
            }
        }
        answers
    }

    fn commit(&mut self, lane: usize, commands: &[&Command]) -> Vec<Decision> {
        let mut view = self.load(lane, commands);
        let mut answers = Vec::new();
        for command in commands {
            let (decision, effects) = decide(&view, command);
            assert_eq!((decision.clone(), effects.clone()), decide(&view, command), "pure");
            view.apply(effects);
            answers.push(decision);
        }
        self.save_work(&view);
        if !view.facts.is_empty() {
            self.save(lane, view);
            self.audit();
        }
        answers
    }

    fn load(&self, lane: usize, commands: &[&Command]) -> View {
        let row = &self.lanes[lane];
        let number = LaneNumber(i64::try_from(lane).unwrap());
        let now = self.now.max(row.last_at);
        let (rules, directory) = (Arc::clone(&self.rules), Arc::clone(&self.directory));
        let mut view = View::new(number, row.seq + 1, now, rules, directory);
        view.last_id = row.last_id;
        let refer = refer_all(commands);
        let mut payments = refer.payments.clone();
        for operation in refer.requests.iter().filter_map(|key| self.operations.get(key)) {
            if operation.payment.is_some() && operation.payment != operation.id {
                payments.push(operation.payment);
            }
            view.keep_operation(operation.clone());
        }
        for operation in payments.iter().filter_map(|&payment| self.operation(payment)) {
            if operation.begins_payment() {
                view.payments.insert(operation.id, operation.clone());
            }
        }
        let events = refer.events.iter().filter_map(|request| self.events.get(request));
        view.events = events.map(|event| (event.request_id, event.clone())).collect();
        let links = refer.links.iter().filter_map(|link| self.links.get(link));
        view.links = links.map(|link| (link.digest, link.clone())).collect();
        let devices = refer.devices.iter().filter_map(|device| self.people.devices.get(device));
        view.people.devices = devices.map(|device| (device.id, device.clone())).collect();
        self.refer_people(&refer, &mut view);
        view.numbers = refer.numbers.then(|| self.numbers());
        let named = refer.top_ups.iter().filter_map(|id| self.people.top_ups.get(id));
        let judged = named.filter(|_| refer.judges_top_ups).map(|row| row.network.clone());
        let networks = refer.networks.iter().cloned().chain(judged);
        let refer_money = (networks.collect(), refer.fingerprints.clone());
        let top_ups = refer.top_ups.iter().filter_map(|id| self.people.top_ups.get(id));
        view.people.top_ups = top_ups.map(|row| (row.id, row.clone())).collect();
        let keys = refer.staff;
        let staff = StaffRows {
            links: loaded(&self.staff.links, &keys.links),
            passkeys: loaded(&self.staff.passkeys, &keys.passkeys),
            sessions: loaded(&self.staff.sessions, &keys.sessions),
            shifts: self.shifts_of(&keys.clerks),
            clerks: loaded(&self.staff.clerks, &keys.clerks),
            ..StaffRows::default()
        };
        view.keep_staff(staff);
        let rows = touch(commands, &view);
        for member in rows.members.iter().filter_map(|number| self.members.get(number)) {
            view.keep_member(member.clone());
        }
        for state in rows.payment_states.iter().filter_map(|payment| self.states.get(payment)) {
            view.payment_states.insert(state.payment, state.clone());
        }
        self.load_people(&rows.people, &mut view);
        self.load_money(&refer_money, &rows, &mut view);
        for walk in view.walks(commands) {
            let theirs = |row: &&Operation| row.member == walk.member && row.id >= walk.least;
            let found = self.operations.values().filter(theirs).cloned().collect();
            view.keep_history(&walk, found);
        }
        let acknowledged = rows.acknowledgements.into_iter();
        view.acknowledged = acknowledged.filter(|id| self.acknowledged.contains_key(id)).collect();
        view
    }

    /// Challenges, and who has their addresses and factors.
    fn refer_people(&self, refer: &Refer, view: &mut View) {
        let challenges = refer.challenges.iter().filter_map(|id| self.challenges.get(id));
        view.challenges = challenges.map(|row| (row.id, row.clone())).collect();
        let guesses =
            view.challenges.values().map(|row| Challenge::guesses_id_of(row.purpose, &row.contact));
        let guesses: Vec<_> = guesses.filter_map(|id| self.challenges.get(&id)).collect();
        view.challenges.extend(guesses.into_iter().map(|row| (row.id, row.clone())));
        let named = view.challenges.values().map(|row| row.contact);
        for digest in refer.contacts.iter().copied().chain(named) {
            let contact = self.people.contacts.get(&digest);
            view.people.contacts.extend(contact.map(|row| (digest, row.clone())));
        }
        let found = self.people.credentials.values();
        let found = found.filter(|row| row.is_active() && refer.lookups.contains(&row.lookup));
        view.people.credentials.extend(found.map(|row| (row.id, row.clone())));
    }

    /// What belongs to members.
    fn load_people(&self, members: &[MemberNumber], view: &mut View) {
        fn of<K: Ord + Copy, T: Clone>(
            from: &BTreeMap<K, T>,
            to: &mut BTreeMap<K, T>,
            theirs: impl Fn(&T) -> bool,
        ) {
            let rows = from.iter().filter(|(_, row)| theirs(row));
            to.extend(rows.map(|(key, row)| (*key, row.clone())));
        }
        let (from, to) = (&self.people, &mut view.people);
        of(&from.devices, &mut to.devices, |row| members.contains(&row.member));
        of(&from.credentials, &mut to.credentials, |row| members.contains(&row.member));
        of(&from.contacts, &mut to.contacts, |row| members.contains(&row.member));
        of(&from.recoveries, &mut to.recoveries, |row| members.contains(&row.member));
        of(&from.consents, &mut to.consents, |row| members.contains(&row.member));
    }

    /// Cards and top-ups: of members, and those that commands name.
    fn load_money(
        &self,
        (networks, prints): &(Vec<Vec<u8>>, Vec<[u8; 32]>),
        rows: &Touch,
        view: &mut View,
    ) {
        let since = FactId::least(Instant(view.now.0 - COUNTED_MS));
        let people = &mut view.people;
        for row in self.people.cards.values() {
            let theirs = rows.money.contains(&row.member);
            let same = row.state != CardState::Ended && prints.contains(&row.fingerprint);
            if theirs || same {
                people.cards.insert(row.id, row.clone());
            }
        }
        let day = FactId::least(Instant(view.now.0 - DAY_MS + 1));
        for network in networks {
            let rows = self.people.top_ups.values();
            let here = rows.filter(|row| &row.network == network && row.id >= day);
            people.networks.insert(network.clone(), here.map(|row| row.member).collect());
        }
        for row in self.people.top_ups.values() {
            let theirs = rows.money.contains(&row.member) && row.id >= since;
            if theirs || rows.top_ups.contains(&row.id) {
                people.top_ups.insert(row.id, row.clone());
            }
        }
    }

    fn shifts_of(&self, clerks: &[ClerkNumber]) -> BTreeMap<FactId, Shift> {
        let rows = clerks.iter().filter_map(|clerk| self.staff.clerks.get(clerk));
        let ids: Vec<FactId> = rows.map(|clerk| clerk.shift).collect();
        loaded(&self.staff.shifts, &ids)
    }

    fn numbers(&self) -> Numbers {
        let directory = &self.directory;
        Numbers {
            merchant: directory.merchants.keys().next_back().map_or(0, |number| number.0),
            store: directory.stores.keys().next_back().map_or(0, |number| number.0),
            terminal: directory.terminals.keys().next_back().map_or(0, |number| number.0),
            member: self.members.keys().next_back().map_or(0, |number| number.0),
            webhook: directory.webhooks.keys().next_back().map_or(0, |number| number.0),
            operator: directory.staff.operators.keys().next_back().map_or(0, |number| number.0),
            clerk: self.staff.clerks.keys().next_back().map_or(0, |number| number.0),
        }
    }

    /// What is no fact: saved where nothing was booked, too.
    fn save_work(&mut self, view: &View) {
        for id in &view.changed.challenges {
            self.challenges.insert(*id, view.challenges[id].clone());
        }
        for message in view.outgoing.messages.values() {
            if self.messages.iter().all(|sent| sent.key != message.key) {
                self.messages.push(message.clone());
            }
        }
    }

    fn save(&mut self, lane: usize, view: View) {
        let fresh = |old: bool| assert!(!old, "a fact is inserted once");
        for fact in view.facts.operations {
            let key = RequestKey { request: fact.request_id, terminal: fact.terminal };
            fresh(self.operations.insert(key, fact).is_some());
        }
        for fact in view.facts.transfers {
            fresh(self.transfers.insert((fact.member, fact.id), fact).is_some());
        }
        for fact in view.facts.events {
            fresh(self.events.insert(fact.request_id, fact).is_some());
        }
        for fact in view.facts.acknowledgements {
            fresh(self.acknowledged.insert(fact.operation, fact).is_some());
        }
        let changed = &view.changed;
        for number in changed.members.union(&changed.members_new) {
            self.members.insert(*number, view.members[number].clone());
        }
        for payment in &changed.payment_states {
            self.states.insert(*payment, view.payment_states[payment].clone());
        }
        for link in &changed.links {
            self.links.insert(*link, view.links[link].clone());
        }
        for touched in &changed.people {
            let (from, to) = (&view.people, &mut self.people);
            match touched {
                Touched::Device(id) => drop(to.devices.insert(*id, from.devices[id].clone())),
                Touched::Credential(id) => {
                    drop(to.credentials.insert(*id, from.credentials[id].clone()));
                }
                Touched::Contact(id) => drop(to.contacts.insert(*id, from.contacts[id].clone())),
                Touched::Recovery(id) => {
                    to.recoveries.insert(*id, from.recoveries[id].clone());
                }
                Touched::Consent(id) => drop(to.consents.insert(*id, from.consents[id].clone())),
                Touched::Proof(id) => drop(to.proofs.insert(*id, from.proofs[id].clone())),
                Touched::Card(id) => drop(to.cards.insert(*id, from.cards[id].clone())),
                Touched::TopUp(id) => drop(to.top_ups.insert(*id, from.top_ups[id].clone())),
            }
        }
        if changed.directory() || view.staff.changed.directory() {
            self.directory = view.directory;
        }
        self.save_staff(&view.staff);
        let last_at = view.now.max(view.last_id.at());
        self.lanes[lane] = Lane { seq: view.seq, last_id: view.last_id, last_at };
    }

    fn save_staff(&mut self, rows: &StaffRows) {
        let changed = &rows.changed;
        for link in &changed.links {
            self.staff.links.insert(*link, rows.links[link].clone());
        }
        for lookup in changed.passkeys.union(&changed.passkeys_new) {
            self.staff.passkeys.insert(*lookup, rows.passkeys[lookup].clone());
        }
        for session in &changed.sessions {
            self.staff.sessions.insert(*session, rows.sessions[session].clone());
        }
        for clerk in changed.clerks.union(&changed.clerks_new) {
            self.staff.clerks.insert(*clerk, rows.clerks[clerk].clone());
        }
        for shift in changed.shifts.union(&changed.shifts_new) {
            self.staff.shifts.insert(*shift, rows.shifts[shift].clone());
        }
    }

    /// Panics unless both books say the same, whatever commits they were made in.
    pub(crate) fn must_equal(&self, other: &Self, about: &str) {
        let operations = |world: &Self| -> Vec<Operation> {
            let all = world.operations.values().cloned();
            all.map(|fact| Operation { seq: 0, ..fact }).collect()
        };
        let transfers = |world: &Self| -> Vec<Transfer> {
            let all = world.transfers.values().cloned();
            all.map(|fact| Transfer { seq: 0, ..fact }).collect()
        };
        assert_eq!(operations(self), operations(other), "{about}");
        assert_eq!(transfers(self), transfers(other), "{about}");
        assert_eq!(self.members, other.members, "{about}");
        assert_eq!(self.states, other.states, "{about}");
        assert_eq!(self.people, other.people, "{about}");
        assert_eq!(self.links, other.links, "{about}");
        assert_eq!(self.challenges, other.challenges, "{about}");
        let acknowledged =
            |world: &Self| -> Vec<FactId> { world.acknowledged.keys().copied().collect() };
        assert_eq!(acknowledged(self), acknowledged(other), "{about}");
    }

    /// The balance of an account, from the transfers alone.
    pub(crate) fn balance(&self, account: Account) -> i64 {
        let signed = |transfer: &Transfer| {
            let credit = i64::from(transfer.credit == account) * transfer.amount;
            credit - i64::from(transfer.debit == account) * transfer.amount
        };
        self.transfers.values().map(signed).sum()
    }

    /// What holds after each commit, whatever the commands were.
    pub(crate) fn audit(&self) {
        let sides = self.transfers.values().flat_map(|transfer| [transfer.debit, transfer.credit]);
        let accounts: BTreeSet<Account> = sides.collect();
        let sum: i64 = accounts.iter().map(|&account| self.balance(account)).sum();
        assert_eq!(sum, 0, "the accounts sum to zero");
        for member in self.members.values() {
            let number = member.number;
            assert_eq!(member.money, self.balance(Account::money(number)));
            assert_eq!(member.points, self.balance(Account::points(number)));
            let own = self.states.values().filter(|state| state.member == number);
            let open: i64 = own.clone().map(|state| state.held).sum();
            assert_eq!(member.held, open, "what is held is the sum of the open holds");
            assert!(member.available() >= 0, "no wallet is below zero, holds counted");
            let authorized = own.filter(|state| state.held > 0);
            assert!(authorized.clone().all(|state| state.status == PaymentStatus::Authorized));
            assert_eq!(*member, self.refold(member), "a member is the fold of its facts");
        }
        for state in self.states.values() {
            assert!(state.refunded <= state.captured, "no more goes back than was paid");
        }
        let begun = self.operations.values().filter(|operation| operation.begins_payment());
        let begun = begun.filter(|operation| !operation.is_of_shop());
        let spent: Vec<_> = begun.map(|begun| (begun.member, begun.epoch)).collect();
        let once: BTreeSet<_> = spent.iter().collect();
        assert_eq!(once.len(), spent.len(), "an epoch, so each code of it, is spent at most once");
    }

    /// The member's row again, from facts in order of their ids; the secret is no fact.
    fn refold(&self, member: &Member) -> Member {
        enum Fact<'a> {
            Operation(&'a Operation),
            Transfer(&'a Transfer),
            Event(&'a Event),
        }
        let number = member.number;
        let mut facts: BTreeMap<FactId, Fact<'_>> = BTreeMap::new();
        let operations = self.operations.values().filter(|fact| fact.member == number);
        facts.extend(operations.map(|fact| (fact.id, Fact::Operation(fact))));
        let transfers = self.transfers.values().filter(|fact| fact.member == number);
        facts.extend(transfers.map(|fact| (fact.id, Fact::Transfer(fact))));
        let of_member = |event: &&Event| {
            let kind = event.kind;
            event.subject == number.0 && (kind == EventKind::MemberCreated || kind.is_of_member())
        };
        let events = self.events.values().filter(of_member);
        facts.extend(events.map(|fact| (fact.id, Fact::Event(fact))));
        let (mut folded, mut windows) = (None, Recount::of(member));
        for fact in facts.into_values() {
            match (fact, &mut folded) {
                (Fact::Event(event), None) => folded = Some(member_of_event(event)),
                (Fact::Operation(operation), Some(folded)) => {
                    windows.take(operation);
                    folded.fold_operation(operation, self.directory.store_of(operation.terminal));
                }
                (Fact::Transfer(transfer), Some(folded)) => folded.fold_transfer(transfer),
                (Fact::Event(event), Some(folded)) if folded.takes(event) => {
                    folded.fold_event(event, None);
                }
                (Fact::Event(_), Some(_)) => {}
                _ => panic!("a member is created before anything else happens to it"),
            }
        }
        let mut folded = folded.expect("a member was created");
        windows.put(&mut folded);
        Member { code_secret: member.code_secret, ..folded }
    }
}

fn loaded<K: Ord + Copy, T: Clone>(all: &BTreeMap<K, T>, keys: &[K]) -> BTreeMap<K, T> {
    keys.iter().filter_map(|key| Some((*key, all.get(key)?.clone()))).collect()
}

/// Money from outside under a request id of its own.
pub(crate) fn credit(member: MemberNumber, amount: i64, request: u8) -> Command {
    let request = RequestId([request; 16]);
    Command::Credit(Credit { request, member, asset: Asset::Money, amount })
}
