//! Cash at a register, one line a case.

use std::sync::Arc;

use yaoki_core::account::Account;
use yaoki_core::command::{Act, Command, TopUpWithCode};
use yaoki_core::ids::{ClerkNumber, MemberNumber, StoreNumber, TerminalNumber};
use yaoki_core::policy::{DEFAULT, Policy};
use yaoki_core::session::ClerkToken;

use crate::staff_cases::{Office, tried};
use crate::world::{BEGINNING, World};

/// A register of store 1 where clerk 1 has signed in and opened a shift.
pub(super) struct Till {
    office: Office,
    token: ClerkToken,
}

impl Till {
    pub(super) fn new() -> Self {
        let mut office = Office::new();
        let session = office.world.act(tried(1, 1, 1, true)).id;
        let token = ClerkToken { clerk: ClerkNumber(1), session, key: [7; 32] };
        office.world.act(Act::OpenShift(TerminalNumber(1), token, 5_000));
        Self { office, token }
    }

    pub(super) fn world(&mut self) -> &mut World {
        &mut self.office.world
    }

    /// Takes cash on the code that member 2 shows.
    fn take(&mut self, text: &str, clerks: [Option<ClerkToken>; 2]) -> String {
        let Command::PayWithCode(pay) = self.office.world.command(text) else { unreachable!() };
        let [clerk, second] = clerks;
        let command = Command::TopUpWithCode(TopUpWithCode {
            ask: pay.ask,
            code: pay.code,
            amount: pay.amount,
            currency: pay.currency,
            clerk,
            second,
        });
        let answer = self.office.world.run(&[command]).remove(0);
        self.office.world.say(&answer)
    }

    pub(super) fn cash(&mut self, text: &str) -> String {
        self.take(text, [Some(self.token), None])
    }

    /// Reverses request a, and says what the shift came to.
    fn undo(&mut self, clerk: bool) -> String {
        let mut command = self.office.world.command("reverse r a");
        if let Command::Reverse(reverse) = &mut command {
            reverse.clerk = clerk.then_some(self.token);
        }
        let answer = self.office.world.run(&[command]).remove(0);
        self.office.world.say(&answer)
    }

    fn shift(&self) -> (i64, i64) {
        let clerk = &self.office.world.staff.clerks[&ClerkNumber(1)];
        let shift = &self.office.world.staff.shifts[&clerk.shift];
        (shift.expected(), shift.count)
    }

    fn act(&mut self, act: Act) -> String {
        let command = self.office.world.administer(act);
        let answer = self.office.world.run(&[command]).remove(0);
        self.office.world.say(&answer)
    }
}

