//! Cards, top-ups by card and what becomes of them, cash at registers: one line a case.

mod bulk_cases;
mod dry_runs;
mod rule_cases;
mod till;
mod wallet_cases;

use yaoki_core::account::Account;
use yaoki_core::command::{Command, MoneyIn, MoneyInStep, OnDevice};
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::EventKind;
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::Device;
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::{DAY_MS, SECOND_MS};
use yaoki_core::top_up::ThreeDSecure::Challenge;
use yaoki_core::top_up::{NewCard, ThreeDSecure, TopUpState};

use self::bulk_cases::BULK;
use self::rule_cases::RULES;
use self::till::{CASH, Till};
use self::wallet_cases::{CARDS, DEVICES, DISPUTES, LIMITS, STATES};
use crate::world::World;

const ONE: MemberNumber = MemberNumber(1);
const MINUTE: i64 = 60 * SECOND_MS;

/// A member with a card that is new no more, and the top-up that was asked for last.
struct Wallet {
    world: World,
    by: OnDevice,
    card: FactId,
    last: FactId,
    requests: u8,
}

impl Wallet {
    fn new() -> Self {
        let world = World::new();
        let by = on(&world, world.members[&ONE].device);
        let mut wallet = Self { world, by, card: FactId::NONE, last: FactId::NONE, requests: 99 };
        assert_eq!(wallet.add(1, 1), "card_added");
        wallet.wait(4 * DAY_MS);
        wallet
    }

    fn wait(&mut self, ms: i64) {
        self.world.now = self.world.now.plus_ms(ms);
    }

    fn run(&mut self, command: MoneyIn) -> (String, Decision) {
        let decision = self.world.run(&[Command::MoneyIn(command)]).remove(0);
        (self.world.say(&decision), decision)
    }

    fn ask(&mut self, member: i64, step: MoneyInStep) -> (String, Decision) {
        self.requests += 1;
        let request = RequestId([self.requests; 16]);
        self.run(MoneyIn { request, member: MemberNumber(member), freeze: String::new(), step })
    }

    /// Adds the card of this print to a member's wallet, on his paying device.
    fn add(&mut self, member: i64, print: u8) -> String {
        let device = self.world.members[&MemberNumber(member)].device;
        let by = on(&self.world, device);
        let card = NewCard {
            fingerprint: [print; 32],
            token: format!("pm_{print}"),
            label: format!("Visa {print}"),
        };
        let (said, decision) = self.ask(member, MoneyInStep::AddCard(by, card));
        if let Decision::Done(Outcome::Done { event, .. }) = decision {
            self.card = event.id;
        }
        said
    }

    fn request(&mut self, amount: i64) -> String {
        let (by, card) = (self.by, self.card);
        let (said, decision) = self.ask(1, request(by, card, amount));
        if let Decision::Done(Outcome::Done { event, .. }) = decision {
            self.last = event.id;
        }
        said
    }

    /// A step of the top-up that was asked for last.
    fn step(&mut self, step: MoneyInStep) -> String {
        let top_up = step.top_up().expect("a step of a top-up");
        self.run(MoneyIn::step(ONE, top_up, step)).0
    }

    fn authorize(&mut self, said: ThreeDSecure) -> String {
        self.step(MoneyInStep::Authorize(self.last, said))
    }

    fn post(&mut self) -> String {
        self.step(MoneyInStep::Post(self.last))
    }

    /// A whole top-up, and what its last step says.
    fn top_up(&mut self, amount: i64, said: ThreeDSecure) -> String {
        let asked = self.request(amount);
        if asked != "top_up_requested" {
            return asked;
        }
        match self.authorize(said).as_str() {
            "top_up_authorized" => self.post(),
            other => format!("{other} {}", self.reason()),
        }
    }

    fn state(&self) -> TopUpState {
        self.world.people.top_ups[&self.last].state
    }

    fn reason(&self) -> &'static str {
        let reason = self.world.people.top_ups[&self.last].reason;
        Refusal::from_number(reason).map_or("none", Refusal::name)
    }

    fn money(&self) -> i64 {
        self.world.members[&ONE].money
    }

    /// Another device that pays from now on, as one that comes by a passkey does.
    fn moves(&mut self) -> FactId {
        let device = self.world.enrol(ONE);
        self.by = on(&self.world, device);
        let row = self.world.people.devices.get_mut(&device).expect("it was enrolled");
        // The facts of the world say that it is the first; the rules look at the row.
        row.evidence = 0;
        device
    }

    /// The device was restored with what a thief may have: it has its name and another key.
    fn is_restored(&mut self) {
        let now = self.world.now;
        let row = self.world.people.devices.get_mut(&self.by.device).expect("it is there");
        (row.evidence, row.counts_from) = (0, now);
    }

    fn device(&self) -> &Device {
        &self.world.people.devices[&self.by.device]
    }
}

fn on(world: &World, device: FactId) -> OnDevice {
    OnDevice { device, session: world.people.devices[&device].session }
}

type Case = (fn(&mut Wallet) -> String, &'static str);

/// Every case of a wallet as `(what was said, what should be)`.
pub(crate) fn all() -> Vec<(String, &'static str)> {
    let cases = [CARDS, LIMITS, DEVICES, STATES, DISPUTES, RULES, BULK].concat();
    let play = |(play, expected): Case| (play(&mut Wallet::new()), expected);
    let mut all: Vec<_> = cases.into_iter().map(play).collect();
    all.extend(CASH.iter().map(|(play, expected)| (play(&mut Till::new()), *expected)));
    all
}

#[test]
fn every_step_of_money_that_comes_in_is_answered_as_it_says() {
    let all = all().into_iter().enumerate();
    let wrong: Vec<_> = all.filter(|(_, (said, expected))| said != expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_scope_of_the_switches_of_top_ups_stops_something() {
    for scope in Capability::CardTopUp.scopes() {
        let mut wallet = Wallet::new();
        let subject = i64::from(*scope == Scope::Member);
        wallet.world.play(&format!("shut card_top_up {scope} {subject}"));
        assert_eq!(wallet.request(1), "refused top_up_is_closed", "{scope}");
    }
    for scope in Capability::CashTopUp.scopes() {
        let mut till = Till::new();
        let subject = match scope {
            Scope::Everything => 0,
            Scope::Member => 2,
            _ => 1,
        };
        till.world().play(&format!("shut cash_top_up {scope} {subject}"));
        assert!(till.cash("pay a 1 by 2").starts_with("declined"), "{scope}");
    }
}

#[test]
fn what_goes_back_to_the_card_leaves_the_acquirer_owing_nothing() {
    let mut wallet = Wallet::new();
    wallet.top_up(9_000, Challenge);
    assert_eq!(wallet.world.balance(Account::ACQUIRER), -9_000, "the acquirer owes it");
    wallet.step(MoneyInStep::TakeBack(wallet.last));
    assert_eq!(wallet.world.balance(Account::ACQUIRER), 0);
    let ended = wallet.world.events.values().filter(|event| event.kind == EventKind::CardEnded);
    assert_eq!(ended.count(), 0);
}

/// Asking for a top-up from a network that nobody knows.
pub(crate) const fn request(by: OnDevice, card: FactId, amount: i64) -> MoneyInStep {
    MoneyInStep::Request { by, card, amount, network: Vec::new() }
}
