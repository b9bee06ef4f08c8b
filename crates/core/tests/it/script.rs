//! Scripts: a case in one line. Steps are parted by `;`, each is a verb, its words, and options.
//!
//! | step                         | meaning                                          |
//! | ---------------------------- | ------------------------------------------------ |
//! | `show x`                     | keep the code that the member shows now as `x`   |
//! | `pay R AMOUNT`               | on a fresh code, or on `code x`; or `authorize`  |
//! | `confirm R AMOUNT`           | the member confirms an order, or `sign`: a sign  |
//! | `capture R P AMOUNT`         | P: the request that began it; or `refund`, `void`|
//! | `reverse R T`, `query R`     | T: the request that is undone                    |
//! | `ack R…`, `expire P`         |                                                  |
//! | `credit R M AMOUNT`          | `points` gives points                            |
//! | `freeze M`, `end M`, …       | also `unfreeze`, `close`, `enrol`                |
//! | `suspend T`, …               | also `resume`, `rotate`                          |
//! | `shut CAPABILITY SCOPE N`    | a switch; also `open`                            |
//! | `limit DAY MONTH`            | a policy that limits only payments               |
//! | `wait 90s`, `at HH:MM:SS.mmm`| time goes on; `at`: when clocks in Tokyo say so  |
//!
//! Options: `@2` terminal (else 1), `by 2` member (else 1), `code x`, `until 61s`, `gen 2`, `in
//! USD`, `hold 60s`; `strange`: by a device that does not pay.

use std::collections::BTreeSet;

use yaoki_core::command::{
    Act, Ask, Asset, Caller, Command, Credit, Meaning, PayShop, PayWithCode, Reverse, Settle,
    ShownBy,
};
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::{Effect, Operation, OperationKind};
use yaoki_core::ids::{FactId, MemberNumber, RequestId, RequestKey, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::policy::DEFAULT;
use yaoki_core::policy::rule::{Good, Goods};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::refusal_of;
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::{DAY_MS, Instant, SECOND_MS};

use crate::world::World;

const FINGERPRINT_KEY: [u8; 32] = [7; 32];

/// A request id by its name in a script.
pub(crate) fn request(name: &str) -> RequestId {
    let mut bytes = [0xAA; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    RequestId(bytes)
}

struct Step<'a> {
    words: Vec<&'a str>,
    terminal: i64,
    member: i64,
    code: Option<&'a str>,
    until_ms: i64,
    generation: i64,
    currency: Currency,
    goods: Goods,
    hold_ms: i64,
}

impl<'a> Step<'a> {
    fn read(text: &'a str) -> Self {
        let mut step = Self {
            words: Vec::new(),
            terminal: 1,
            member: 1,
            code: None,
            until_ms: 30 * SECOND_MS,
            generation: 1,
            currency: Currency::JPY,
            goods: Goods::NONE,
            hold_ms: 600 * SECOND_MS,
        };
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let mut next = || words.next().expect("an option has a value");
            match word {
                "by" => step.member = next().parse().unwrap(),
                "code" => step.code = Some(next()),
                "until" => step.until_ms = milliseconds(next()),
                "gen" => step.generation = next().parse().unwrap(),
                "for" => step.goods = Goods::of(Good::from_name(next())),
                "in" => step.currency = Currency::parse(next()).unwrap(),
                "hold" => step.hold_ms = milliseconds(next()),
                _ => match word.strip_prefix('@') {
                    Some(terminal) => step.terminal = terminal.parse().unwrap(),
                    None => step.words.push(word),
                },
            }
        }
        step
    }

    fn number(&self, index: usize) -> i64 {
        self.words[index].parse().unwrap()
    }
}

fn milliseconds(text: &str) -> i64 {
    let split = text.find(|c: char| c.is_alphabetic()).expect("a time has a unit");
    let number: i64 = text[..split].parse().unwrap();
    number
        * match &text[split..] {
            "ms" => 1,
            "s" => SECOND_MS,
            "m" => 60 * SECOND_MS,
            "h" => 3600 * SECOND_MS,
            "d" => DAY_MS,
            other => panic!("{other} is no unit of time"),
        }
}

impl World {
    /// Plays a script, each step a batch of one, and says what came of the last.
    pub(crate) fn play(&mut self, script: &str) -> String {
        let mut said = String::new();
        for text in script.split(';').map(str::trim).filter(|text| !text.is_empty()) {
            said = if self.happen(text) {
                String::new()
            } else {
                let command = self.command(text);
                let answer = self.run(&[command]).remove(0);
                self.say(&answer)
            };
        }
        said
    }

    /// Builds each command where the steps before it have happened, in a copy of this world, and
    /// says what came of it there.
    pub(crate) fn rehearse(&self, steps: &[&str]) -> (Vec<Command>, Vec<Decision>, World) {
        let mut copy = self.clone();
        let (mut commands, mut answers) = (Vec::new(), Vec::new());
        for step in steps {
            let command = copy.command(step);
            answers.extend(copy.run(std::slice::from_ref(&command)));
            commands.push(command);
        }
        (commands, answers, copy)
    }