pub(super) type CashCase = (fn(&mut Till) -> String, &'static str);

pub(super) const CASH: &[CashCase] = &[
    (|t| t.cash("pay a 3000 by 2"), "top_up 3000"),
    (
        |t| {
            t.cash("pay a 3000 by 2");
            let money = t.world().members[&MemberNumber(2)].money - BEGINNING;
            let owed = t.world().balance(Account::cash(StoreNumber(1)));
            format!("{money} {owed} {:?}", t.shift())
        },
        "3000 -3000 (8000, 1)",
    ),
    (|t| t.take("pay a 3000 by 2", [None, None]), "refused clerk_must_sign_in"),
    (|t| t.cash("pay a 50001 by 2"), "refused second_clerk_must_sign_in"),
    (
        |t| t.take("pay a 50001 by 2", [Some(t.token), Some(t.token)]),
        "refused second_clerk_must_sign_in",
    ),
    (
        |t| {
            t.cash("pay a 3000 by 2");
            t.cash("pay b 3000 by 2 code 12345")
        },
        "declined code_not_valid",
    ),
    (
        // A code that topped up pays nothing.
        |t| {
            t.world().play("show x by 2");
            t.cash("pay a 3000 by 2 code x");
            t.world().play("pay b 1 by 2 code x")
        },
        "declined code_not_valid",
    ),
    (
        |t| {
            t.cash("pay a 3000 by 2");
            t.cash("pay a 3000 by 2 code x")
        },
        "refused request_id_has_another_meaning, first top_up 3000",
    ),
    (
        |t| {
            t.world().play("suspend 1");
            t.cash("pay a 3000 by 2")
        },
        "declined terminal_is_suspended",
    ),
    (
        |t| {
            t.world().play("shut cash_top_up store 1");
            t.cash("pay a 3000 by 2")
        },
        "declined top_ups_are_closed",
    ),
    (
        |t| {
            t.world().play("shut cash_top_up member 2");
            t.cash("pay a 3000 by 2")
        },
        "declined code_not_valid",
    ),
    (
        |t| {
            t.world().play("credit rich 2 985000");
            t.cash("pay a 5001 by 2")
        },
        "declined top_up_is_declined",
    ),
    (|t| t.cash("pay a 100 by 2 until -1s"), "declined request_too_late"),
    (
        // What a shift may take is what was allotted to it.
        |t| {
            let policy = DEFAULT.replace("per_shift = 500_000", "per_shift = 9");
            let policy = Policy::read(&policy).unwrap().into();
            Arc::make_mut(&mut t.world().directory).policy = policy;
            t.act(Act::CloseShift(TerminalNumber(1), t.token, 5_000));
            t.act(Act::OpenShift(TerminalNumber(1), t.token, 0));
            t.cash("pay a 9 by 2");
            t.cash("pay b 1 by 3")
        },
        "declined cash_cap_is_reached",
    ),
    (|t| t.act(Act::OpenShift(TerminalNumber(1), t.token, 0)), "refused shift_must_be_closed"),
    (
        |t| {
            t.act(Act::CloseShift(TerminalNumber(1), t.token, 5_000));
            t.cash("pay a 1 by 2")
        },
        "refused shift_must_be_open",
    ),
    (|t| t.act(Act::CloseShift(TerminalNumber(1), t.token, 5_000)), "shift_closed"),
    (
        // What was not taken is the store's again; what it owes is so until it pays in.
        |t| {
            t.cash("pay a 3000 by 2");
            t.act(Act::CloseShift(TerminalNumber(1), t.token, 8_000));
            let owed = t.world().directory.stores[&StoreNumber(1)].cash_allotted;
            let said = t.act(Act::ReleaseCashCredit(StoreNumber(1), 3_000));
            let left = t.world().directory.stores[&StoreNumber(1)].cash_allotted;
            format!("{owed} {said} {left}")
        },
        "3000 cash_credit_released 0",
    ),
    (
        // Who is ended leaves a drawer that nobody counted, and no credit that is used up.
        |t| {
            t.cash("pay a 3000 by 2");
            let shift = t.office.world.staff.clerks[&ClerkNumber(1)].shift;
            let said = t.act(Act::EndClerk(ClerkNumber(1)));
            let row = &t.world().staff.shifts[&shift];
            let left = (row.is_open(), row.counted - row.expected());
            let store = &t.world().directory.stores[&StoreNumber(1)];
            format!("{said} {left:?} {} {}", store.cash_allotted, store.cash_taken)
        },
        "clerk_ended (false, -8000) 3000 3000",
    ),
    (|t| t.act(Act::ReleaseCashCredit(StoreNumber(1), 600_000)), "refused amount_must_be_in_range"),
    (
        |t| {
            t.cash("pay a 3000 by 2");
            format!("{} {:?}", t.undo(true), t.shift())
        },
        "reverse 3000 took_back (5000, 1)",
    ),
    (
        |t| {
            t.cash("pay a 3000 by 2");
            format!("{} {:?}", t.undo(false), t.shift())
        },
        "refused clerk_must_sign_in (8000, 1)",
    ),
    (
        // A stolen register gives no cash back.
        |t| {
            t.cash("pay a 3000 by 2");
            t.world().play("suspend 1");
            t.undo(true)
        },
        "declined terminal_is_suspended",
    ),
    (
        // What comes out of no drawer that is counted does not come out.
        |t| {
            t.cash("pay a 3000 by 2");
            t.act(Act::CloseShift(TerminalNumber(1), t.token, 8_000));
            t.undo(true)
        },
        "refused shift_must_be_open",
    ),
    (
        // Nothing is released of what an open shift may still take: it would be owed twice.
        |t| {
            t.cash("pay a 3000 by 2");
            t.act(Act::ReleaseCashCredit(StoreNumber(1), 1))
        },
        "refused amount_must_be_in_range",
    ),
    (
        |t| {
            t.cash("pay a 3000 by 2");
            t.world().play("pay b 10001 by 2");
            t.undo(true)
        },
        "declined top_up_is_spent",
    ),
    (
        // The register never heard, and takes it back: it can never arrive later.
        |t| {
            t.undo(true);
            t.cash("pay a 3000 by 2")
        },
        "again declined reversed_before_arrival",
    ),
];
