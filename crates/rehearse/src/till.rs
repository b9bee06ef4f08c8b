//! A terminal was stolen: its key is in a thief's hands for 24 hours. What does he print with it?
//!
//! With the key alone, and with the number and the PIN of a clerk besides. His helpers have wallets
//! of their own, with devices that are no longer new, into which he "takes cash" that was never
//! there, and spend it in other shops.

use serde::Serialize;
use yaoki_core::command::{Act, Command, PayWithCode, TopUpWithCode};
use yaoki_core::identity::act::{By, Identity, IdentityAct, Tokens};
use yaoki_core::ids::{ClerkNumber, MemberNumber, StoreNumber, TerminalNumber};
use yaoki_core::money::Currency;
use yaoki_core::operator::Sealed;
use yaoki_core::policy::Policy;
use yaoki_core::policy::rule::Goods;
use yaoki_core::session::ClerkToken;
use yaoki_core::state::Verification;
use yaoki_core::time::{DAY_MS, HOUR_MS};

use crate::bank::{Answered, Bank, BankError, Requests, done};
use crate::takeover::{SHOPS, make_members, make_shops};

/// Whose wallets the thief fills.
const HELPERS: i64 = 20;
const STOLEN: TerminalNumber = TerminalNumber(1);

/// What a stolen terminal was good for, minor units.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stolen {
    /// Whether the thief had a clerk's number and PIN.
    pub with_pin: bool,
    /// Put into wallets.
    pub printed: i64,
    /// Spent elsewhere.
    pub spent: i64,
    /// Requests that were refused or declined.
    pub refused: i64,
}

/// Plays it on a bank that has nothing yet.
///
/// # Errors
/// [`BankError`].
pub fn play(bank: &mut impl Bank, with_pin: bool) -> Result<Stolen, BankError> {
    let policy = Policy::default();
    let mut requests = Requests::default();
    make_shops(bank, &mut requests, SHOPS)?;
    let helpers = make_members(bank, &mut requests, HELPERS)?;
    let pin = Sealed(vec![1; 96]);
    let clerk = Act::CreateClerk { store: StoreNumber(1), name: "Yui".to_owned(), pin };
    let clerk = vec![requests.act(clerk)];
    done(bank, "there is a clerk", clerk)?;
    bank.pass(bank.now().plus_ms(5 * DAY_MS));
    let mut stolen = Stolen { with_pin, printed: 0, spent: 0, refused: 0 };
    let until = bank.now().plus_ms(DAY_MS);
    let mut token = None;
    while bank.now() < until {
        // A session of a clerk lasts for minutes, and he knows the PIN.
        if with_pin {
            token = Some(sign_in(bank, &mut requests, token.is_none())?);
        }
        for helper in &helpers {
            let once = policy.cash.second_person_above;
            print(bank, &mut requests, (*helper, once), token, &mut stolen)?;
            spend(bank, &mut requests, *helper, &mut stolen)?;
        }
        bank.pass(bank.now().plus_ms(HOUR_MS));
    }
    Ok(stolen)
}

fn sign_in(
    bank: &mut impl Bank,
    requests: &mut Requests,
    first: bool,
) -> Result<ClerkToken, BankError> {
    let (clerk, key) = (ClerkNumber(1), [7; 32]);
    let tried = Sealed(vec![1; 96]).digest();
    let act = Act::SignInClerk { terminal: STOLEN, clerk, tried, right: true, key };
    let act = vec![requests.act(act)];
    let session = done(bank, "the clerk's PIN is right", act)?[0].id;
    let token = ClerkToken { clerk, session, key };
    if first {
        let act = vec![requests.act(Act::OpenShift(STOLEN, token, 0))];
        done(bank, "a shift is open", act)?;
    }
    Ok(token)
}

fn print(
    bank: &mut impl Bank,
    requests: &mut Requests,
    (helper, once): (MemberNumber, i64),
    token: Option<ClerkToken>,
    stolen: &mut Stolen,
) -> Result<(), BankError> {
    for amount in [once, once / 5, once / 50] {
        let Some(member) = bank.members(&[helper])?.pop() else { return Ok(()) };
        let issued = bank.cipher().issue(&member, bank.now());
        let code = issued.and_then(|issued| bank.cipher().open(&issued.digits));
        let ask = requests.of_terminal(STOLEN, bank.now());
        let (currency, clerk, second) = (Currency::JPY, token, None);
        let command = TopUpWithCode { ask, code, amount, currency, clerk, second };
        match bank.ask(vec![Command::TopUpWithCode(command)])?.pop() {
            Some(Answered::Decided(row)) if row.succeeded() => {
                stolen.printed += amount;
                return Ok(());
            }
            _ => stolen.refused += 1,
        }
    }
    Ok(())
}

fn spend(
    bank: &mut impl Bank,
    requests: &mut Requests,
    helper: MemberNumber,
    stolen: &mut Stolen,
) -> Result<(), BankError> {
    let Some(member) = bank.members(&[helper])?.pop() else { return Ok(()) };
    let amount = member.available();
    if amount <= 0 {
        return Ok(());
    }
    // It is his own wallet: he shows that it is he whenever a rule asks.
    let Some(device) = bank.devices(&[member.device])?.pop() else { return Ok(()) };
    let identity = Identity {
        request: requests.id(),
        member: helper,
        by: By::Device { device: device.id, session: device.session },
        tokens: Tokens::default(),
        act: IdentityAct::OpenSession(device.id, Verification::Passkey, None),
    };
    done(bank, "helpers sign in", vec![Command::Identity(identity)])?;
    let issued = bank.cipher().issue(&member, bank.now());
    let code = issued.and_then(|issued| bank.cipher().open(&issued.digits));
    let ask = requests.of_terminal(TerminalNumber(2 + helper.0 % (SHOPS - 1)), bank.now());
    let (currency, goods, hold_seconds) = (Currency::JPY, Goods::NONE, None);
    let command = PayWithCode { ask, code, amount, currency, hold_seconds, goods };
    match bank.ask(vec![Command::PayWithCode(command)])?.pop() {
        Some(Answered::Decided(row)) if row.succeeded() => stolen.spent += amount,
        _ => stolen.refused += 1,
    }
    Ok(())
}