    /// What happens without a register: time, codes shown, acts of operators.
    pub(crate) fn happen(&mut self, text: &str) -> bool {
        let step = Step::read(text);
        let act = match step.words[0] {
            "wait" => {
                self.now = self.now.plus_ms(milliseconds(step.words[1]));
                return true;
            }
            "at" => {
                self.now = next_time_of_day(self.now, step.words[1]);
                return true;
            }
            "show" => {
                let code = self.code(MemberNumber(step.member));
                self.shown.insert(step.words[1].to_owned(), code);
                return true;
            }
            "enrol" => {
                self.enrol(MemberNumber(step.number(1)));
                return true;
            }
            "end" => Act::EndDevice(self.members[&MemberNumber(step.number(1))].device),
            "freeze" => Act::FreezeMember(MemberNumber(step.number(1))),
            "unfreeze" => Act::UnfreezeMember(MemberNumber(step.number(1))),
            "close" => Act::CloseMember(MemberNumber(step.number(1))),
            "suspend" => Act::SuspendTerminal(TerminalNumber(step.number(1))),
            "resume" => Act::ResumeTerminal(TerminalNumber(step.number(1))),
            "rotate" => {
                let terminal = TerminalNumber(step.number(1));
                Act::RotateTerminalKey(terminal, self.now.plus_ms(60_000))
            }
            "shut" | "open" => switch_act(&step),
            "limit" => Act::ChangePolicy(policy_of_payments(step.number(1), step.number(2))),
            _ => return false,
        };
        self.act(act);
        true
    }

    /// The command of one step.
    pub(crate) fn command(&self, text: &str) -> Command {
        let step = Step::read(text);
        match step.words[0] {
            "pay" => self.begin(&step, OperationKind::Pay),
            "authorize" => self.begin(&step, OperationKind::Authorize),
            "confirm" => self.confirm(&step),
            "capture" => self.settle(&step, OperationKind::Capture, step.number(3)),
            "refund" => self.settle(&step, OperationKind::Refund, step.number(3)),
            "void" => self.settle(&step, OperationKind::Void, 0),
            "reverse" => {
                let target = request(step.words[2]);
                let ask =
                    self.ask(&step, &meaning(OperationKind::Reverse, 0, step.currency, target));
                let target = RequestKey { request: target, ..ask.caller.key };
                Command::Reverse(Reverse { ask, target, clerk: None })
            }
            "query" => Command::Query(caller(&step)),
            "ack" => {
                let requests = step.words[1..].iter().map(|name| request(name)).collect();
                Command::Acknowledge(caller(&step), requests)
            }
            "expire" => Command::ExpireHold(self.payment(step.words[1])),
            "credit" => Command::Credit(Credit {
                request: request(step.words[1]),
                member: MemberNumber(step.number(2)),
                asset: if step.words.contains(&"points") { Asset::Points } else { Asset::Money },
                amount: step.number(3),
            }),
            other => panic!("{other} is no step"),
        }
    }

    fn begin(&self, step: &Step<'_>, kind: OperationKind) -> Command {
        let amount = step.number(2);
        let code = match step.code {
            Some(name) => self.shown.get(name).cloned().unwrap_or_else(|| name.to_owned()),
            None => self.code(MemberNumber(step.member)),
        };
        let hold_seconds =
            (kind == OperationKind::Authorize).then_some(step.hold_ms.div_euclid(SECOND_MS));
        let meaning = Meaning {
            code: &code,
            hold_seconds: hold_seconds.unwrap_or(0),
            goods: step.goods,
            ..meaning(kind, amount, step.currency, RequestId::default())
        };
        Command::PayWithCode(PayWithCode {
            ask: self.ask(step, &meaning),
            code: self.cipher().open(&code),
            amount,
            currency: step.currency,
            hold_seconds,
            goods: step.goods,
        })
    }

    fn confirm(&self, step: &Step<'_>) -> Command {
        let is_sign = step.words.contains(&"sign");
        let member = MemberNumber(step.member);
        let key = caller(step).key;
        let first = [0, 1, 1, 3].get(usize::try_from(step.terminal).unwrap()).copied();
        let sign = RequestKey {
            request: RequestId::of_member(member, key.request),
            terminal: TerminalNumber(first.unwrap_or(step.terminal)),
        };
        let pay = PayShop {
            key: if is_sign { sign } else { key },
            fingerprint: [0; 16],
            member,
            device: if step.words.contains(&"strange") {
                FactId(5)
            } else {
                self.members.get(&member).map_or(FactId(5), |member| member.device)
            },
            amount: step.number(2),
            currency: step.currency,
            valid_until: self.now.plus_ms(step.until_ms),
            by: if is_sign { ShownBy::Sign } else { ShownBy::Order },
            proof: b"a proof".to_vec(),
        };
        Command::PayShop(PayShop { fingerprint: pay.meaning(&FINGERPRINT_KEY), ..pay })
    }

