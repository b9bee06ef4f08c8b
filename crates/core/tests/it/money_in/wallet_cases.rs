//! What members' devices and the acquirer do, one line a case.

use yaoki_core::account::Account;
use yaoki_core::command::{Act, MoneyIn, MoneyInStep, OnDevice};
use yaoki_core::identity::YOUNG_MS;
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::refusal::Refusal;
use yaoki_core::state::MemberVerification;
use yaoki_core::time::DAY_MS;
use yaoki_core::top_up::ThreeDSecure::{Absent, Challenge, Frictionless};

use super::{Case, MINUTE, ONE, Wallet, on, request};
use crate::world::BEGINNING;

pub(super) const CARDS: &[Case] = &[
    (|w| w.add(1, 2), "card_added"),
    (|w| w.add(1, 1), "refused card_must_be_new"),
    (|w| w.add(2, 1), "card_added"),
    (
        |w| {
            w.add(2, 1);
            w.add(3, 1)
        },
        "refused card_is_in_many_wallets",
    ),
    (
        |w| {
            w.add(2, 1);
            let (card, by) = (w.card, on(&w.world, w.world.members[&MemberNumber(2)].device));
            w.ask(2, MoneyInStep::EndCard(by, card));
            w.add(3, 1)
        },
        "card_added",
    ),
    (
        |w| {
            (2..=5).for_each(|print| drop(w.add(1, print)));
            w.add(1, 6)
        },
        "refused cards_must_be_few",
    ),
    (|w| w.ask(1, MoneyInStep::EndCard(w.by, w.card)).0, "card_ended"),
    (|w| w.ask(1, MoneyInStep::EndCard(w.by, FactId(9))).0, "refused card_must_exist"),
    (
        |w| {
            w.world.play("shut card_top_up everything");
            w.add(1, 2)
        },
        "refused top_up_is_closed",
    ),
    (
        |w| {
            w.world.play("freeze 1");
            w.add(1, 2)
        },
        "refused member_must_be_open",
    ),
    (
        |w| {
            let by = OnDevice { session: FactId(9), ..w.by };
            w.ask(1, request(by, w.card, 1)).0
        },
        "refused device_must_be_signed_in",
    ),
    (
        |w| {
            let by = on(&w.world, w.world.members[&MemberNumber(2)].device);
            w.ask(1, request(by, w.card, 1)).0
        },
        "refused device_must_be_active",
    ),
    (
        |w| {
            let by = on(&w.world, w.world.members[&MemberNumber(2)].device);
            w.ask(2, request(by, w.card, 1)).0
        },
        "refused card_must_exist",
    ),
];

