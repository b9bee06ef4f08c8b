//! The life of a payment as a table: state × command → new state or refusal.
//!
//! Nothing here is written by hand: each cell brings a payment into a state, decides one command
//! with the rules of this crate, and says what came of it. [`markdown`] is
//! `docs/reference/payment-states.md`.
//!
//! The scene: one store, one terminal, one member with 1,000; every payment asks for 1,000
//! (declined: 5,000), every part is 300. Not here: switches, freezes and suspensions, which change
//! no cell but those that pay.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::code::{CodeCipher, CodeRules, OpenedCode};
use crate::command::{
    Ask, Caller, Command, Meaning, PayShop, PayWithCode, Reverse, Settle, ShownBy,
};
use crate::decide::{Decision, Outcome, decide};
use crate::facts::{Effect, Operation, OperationKind};
use crate::ids::{
    FactId, LaneNumber, MemberNumber, MerchantNumber, RequestId, RequestKey, StoreNumber,
    TerminalNumber,
};
use crate::money::Currency;
use crate::policy::rule::Goods;
use crate::state::{
    CodeSecret, Member, Merchant, PaymentState, PaymentStatus, Store, Terminal, refusal_of,
};
use crate::time::{Instant, MINUTE_MS, SECOND_MS, ZoneOffset};
use crate::view::{Directory, Rules, View};

const MEMBER: MemberNumber = MemberNumber(1);
const TERMINAL: TerminalNumber = TerminalNumber(1);
const DEVICE: FactId = FactId(1);
const STORE: StoreNumber = StoreNumber(1);
const WHOLE: i64 = 1000;
const PART: i64 = 300;
const TOO_DEAR: i64 = 5000;
const HOLD_SECONDS: i64 = 600;
/// 2026-01-01, noon in Tokyo: every step falls on one business date.
const NOON: Instant = Instant(1_767_236_400_000);

/// The request ids of a scene.
const ORIGINAL: u8 = 1;
const CAPTURE: u8 = 2;
const REFUND: u8 = 3;
const REVERSE: u8 = 4;
const VOID: u8 = 5;
const NEW: u8 = 6;
const NEWER: u8 = 7;

/// Brings a payment into a state.
type Reach = fn(&mut Scene);

/// How a payment comes into each state: the rows of the table.
const STATES: [(&str, Reach); 17] = [
    ("unseen", |_| {}),
    ("declined", |scene| scene.begin_with(OperationKind::Pay, TOO_DEAR)),
    ("tombstoned", |scene| scene.reverse(REVERSE, ORIGINAL)),
    ("paid", |scene| scene.begin(OperationKind::Pay)),
    ("partly refunded", |scene| {
        scene.begin(OperationKind::Pay);
        scene.settle(OperationKind::Refund, REFUND, PART);
    }),
    ("wholly refunded", |scene| {
        scene.begin(OperationKind::Pay);
        scene.settle(OperationKind::Refund, REFUND, WHOLE);
    }),
    ("reversed", |scene| {
        scene.begin(OperationKind::Pay);
        scene.reverse(REVERSE, ORIGINAL);
    }),
    ("authorized", |scene| scene.begin(OperationKind::Authorize)),
    ("authorized, past its time", |scene| {
        scene.begin(OperationKind::Authorize);
        scene.view.now = scene.view.now.plus_ms(HOLD_SECONDS * SECOND_MS);
    }),
    ("captured in part", |scene| scene.capture(PART)),
    ("captured in whole", |scene| scene.capture(WHOLE)),
    ("captured, partly refunded", |scene| {
        scene.capture(WHOLE);
        scene.settle(OperationKind::Refund, REFUND, PART);
    }),
    ("captured, wholly refunded", |scene| {
        scene.capture(WHOLE);
        scene.settle(OperationKind::Refund, REFUND, WHOLE);
    }),
    ("captured, then reversed", |scene| {
        scene.capture(WHOLE);
        scene.reverse(REVERSE, CAPTURE);
    }),
    ("released by a reverse", |scene| {
        scene.begin(OperationKind::Authorize);
        scene.reverse(REVERSE, ORIGINAL);
    }),
    ("voided", |scene| {
        scene.begin(OperationKind::Authorize);
        scene.settle(OperationKind::Void, VOID, 0);
    }),
    ("expired", |scene| {
        scene.begin(OperationKind::Authorize);
        scene.view.now = scene.view.now.plus_ms(HOLD_SECONDS * SECOND_MS);
        scene.run(&Command::ExpireHold(scene.payment()));
    }),
];

/// A command made for a scene; none where the state has no such request.
type Make = fn(&mut Scene) -> Option<Command>;

