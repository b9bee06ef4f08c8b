//! A naive model of the book: plain numbers and words, written from DESIGN.md without a look at the
//! rules. It answers a step with the words that the script says of the real answer.

mod confirm;

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{BEGINNING, NOON};

const SLOT_MS: i64 = 30_000;
const CODE_MS: i64 = 120_000;
const DAY_MS: i64 = 86_400_000;

/// What can happen. Members are 1 to 3, terminals 1 to 3, names 0 to 5, payments by their place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Begin { terminal: i64, name: u8, code: Shown, amount: i64, hold: Option<i64>, late: bool },
    Confirm { terminal: i64, name: u8, member: i64, amount: i64, sign: bool, late: bool },
    Settle { verb: Verb, terminal: i64, name: u8, payment: usize, amount: i64 },
    Reverse { terminal: i64, name: u8, target: u8 },
    Query { terminal: i64, name: u8 },
    Acknowledge { terminal: i64, names: [u8; 2] },
    Expire { payment: usize },
    Credit { name: u8, member: i64, amount: i64 },
    Show { member: i64 },
    Wait { ms: i64 },
    Freeze { member: i64 },
    Unfreeze { member: i64 },
    Close { member: i64 },
    Suspend { terminal: i64 },
    Resume { terminal: i64 },
    Shut,
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Capture,
    Void,
    Refund,
}

/// A code shown this moment, or one kept from before (by its place).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    Fresh(i64),
    Kept(usize),
}

impl Step {
    /// Whether this is a command of a batch, and not time, an operator, or a glance at a telephone.
    pub(crate) fn is_command(&self) -> bool {
        use Step::{Acknowledge, Begin, Confirm, Credit, Expire, Query, Reverse, Settle};
        matches!(
            self,
            Begin { .. }
                | Confirm { .. }
                | Settle { .. }
                | Reverse { .. }
                | Query { .. }
                | Acknowledge { .. }
                | Expire { .. }
                | Credit { .. }
        )
    }
}

/// What a code is made of; equal codes are equal in all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Code {
    member: i64,
    era: i64,
    slot: i64,
}

#[derive(Clone, Debug, Default)]
struct Purse {
    money: i64,
    held: i64,
    frozen: bool,
    closed: bool,
    era: i64,
    declines: i64,
    /// Era, store and amount of the last payment on a code.
    last: Option<(i64, i64, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Paid,
    Held,
    Captured,
    Over,
    Reversed,
}

#[derive(Clone, Debug)]
struct Payment {
    terminal: i64,
    member: i64,
    held: i64,
    taken: i64,
    back: i64,
    stage: Stage,
    ends: i64,
    expired: Option<i64>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// What was meant; none for a tombstone.
    meaning: Option<String>,
    answer: String,
    undo: Undo,
    at: i64,
}

#[derive(Clone, Copy, Debug)]
enum Undo {
    Nothing,
    Begun(usize),
    Capture(usize),
    Refund,
    Void,
    Reversal,
    Tombstone,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    now: i64,
    purses: BTreeMap<i64, Purse>,
    payable: BTreeMap<i64, i64>,
    suspense: i64,
    from_outside: i64,
    payments: Vec<Payment>,
    /// Terminal 0 is nobody's: credits.
    entries: BTreeMap<(i64, u8), Entry>,
    known: BTreeSet<(i64, u8)>,
    kept: Vec<Code>,
    suspended: BTreeSet<i64>,
    shut: bool,
}

impl Model {
    pub(crate) fn new() -> Self {
        let purse = Purse { money: BEGINNING, ..Purse::default() };
        Self {
            now: NOON.0,
            purses: (1..=3).map(|member| (member, purse.clone())).collect(),
            payable: BTreeMap::from([(1, 0), (2, 0)]),
            suspense: 0,
            from_outside: 3 * BEGINNING,
            payments: Vec::new(),
            entries: BTreeMap::new(),
            known: BTreeSet::new(),
            kept: Vec::new(),
            suspended: BTreeSet::new(),
            shut: false,
        }
    }

