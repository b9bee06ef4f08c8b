//! Clerks at registers: who gives money back, and who undoes what another terminal asked.

use yaoki_core::command::{Act, Command};
use yaoki_core::facts::EventKind;
use yaoki_core::ids::{ClerkNumber, FactId, RequestKey, TerminalNumber};
use yaoki_core::session::{CLERK_SESSION_MS_MAX, ClerkToken};
use yaoki_core::staff::Deed;

use crate::staff_cases::{AOI, EMI, Office, clerk, pin, tried};

/// What `tried` signs in with.
const KEY: [u8; 32] = [7; 32];
const SIGN_IN: &str = "refused clerk_must_sign_in";
const REFUND: &str = "refund b a 60";

/// A store where Yui works and where terminal 1 was paid 100, and her token there.
struct Shop {
    office: Office,
    token: ClerkToken,
}

impl Shop {
    fn open() -> Self {
        let mut office = Office::new();
        let session = office.world.act(tried(1, 1, 1, true)).id;
        assert_eq!(office.world.play("pay a 100 by 2"), "pay 100");
        Self { office, token: ClerkToken { clerk: ClerkNumber(1), session, key: KEY } }
    }

    /// What is said of a request that shows this token, or none.
    fn ask(&mut self, text: &str, token: Option<ClerkToken>) -> String {
        let mut command = self.office.world.command(text);
        match &mut command {
            Command::Settle(settle) => settle.clerk = token,
            Command::Reverse(reverse) => reverse.clerk = token,
            other => panic!("{other:?} shows no token"),
        }
        self.run(command)
    }

    /// What terminal `asks` hears who undoes request a of terminal `of`.
    fn undo(&mut self, name: &str, asks: i64, of: i64, token: Option<ClerkToken>) -> String {
        let mut command = self.office.world.command(&format!("reverse {name} a @{asks}"));
        let Command::Reverse(reverse) = &mut command else { unreachable!("it reverses") };
        let terminal = TerminalNumber(of);
        reverse.target = RequestKey { terminal, ..reverse.target };
        reverse.clerk = token;
        self.run(command)
    }

    fn run(&mut self, command: Command) -> String {
        let answer = self.office.world.run(&[command]).remove(0);
        self.office.world.say(&answer)
    }

    /// A session at another terminal.
    fn at(&mut self, terminal: i64) -> ClerkToken {
        let session = self.office.world.act(tried(terminal, 1, 1, true)).id;
        ClerkToken { session, ..self.token }
    }

    /// Which operations clerks asked for, and who.
    fn acted(&self) -> Vec<(i64, FactId, String)> {
        let events = self.office.world.events.values();
        let acted = events.filter(|event| event.kind == EventKind::ClerkActed);
        acted.map(|event| (event.subject, FactId(event.object), event.actor.clone())).collect()
    }
}