const ASKING_AGAIN: [(&str, Make); 5] = [
    ("the same request again", |scene| Some(scene.original.clone())),
    ("the same id, another meaning", |scene| {
        Some(scene.request_to_begin(OperationKind::Pay, WHOLE - 1))
    }),
    ("the member confirms it as an order", |scene| Some(scene.confirming())),
    ("query", |_| Some(Command::Query(caller(ORIGINAL)))),
    ("expire", |scene| Some(Command::ExpireHold(scene.payment()))),
];

const SETTLING: [(&str, Make); 7] = [
    ("refund a part", |scene| Some(scene.settling(OperationKind::Refund, PART))),
    ("refund what is left", |scene| {
        Some(scene.settling(OperationKind::Refund, scene.left(PaymentState::refundable)))
    }),
    ("refund more", |scene| {
        Some(scene.settling(OperationKind::Refund, scene.left(PaymentState::refundable) + 1))
    }),
    ("capture a part", |scene| Some(scene.settling(OperationKind::Capture, PART))),
    ("capture what is held", |scene| {
        Some(scene.settling(OperationKind::Capture, scene.left(|state| state.held)))
    }),
    ("capture more", |scene| {
        Some(scene.settling(OperationKind::Capture, scene.left(|state| state.held) + 1))
    }),
    ("void", |scene| Some(scene.settling(OperationKind::Void, 0))),
];

const REVERSING: [(&str, Make); 6] = [
    ("reverse the request", |_| Some(reversing(NEW, ORIGINAL))),
    ("reverse it, then again with a new id", |scene| {
        scene.run(&reversing(NEW, ORIGINAL));
        Some(reversing(NEWER, ORIGINAL))
    }),
    ("reverse the capture", |scene| scene.seen(CAPTURE)),
    ("reverse a refund", |scene| scene.seen(REFUND)),
    ("reverse a void", |scene| scene.seen(VOID)),
    ("reverse a reversal", |scene| scene.seen(REVERSE)),
];

/// One column of the table: what a command does to a payment in each state.
struct Column {
    name: &'static str,
    make: Make,
}

