//! The device of a member was taken over: the thief has an approved device that pays, knows every
//! rule, verifies himself as the member whenever he is asked, and can wait. What does he get?
//!
//! He takes as much as he can as soon as he can, and goes on for 30 days: whatever frees up he
//! takes at once. What he tops up from the victim's card and spends is *fresh*; what was in the
//! wallet before is counted apart.
//!
//! Limits: he has no account of his own to send money to, because there is none: a wallet pays
//! shops only. What a victim's card insurer pays back is not taken off.

use serde::Serialize;
use yaoki_core::command::{
    Act, Asset, Command, Credit, MoneyIn, MoneyInStep, OnDevice, PayWithCode,
};
use yaoki_core::facts::EventKind;
use yaoki_core::identity::YOUNG_MS;
use yaoki_core::identity::act::{By, Identity, IdentityAct, NewDevice, Tokens};
use yaoki_core::ids::{FactId, MemberNumber, MerchantNumber, StoreNumber, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::policy::rule::Goods;
use yaoki_core::policy::{Known, Limited, Policy, Profile, Secured};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{Member, MemberState, MemberVerification, Verification};
use yaoki_core::time::{DAY_MS, HOUR_MS, Instant, MINUTE_MS, SECOND_MS};
use yaoki_core::top_up::{NewCard, ThreeDSecure, TopUp};

use crate::bank::{Answered, Bank, BankError, Requests, done};
use crate::people::{Dice, Person};

/// When it is looked what was lost, hours after the takeover.
pub const HORIZONS: [i64; 5] = [1, 24, 72, 7 * 24, 30 * 24];
/// Where the thief buys.
pub(crate) const SHOPS: i64 = 4;
/// How long members were members before.
const BEFORE_MS: i64 = 40 * DAY_MS;
const INVITATION_MS: i64 = 5 * MINUTE_MS;

/// The rules of July 2019, as far as is known: a card tops up ¥30,000 at a time, a balance holds
/// ¥100,000, and nothing asks how old a device is.
pub const SEVEN_PAY: &str = "
[balance]
max = 100_000
[cards]
per_member = 5
members_per_card = 20
new_seconds = 0
[cash]
per_store = 1_000_000
per_shift = 1_000_000
per_clerk = 1_000_000
second_person_above = 1_000_000
[[limit]]
on = \"card\"
once = 30_000
";

/// One play.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many are taken over.
    pub victims: i64,
    /// What everything is drawn from.
    pub seed: u64,
    /// Other rules than those in force.
    pub policy: Option<&'static str>,
    /// Whether victims notice as [`crate::people::NOTICE`] says, or nobody ever does.
    pub is_noticed: bool,
    /// In a thousand: whose card's challenge the thief passes, too.
    pub challenged_in_vain: u64,
}

/// What was lost by a time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Loss {
    /// Hours after the takeover.
    pub hours: i64,
    /// Spent of what victims had in the wallet, minor units.
    pub of_balances: i64,
    /// Topped up from their cards and spent, minor units.
    pub fresh: i64,
    /// Topped up from their cards and still in the wallet, minor units: it is not lost yet.
    pub still_there: i64,
    /// The most that one victim lost, minor units.
    pub worst: i64,
    /// Who lost anything.
    pub robbed: i64,
    /// Who has frozen the wallet.
    pub froze: i64,
}

impl Loss {
    /// Minor units that a victim lost, on average, rounded up.
    pub const fn per_victim(&self, victims: i64) -> i64 {
        let lost = self.of_balances + self.fresh;
        if victims == 0 { 0 } else { (lost + victims - 1) / victims }
    }
}

struct Thief {
    person: Person,
    member: MemberNumber,
    old: FactId,
    old_session: FactId,
    device: FactId,
    session: FactId,
    card: FactId,
    /// When, and minor units.
    topped_up: Vec<(Instant, i64)>,
    paid: Vec<(Instant, i64)>,
    /// Top-ups that a rule holds: which, and since when they may be released.
    held: Vec<(FactId, Instant)>,
    /// Whether the challenge was passed on this device.
    has_evidence: bool,
    is_frozen: bool,
}