type Case = (fn(&mut Shop) -> String, &'static str);

fn refunds() -> Vec<Case> {
    vec![
        (|s| s.ask(REFUND, None), SIGN_IN),
        (|s| s.ask(REFUND, Some(s.token)), "refund 60"),
        (|s| s.ask(REFUND, Some(ClerkToken { key: [8; 32], ..s.token })), SIGN_IN),
        (|s| s.ask(REFUND, Some(ClerkToken { clerk: ClerkNumber(9), ..s.token })), SIGN_IN),
        (|s| s.ask(REFUND, Some(ClerkToken { session: FactId(9), ..s.token })), SIGN_IN),
        (
            |s| {
                let session = s.office.sessions[&AOI];
                s.ask(REFUND, Some(ClerkToken { session, ..s.token }))
            },
            SIGN_IN,
        ),
        (|s| s.ask("refund b a 60 @2", Some(s.token)), SIGN_IN),
        (
            |s| {
                let token = s.at(2);
                s.ask("refund b a 60 @2", Some(token))
            },
            "refund 60",
        ),
        (
            |s| {
                s.office.wait(CLERK_SESSION_MS_MAX - 1);
                s.ask(REFUND, Some(s.token))
            },
            "refund 60",
        ),
        (
            |s| {
                s.office.wait(CLERK_SESSION_MS_MAX);
                s.ask(REFUND, Some(s.token))
            },
            SIGN_IN,
        ),
        (
            |s| {
                s.office.ask(EMI, Deed::Act(Act::ResetClerkPin(ClerkNumber(1), pin(1))));
                s.ask(REFUND, Some(s.token))
            },
            SIGN_IN,
        ),
        (
            |s| {
                s.office.world.act(Act::SignOutClerk(TerminalNumber(1), s.token));
                s.ask(REFUND, Some(s.token))
            },
            SIGN_IN,
        ),
        (|s| s.office.host(Act::SignOutClerk(TerminalNumber(2), s.token)), SIGN_IN),
    ]
}

fn refunds_without() -> Vec<Case> {
    vec![
        // A store that nobody works at any more asks for nobody.
        (
            |s| {
                s.office.ask(EMI, Deed::Act(Act::EndClerk(ClerkNumber(1))));
                s.ask(REFUND, Some(s.token))
            },
            SIGN_IN,
        ),
        (
            |s| {
                s.office.ask(EMI, Deed::Act(Act::EndClerk(ClerkNumber(1))));
                s.ask(REFUND, None)
            },
            "refund 60",
        ),
        (
            |s| {
                s.office.ask(EMI, Deed::Act(clerk(1, "Rin")));
                s.office.ask(EMI, Deed::Act(Act::EndClerk(ClerkNumber(1))));
                s.ask(REFUND, None)
            },
            SIGN_IN,
        ),
        // What was answered is answered again, whoever is signed in.
        (
            |s| {
                s.ask(REFUND, Some(s.token));
                s.ask(REFUND, None)
            },
            "again refund 60",
        ),
        // Nobody is asked for at a store where nobody works, nor for what takes no money back.
        (
            |s| {
                s.office.world.play("pay c 70 by 2 @3");
                s.ask("refund d c 70 @3", None)
            },
            "refund 70",
        ),
        (
            |s| {
                s.office.world.play("authorize c 70 by 2");
                s.ask("void d c", None)
            },
            "void 70",
        ),
    ]
}

fn reversals() -> Vec<Case> {
    const GONE: &str = "declined payment_must_exist";
    vec![
        (|s| s.undo("b", 1, 1, None), "reverse 100 gave_back"),
        (|s| s.undo("b", 2, 1, None), SIGN_IN),
        (|s| s.undo("b", 2, 1, Some(s.token)), SIGN_IN),
        (
            |s| {
                let token = s.at(2);
                s.undo("b", 2, 1, Some(token))
            },
            "reverse 100 gave_back",
        ),
        (
            |s| {
                let token = s.at(2);
                s.undo("b", 2, 1, Some(token));
                s.undo("b", 2, 1, None)
            },
            "again reverse 100 gave_back",
        ),
        // The same request id of its own is another request.
        (
            |s| {
                let token = s.at(2);
                s.undo("b", 2, 2, Some(token))
            },
            "reverse 0 never_seen",
        ),
        (|s| s.undo("b", 3, 1, Some(s.token)), GONE),
        (|s| s.undo("b", 2, 9, Some(s.token)), GONE),
        (
            |s| {
                let token = s.at(2);
                s.office.world.act(Act::SuspendTerminal(TerminalNumber(2)));
                s.undo("b", 2, 1, Some(token))
            },
            "declined payment_must_be_the_terminals_own",
        ),
        (
            |s| {
                let token = s.at(2);
                s.office.world.act(Act::SuspendTerminal(TerminalNumber(1)));
                s.undo("b", 2, 1, Some(token))
            },
            "reverse 100 gave_back",
        ),
    ]
}

#[test]
fn every_clerk_is_answered_as_it_says() {
    let cases = [refunds(), refunds_without(), reversals()];
    for (place, (said, expected)) in cases.into_iter().flatten().enumerate() {
        assert_eq!(said(&mut Shop::open()), expected, "case {place}");
    }
}

#[test]
fn what_never_arrived_at_another_terminal_is_buried_there() {
    let mut shop = Shop::open();
    let token = shop.at(2);
    let mut command = shop.office.world.command("reverse b z @2");
    let Command::Reverse(reverse) = &mut command else { unreachable!("it reverses") };
    reverse.target.terminal = TerminalNumber(1);
    reverse.clerk = Some(token);
    assert_eq!(shop.run(command), "reverse 0 never_seen");
    assert_eq!(shop.office.world.play("pay z 100 by 2"), "again declined reversed_before_arrival");
    shop.office.world.audit();
}

#[test]
fn the_book_names_the_clerk_beside_what_he_did_and_beside_nothing_else() {
    let mut shop = Shop::open();
    let token = shop.at(2);
    shop.ask("refund b a 60", Some(shop.token));
    shop.ask("refund c a 60", Some(shop.token));
    shop.undo("d", 2, 1, Some(token));
    let acted = shop.acted();
    assert_eq!(acted.len(), 2, "what was declined changed nothing: {acted:?}");
    for (who, operation, name) in acted {
        assert_eq!((who, name.as_str()), (1, "Yui"));
        assert!(shop.office.world.operation(operation).expect("it is there").succeeded());
    }
    shop.office.world.audit();
}
