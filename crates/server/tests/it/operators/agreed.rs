//! What operators do: alone, by two, and not at all.

use serde_json::{Value, json};
use yaoki_core::message::Template;
use yaoki_core::operator::{Role, Roles};
use yaoki_server::admin::{AdminError, By, Message, Order, perform};
use yaoki_server::api::console::staff::ROUTES;
use yaoki_server::client::DeviceClient;
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::on_both_storages;

use super::{ACT, Colleague, OWN, TODAY, token_of};
use crate::members::{RECOVERY, WALLET, new_id};
use crate::world::{World, text};

const PROPOSALS: &str = "/v1/console/proposals";
const PROPOSE: &str = "/v1/console/propose";
const DECIDE: &str = "/v1/console/decide";
const OPERATORS: &str = "/v1/console/operators";
const MEMBER: &str = "/v1/console/member";
const CLERKS: &str = "/v1/console/clerks";
const MINUTE: i64 = 60 * 1000;

/// Proposing an act, or carrying it out alone.
fn because(what: &Value) -> Value {
    json!({ "request_id": new_id(), "reason": "a test", "what": what })
}

fn deciding(proposal: &Value, decision: &str) -> Value {
    json!({ "request_id": new_id(), "proposal": proposal, "decision": decision })
}

/// Carrying it out under a proposal.
fn under(proposal: &Value, what: &Value) -> Value {
    json!({ "request_id": new_id(), "what": what, "proposal": proposal })
}

/// A member's identifier.
fn member(world: &World, place: usize) -> String {
    identifier::text(Kind::Member, world.members[place].0)
}

impl World {
    /// One proposes an act, the other approves it.
    fn agreed(&self, [one, two]: [&mut DeviceClient; 2], what: &Value) -> Value {
        let proposed = self.told(one, PROPOSE, &because(what));
        let proposal = proposed["proposal"].clone();
        self.told(two, DECIDE, &deciding(&proposal, "approve"));
        proposal
    }

    /// Both agree on an act, and the first carries it out.
    fn by_two(&self, [aoi, ren]: &mut [Colleague; 2], what: &Value) -> Value {
        let proposal = self.agreed([&mut aoi.browser, &mut ren.browser], what);
        self.told(&mut aoi.browser, ACT, &under(&proposal, what))
    }

    /// The newest proposal, as a colleague sees it.
    fn newest(&self, browser: &mut DeviceClient) -> Value {
        self.told(browser, PROPOSALS, &json!({}))["proposals"][0].clone()
    }

    /// An order at the host under a proposal.
    fn order_under(&self, proposal: Option<&Value>, order: Order) -> Result<Value, AdminError> {
        let by = By {
            actor: "the host".to_owned(),
            proposal: proposal.map(|id| id.as_str().expect("an id").to_owned()),
            ..By::default()
        };
        perform(&self.desk, &Message { by, order })
    }
}