    fn settle(&self, step: &Step<'_>, kind: OperationKind, amount: i64) -> Command {
        let payment = self.payment(step.words[2]);
        let currency = step.currency;
        let meaning = Meaning { payment, ..meaning(kind, amount, currency, RequestId::default()) };
        let ask = self.ask(step, &meaning);
        Command::Settle(Settle { ask, kind, payment, amount, currency, clerk: None })
    }

    /// The payment that a request began, or the operation it left, at whatever terminal; `#2` is
    /// the third payment of the book.
    pub(crate) fn payment(&self, name: &str) -> FactId {
        if let Some(place) = name.strip_prefix('#') {
            let begun = self.operations.values().filter(|operation| operation.begins_payment());
            let begun: BTreeSet<FactId> = begun.map(|operation| operation.id).collect();
            return begun.into_iter().nth(place.parse().unwrap()).unwrap_or(FactId(99));
        }
        let named = self.operations.values().find(|found| found.request_id == request(name));
        named.map_or(FactId(99), |found| found.id)
    }

    fn ask(&self, step: &Step<'_>, meaning: &Meaning<'_>) -> Ask {
        let fingerprint = meaning.fingerprint(&FINGERPRINT_KEY);
        Ask { caller: caller(step), valid_until: self.now.plus_ms(step.until_ms), fingerprint }
    }

    /// What an answer says, in a few words.
    pub(crate) fn say(&self, answer: &Decision) -> String {
        match answer {
            Decision::Later => "later".to_owned(),
            Decision::Refused(refused) => {
                let first = refused.first.as_ref().map(|first| self.say_operation(first));
                let first = first.map(|first| format!(", first {first}")).unwrap_or_default();
                format!("refused {}{first}", refused.refusal.name())
            }
            Decision::Done(Outcome::NotSeen) => "not_seen".to_owned(),
            Decision::Done(Outcome::Acknowledged(count)) => format!("acknowledged {count}"),
            Decision::Done(Outcome::Challenged(challenge)) => challenge.state.name().to_owned(),
            Decision::Done(Outcome::Noted) => "noted".to_owned(),
            Decision::Done(Outcome::Done { event, replayed }) => {
                format!("{}{}", if *replayed { "again " } else { "" }, event.kind)
            }
            Decision::Done(Outcome::Decided { operation, replayed, forged }) => {
                let again = if *replayed { "again " } else { "" };
                let forged = if *forged { " forged" } else { "" };
                format!("{again}{}{forged}", self.say_operation(operation))
            }
        }
    }

    fn say_operation(&self, operation: &Operation) -> String {
        if let Some(refusal) = refusal_of(operation) {
            let used = refusal == Refusal::CodeAlreadyUsed;
            let first = self.operation(operation.payment).filter(|_| used);
            let first = first.map(|first| format!(" of {}", first.amount)).unwrap_or_default();
            return format!("declined {}{first}", refusal.name());
        }
        match operation.effect {
            Effect::Plain => format!("{} {}", operation.kind, operation.amount),
            effect => format!("{} {} {effect}", operation.kind, operation.amount),
        }
    }
}

/// The default without its limits, and one line for payments.
pub(crate) fn policy_of_payments(day: i64, month: i64) -> String {
    let base = DEFAULT.split("[[limit]]").next().unwrap();
    format!("{base}[[limit]]\non = \"payment\"\nday = {day}\nmonth = {month}\n")
}

fn caller(step: &Step<'_>) -> Caller {
    let terminal = TerminalNumber(step.terminal);
    let name = step.words.get(1).copied().unwrap_or_default();
    Caller { key: RequestKey { request: request(name), terminal }, generation: step.generation }
}

fn meaning(
    kind: OperationKind,
    amount: i64,
    currency: Currency,
    target: RequestId,
) -> Meaning<'static> {
    let (payment, terminal) = (FactId::NONE, TerminalNumber::NONE);
    let (code, hold_seconds, goods) = ("", 0, Goods::NONE);
    Meaning { kind, amount, currency, code, payment, target, terminal, hold_seconds, goods }
}

fn switch_act(step: &Step<'_>) -> Act {
    let capability = Capability::from_name(step.words[1]).unwrap();
    let scope = Scope::from_name(step.words[2]).unwrap();
    let subject = step.words.get(3).map_or(0, |number| number.parse().unwrap());
    match step.words[0] {
        "shut" => Act::CloseSwitch(capability, scope, subject, Instant(0)),
        _ => Act::OpenSwitch(capability, scope, subject),
    }
}

/// The next time that clocks in Tokyo show `HH:MM:SS.mmm`.
fn next_time_of_day(now: Instant, text: &str) -> Instant {
    let parts: Vec<i64> = text.split([':', '.']).map(|part| part.parse().unwrap()).collect();
    let seconds = (parts[0] * 60 + parts[1]) * 60 + parts.get(2).unwrap_or(&0);
    let wanted = seconds * SECOND_MS + parts.get(3).unwrap_or(&0);
    let midnight = (now.0 + 9 * 3_600_000).div_euclid(DAY_MS) * DAY_MS - 9 * 3_600_000;
    let today = Instant(midnight + wanted);
    if today >= now { today } else { today.plus_ms(DAY_MS) }
}