    /// Money and held money of a member.
    pub(crate) fn purse(&self, member: i64) -> (i64, i64) {
        let purse = &self.purses[&member];
        (purse.money, purse.held)
    }

    /// What the stores and suspense are owed.
    pub(crate) fn owed(&self) -> [i64; 3] {
        [self.payable[&1], self.payable[&2], self.suspense]
    }

    /// Whether all money is somewhere.
    pub(crate) fn is_whole(&self) -> bool {
        let purses: i64 = self.purses.values().map(|purse| purse.money).sum();
        purses + self.owed().iter().sum::<i64>() == self.from_outside
    }

    /// Whether a step that is no command can happen now.
    pub(crate) fn can(&self, step: &Step) -> bool {
        match *step {
            Step::Freeze { member } | Step::Unfreeze { member } | Step::Close { member } => {
                !self.purses[&member].closed
            }
            Step::Open => self.shut,
            _ => true,
        }
    }

    /// The step as a line of the script.
    pub(crate) fn line(&self, step: &Step) -> String {
        match *step {
            Step::Begin { terminal, name, code, amount, hold, late } => {
                let until = if late { " until -1s" } else { "" };
                let code = match code {
                    Shown::Kept(place) if !self.kept.is_empty() => {
                        format!("code k{}", place % self.kept.len())
                    }
                    Shown::Kept(_) => "by 1".to_owned(),
                    Shown::Fresh(member) => format!("by {member}"),
                };
                let verb = match hold {
                    Some(seconds) => format!("authorize r{name} {amount} hold {seconds}s"),
                    None => format!("pay r{name} {amount}"),
                };
                format!("{verb} {code} @{terminal}{until}")
            }
            Step::Confirm { terminal, name, member, amount, sign, late } => {
                let until = if late { " until -1s" } else { "" };
                let sign = if sign { " sign" } else { "" };
                format!("confirm r{name} {amount} by {member} @{terminal}{sign}{until}")
            }
            Step::Settle { verb, terminal, name, payment, amount } => match verb {
                Verb::Capture => format!("capture r{name} #{payment} {amount} @{terminal}"),
                Verb::Refund => format!("refund r{name} #{payment} {amount} @{terminal}"),
                Verb::Void => format!("void r{name} #{payment} @{terminal}"),
            },
            Step::Reverse { terminal, name, target } => {
                format!("reverse r{name} r{target} @{terminal}")
            }
            Step::Query { terminal, name } => format!("query r{name} @{terminal}"),
            Step::Acknowledge { terminal, names: [one, two] } => {
                format!("ack r{one} r{two} @{terminal}")
            }
            Step::Expire { payment } => format!("expire #{payment}"),
            Step::Credit { name, member, amount } => format!("credit r{name} {member} {amount}"),
            Step::Show { member } => format!("show k{} by {member}", self.kept.len()),
            Step::Wait { ms } => format!("wait {ms}ms"),
            Step::Freeze { member } => format!("freeze {member}"),
            Step::Unfreeze { member } => format!("unfreeze {member}"),
            Step::Close { member } => format!("close {member}"),
            Step::Suspend { terminal } => format!("suspend {terminal}"),
            Step::Resume { terminal } => format!("resume {terminal}"),
            Step::Shut => "shut payment everything".to_owned(),
            Step::Open => "open payment everything".to_owned(),
        }
    }

    /// What a step that is no command does.
    pub(crate) fn happen(&mut self, step: &Step) {
        let purse = |model: &mut Self, member, change: fn(&mut Purse)| {
            let purse = model.purses.get_mut(&member).unwrap();
            change(purse);
            purse.era += 1;
            purse.declines = 0;
        };
        match *step {
            Step::Show { member } => {
                let code = self.fresh(member);
                self.kept.push(code);
            }
            Step::Wait { ms } => self.now += ms,
            Step::Freeze { member } => purse(self, member, |purse| purse.frozen = true),
            Step::Unfreeze { member } => purse(self, member, |purse| purse.frozen = false),
            Step::Close { member } => purse(self, member, |purse| purse.closed = true),
            Step::Suspend { terminal } => drop(self.suspended.insert(terminal)),
            Step::Resume { terminal } => drop(self.suspended.remove(&terminal)),
            Step::Shut => self.shut = true,
            Step::Open => self.shut = false,
            _ => panic!("{step:?} is a command"),
        }
    }