on_both_storages! {
    fn a_switch_is_closed_by_one_and_opened_by_two_once(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        let store = identifier::text(Kind::Store, 1);
        let switch = |act: &str| {
            json!({ "act": act, "capability": "payment", "scope": "store", "subject": store })
        };
        let done = world.told(&mut ren.browser, ACT, &because(&switch("close_switch")));
        assert_eq!(done["done"], json!("switch_closed"));
        let open = switch("open_switch");
        let refused = world.refused(&mut aoi.browser, ACT, &because(&open));
        assert_eq!(refused, "act_takes_a_proposal");
        let asked = because(&open);
        let proposed = world.told(&mut aoi.browser, PROPOSE, &asked);
        assert_eq!(world.told(&mut aoi.browser, PROPOSE, &asked), proposed, "a lost answer");
        let proposal = proposed["proposal"].clone();
        let approve = |proposal| deciding(proposal, "approve");
        let refused = world.refused(&mut aoi.browser, DECIDE, &approve(&proposal));
        assert_eq!(refused, "proposer_must_not_approve");
        let refused = world.refused(&mut ren.browser, ACT, &under(&proposal, &open));
        assert_eq!(refused, "proposal_must_be_approved");
        // What the colleague sees is the very act, and can be sent as it is.
        let shown = world.newest(&mut ren.browser);
        assert_eq!((&shown["what"], &shown["state"]), (&open, &json!("open")));
        assert_eq!((&shown["proposer_name"], &shown["reason"]), (&json!("Aoi"), &json!("a test")));
        world.told(&mut ren.browser, DECIDE, &approve(&proposal));
        let refused = world.refused(&mut ren.browser, DECIDE, &approve(&proposal));
        assert_eq!(refused, "proposal_must_be_open");
        let mut other = open.clone();
        other["subject"] = json!(identifier::text(Kind::Store, 2));
        let refused = world.refused(&mut aoi.browser, ACT, &under(&proposal, &other));
        assert_eq!(refused, "proposal_must_be_of_this_act");
        let carry = under(&proposal, &shown["what"]);
        let done = world.told(&mut aoi.browser, ACT, &carry);
        assert_eq!((&done["done"], &done["replayed"]), (&json!("switch_opened"), &json!(false)));
        let again = world.told(&mut aoi.browser, ACT, &carry);
        assert_eq!(again["replayed"], json!(true));
        let refused = world.refused(&mut aoi.browser, ACT, &under(&proposal, &open));
        assert_eq!(refused, "proposal_must_be_approved", "it was used");
        assert_eq!(world.newest(&mut ren.browser)["state"], json!("used"));
    }

    fn a_member_is_frozen_by_one_and_unfrozen_by_two_who_were_just_verified(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 1, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        let act = |act: &str| json!({ "act": act, "member": member(&world, 0) });
        world.clock.advance_ms(6 * MINUTE);
        let done = world.told(&mut aoi.browser, ACT, &because(&act("freeze_member")));
        assert_eq!(done["done"], json!("member_frozen"));
        let unfreeze = act("unfreeze_member");
        let refused = world.refused(&mut aoi.browser, PROPOSE, &because(&unfreeze));
        assert_eq!(refused, "verification_must_be_fresh");
        world.verifies(&mut aoi);
        let proposed = world.told(&mut aoi.browser, PROPOSE, &because(&unfreeze));
        let approve = deciding(&proposed["proposal"], "approve");
        let refused = world.refused(&mut ren.browser, DECIDE, &approve);
        assert_eq!(refused, "verification_must_be_fresh");
        world.verifies(&mut ren);
        world.told(&mut ren.browser, DECIDE, &approve);
        let carry = under(&proposed["proposal"], &unfreeze);
        let done = world.told(&mut ren.browser, ACT, &carry);
        assert_eq!(done["done"], json!("member_unfrozen"));
        let mut without = because(&act("freeze_member"));
        without["reason"] = json!("");
        let refused = world.refused(&mut aoi.browser, ACT, &without);
        assert_eq!(refused, "actor_and_reason_must_be_given");
    }

    fn a_member_who_calls_is_frozen_by_one_and_unfreezes_himself(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut member = world.sign_up_by_passkey("hanako@example.jp");
        let [mut aoi, _] = world.first_operators();
        let act = |act: &str| because(&json!({ "act": act, "member": member.wallet }));
        let (on_call, by_staff) = (act("freeze_on_call"), act("freeze_member"));
        let done = world.told(&mut aoi.browser, ACT, &on_call);
        assert_eq!(done["done"], json!("member_frozen"));
        assert_eq!(world.shows(&mut member.device), "member_must_be_open");
        assert_eq!(world.acts(&mut member.device, "unfreeze"), "ok");
        world.told(&mut aoi.browser, ACT, &by_staff);
        let refused = world.acts(&mut member.device, "unfreeze");
        assert_eq!(refused, "freeze_must_be_the_members");
    }

    fn what_was_refused_withdrawn_or_left_for_a_day_is_never_carried_out(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        let what = json!({ "act": "unfreeze_member", "member": member(&world, 0) });
        for own in [true, false] {
            let proposed = world.told(&mut aoi.browser, PROPOSE, &because(&what));
            let who = if own { &mut aoi } else { &mut ren };
            world.told(&mut who.browser, DECIDE, &deciding(&proposed["proposal"], "refuse"));
            assert_eq!(world.newest(&mut aoi.browser)["state"], json!("refused"));
            let carry = under(&proposed["proposal"], &what);
            let refused = world.refused(&mut aoi.browser, ACT, &carry);
            assert_eq!(refused, "proposal_must_be_approved");
        }
        let proposal = world.agreed([&mut aoi.browser, &mut ren.browser], &what);
        world.clock.advance_ms(49 * 60 * MINUTE);
        world.signs_in(&mut aoi);
        assert_eq!(world.newest(&mut aoi.browser)["state"], json!("expired"));
        let refused = world.refused(&mut aoi.browser, ACT, &under(&proposal, &what));
        assert_eq!(refused, "proposal_must_be_approved");
    }

    fn an_auditor_sees_everything_and_changes_nothing(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let mut both = world.first_operators();
        let hire = json!({ "act": "create_operator", "name": "Emi", "roles": ["auditor"] });
        let done = world.by_two(&mut both, &hire);
        assert_eq!(done["done"], json!("operator_created"));
        let mut emi = world.hired(&token_of(&done["link"]), &mut both);
        let auditor = Roles::of(&[Role::Auditor]);
        let before = world.size();
        for (path, roles) in ROUTES {
            let Some(roles) = roles else { continue };
            if path.ends_with("/stream") || path.ends_with("/end") {
                continue;
            }
            let body = match *path {
                OWN => json!({ "act": "look" }),
                CLERKS => json!({ "store": "1" }),
                "/v1/console/find" => json!({ "text": member(&world, 0) }),
                _ => json!({}),
            };
            let told = world.refused(&mut emi.browser, path, &body);
            let is_his = told != "operator_must_have_the_role";
            assert_eq!(is_his, roles.meet(auditor), "{path}: {told}");
        }
        let freeze = json!({ "act": "freeze_member", "member": member(&world, 0) });
        let refused = world.refused(&mut emi.browser, ACT, &because(&freeze));
        assert_eq!(refused, "operator_must_have_the_role");
        assert_eq!(world.size(), before, "nothing changed");
        let mixed = json!({ "act": "create_operator", "name": "X", "roles": ["auditor", "risk"] });
        let [aoi, ren] = &mut both;
        let proposal = world.agreed([&mut aoi.browser, &mut ren.browser], &mixed);
        let refused = world.refused(&mut aoi.browser, ACT, &under(&proposal, &mixed));
        assert_eq!(refused, "roles_must_fit");
    }

    fn roles_bind_at_the_next_request_and_two_admins_remain(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let mut both = world.first_operators();
        let hire = json!({ "act": "create_operator", "name": "Emi", "roles": ["admin"] });
        let hired = world.by_two(&mut both, &hire);
        let mut emi = world.hired(&token_of(&hired["link"]), &mut both);
        let shown = world.told(&mut emi.browser, OWN, &json!({ "act": "look" }));
        let operator = shown["operator"].clone();
        // Another device: he has two passkeys then.
        let link = json!({ "act": "link_operator", "operator": operator });
        let linked = world.by_two(&mut both, &link);
        let second = world.hired(&token_of(&linked["link"]), &mut both);
        let listed = world.told(&mut emi.browser, OPERATORS, &json!({}));
        let passkeys = listed["operators"][2]["passkeys"].as_array().expect("a list").clone();
        assert_eq!(passkeys.len(), 2);
        drop(second);
        let end = json!({ "act": "end_passkey", "passkey": passkeys[0]["passkey"] });
        assert_eq!(world.by_two(&mut both, &end)["done"], json!("operator_passkey_ended"));
        let refused = world.refused(&mut emi.browser, TODAY, &json!({}));
        assert_eq!(refused, "session_must_be_open", "his sessions are over");
        let roles = json!({ "act": "change_roles", "operator": operator, "roles": ["finance"] });
        world.by_two(&mut both, &roles);
        let listed = world.told(&mut both[0].browser, OPERATORS, &json!({}));
        assert_eq!(listed["operators"][2]["roles"], json!(["finance"]));
        assert_eq!(listed["operators"][2]["passkeys"][0]["state"], json!("ended"));
        let first = listed["operators"][0]["operator"].clone();
        let [aoi, ren] = &mut both;
        let end = json!({ "act": "end_operator", "operator": first });
        let proposal = world.agreed([&mut aoi.browser, &mut ren.browser], &end);
        let refused = world.refused(&mut ren.browser, ACT, &under(&proposal, &end));
        assert_eq!(refused, "admins_must_remain");
        let end = json!({ "act": "end_operator", "operator": operator });
        assert_eq!(world.by_two(&mut both, &end)["done"], json!("operator_ended"));
    }

    fn clerks_are_made_for_a_store_and_a_pin_is_told_once(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let [mut aoi, _] = world.first_operators();
        let store = identifier::text(Kind::Store, 1);
        let make = because(&json!({ "act": "create_clerk", "store": store, "name": "Yui" }));
        let made = world.told(&mut aoi.browser, ACT, &make);
        assert!(text(&made, "pin").len() == 6, "six digits");
        let again = world.told(&mut aoi.browser, ACT, &make);
        assert_eq!((&again["pin"], &again["replayed"]), (&Value::Null, &json!(true)));
        let clerk = made["clerk"].clone();
        let reset = because(&json!({ "act": "reset_clerk_pin", "clerk": clerk }));
        assert!(world.told(&mut aoi.browser, ACT, &reset)["pin"].is_string());
        let list = json!({ "store": store });
        let listed = world.told(&mut aoi.browser, CLERKS, &list);
        let yui = json!({ "clerk": clerk, "name": "Yui", "state": "active" });
        assert_eq!(listed["clerks"], json!([yui]));
        let end = because(&json!({ "act": "end_clerk", "clerk": clerk }));
        world.told(&mut aoi.browser, ACT, &end);
        let listed = world.told(&mut aoi.browser, CLERKS, &list);
        assert_eq!(listed["clerks"][0]["state"], json!("ended"));
        world.clock.advance_ms(6 * MINUTE);
        let make = because(&json!({ "act": "create_clerk", "store": store, "name": "Rin" }));
        let refused = world.refused(&mut aoi.browser, ACT, &make);
        assert_eq!(refused, "verification_must_be_fresh");
    }

    fn where_there_are_operators_the_host_names_a_proposal_instead_of_a_second_person(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 1, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        let what = json!({ "act": "unfreeze_member", "member": member(&world, 0) });
        let freeze = json!({ "act": "freeze_member", "member": member(&world, 0) });
        world.told(&mut aoi.browser, ACT, &because(&freeze));
        let order = || Order::UnfreezeMember { member: member(&world, 0) };
        let alone = world.order_under(None, order()).expect_err("it takes two");
        assert_eq!(alone.to_json()["error"]["refusal"], json!("act_takes_a_proposal"));
        let proposal = world.agreed([&mut aoi.browser, &mut ren.browser], &what);
        let done = world.order_under(Some(&proposal), order()).expect("two agreed");
        assert_eq!(done["done"], json!("member_unfrozen"));
        let again = world.order_under(Some(&proposal), order()).expect_err("it was used");
        assert_eq!(again.to_json()["error"]["refusal"], json!("proposal_must_be_approved"));
    }

    fn a_restored_book_is_opened_by_two_operators(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        db.close_as_restored();
        let what = json!({ "act": "open_book" });
        let proposal = world.agreed([&mut aoi.browser, &mut ren.browser], &what);
        let alone = world.order_under(None, Order::OpenRestored).expect_err("it takes two");
        assert_eq!(alone.to_json()["error"]["kind"], json!("refused"));
        let opened = world.order_under(Some(&proposal), Order::OpenRestored).expect("two agreed");
        assert_eq!(opened["done"], json!("book_opened"));
        let mut register = world.register(&world.till);
        let paid = world.run(register.pay(&world.payment(0, 100)));
        assert!(paid.expect("an outcome").succeeded());
    }

    fn two_operators_vouch_for_a_person_at_a_counter_as_one_of_two_proofs(
        db: &mut TestDatabase
    ) {
        let world = World::with(db, 0, |_| {});
        let owned = world.settled();
        let mut both = world.first_operators();
        let mut browser = world.device();
        let shown = world.told(&mut browser, RECOVERY, &json!({ "act": "counter" }));
        world.proves(&mut browser, &owned.member.address, "mail");
        let start = World::start(&owned.member.address);
        assert_eq!(world.refused(&mut browser, RECOVERY, &start), "proofs_must_differ");
        let what = json!({
            "act": "vouch_for_member", "member": owned.member.wallet, "shown": shown["shown"],
        });
        assert_eq!(shown["vouched"], json!(false));
        assert_eq!(world.by_two(&mut both, &what)["done"], json!("recovery_vouched"));
        let again = world.told(&mut browser, RECOVERY, &json!({ "act": "counter" }));
        assert_eq!(again["vouched"], json!(true), "the page sees it");
        world.told(&mut browser, RECOVERY, &start);
    }

    fn the_help_desk_sees_a_members_devices_and_recovery_and_no_address(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut owned = world.settled();
        let mut both = world.first_operators();
        let (_, started) = world.recovering(&mut owned);
        let asked = json!({ "member": owned.member.wallet });
        let shown = world.told(&mut both[0].browser, MEMBER, &asked);
        assert_eq!(shown["state"], json!("open"));
        assert_eq!(shown["devices"][0]["device"], json!(owned.member.id));
        assert_eq!(shown["devices"][0]["pays"], json!(true));
        assert_eq!(shown["recovery"]["recovery"], started["recovery"]);
        assert_eq!((&shown["mail_addresses"], &shown["phone_numbers"]), (&json!(1), &json!(1)));
        let text = shown.to_string();
        assert!(!text.contains("example.jp") && !text.contains("+81"), "{text}");
        // Whoever has lost his phone knows his address, and no identifier.
        let by_address = json!({ "member": "+819012345678" });
        let found = world.told(&mut both[0].browser, MEMBER, &by_address);
        assert_eq!(found["member"], json!(owned.member.wallet));
        let stranger = json!({ "member": "nobody@example.jp" });
        let stranger = world.refused(&mut both[0].browser, MEMBER, &stranger);
        assert_eq!(stranger, "member_must_exist");
        let nobody = world.refused(&mut both[0].browser, MEMBER, &json!({ "member": "mem_x" }));
        assert_eq!(nobody, "field_must_be_valid");
        let hire = json!({ "act": "create_operator", "name": "Emi", "roles": ["finance"] });
        let hired = world.by_two(&mut both, &hire);
        let mut emi = world.hired(&token_of(&hired["link"]), &mut both);
        let refused = world.refused(&mut emi.browser, MEMBER, &asked);
        assert_eq!(refused, "operator_must_have_the_role");
    }

    fn what_was_agreed_on_before_a_freeze_is_void_after_it(db: &mut TestDatabase) {
        let world = World::with(db, 1, |_| {});
        let [mut aoi, mut ren] = world.first_operators();
        let unfreeze = json!({ "act": "unfreeze_member", "member": member(&world, 0) });
        let open = json!({ "act": "open_switch", "capability": "payment", "scope": "everything" });
        let freeze = json!({ "act": "freeze_member", "member": member(&world, 0) });
        let (act, scope) = ("close_switch", "everything");
        let close = json!({ "act": act, "capability": "payment", "scope": scope });
        for (undo, again) in [(unfreeze, freeze), (open, close)] {
            world.told(&mut ren.browser, ACT, &because(&again));
            let kept = world.agreed([&mut aoi.browser, &mut ren.browser], &undo);
            world.told(&mut ren.browser, ACT, &because(&again));
            let refused = world.refused(&mut aoi.browser, ACT, &under(&kept, &undo));
            assert_eq!(refused, "proposal_must_be_approved", "{undo}");
            assert_eq!(world.newest(&mut aoi.browser)["state"], json!("refused"));
        }
    }

    fn what_staff_does_to_a_wallet_its_owner_is_told(db: &mut TestDatabase) {
        let world = World::with(db, 0, |_| {});
        let mut owned = world.settled();
        let mut both = world.first_operators();
        let wallet = owned.member.wallet.clone();
        let (_, started) = world.recovering(&mut owned);
        // The phone that sees the recovery is not taken away by one who was called.
        let end = json!({ "act": "end_device", "device": owned.member.id });
        let refused = world.refused(&mut both[0].browser, ACT, &because(&end));
        assert_eq!(refused, "recovery_is_under_way");
        let contest = json!({
            "act": "contest_recovery", "request_id": new_id(), "recovery": started["recovery"],
        });
        world.told(&mut owned.member.device, WALLET, &contest);
        let named = |act: &str| json!({
            "act": act, "member": wallet, "recovery": started["recovery"],
        });
        world.by_two(&mut both, &named("allow_recovery"));
        assert_eq!(world.count_of(Template::RecoveryAllowed), 2, "at both addresses");
        let account = world.account(&mut owned.member.device);
        assert_eq!(account["recovery"]["state"], json!("allowed"), "he sees it on his phone");
        world.by_two(&mut both, &named("end_recovery"));
        assert_eq!(world.count_of(Template::RecoveryEnded), 2);
        assert!(world.account(&mut owned.member.device)["recovery"].is_null());
        // It was the member's own freeze: it is unfrozen a day after he was told.
        let unfreeze = json!({ "act": "unfreeze_member", "member": wallet });
        let [aoi, ren] = &mut both;
        let agreed = world.agreed([&mut aoi.browser, &mut ren.browser], &unfreeze);
        assert_eq!(world.count_of(Template::UnfreezeProposed), 2);
        let early = world.refused(&mut aoi.browser, ACT, &under(&agreed, &unfreeze));
        assert_eq!(early, "unfreeze_must_wait");
        world.clock.advance_ms(24 * 60 * MINUTE + 1_000);
        world.signs_in(aoi);
        world.told(&mut aoi.browser, ACT, &under(&agreed, &unfreeze));
        assert_eq!(world.count_of(Template::UnfrozenByStaff), 2);
        world.told(&mut aoi.browser, ACT, &because(&end));
        assert_eq!(world.count_of(Template::DeviceEndedByStaff), 2);
    }
}
