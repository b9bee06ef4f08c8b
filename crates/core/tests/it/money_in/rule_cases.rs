//! Rules of a policy, one line a case: what fits, which comes first, and what is on record.

use yaoki_core::command::{Act, Command, MoneyInStep};
use yaoki_core::facts::EventKind;
use yaoki_core::identity::FRESH_MS;
use yaoki_core::identity::act::{By, Identity, IdentityAct, Tokens};
use yaoki_core::ids::RequestId;
use yaoki_core::policy::DEFAULT;
use yaoki_core::policy::rule::{Goods, Verdict};
use yaoki_core::state::Verification;
use yaoki_core::time::{DAY_MS, SECOND_MS};
use yaoki_core::top_up::ThreeDSecure::{Challenge, Frictionless};

use super::{Case, MINUTE, ONE, Wallet, on, request};

const BIG: &str = "name = \"big\"\non = \"payment\"\namount_over = 500\nthen = ";
const ASKS: &str = "name = \"asks\"\non = \"payment\"\namount_over = 500\nthen = \"ask\"";
const OFTEN: &str = "name = \"often\"\non = \"payment\"\ncount_over = 2\nwithin_seconds = 60\n\
                     then = \"decline\"";
const EMPTIED: &str = "name = \"emptied\"\non = \"payment\"\ntopped_up_from = 1000\n\
                       spent_percent_from = 90\nthen = \"decline\"";
const WAITS: &str = "name = \"waits\"\non = \"card\"\namount_over = 500\nthen = \"hold\"\n\
                     hold_seconds = 600";

impl Wallet {
    /// The default without limits, and these rules.
    fn rules(&mut self, rules: &[&str]) {
        let base = DEFAULT.split("[[limit]]").next().expect("a beginning");
        let rules = rules.join("\n[[rule]]\n");
        self.world.act(Act::ChangePolicy(format!("{base}[[rule]]\n{rules}\n")));
    }

    fn play(&mut self, text: &str) -> String {
        self.world.play(text)
    }

    /// The member shows on his paying device that it is he.
    pub(super) fn verify(&mut self) {
        self.requests += 1;
        let by = on(&self.world, self.world.members[&ONE].device);
        let identity = Identity {
            request: RequestId([self.requests; 16]),
            member: ONE,
            by: By::Device { device: by.device, session: by.session },
            act: IdentityAct::Verify(Verification::Passkey, None),
            tokens: Tokens::default(),
        };
        let answer = self.world.run(&[Command::Identity(identity)]).remove(0);
        assert_eq!(self.world.say(&answer), "user_verified");
    }

    /// Which rules are on record, in order, and what each said.
    fn fitted(&self) -> String {
        let mut events: Vec<_> =
            self.world.events.values().filter(|row| row.kind == EventKind::RuleFitted).collect();
        events.sort_by_key(|event| event.id);
        let said = |number: i64| Verdict::from_code(number / Goods::CODES).expect("a verdict");
        let all = events.iter().map(|event| format!("{} {}", event.text, said(event.number)));
        all.collect::<Vec<_>>().join(", ")
    }

    /// A top-up of this much by a network's member.
    fn asks_from(&mut self, member: i64, network: u8) -> String {
        let device = self.world.members[&yaoki_core::ids::MemberNumber(member)].device;
        let by = on(&self.world, device);
        let mut step = request(by, self.card, 100);
        if let MoneyInStep::Request { network: place, .. } = &mut step {
            *place = vec![network; 16];
        }
        self.ask(member, step).0
    }
}