    fn fresh(&self, member: i64) -> Code {
        Code { member, era: self.purses[&member].era, slot: self.now.div_euclid(SLOT_MS) }
    }

    /// What a command is answered, and what it changes.
    pub(crate) fn answer(&mut self, step: &Step) -> String {
        match *step {
            Step::Query { terminal, name } => match self.entries.get(&(terminal, name)) {
                Some(entry) => format!("again {}", entry.answer),
                None => "not_seen".to_owned(),
            },
            Step::Acknowledge { terminal, names } => {
                let keys = names.map(|name| (terminal, name));
                let new = keys
                    .into_iter()
                    .filter(|key| self.entries.contains_key(key) && self.known.insert(*key));
                format!("acknowledged {}", new.count())
            }
            Step::Expire { payment } => self.expire(payment),
            Step::Confirm { .. } => self.confirm(step),
            Step::Begin { terminal, name, .. }
            | Step::Settle { terminal, name, .. }
            | Step::Reverse { terminal, name, .. } => self.ask((terminal, name), step),
            Step::Credit { name, .. } => self.ask((0, name), step),
            _ => panic!("{step:?} is no command"),
        }
    }

    fn ask(&mut self, key: (i64, u8), step: &Step) -> String {
        let meaning = self.meaning(step);
        if let Some(entry) = self.entries.get(&key) {
            let again = entry.meaning.as_ref().is_none_or(|first| *first == meaning);
            let refused = "refused request_id_has_another_meaning, first";
            return format!("{} {}", if again { "again" } else { refused }, entry.answer);
        }
        let (answer, undo) = match *step {
            Step::Begin { terminal, code, amount, hold, late, .. } => {
                if amount == 0 {
                    return "refused amount_must_be_in_range".to_owned();
                }
                let code = self.code(code);
                self.begin(terminal, code, amount, hold, late)
            }
            Step::Settle { verb, terminal, payment, amount, .. } => {
                if amount == 0 && verb != Verb::Void {
                    return "refused amount_must_be_in_range".to_owned();
                }
                self.settle(verb, terminal, payment, amount)
            }
            Step::Reverse { terminal, name, target } => self.reverse(terminal, name, target),
            Step::Credit { member, amount, .. } => match self.credit(member, amount) {
                Ok(answer) => (answer, Undo::Nothing),
                Err(refused) => return refused.to_owned(),
            },
            _ => panic!("{step:?} has no request id"),
        };
        let entry = Entry { meaning: Some(meaning), answer: answer.clone(), undo, at: self.now };
        self.entries.insert(key, entry);
        answer
    }

    fn meaning(&self, step: &Step) -> String {
        match *step {
            Step::Begin { code, amount, hold, .. } => {
                format!("{:?} {amount} {hold:?}", self.code(code))
            }
            Step::Settle { verb, payment, amount, .. } => {
                let amount = if verb == Verb::Void { 0 } else { amount };
                format!("{verb:?} {:?} {amount}", self.payments.get(payment).map(|_| payment))
            }
            Step::Reverse { target, .. } => format!("reverse {target}"),
            Step::Credit { member, amount, .. } => format!("credit {member} {amount}"),
            _ => panic!("{step:?} has no meaning"),
        }
    }

    fn code(&self, shown: Shown) -> Code {
        match shown {
            Shown::Fresh(member) => self.fresh(member),
            Shown::Kept(_) if self.kept.is_empty() => self.fresh(1),
            Shown::Kept(place) => self.kept[place % self.kept.len()],
        }
    }