pub(super) const LIMITS: &[Case] = &[
    (|w| w.top_up(20_000, Challenge), "top_up 20000"),
    (|w| w.top_up(20_001, Challenge), "refused top_up_limit_must_hold"),
    (|w| w.top_up(0, Challenge), "refused amount_must_be_in_range"),
    (|w| w.top_up(5_000, Absent), "top_up 5000"),
    (|w| w.top_up(5_001, Absent), "top_up_declining top_up_limit_must_hold"),
    (
        |w| {
            w.top_up(10_000, Frictionless);
            w.top_up(1_000, Frictionless)
        },
        "refused top_ups_must_be_slow",
    ),
    (
        |w| {
            w.top_up(10_000, Frictionless);
            w.wait(MINUTE);
            w.top_up(10_000, Frictionless)
        },
        "top_up 10000",
    ),
    (
        |w| {
            w.top_up(10_000, Frictionless);
            w.wait(MINUTE);
            w.top_up(10_001, Frictionless)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        // What another card has topped up counts in the same sum.
        |w| {
            w.top_up(10_000, Frictionless);
            w.add(1, 2);
            w.wait(MINUTE);
            w.top_up(10_001, Frictionless)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        |w| {
            w.top_up(20_000, Frictionless);
            w.wait(DAY_MS - 1);
            w.top_up(1, Frictionless)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        |w| {
            w.top_up(20_000, Frictionless);
            w.wait(DAY_MS);
            w.top_up(20_000, Frictionless)
        },
        "top_up 20000",
    ),
    (
        // What is asked for and not decided counts.
        |w| {
            w.request(20_000);
            w.wait(MINUTE);
            w.request(1)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        |w| {
            w.request(20_000);
            w.step(MoneyInStep::Decline(w.last, Refusal::CardWasDeclined));
            w.wait(MINUTE);
            w.request(1)
        },
        "top_up_requested",
    ),
    (
        // Attempts that failed count in how often.
        |w| {
            w.request(1);
            w.step(MoneyInStep::Decline(w.last, Refusal::CardWasDeclined));
            w.request(1)
        },
        "refused top_ups_must_be_slow",
    ),
    (
        |w| {
            w.world.act(Act::VerifyMember(ONE, MemberVerification::Verified));
            w.top_up(30_000, Challenge)
        },
        "top_up 30000",
    ),
    (
        // July 2019: three times 30,000 within a minute.
        |w| {
            w.world.act(Act::VerifyMember(ONE, MemberVerification::Verified));
            w.top_up(30_000, Challenge);
            w.top_up(30_000, Challenge)
        },
        "refused top_ups_must_be_slow",
    ),
    (
        |w| {
            w.world.play("credit rich 1 985000");
            w.top_up(5_001, Challenge)
        },
        "refused balance_must_stay_below_cap",
    ),
    (
        |w| {
            w.world.play("shut card_top_up member 1");
            w.request(1)
        },
        "refused top_up_is_closed",
    ),
];

/// What devices that came later may do, and what they gain by waiting.
pub(super) const DEVICES: &[Case] = &[
    (
        |w| {
            w.moves();
            w.top_up(5_000, Frictionless)
        },
        "top_up_declining card_must_be_challenged",
    ),
    (
        |w| {
            w.moves();
            w.top_up(5_000, Challenge)
        },
        "top_up 5000",
    ),
    (
        |w| {
            w.moves();
            w.top_up(5_001, Challenge)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        // It has the name of the device on which the card was added, and may be in other hands.
        |w| {
            w.is_restored();
            w.top_up(2_000, Frictionless)
        },
        "top_up_declining card_must_be_challenged",
    ),
    (
        // Once challenged here, the issuer need not ask again.
        |w| {
            w.moves();
            w.top_up(2_000, Challenge);
            w.wait(MINUTE);
            w.top_up(2_000, Frictionless)
        },
        "top_up 2000",
    ),
    (
        // Who waits for a month has no more than who does not.
        |w| {
            w.moves();
            w.wait(40 * DAY_MS);
            w.top_up(5_001, Challenge)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        |w| {
            w.moves();
            w.wait(YOUNG_MS);
            w.top_up(5_001, Challenge)
        },
        "refused top_up_limit_must_hold",
    ),
    (
        // A card that was on file before shows whose device it is; age comes on top.
        |w| {
            w.moves();
            w.top_up(5_000, Challenge);
            w.wait(YOUNG_MS);
            w.top_up(15_000, Frictionless)
        },
        "top_up 15000",
    ),
    (
        // A card of his own shows nothing.
        |w| {
            w.moves();
            w.add(1, 7);
            w.top_up(5_000, Challenge);
            w.wait(YOUNG_MS);
            let said = w.top_up(15_000, Frictionless);
            format!("{} {said}", w.device().evidence)
        },
        "0 refused top_up_limit_must_hold",
    ),
];

pub(super) const STATES: &[Case] = &[
    (
        |w| {
            w.request(9_000);
            w.step(MoneyInStep::Refer(w.last, "pi_1".to_owned()))
        },
        "top_up_referenced",
    ),
    (
        |w| {
            w.request(9_000);
            w.step(MoneyInStep::Refer(w.last, "a b".to_owned()))
        },
        "refused top_up_must_be_open",
    ),
    (
        |w| {
            w.request(9_000);
            w.step(MoneyInStep::Unknown(w.last))
        },
        "top_up_unknown",
    ),
    (
        |w| {
            w.request(9_000);
            w.step(MoneyInStep::Unknown(w.last));
            w.authorize(Challenge);
            w.post()
        },
        "top_up 9000",
    ),
    (
        |w| {
            w.request(9_000);
            w.step(MoneyInStep::Unknown(w.last));
            w.step(MoneyInStep::Decline(w.last, Refusal::CardWasDeclined));
            format!("{} {} {}", w.state(), w.reason(), w.money())
        },
        "declined card_was_declined 10000",
    ),
    (
        |w| {
            w.request(9_000);
            w.authorize(Absent);
            w.step(MoneyInStep::Decline(w.last, Refusal::CardWasDeclined));
            format!("{} {}", w.state(), w.reason())
        },
        "declined top_up_limit_must_hold",
    ),
    (
        // We had let go of it, and the acquirer took the money all the same: it is booked.
        |w| {
            w.request(9_000);
            w.authorize(Absent);
            w.post();
            format!("{} {}", w.state(), w.money())
        },
        "posted 19000",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.post()
        },
        "again top_up 9000",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.step(MoneyInStep::Decline(w.last, Refusal::CardWasDeclined))
        },
        "refused top_up_must_be_open",
    ),
    (
        |w| {
            w.request(9_000);
            w.step(MoneyInStep::Decline(w.last, Refusal::CardWasDeclined));
            w.post()
        },
        "refused top_up_must_be_open",
    ),
    (
        // A switch that is closed meanwhile loses nothing that the acquirer has.
        |w| {
            w.request(9_000);
            w.authorize(Challenge);
            w.world.play("shut card_top_up everything; freeze 1");
            w.post()
        },
        "top_up 9000",
    ),
    (
        |w| {
            w.request(9_000);
            w.world.play("shut card_top_up everything");
            w.authorize(Challenge)
        },
        "top_up_declining",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.step(MoneyInStep::TakeBack(w.last));
            w.step(MoneyInStep::Returned(w.last))
        },
        "top_up_returned",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.step(MoneyInStep::Returned(w.last))
        },
        "refused top_up_must_be_open",
    ),
    (|w| w.step(MoneyInStep::Post(FactId(9))), "refused top_up_must_exist"),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.step(MoneyInStep::TakeBack(w.last))
        },
        "take_back 9000",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.world.play("pay a 10001");
            w.step(MoneyInStep::TakeBack(w.last))
        },
        "refused top_up_must_be_unspent",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            w.step(MoneyInStep::TakeBack(w.last));
            format!("{} {}", w.state(), w.money())
        },
        "taking_back 10000",
    ),
];