fn within(list: &[(Instant, i64)], ms: i64, now: Instant) -> i64 {
    list.iter().filter(|(at, _)| at.plus_ms(ms) > now).map(|(_, amount)| amount).sum()
}

impl Thief {
    /// What the rules of payments or of cards leave him, as his page tells him.
    fn left(&self, policy: &Policy, on: Limited, (since, now): (Instant, Instant)) -> i64 {
        let known = self.has_evidence && since.plus_ms(YOUNG_MS) <= now;
        let is_card = on == Limited::Card;
        let verified = if self.person.is_verified {
            MemberVerification::Verified
        } else {
            MemberVerification::Basic
        };
        let allowed = policy.allows(Profile {
            on,
            three_d_secure: is_card.then_some(Secured::Yes),
            member: verified.into(),
            device: Some(Known::of(!known)),
            card: is_card.then_some(Known::Known),
        });
        let list = if is_card { &self.topped_up } else { &self.paid };
        let day = allowed.day.saturating_sub(within(list, DAY_MS, now));
        let month = allowed.month.saturating_sub(within(list, 30 * DAY_MS, now));
        let all: i64 = self.topped_up.iter().map(|(_, amount)| amount).sum();
        let line = if is_card { self.person.card_line - all } else { i64::MAX };
        day.min(month).min(allowed.once).min(line)
    }

    fn lost(&self, until: Instant) -> (i64, i64) {
        let spent: i64 = self.paid.iter().filter(|row| row.0 <= until).map(|row| row.1).sum();
        let of_balance = spent.min(self.person.balance);
        (of_balance, spent - of_balance)
    }
}

/// When the thief acts, milliseconds after the takeover: every minute at first, every hour for
/// three days, then every six.
fn turns() -> Vec<i64> {
    let minutes = (0..6).map(|minute| minute * MINUTE_MS + SECOND_MS);
    let hours = (1..=72).map(|hour| hour * HOUR_MS - SECOND_MS);
    let days = (13..=120).map(|quarter| quarter * 6 * HOUR_MS - SECOND_MS);
    minutes.chain(hours).chain(days).collect()
}

/// Plays it on a bank that has nothing yet.
///
/// # Errors
/// [`BankError`]: the bank is broken, or is not the one that this scenario is about.
pub fn play(bank: &mut impl Bank, plan: &Plan) -> Result<Vec<Loss>, BankError> {
    let policy = Policy::read(plan.policy.unwrap_or(yaoki_core::policy::DEFAULT));
    let policy = policy.map_err(BankError::Broken)?;
    let requests = Requests::default();
    let mut stage = Play { bank, policy, requests, taken_at: Instant(0) };
    let mut thieves = stage.begin(plan)?;
    stage.take_over(&mut thieves)?;
    let mut losses = Vec::new();
    let mut turns = turns().into_iter().peekable();
    for hours in HORIZONS {
        while let Some(after) = turns.next_if(|after| *after <= hours * HOUR_MS) {
            stage.turn(&mut thieves, after, plan.is_noticed)?;
        }
        losses.push(stage.loss(&thieves, hours)?);
    }
    Ok(losses)
}

struct Play<'a, B> {
    bank: &'a mut B,
    policy: Policy,
    requests: Requests,
    taken_at: Instant,
}

/// Shops, each with one terminal.
pub(crate) fn make_shops(
    bank: &mut impl Bank,
    requests: &mut Requests,
    shops: i64,
) -> Result<(), BankError> {
    let merchant = vec![requests.act(Act::CreateMerchant("shops".to_owned()))];
    done(bank, "there is a merchant", merchant)?;
    for shop in 1..=shops {
        let store = Act::CreateStore {
            merchant: MerchantNumber(1),
            name: format!("shop {shop}"),
            place: String::new(),
            cutoff_minutes: 0,
        };
        let store = vec![requests.act(store)];
        done(bank, "there are stores", store)?;
        let terminal = Act::CreateTerminal(StoreNumber(shop), format!("till {shop}"));
        let terminal = vec![requests.act(terminal)];
        done(bank, "there are terminals", terminal)?;
    }
    Ok(())
}