    fn begin(
        &mut self,
        terminal: i64,
        code: Code,
        amount: i64,
        hold: Option<i64>,
        late: bool,
    ) -> (String, Undo) {
        let declined = |why: String| (format!("declined {why}"), Undo::Nothing);
        if late {
            return declined("request_too_late".to_owned());
        }
        if self.suspended.contains(&terminal) {
            return declined("terminal_is_suspended".to_owned());
        }
        if self.shut {
            return declined("payments_are_closed".to_owned());
        }
        let (now, store) = (self.now, store_of(terminal));
        let purse = self.purses.get_mut(&code.member).unwrap();
        let in_time = now < code.slot * SLOT_MS + CODE_MS;
        if code.era != purse.era || !in_time || purse.frozen || purse.closed {
            return declined(match purse.last {
                Some((era, first, amount)) if era == code.era && in_time && first == store => {
                    format!("code_already_used of {amount}")
                }
                _ => "code_not_valid".to_owned(),
            });
        }
        if purse.money - purse.held < amount {
            purse.declines += 1;
            if purse.declines == 3 {
                purse.era += 1;
                purse.declines = 0;
            }
            return declined("balance_too_low".to_owned());
        }
        purse.last = Some((purse.era, store, amount));
        purse.era += 1;
        purse.declines = 0;
        let (kept, taken) = if hold.is_some() { (amount, 0) } else { (0, amount) };
        purse.held += kept;
        purse.money -= taken;
        *self.payable.get_mut(&store).unwrap() += taken;
        let stage = if hold.is_some() { Stage::Held } else { Stage::Paid };
        let ends = now + hold.unwrap_or(0) * 1000;
        let (member, back, expired) = (code.member, 0, None);
        let payment = Payment { terminal, member, held: kept, taken, back, stage, ends, expired };
        self.payments.push(payment);
        let verb = if hold.is_some() { "authorize" } else { "pay" };
        (format!("{verb} {amount}"), Undo::Begun(self.payments.len() - 1))
    }

    fn settle(&mut self, verb: Verb, terminal: i64, place: usize, amount: i64) -> (String, Undo) {
        match self.settled(verb, terminal, place, amount) {
            Err(why) => (format!("declined {why}"), Undo::Nothing),
            Ok(answer) => {
                let undo = match verb {
                    Verb::Capture => Undo::Capture(place),
                    Verb::Void => Undo::Void,
                    Verb::Refund => Undo::Refund,
                };
                (answer, undo)
            }
        }
    }

    fn settled(
        &mut self,
        verb: Verb,
        terminal: i64,
        place: usize,
        amount: i64,
    ) -> Result<String, &'static str> {
        let payment = self.payments.get(place).ok_or("payment_must_exist")?.clone();
        if store_of(payment.terminal) != store_of(terminal) {
            return Err("payment_must_exist");
        }
        if payment.terminal != terminal && self.suspended.contains(&terminal) {
            return Err("payment_must_be_the_terminals_own");
        }
        match (verb, payment.stage) {
            (_, Stage::Reversed) => return Err("payment_is_reversed"),
            (_, Stage::Over) => return Err("authorization_is_over"),
            (Verb::Refund, Stage::Held) => return Err("payment_must_be_paid"),
            (Verb::Capture | Verb::Void, Stage::Paid) => return Err("payment_must_be_authorized"),
            (Verb::Capture | Verb::Void, Stage::Captured) => return Err("already_captured"),
            (Verb::Capture | Verb::Void, Stage::Held) if payment.ends <= self.now => {
                return Err("authorization_is_over");
            }
            _ => {}
        }
        match verb {
            Verb::Capture if amount > payment.held => Err("capture_exceeds_hold"),
            Verb::Refund if amount > payment.taken - payment.back => Err("refund_exceeds_payment"),
            Verb::Capture => {
                self.release(place, Stage::Captured);
                self.payments[place].taken = amount;
                self.purses.get_mut(&payment.member).unwrap().money -= amount;
                *self.payable.get_mut(&store_of(terminal)).unwrap() += amount;
                Ok(format!("capture {amount}"))
            }
            Verb::Void => {
                self.release(place, Stage::Over);
                Ok(format!("void {}", payment.held))
            }
            Verb::Refund => {
                let suspense = self.give_back(place, amount);
                Ok(format!("refund {amount}{suspense}"))
            }
        }
    }