fn columns(list: &[(&'static str, Make)]) -> Vec<Column> {
    list.iter().map(|&(name, make)| Column { name, make }).collect()
}

/// One cell of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What the payment was before.
    pub state: &'static str,
    /// What was asked.
    pub command: &'static str,
    /// What came of it.
    pub answer: String,
}

/// Every cell, state by state.
pub fn cells() -> Vec<Cell> {
    let all = [columns(&ASKING_AGAIN), columns(&SETTLING), columns(&REVERSING)];
    let mut cells = Vec::new();
    for (state, reach) in STATES {
        for column in all.iter().flatten() {
            let answer = answer_of(reach, column.make);
            cells.push(Cell { state, command: column.name, answer });
        }
    }
    cells
}

fn answer_of(reach: Reach, make: Make) -> String {
    let mut scene = Scene::new();
    reach(&mut scene);
    let Some(command) = make(&mut scene) else { return "–".to_owned() };
    let before = scene.state();
    let (decision, transferred) = scene.run(&command);
    let after = scene.state();
    let mut answer = text_of(&command, &decision, transferred);
    if after != before {
        let _ = write!(answer, " → {after}");
    }
    answer
}

fn text_of(command: &Command, decision: &Decision, transferred: i64) -> String {
    let (operation, replayed) = match decision {
        Decision::Done(Outcome::NotSeen) => return "unknown `not_seen`".to_owned(),
        Decision::Done(Outcome::Decided { operation, replayed, .. }) => (operation, *replayed),
        Decision::Refused(refused) => return format!("unknown `{}`", refused.refusal.name()),
        other => unreachable!("no payment answers {other:?}"),
    };
    let again = replayed && !matches!(command, Command::Query(_));
    let again = if again { "again: " } else { "" };
    match (refusal_of(operation), operation.effect) {
        (Some(refusal), _) => format!("{again}declined `{}`", refusal.name()),
        (None, Effect::GaveBack) => format!("{again}gives back {transferred}"),
        (None, Effect::Released) => format!("{again}releases {}", -operation.held_change),
        (None, Effect::NothingToUndo) => format!("{again}succeeded `nothing_to_undo`"),
        (None, Effect::NeverSeen) => format!("{again}succeeded `never_seen`"),
        (None, _) => format!("{again}succeeded"),
    }
}

/// The table as a page of the reference.
pub fn markdown() -> String {
    let mut page = String::from(HEADER);
    let cells = cells();
    let tables = [
        ("Asking again", columns(&ASKING_AGAIN)),
        ("Refund, capture and void", columns(&SETTLING)),
        ("Reverse", columns(&REVERSING)),
    ];
    for (title, columns) in tables {
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let _ = write!(page, "\n## {title}\n\n| state | {} |\n", names.join(" | "));
        let _ = writeln!(page, "| --- |{}", " --- |".repeat(names.len()));
        for (state, _) in STATES {
            let row = cells.iter().filter(|cell| cell.state == state);
            let row: Vec<&str> = row
                .filter(|cell| names.contains(&cell.command))
                .map(|cell| cell.answer.as_str())
                .collect();
            let _ = writeln!(page, "| **{state}** | {} |", row.join(" | "));
        }
    }
    page
}

const HEADER: &str = "\
# The states of a payment

Generated from the rules (`crates/core/src/payment_states.rs`) by running them; every cell is
tested.

Find what the payment is in the first column and what is asked in the first line. The cell says
what the register hears and, after an arrow, what the payment is then; without an arrow nothing
changes.

- `succeeded`, *gives back*, *releases*: the request succeeded; its outcome is stored and final.
- `declined`: stored and final as well; the name is the refusal's, see [refusals](refusals.md).
- `unknown`: nothing was stored under this request; ask again, or reverse.
- *again*: the stored answer of the first time, byte for byte. Nothing is done twice.
- –: in this state there is no such request.

The payment asks for 1,000 of a balance of 1,000 (*declined*: for 5,000); a *part* is 300, *more*
is one more than is left or held, and 1,001 where there is nothing. *Confirms it as an order*: the
shop has shown an order under this request id. All requests come from the
terminal that began the payment, within the time to reverse. A switch, a freeze or a suspension
changes no cell but those in which an unseen request begins a payment.
";

/// One payment and what it stands on. One view is the whole book.
struct Scene {
    view: View,
    code: OpenedCode,
    original: Command,
}

impl Scene {
    fn new() -> Self {
        let code = CodeRules::new("9900", 120).expect("good settings");
        let cipher = CodeCipher::new(code.clone(), &[1; 32], None);
        let zone = ZoneOffset { minutes: 540 };
        let rules = Rules { currency: Currency::JPY, zone, code };
        let (lane, directory) = (LaneNumber(0), Arc::new(directory()));
        let mut view = View::new(lane, 1, NOON, Arc::new(rules), directory);
        let code_secret = CodeSecret([2; 32]);
        // A device that is known: no rule looks back.
        let (money, device, device_evidence) = (WHOLE, DEVICE, 1);
        let new = Member::new(MEMBER);
        let member = Member { money, device, code_secret, device_evidence, ..new };
        let shown = cipher.issue(&member, NOON).expect("a paying device shows a code");
        view.keep_member(member);
        let code = cipher.open(&shown.digits).expect("an issued code opens");
        let mut scene = Self { view, code, original: Command::Query(caller(ORIGINAL)) };
        scene.original = scene.request_to_begin(OperationKind::Pay, WHOLE);
        scene
    }

    /// Decides, applies, and says how much money moved.
    fn run(&mut self, command: &Command) -> (Decision, i64) {
        let (decision, effects) = decide(&self.view, command);
        let transferred = effects.transfers.iter().map(|transfer| transfer.amount).sum();
        self.view.apply(effects);
        self.view.now = self.view.now.plus_ms(1);
        (decision, transferred)
    }

    fn begin(&mut self, kind: OperationKind) {
        self.begin_with(kind, WHOLE);
    }

    fn begin_with(&mut self, kind: OperationKind, amount: i64) {
        self.original = self.request_to_begin(kind, amount);
        self.run(&self.original.clone());
    }

    fn capture(&mut self, amount: i64) {
        self.begin(OperationKind::Authorize);
        self.settle(OperationKind::Capture, CAPTURE, amount);
    }

    fn settle(&mut self, kind: OperationKind, request: u8, amount: i64) {
        let command = self.request_to_settle(kind, request, amount);
        self.run(&command);
    }

    fn reverse(&mut self, request: u8, target: u8) {
        self.run(&reversing(request, target));
    }

    fn request_to_begin(&self, kind: OperationKind, amount: i64) -> Command {
        let hold_seconds = (kind == OperationKind::Authorize).then_some(HOLD_SECONDS);
        Command::PayWithCode(PayWithCode {
            ask: ask(ORIGINAL, kind, amount, FactId::NONE),
            code: Some(self.code),
            amount,
            currency: Currency::JPY,
            hold_seconds,
            goods: Goods::NONE,
        })
    }

    fn confirming(&self) -> Command {
        let pay = PayShop {
            key: caller(ORIGINAL).key,
            fingerprint: [0; 16],
            member: MEMBER,
            device: DEVICE,
            amount: WHOLE,
            currency: Currency::JPY,
            // As in settling: the register shows the order now.
            valid_until: self.view.now.plus_ms(MINUTE_MS),
            by: ShownBy::Order,
            proof: b"a proof".to_vec(),
        };
        Command::PayShop(PayShop { fingerprint: pay.meaning(&[3; 32]), ..pay })
    }

    fn settling(&self, kind: OperationKind, amount: i64) -> Command {
        self.request_to_settle(kind, NEW, amount)
    }

    fn request_to_settle(&self, kind: OperationKind, request: u8, amount: i64) -> Command {
        let payment = self.payment();
        let mut ask = ask(request, kind, amount, payment);
        // Some states are reached by waiting; a register sets the deadline when it sends.
        ask.valid_until = self.view.now.plus_ms(MINUTE_MS);
        Command::Settle(Settle { ask, kind, payment, amount, currency: Currency::JPY, clerk: None })
    }

    /// What is left of the payment by this measure, or the whole where nothing is.
    fn left(&self, measure: fn(&PaymentState) -> i64) -> i64 {
        let state = self.payment_state();
        state.map(|state| measure(&state)).filter(|&left| left > 0).unwrap_or(WHOLE)
    }

    fn seen(&self, request: u8) -> Option<Command> {
        self.operation(request).map(|_| reversing(NEW, request))
    }

    fn operation(&self, request: u8) -> Option<&Operation> {
        self.view.operations.get(&caller(request).key)
    }

    /// The payment's id, or that of what stands in its place.
    fn payment(&self) -> FactId {
        self.operation(ORIGINAL).map_or(FactId::NONE, |operation| operation.id)
    }

    fn payment_state(&self) -> Option<PaymentState> {
        self.view.payment(self.payment()).map(|begun| self.view.payment_state(begun))
    }

    /// What the payment is, in the words of the first column.
    fn state(&self) -> &'static str {
        let Some(original) = self.operation(ORIGINAL) else { return "unseen" };
        if original.kind == OperationKind::Tombstone {
            return "tombstoned";
        }
        let Some(state) = self.payment_state() else { return "declined" };
        match (state.status, state.captured, state.refundable()) {
            (PaymentStatus::Paid, _, 0) => "wholly refunded",
            (PaymentStatus::Paid, captured, left) if left < captured => "partly refunded",
            (PaymentStatus::Paid, ..) => "paid",
            (PaymentStatus::Authorized, ..) if state.expires_at <= self.view.now => {
                "authorized, past its time"
            }
            (PaymentStatus::Authorized, ..) => "authorized",
            (PaymentStatus::Captured, _, 0) => "captured, wholly refunded",
            (PaymentStatus::Captured, captured, left) if left < captured => {
                "captured, partly refunded"
            }
            (PaymentStatus::Captured, WHOLE, _) => "captured in whole",
            (PaymentStatus::Captured, ..) => "captured in part",
            (PaymentStatus::Voided, ..) => "voided",
            (PaymentStatus::Expired, ..) => "expired",
            (PaymentStatus::Reversed, 0, _) => "released by a reverse",
            (PaymentStatus::Reversed, ..) if original.kind == OperationKind::Pay => "reversed",
            (PaymentStatus::Reversed, ..) => "captured, then reversed",
        }
    }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    let name = String::new;
    let merchant = MerchantNumber(1);
    directory.merchants.insert(merchant, Merchant { number: merchant, name: name() });
    let place = String::new();
    let store = Store {
        number: STORE,
        merchant,
        cutoff_minutes: 0,
        name: name(),
        place,
        clerks: 0,
        cash_allotted: 0,
        cash_taken: 0,
    };
    directory.stores.insert(STORE, store);
    let previous_until = Instant(0);
    let terminal = Terminal {
        number: TERMINAL,
        store: STORE,
        suspended: 0,
        generation: 1,
        previous_until,
        name: name(),
    };
    directory.terminals.insert(TERMINAL, terminal);
    directory
}

const fn caller(request: u8) -> Caller {
    let request = RequestId([request; 16]);
    Caller { key: RequestKey { request, terminal: TERMINAL }, generation: 1 }
}

fn ask(request: u8, kind: OperationKind, amount: i64, payment: FactId) -> Ask {
    let target = RequestId::default();
    let (currency, code, hold_seconds) = (Currency::JPY, "", 0);
    let terminal = TerminalNumber::NONE;
    let goods = Goods::NONE;
    let meaning =
        Meaning { kind, amount, currency, code, payment, target, terminal, hold_seconds, goods };
    let fingerprint = meaning.fingerprint(&[3; 32]);
    Ask { caller: caller(request), valid_until: NOON.plus_ms(MINUTE_MS), fingerprint }
}

fn reversing(request: u8, target: u8) -> Command {
    let ask = ask(request, OperationKind::Reverse, target.into(), FactId::NONE);
    let target = RequestKey { request: RequestId([target; 16]), ..ask.caller.key };
    Command::Reverse(Reverse { ask, target, clerk: None })
}