/// Members with a device, as many as are asked for.
pub(crate) fn make_members(
    bank: &mut impl Bank,
    requests: &mut Requests,
    count: i64,
) -> Result<Vec<MemberNumber>, BankError> {
    let create = (0..count).map(|_| requests.act(Act::CreateMember)).collect();
    let members: Vec<MemberNumber> = done(bank, "there are members", create)?
        .iter()
        .map(|event| MemberNumber(event.subject))
        .collect();
    let until = bank.now().plus_ms(HOUR_MS);
    let digest = |member: &MemberNumber| *blake3::hash(&member.0.to_be_bytes()).as_bytes();
    let links = members.iter().map(|member| Act::CreateLink(*member, digest(member), until));
    let links = links.map(|act| requests.act(act)).collect();
    done(bank, "there are links", links)?;
    let enrol = members.iter().map(|member| {
        let link = digest(member);
        let secret = *blake3::hash(&link).as_bytes();
        requests.act(Act::EnrolDevice { link, public_key: [4; 65], secret })
    });
    let enrol = enrol.collect();
    done(bank, "there are devices", enrol)?;
    Ok(members)
}

impl<B: Bank> Play<'_, B> {
    /// Members who have been there for weeks, with cards and balances.
    fn begin(&mut self, plan: &Plan) -> Result<Vec<Thief>, BankError> {
        make_shops(self.bank, &mut self.requests, SHOPS)?;
        if let Some(text) = plan.policy {
            let change = vec![self.requests.act(Act::ChangePolicy(text.to_owned()))];
            done(self.bank, "the rules are others", change)?;
        }
        let numbers = make_members(self.bank, &mut self.requests, plan.victims)?;
        let mut dice = Dice::new(plan.seed);
        let people: Vec<Person> =
            numbers.iter().map(|_| dice.person(plan.challenged_in_vain)).collect();
        let rich = people.iter().zip(&numbers).filter(|(person, _)| person.balance > 0);
        let credits: Vec<Command> = rich
            .map(|(person, member)| {
                let (request, amount) = (self.requests.id(), person.balance);
                let (member, asset) = (*member, Asset::Money);
                Command::Credit(Credit { request, member, asset, amount })
            })
            .collect();
        self.bank.ask(credits)?;
        let seen = people.iter().zip(&numbers).filter(|(person, _)| person.is_verified);
        let level = MemberVerification::Verified;
        let verified = seen.map(|(_, member)| Act::VerifyMember(*member, level));
        let verified = verified.map(|act| self.requests.act(act)).collect();
        done(self.bank, "staff has seen some", verified)?;
        // A device that is new brings no card that is trusted.
        self.bank.pass(self.bank.now().plus_ms(5 * DAY_MS));
        let members = self.bank.members(&numbers)?;
        let devices: Vec<FactId> = members.iter().map(|member| member.device).collect();
        let devices = self.bank.devices(&devices)?;
        let mut thieves: Vec<Thief> = people
            .into_iter()
            .zip(&devices)
            .map(|(person, device)| Thief {
                person,
                member: device.member,
                old: device.id,
                old_session: device.session,
                device: FactId::NONE,
                session: FactId::NONE,
                card: FactId::NONE,
                topped_up: Vec::new(),
                paid: Vec::new(),
                held: Vec::new(),
                has_evidence: false,
                is_frozen: false,
            })
            .collect();
        self.add_cards(&mut thieves)?;
        self.bank.pass(self.bank.now().plus_ms(BEFORE_MS));
        Ok(thieves)
    }

    fn add_cards(&mut self, thieves: &mut [Thief]) -> Result<(), BankError> {
        let with_card: Vec<&mut Thief> =
            thieves.iter_mut().filter(|thief| thief.person.has_card).collect();
        let commands = with_card.iter().map(|thief| {
            let by = OnDevice { device: thief.old, session: thief.old_session };
            let print = *blake3::hash(&thief.member.0.to_le_bytes()).as_bytes();
            let (token, label) = (format!("pm_{}", thief.member.0), "Visa".to_owned());
            let step = MoneyInStep::AddCard(by, NewCard { fingerprint: print, token, label });
            Command::MoneyIn(MoneyIn {
                request: self.requests.id(),
                member: thief.member,
                freeze: String::new(),
                step,
            })
        });
        let commands = commands.collect();
        let events = done(self.bank, "cards are on file", commands)?;
        for (thief, event) in with_card.into_iter().zip(events) {
            thief.card = event.id;
        }
        Ok(())
    }

    fn identity(&mut self, member: MemberNumber, by: By, act: IdentityAct) -> Command {
        let (request, tokens) = (self.requests.id(), Tokens::default());
        Command::Identity(Identity { request, member, by, tokens, act })
    }

    fn sign_in(&mut self, member: MemberNumber, device: FactId, session: FactId) -> Command {
        let act = IdentityAct::OpenSession(device, Verification::Passkey, None);
        self.identity(member, By::Device { device, session }, act)
    }

    /// Every victim was talked into approving a device that pays: a sign-in page that was relayed.
    fn take_over(&mut self, thieves: &mut [Thief]) -> Result<(), BankError> {
        let fresh: Vec<Command> = thieves
            .iter()
            .map(|thief| self.sign_in(thief.member, thief.old, thief.old_session))
            .collect();
        let opened = done(self.bank, "victims sign in", fresh)?;
        for (thief, event) in thieves.iter_mut().zip(opened) {
            thief.old_session = event.id;
        }
        let until = self.bank.now().plus_ms(INVITATION_MS);
        let link = |thief: &Thief| *blake3::hash(&thief.old.0.to_be_bytes()).as_bytes();
        let invite: Vec<Command> = thieves
            .iter()
            .map(|thief| {
                let by = By::Device { device: thief.old, session: thief.old_session };
                self.identity(thief.member, by, IdentityAct::Invite(link(thief), until))
            })
            .collect();
        done(self.bank, "victims invite", invite)?;
        let redeem: Vec<Command> = thieves
            .iter()
            .map(|thief| {
                let (label, secret) = ("thief".to_owned(), link(thief));
                let device = NewDevice { public_key: [5; 65], label, secret };
                let act = IdentityAct::RedeemInvitation(link(thief), device);
                self.identity(MemberNumber::NONE, By::Browser(link(thief)), act)
            })
            .collect();
        let redeemed = done(self.bank, "thieves redeem", redeem)?;
        for (thief, event) in thieves.iter_mut().zip(redeemed) {
            thief.device = FactId(event.object);
        }
        let approve: Vec<Command> = thieves
            .iter()
            .map(|thief| {
                let by = By::Device { device: thief.old, session: thief.old_session };
                let act = IdentityAct::ApproveDevice(thief.device, Some(link(thief)));
                self.identity(thief.member, by, act)
            })
            .collect();
        done(self.bank, "victims approve", approve)?;
        let ids: Vec<FactId> = thieves.iter().map(|thief| thief.device).collect();
        for (thief, device) in thieves.iter_mut().zip(self.bank.devices(&ids)?) {
            thief.session = device.session;
        }
        self.taken_at = self.bank.now();
        Ok(())
    }

    /// What happens at one time: victims freeze, thieves top up and buy.
    fn turn(
        &mut self,
        thieves: &mut [Thief],
        after: i64,
        is_noticed: bool,
    ) -> Result<(), BankError> {
        self.bank.pass(self.taken_at.plus_ms(after));
        self.freeze(thieves, if is_noticed { after } else { -1 })?;
        let mut free: Vec<&mut Thief> =
            thieves.iter_mut().filter(|thief| !thief.is_frozen).collect();
        self.release(&mut free)?;
        let times = (self.taken_at, self.bank.now());
        let policy = self.policy.clone();
        let tops_up = |thief: &&mut Thief| {
            thief.card.is_some() && thief.left(&policy, Limited::Card, times) >= 1_000
        };
        let pays = |thief: &&mut Thief| thief.left(&policy, Limited::Payment, times) >= 100;
        let mut active: Vec<&mut Thief> =
            free.into_iter().filter(|thief| tops_up(thief) || pays(thief)).collect();
        if active.is_empty() {
            return Ok(());
        }
        self.verify(&mut active)?;
        self.top_up(&mut active)?;
        self.pay(&mut active)
    }

    fn freeze(&mut self, thieves: &mut [Thief], after: i64) -> Result<(), BankError> {
        let noticed = |thief: &&mut Thief| {
            !thief.is_frozen && thief.person.notices_after.is_some_and(|notices| notices <= after)
        };
        let mut noticed: Vec<&mut Thief> = thieves.iter_mut().filter(noticed).collect();
        let commands: Vec<Command> = noticed
            .iter()
            .map(|thief| self.identity(thief.member, By::Message, IdentityAct::Freeze))
            .collect();
        done(self.bank, "who notices freezes", commands)?;
        for thief in &mut noticed {
            thief.is_frozen = true;
        }
        Ok(())
    }

    /// He knows the password, and says so whenever a rule may ask.
    fn verify(&mut self, thieves: &mut [&mut Thief]) -> Result<(), BankError> {
        let commands = thieves
            .iter()
            .map(|thief| self.sign_in(thief.member, thief.device, thief.session))
            .collect();
        let opened = done(self.bank, "thieves verify themselves", commands)?;
        for (thief, event) in thieves.iter_mut().zip(opened) {
            thief.session = event.id;
        }
        Ok(())
    }

    fn step(member: MemberNumber, top_up: FactId, step: MoneyInStep) -> Command {
        Command::MoneyIn(MoneyIn::step(member, top_up, step))
    }

    /// As much as a card gives now.
    fn top_up(&mut self, thieves: &mut [&mut Thief]) -> Result<(), BankError> {
        let times = (self.taken_at, self.bank.now());
        let mut asking = Vec::new();
        for thief in thieves.iter_mut().map(|thief| &mut **thief) {
            let left = thief.left(&self.policy, Limited::Card, times);
            if thief.card.is_some() && left >= 1_000 {
                asking.push((thief, left));
            }
        }
        let commands: Vec<Command> = asking
            .iter()
            .map(|(thief, amount)| {
                let by = OnDevice { device: thief.device, session: thief.session };
                let (card, amount, network) = (thief.card, *amount, Vec::new());
                let step = MoneyInStep::Request { by, card, amount, network };
                let request = self.requests.id();
                Command::MoneyIn(MoneyIn {
                    request,
                    member: thief.member,
                    freeze: String::new(),
                    step,
                })
            })
            .collect();
        let answers = self.bank.ask(commands)?;
        let mut requested = Vec::new();
        for ((thief, amount), answer) in asking.into_iter().zip(answers) {
            if let Answered::Done(event) = answer {
                requested.push((thief, amount, event.id));
            }
        }
        self.authorize(requested)
    }

    /// The issuer says what it says, the rules judge it, and the acquirer takes the money.
    fn authorize(&mut self, requested: Vec<(&mut Thief, i64, FactId)>) -> Result<(), BankError> {
        let authorize = requested.iter().map(|(thief, _, id)| {
            let said = if thief.person.is_challenged_in_vain {
                ThreeDSecure::Challenge
            } else {
                ThreeDSecure::Frictionless
            };
            Self::step(thief.member, *id, MoneyInStep::Authorize(*id, said))
        });
        let answers = self.bank.ask(authorize.collect())?;
        let now = self.bank.now();
        let mut then = Vec::new();
        for ((thief, amount, id), answer) in requested.into_iter().zip(answers) {
            let Answered::Done(event) = answer else { continue };
            if event.kind != EventKind::TopUpAuthorized {
                // He learns that this card gives nothing here.
                let step = MoneyInStep::Decline(id, Refusal::CardWasDeclined);
                then.push(Self::step(thief.member, id, step));
                thief.card = FactId::NONE;
                continue;
            }
            thief.topped_up.push((now, amount));
            thief.has_evidence |= thief.person.is_challenged_in_vain;
            match TopUp::read_secured(event.number).1 {
                0 => then.push(Self::step(thief.member, id, MoneyInStep::Post(id))),
                seconds => thief.held.push((id, now.plus_ms(seconds * SECOND_MS))),
            }
        }
        self.bank.ask(then)?;
        Ok(())
    }

    /// What a rule held is taken when its time has come.
    fn release(&mut self, thieves: &mut [&mut Thief]) -> Result<(), BankError> {
        let now = self.bank.now();
        let mut due = Vec::new();
        for thief in thieves {
            let member = thief.member;
            due.extend(thief.held.iter().filter(|row| row.1 <= now).map(|row| (member, row.0)));
            thief.held.retain(|row| row.1 > now);
        }
        let released = due.iter().map(|(member, id)| {
            let id = *id;
            Self::step(*member, id, MoneyInStep::Release(id))
        });
        self.bank.ask(released.collect())?;
        let posted = due.iter().map(|(member, id)| {
            let id = *id;
            Self::step(*member, id, MoneyInStep::Post(id))
        });
        self.bank.ask(posted.collect())?;
        Ok(())
    }

    /// He buys for all that he may, in one shop after another; refused, for half of it.
    fn pay(&mut self, thieves: &mut [&mut Thief]) -> Result<(), BankError> {
        let times = (self.taken_at, self.bank.now());
        let mut share = 1;
        let mut open: Vec<&mut Thief> = thieves.iter_mut().map(|thief| &mut **thief).collect();
        for _ in 0..3 {
            let numbers: Vec<MemberNumber> = open.iter().map(|thief| thief.member).collect();
            let members = self.bank.members(&numbers)?;
            let mut buying = Vec::new();
            let mut commands = Vec::new();
            for (thief, member) in open.into_iter().zip(&members) {
                let left = thief.left(&self.policy, Limited::Payment, times);
                let amount = left.min(member.available()) / share;
                if amount >= 100 && member.state == MemberState::Open {
                    commands.push(self.buy(member, amount));
                    buying.push((thief, amount));
                }
            }
            let answers = self.bank.ask(commands)?;
            open = Vec::new();
            for ((thief, amount), answer) in buying.into_iter().zip(answers) {
                match answer {
                    Answered::Decided(operation) if operation.succeeded() => {
                        thief.paid.push((times.1, amount));
                    }
                    _ => open.push(thief),
                }
            }
            share *= 2;
        }
        Ok(())
    }

    fn buy(&mut self, member: &Member, amount: i64) -> Command {
        let now = self.bank.now();
        let shop = 1 + (member.number.0 + now.0 / HOUR_MS).rem_euclid(SHOPS);
        let issued = self.bank.cipher().issue(member, now);
        let code = issued.and_then(|issued| self.bank.cipher().open(&issued.digits));
        let ask = self.requests.of_terminal(TerminalNumber(shop), now);
        let (currency, goods, hold_seconds) = (Currency::JPY, Goods::NONE, None);
        Command::PayWithCode(PayWithCode { ask, code, amount, currency, hold_seconds, goods })
    }

    fn loss(&mut self, thieves: &[Thief], hours: i64) -> Result<Loss, BankError> {
        let until = self.taken_at.plus_ms(hours * HOUR_MS);
        let numbers: Vec<MemberNumber> = thieves.iter().map(|thief| thief.member).collect();
        let members = self.bank.members(&numbers)?;
        let mut loss = Loss { hours, ..Loss::default() };
        for (thief, member) in thieves.iter().zip(&members) {
            let (of_balance, fresh) = thief.lost(until);
            loss.of_balances += of_balance;
            loss.fresh += fresh;
            loss.still_there += (member.money - (thief.person.balance - of_balance)).max(0);
            loss.worst = loss.worst.max(of_balance + fresh);
            loss.robbed += i64::from(of_balance + fresh > 0);
            loss.froze += i64::from(thief.is_frozen);
        }
        Ok(loss)
    }
}