pub(super) const RULES: &[Case] = &[
    (
        |w| {
            w.rules(&[&format!("{BIG}\"decline\"")]);
            let within = w.play("pay a 500");
            format!("{within}, {}", w.play("pay b 501"))
        },
        "pay 500, declined payment_is_declined",
    ),
    (
        // What decided is on record beside the decline.
        |w| {
            w.rules(&[&format!("{BIG}\"decline\"")]);
            w.play("pay a 501");
            w.fitted()
        },
        "big decline",
    ),
    (
        // The first that fits decides.
        |w| {
            let decline = ASKS.replace("asks", "no").replace("\"ask\"", "\"decline\"");
            w.rules(&[&format!("{BIG}\"allow\""), &decline]);
            let said = w.play("pay a 501");
            format!("{said}, {}", w.fitted())
        },
        "pay 501, big allow",
    ),
    (
        |w| {
            w.rules(&[ASKS]);
            w.play("pay a 501")
        },
        "declined payment_must_be_confirmed",
    ),
    (
        |w| {
            w.rules(&[ASKS]);
            w.verify();
            let said = w.play("pay a 501");
            w.wait(FRESH_MS);
            format!("{said}, {}", w.play("pay b 501"))
        },
        "pay 501, declined payment_must_be_confirmed",
    ),
    (
        |w| {
            w.rules(&[ASKS]);
            w.play("confirm a 501")
        },
        "refused user_must_be_verified",
    ),
    (
        |w| {
            w.rules(&[&format!("{BIG}\"decline\"")]);
            w.play("confirm a 501")
        },
        "refused rule_must_allow",
    ),
    (
        |w| {
            w.rules(&[OFTEN]);
            let all = ["pay a 1", "pay b 1", "pay c 1"].map(|step| w.play(step));
            w.wait(60 * SECOND_MS);
            format!("{}, {}", all[2], w.play("pay d 1"))
        },
        "declined payment_is_declined, pay 1",
    ),
    (
        // In one batch: the second and third are judged by what came before them in it.
        |w| {
            w.rules(&[OFTEN]);
            let steps = ["confirm a 1", "confirm b 1", "confirm c 1"];
            let commands = steps.map(|step| w.world.command(step));
            let answers = w.world.run(&commands);
            answers.iter().map(|answer| w.world.say(answer)).collect::<Vec<_>>().join(", ")
        },
        "pay 1, pay 1, refused rule_must_allow",
    ),
    (
        |w| {
            w.rules(&[EMPTIED]);
            w.top_up(2_000, Challenge);
            let some = w.play("pay a 1799");
            format!("{some}, {}", w.play("pay b 1"))
        },
        "pay 1799, declined payment_is_declined",
    ),
    (
        // A day later it is nobody's quick work.
        |w| {
            w.rules(&[EMPTIED]);
            w.top_up(2_000, Challenge);
            w.play("pay a 1799");
            w.wait(DAY_MS);
            w.play("pay b 1799")
        },
        "pay 1799",
    ),
    (
        |w| {
            w.rules(&[EMPTIED]);
            w.top_up(999, Challenge);
            w.play("pay a 9000")
        },
        "pay 9000",
    ),
    (
        |w| {
            w.rules(&["name = \"goods\"\non = \"payment\"\ngoods = [\"gift_card\", \"ticket\"]\n\
                       then = \"decline\""]);
            let all = ["pay a 1 for tobacco", "pay b 1 for ticket", "pay c 1"];
            all.map(|step| w.play(step)).join(", ")
        },
        "pay 1, declined payment_is_declined, pay 1",
    ),
    (
        // What was bought is on record where it was said, and counts in a retry.
        |w| {
            w.play("show x; pay a 1 code x for tobacco");
            let again = w.play("pay a 1 code x");
            let events: Vec<_> =
                w.world.events.values().filter(|row| row.kind == EventKind::RuleFitted).collect();
            format!("{again}, {} {:?}", events[0].number, events[0].text)
        },
        "refused request_id_has_another_meaning, first pay 1, 1 \"\"",
    ),
    (
        |w| {
            let store = yaoki_core::identifier::text(yaoki_core::identifier::Kind::Store, 2);
            w.rules(&[&format!(
                "name = \"there\"\non = \"payment\"\nstores = [\"{store}\"]\nthen = \"decline\""
            )]);
            format!("{}, {}", w.play("pay a 1 @1"), w.play("pay b 1 @3"))
        },
        "pay 1, declined payment_is_declined",
    ),
    (
        |w| {
            w.rules(&["name = \"none\"\non = \"card\"\nthen = \"decline\""]);
            w.request(1)
        },
        "refused rule_must_allow_top_up",
    ),
    (
        // What 3-D Secure said is known later.
        |w| {
            w.rules(&["name = \"none\"\non = \"card\"\nthree_d_secure = \"no\"\n\
                       then = \"decline\""]);
            w.top_up(1, yaoki_core::top_up::ThreeDSecure::Absent)
        },
        "top_up_declining rule_must_allow_top_up",
    ),
    (
        |w| {
            w.rules(&["name = \"asks\"\non = \"card\"\nthen = \"ask\""]);
            let asked = w.request(1);
            w.verify();
            format!("{asked}, {}", w.top_up(1, Frictionless))
        },
        "refused user_must_be_verified, top_up 1",
    ),
    (
        // Held: nothing is in the balance before its time, and the acquirer is not told to take it.
        |w| {
            w.rules(&[WAITS]);
            w.request(501);
            let said = w.authorize(Challenge);
            let early = w.step(MoneyInStep::Release(w.last));
            w.wait(10 * MINUTE);
            let due = w.step(MoneyInStep::Release(w.last));
            let again = w.world.people.top_ups[&w.last].is_held();
            format!("{said}, {early}, {due} {again}, {}, {}", w.post(), w.fitted())
        },
        "top_up_authorized, refused top_up_must_be_open, top_up_released false, top_up 501, \
         waits hold",
    ),
    (
        // Whoever freezes his wallet meanwhile has objected.
        |w| {
            w.rules(&[WAITS]);
            w.request(501);
            w.authorize(Challenge);
            w.world.act(Act::FreezeMember(ONE));
            w.wait(10 * MINUTE);
            let due = w.step(MoneyInStep::Release(w.last));
            format!("{due} {}", w.reason())
        },
        "top_up_declining member_must_be_open",
    ),
    (
        |w| {
            w.rules(&[WAITS]);
            w.request(501);
            w.authorize(Challenge);
            let given_up = w.ask(1, MoneyInStep::GiveUp(w.by, w.last)).0;
            w.wait(10 * MINUTE);
            let due = w.step(MoneyInStep::Release(w.last));
            format!("{given_up} {}, {due}", w.reason())
        },
        "top_up_declining top_up_was_given_up, refused top_up_must_be_open",
    ),
    (
        // What is not held is taken at once, and nobody gives it up.
        |w| {
            w.request(500);
            w.authorize(Challenge);
            w.ask(1, MoneyInStep::GiveUp(w.by, w.last)).0
        },
        "refused top_up_must_be_open",
    ),
    (
        |w| {
            w.rules(&["name = \"nest\"\non = \"card\"\nnetwork_members_over = 2\n\
                       then = \"decline\""]);
            let mut said = Vec::new();
            for (member, print) in [(1, 11), (2, 12), (3, 13)] {
                w.add(member, print);
                said.push(w.asks_from(member, 7));
            }
            w.add(3, 14);
            said.push(w.asks_from(3, 8));
            said.join(", ")
        },
        "top_up_requested, top_up_requested, refused rule_must_allow_top_up, top_up_requested",
    ),
    (
        // Who else is there is known when the issuer has answered, too.
        |w| {
            w.rules(&["name = \"nest\"\non = \"card\"\nnetwork_members_over = 1\n\
                       then = \"hold\"\nhold_seconds = 600"]);
            w.add(2, 12);
            w.asks_from(2, 7);
            w.add(1, 11);
            w.asks_from(1, 7);
            w.last = *w.world.people.top_ups.keys().next_back().expect("it was asked for");
            let said = w.authorize(Challenge);
            format!("{said} {}", w.world.people.top_ups[&w.last].is_held())
        },
        "top_up_authorized true",
    ),
    (
        // An acquirer that has missed an answer ends no hold.
        |w| {
            w.rules(&[WAITS]);
            w.request(501);
            w.step(MoneyInStep::Unknown(w.last));
            w.authorize(Challenge);
            w.wait(10 * MINUTE);
            let held = w.world.people.top_ups[&w.last].is_held();
            w.ask(1, MoneyInStep::Unknown(w.last));
            w.world.act(Act::FreezeMember(ONE));
            let due = w.step(MoneyInStep::Release(w.last));
            format!("{held} {due} {}", w.reason())
        },
        "true top_up_declining member_must_be_open",
    ),
    (
        // A session that was ended confirms nothing.
        |w| {
            w.rules(&[ASKS]);
            w.verify();
            let by = on(&w.world, w.world.members[&ONE].device);
            let identity = Identity {
                request: RequestId([250; 16]),
                member: ONE,
                by: By::Device { device: by.device, session: by.session },
                act: IdentityAct::EndSession,
                tokens: Tokens::default(),
            };
            w.world.run(&[Command::Identity(identity)]);
            w.play("pay a 501")
        },
        "declined payment_must_be_confirmed",
    ),
];