fn dispute(w: &mut Wallet, id: u8, amount: i64, won: bool) -> String {
    let step = MoneyInStep::Dispute { top_up: w.last, amount, won };
    let request = RequestId::of_reference("dispute", &format!("{id} {won}"));
    w.run(MoneyIn { request, member: ONE, freeze: String::new(), step }).0
}

pub(super) const DISPUTES: &[Case] = &[
    (
        // It is settled by the refund, and not taken twice.
        |w| {
            w.top_up(9_000, Challenge);
            w.step(MoneyInStep::TakeBack(w.last));
            let going = dispute(w, 1, 9_000, false);
            w.step(MoneyInStep::Returned(w.last));
            format!("{going}, {}, {}", dispute(w, 1, 9_000, false), w.state())
        },
        "refused top_up_must_be_open, refused top_up_must_be_open, taken_back",
    ),
    (
        // Money for a wallet that was closed meanwhile waits where an operator finds it.
        |w| {
            w.request(9_000);
            w.world.play("close 1");
            w.step(MoneyInStep::Post(w.last));
            let (suspense, acquirer) = (Account::SUSPENSE, Account::ACQUIRER);
            let balances = (w.world.balance(suspense), w.world.balance(acquirer));
            format!("{balances:?} {} {}", w.state(), w.money() - BEGINNING)
        },
        "(9000, -9000) posted 0",
    ),
    (
        // After the money is spent: booked, not lost, and no balance goes below zero.
        |w| {
            w.top_up(9_000, Challenge);
            w.world.play("pay a 19000");
            let said = dispute(w, 1, 9_000, false);
            let lost = w.world.balance(Account::DISPUTES);
            format!("{said} {lost} {} {}", w.world.balance(Account::ACQUIRER), w.money())
        },
        "dispute 9000 -9000 0 0",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            dispute(w, 1, 9_000, false);
            w.wait(MINUTE);
            let frozen = w.request(1);
            w.world.play("unfreeze 1");
            format!("{frozen}, {}", w.request(1))
        },
        "refused member_must_be_open, refused card_must_exist",
    ),
    (
        // Nor does the card come back, to no wallet.
        |w| {
            w.top_up(9_000, Challenge);
            let print = w.world.people.cards[&w.card].fingerprint[0];
            dispute(w, 1, 9_000, false);
            w.world.play("unfreeze 1");
            format!("{}, {}", w.add(1, print), w.add(2, print))
        },
        "refused card_was_declined, refused card_was_declined",
    ),
    (
        // What was never made is so only as long as the acquirer has not said what it calls it.
        |w| {
            w.request(9_000);
            let refer = w.step(MoneyInStep::Refer(w.last, "pi_1".to_owned()));
            let late = w.step(MoneyInStep::Unmade(w.last, Refusal::TopUpWasAbandoned));
            format!("{refer}, {late}, {}", w.state())
        },
        "top_up_referenced, refused top_up_must_be_open, requested",
    ),
    (
        |w| {
            w.request(9_000);
            let said = w.step(MoneyInStep::Unmade(w.last, Refusal::TopUpWasAbandoned));
            format!("{said}, {} {}", w.state(), w.reason())
        },
        "top_up_declined, declined top_up_was_abandoned",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            dispute(w, 1, 9_000, false);
            dispute(w, 1, 9_000, false)
        },
        "again dispute 9000",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            dispute(w, 1, 9_000, false);
            dispute(w, 2, 1, false)
        },
        "refused top_up_must_be_open",
    ),
    (
        |w| {
            w.top_up(9_000, Challenge);
            dispute(w, 1, 9_000, false);
            let said = dispute(w, 1, 9_000, true);
            format!("{said}, {} {}", w.state(), w.world.balance(Account::DISPUTES))
        },
        "dispute 9000 dispute_won, posted 0",
    ),
    (
        |w| {
            w.request(9_000);
            dispute(w, 1, 9_000, false)
        },
        "refused top_up_must_be_open",
    ),
];