    fn release(&mut self, place: usize, stage: Stage) {
        let payment = &mut self.payments[place];
        self.purses.get_mut(&payment.member).unwrap().held -= payment.held;
        payment.held = 0;
        payment.stage = stage;
    }

    fn give_back(&mut self, place: usize, amount: i64) -> &'static str {
        let payment = &mut self.payments[place];
        payment.back += amount;
        *self.payable.get_mut(&store_of(payment.terminal)).unwrap() -= amount;
        let purse = self.purses.get_mut(&payment.member).unwrap();
        if purse.closed {
            self.suspense += amount;
            return " to_suspense";
        }
        purse.money += amount;
        ""
    }

    fn reverse(&mut self, terminal: i64, name: u8, target: u8) -> (String, Undo) {
        let declined = |why| (format!("declined {why}"), Undo::Nothing);
        let done = |what| (format!("reverse {what}"), Undo::Reversal);
        if name == target {
            return declined("reversal_is_final");
        }
        let Some(entry) = self.entries.get(&(terminal, target)) else {
            let answer = "declined reversed_before_arrival".to_owned();
            let tombstone = Entry { meaning: None, answer, undo: Undo::Tombstone, at: self.now };
            self.entries.insert((terminal, target), tombstone);
            return done("0 never_seen".to_owned());
        };
        let (place, booked) = match entry.undo {
            Undo::Tombstone => return done("0 never_seen".to_owned()),
            Undo::Nothing => return done("0 nothing_to_undo".to_owned()),
            Undo::Refund => return declined("refund_is_final"),
            Undo::Void => return declined("void_is_final"),
            Undo::Reversal => return declined("reversal_is_final"),
            Undo::Begun(place) | Undo::Capture(place) => (place, entry.at),
        };
        let of_capture = matches!(entry.undo, Undo::Capture(_));
        let payment = self.payments[place].clone();
        if matches!(payment.stage, Stage::Over | Stage::Reversed) {
            return done("0 nothing_to_undo".to_owned());
        }
        if payment.stage == Stage::Captured && !of_capture {
            return declined("already_captured");
        }
        if self.now >= reversible_until(booked, store_of(terminal)) {
            return declined("reverse_window_is_over");
        }
        if payment.stage == Stage::Held {
            self.release(place, Stage::Over);
            return done(format!("{} released", payment.held));
        }
        self.payments[place].stage = Stage::Reversed;
        let left = payment.taken - payment.back;
        let how = if left == 0 { "" } else { self.give_back(place, left) };
        done(format!("{left}{}", if how.is_empty() { " gave_back" } else { how }))
    }

    fn expire(&mut self, place: usize) -> String {
        let refused = "refused hold_must_be_over".to_owned();
        let Some(payment) = self.payments.get(place).cloned() else { return refused };
        if let Some(amount) = payment.expired {
            return format!("again expire {amount}");
        }
        if payment.stage != Stage::Held || self.now < payment.ends {
            return refused;
        }
        self.release(place, Stage::Over);
        self.payments[place].expired = Some(payment.held);
        format!("expire {}", payment.held)
    }

    fn credit(&mut self, member: i64, amount: i64) -> Result<String, &'static str> {
        if amount == 0 {
            return Err("refused amount_must_be_in_range");
        }
        let purse = self.purses.get_mut(&member).unwrap();
        if purse.closed {
            return Err("refused member_must_be_open");
        }
        purse.money += amount;
        self.from_outside += amount;
        Ok(format!("credit {amount}"))
    }
}

const fn store_of(terminal: i64) -> i64 {
    if terminal == 3 { 2 } else { 1 }
}

/// A quarter of an hour after the day of the booking, which ends at midnight in Tokyo in the first
/// store and at one in the second.
const fn reversible_until(booked: i64, store: i64) -> i64 {
    let shift = (9 - (store - 1)) * 3_600_000;
    let day = (booked + shift).div_euclid(DAY_MS);
    (day + 1) * DAY_MS - shift + 15 * 60_000
}
