//! What operators, devices and the book itself do, one line a case.

use yaoki_core::command::{Act, Administer, Command};
use yaoki_core::decide::{Decision, Outcome, may_show_code};
use yaoki_core::facts::EventKind;
use yaoki_core::ids::{
    FactId, MEMBER_NUMBER_MAX, MemberNumber, MerchantNumber, RequestId, StoreNumber,
    TerminalNumber, WebhookNumber,
};
use yaoki_core::policy::DEFAULT;
use yaoki_core::refusal::Refusal;
use yaoki_core::state::{DeviceState, Member, MemberState, MemberVerification};
use yaoki_core::switches::{Capability, Scope};
use yaoki_core::time::Instant;
use yaoki_core::webhook::{Webhook, may_ask};

use crate::switched;
use crate::world::{NOON, World};

const LINK: [u8; 32] = [8; 32];

fn link() -> Act {
    Act::CreateLink(MemberNumber(1), LINK, NOON.plus_ms(1000))
}

fn enrol(key: u8) -> Act {
    Act::EnrolDevice { link: LINK, public_key: [key; 65], secret: [9; 32] }
}

fn shut(capability: Capability, scope: Scope, subject: i64, lapse_ms: i64) -> Act {
    let lapses_at = if lapse_ms == 0 { Instant(0) } else { NOON.plus_ms(lapse_ms) };
    Act::CloseSwitch(capability, scope, subject, lapses_at)
}

fn store(name: &str, cutoff_minutes: i64) -> Act {
    placed(name, "", cutoff_minutes)
}

fn placed(name: &str, place: &str, cutoff_minutes: i64) -> Act {
    let (name, place) = (name.to_owned(), place.to_owned());
    Act::CreateStore { merchant: MerchantNumber(1), name, place, cutoff_minutes }
}

/// Script before, act, actor, second, reason, what is said.
type Case = (&'static str, Act, &'static str, &'static str, &'static str, &'static str);

fn shops() -> Vec<Case> {
    let long = || "x".repeat(101);
    let merchant = |name: &str| Act::CreateMerchant(name.to_owned());
    let terminal = |store, name: &str| Act::CreateTerminal(StoreNumber(store), name.to_owned());
    let nobody = MerchantNumber(9);
    let (name, place) = ("n".to_owned(), String::new());
    let stray = Act::CreateStore { merchant: nobody, name, place, cutoff_minutes: 0 };
    vec![
        ("", merchant("Kado"), "A", "", "", "merchant_created"),
        ("", merchant(&"八".repeat(100)), "A", "", "", "merchant_created"),
        ("", merchant(&long()), "A", "", "", "refused name_must_be_short"),
        ("", merchant(""), "A", "", "", "refused name_must_be_short"),
        ("", merchant("a\nb"), "A", "", "", "refused name_must_be_short"),
        ("", merchant("Kado"), "", "", "", "refused actor_and_reason_must_be_given"),
        ("", merchant("Kado"), " ", "", "", "refused actor_and_reason_must_be_given"),
        ("", merchant("Kado"), "a\u{7}", "", "", "refused name_must_be_short"),
        ("", merchant("Kado"), "A", "b\n", "", "refused name_must_be_short"),
        ("", merchant("Kado"), "A", "", "c\n", "refused name_must_be_short"),
        ("", store("Kado", 0), "A", "", "", "store_created"),
        ("", store("Kado", 1439), "A", "", "", "store_created"),
        ("", store("Kado", 1440), "A", "", "", "refused cutoff_must_be_a_time_of_day"),
        ("", store("Kado", -1), "A", "", "", "refused cutoff_must_be_a_time_of_day"),
        ("", store("", 0), "A", "", "", "refused name_must_be_short"),
        ("", placed("Kado", "東京都港区", 0), "A", "", "", "store_created"),
        ("", placed("Kado", "a\nb", 0), "A", "", "", "refused name_must_be_short"),
        ("", placed("Kado", &long(), 0), "A", "", "", "refused name_must_be_short"),
        ("", stray, "A", "", "", "refused merchant_must_exist"),
        ("", terminal(1, "R"), "A", "", "", "terminal_created"),
        ("", terminal(9, "R"), "A", "", "", "refused store_must_exist"),
        ("", terminal(1, ""), "A", "", "", "refused name_must_be_short"),
        ("", Act::SuspendTerminal(TerminalNumber(1)), "A", "", "r", "terminal_suspended"),
        ("", Act::SuspendTerminal(TerminalNumber(1)), "A", "", "", WHY),
        ("", Act::SuspendTerminal(TerminalNumber(9)), "A", "", "r", "refused terminal_must_exist"),
        ("", Act::ResumeTerminal(TerminalNumber(1)), "A", "B", "", "terminal_resumed"),
        ("", Act::ResumeTerminal(TerminalNumber(1)), "A", "", "", TWO),
        ("", Act::ResumeTerminal(TerminalNumber(9)), "A", "B", "", "refused terminal_must_exist"),
        ("", rotate(1), "A", "", "", "terminal_key_rotated"),
        ("", rotate(9), "A", "", "", "refused terminal_must_exist"),
    ]
}

fn rotate(terminal: i64) -> Act {
    Act::RotateTerminalKey(TerminalNumber(terminal), NOON.plus_ms(1))
}

const WHY: &str = "refused actor_and_reason_must_be_given";
const TWO: &str = "refused reopening_takes_two_people";
const LINK_BAD: &str = "refused link_must_be_valid";
const DEVICE_BAD: &str = "refused device_must_be_active";

fn people() -> Vec<Case> {
    let (one, nobody) = (MemberNumber(1), MemberNumber(9));
    let late = Act::CreateLink(one, LINK, NOON);
    let stray = Act::CreateLink(nobody, LINK, NOON.plus_ms(1));
    vec![
        ("", Act::CreateMember, "A", "", "", "member_created"),
        ("", Act::FreezeMember(one), "A", "", "r", "member_frozen"),
        ("", Act::FreezeMember(one), "A", "", "", WHY),
        ("", Act::FreezeMember(nobody), "A", "", "r", "refused member_must_exist"),
        ("close 1", Act::FreezeMember(one), "A", "", "r", "refused member_must_be_open"),
        ("freeze 1", Act::UnfreezeMember(one), "A", "B", "", "member_unfrozen"),
        ("freeze 1", Act::UnfreezeMember(one), "A", "", "", TWO),
        ("freeze 1", Act::UnfreezeMember(one), "Aoi", " AOI ", "", TWO),
        ("freeze 1", Act::UnfreezeMember(one), "Aoi", "A\u{200b}o i.", "", TWO),
        ("freeze 1", Act::UnfreezeMember(one), "Aoi", "\u{200b}", "", TWO),
        ("freeze 1", Act::UnfreezeMember(one), "青井", "赤井", "", "member_unfrozen"),
        ("freeze 1", Act::UnfreezeMember(one), " ", "B", "", WHY),
        ("close 1", Act::UnfreezeMember(one), "A", "B", "", "refused member_must_be_open"),
        ("", Act::CloseMember(one), "A", "", "r", "member_closed"),
        ("freeze 1", Act::CloseMember(one), "A", "", "r", "member_closed"),
        ("", Act::CloseMember(one), "A", "", "", WHY),
        ("close 1", Act::CloseMember(one), "A", "", "r", "refused member_must_be_open"),
        ("", link(), "A", "", "", "link_created"),
        ("freeze 1", link(), "A", "", "", "refused member_must_be_open"),
        ("", late, "A", "", "", LINK_BAD),
        ("", stray, "A", "", "", "refused member_must_exist"),
        ("", enrol(4), "A", "", "", LINK_BAD),
        ("link", enrol(4), "A", "", "", "device_enrolled"),
        ("link; wait 1s", enrol(4), "A", "", "", LINK_BAD),
        ("link; redeem", enrol(4), "A", "", "", LINK_BAD),
        ("link; freeze 1", enrol(4), "A", "", "", "refused member_must_be_open"),
        ("link; shut enrolment everything", enrol(4), "A", "", "", "refused enrolment_is_closed"),
        ("link; shut enrolment member 1", enrol(4), "A", "", "", "refused enrolment_is_closed"),
        ("link; shut enrolment member 2", enrol(4), "A", "", "", "device_enrolled"),
        ("", Act::EndDevice(FactId(7)), "A", "", "", DEVICE_BAD),
        ("", Act::RotateCodeSecret(one, [5; 32]), "A", "", "", "code_secret_rotated"),
        ("", Act::RotateCodeSecret(nobody, [5; 32]), "A", "", "", "refused member_must_exist"),
        ("", Act::Checkpoint("heads".to_owned(), [0; 64]), "A", "", "", "checkpoint"),
        ("", Act::Restored(2), "A", "", "", "restored"),
    ]
}

fn switches() -> Vec<Case> {
    use Capability::{CodeIssue, Enrolment, Payment};
    let open = |scope, subject| Act::OpenSwitch(Payment, scope, subject);
    let fit = "refused subject_must_fit_scope";
    vec![
        ("", shut(Payment, Scope::Everything, 0, 0), "A", "", "r", "switch_closed"),
        ("", shut(Payment, Scope::Everything, 0, 0), "A", "", "", WHY),
        ("", shut(Payment, Scope::Everything, 0, 0), "A", "", "  ", WHY),
        ("", shut(Payment, Scope::Everything, 7, 0), "A", "", "r", fit),
        ("", shut(Payment, Scope::Merchant, 9, 0), "A", "", "r", "refused merchant_must_exist"),
        ("", shut(Payment, Scope::Store, 9, 0), "A", "", "r", "refused store_must_exist"),
        ("", shut(Payment, Scope::Terminal, 9, 0), "A", "", "r", "refused terminal_must_exist"),
        ("", shut(Payment, Scope::Member, 0, 0), "A", "", "r", "refused member_must_exist"),
        ("", shut(Payment, Scope::Everything, 0, 1), "A", "", "r", LAPSE),
        ("", shut(CodeIssue, Scope::Everything, 0, 1), "A", "", "r", LAPSE),
        ("", shut(CodeIssue, Scope::Store, 1, 0), "A", "", "r", NO_FIT),
        ("", shut(Enrolment, Scope::Merchant, 1, 0), "A", "", "r", NO_FIT),
        ("", shut(Capability::Credit, Scope::Terminal, 1, 0), "A", "", "r", NO_FIT),
        ("", shut(Capability::Credit, Scope::Member, 1, 0), "A", "", "r", "switch_closed"),
        ("", shut(Enrolment, Scope::Everything, 0, 1), "A", "", "r", "switch_closed"),
        ("", open(Scope::Everything, 0), "A", "B", "", "refused switch_must_be_closed"),
        ("shut payment everything", open(Scope::Everything, 0), "A", "B", "", "switch_opened"),
        ("shut payment everything", open(Scope::Everything, 0), "A", "a", "", TWO),
        ("shut payment everything", open(Scope::Everything, 0), "A", "", "", TWO),
        ("shut payment store 1", open(Scope::Store, 2), "A", "B", "", NOT_CLOSED),
        ("shut payment store 1", open(Scope::Store, 1), "A", "B", "", "switch_opened"),
    ]
}

const NO_FIT: &str = "refused scope_must_fit_capability";
const LAPSE: &str = "refused money_switch_must_not_lapse";
const NOT_CLOSED: &str = "refused switch_must_be_closed";

const HOOK: &str = "https://shop.example/hooks";

fn hook(merchant: i64, url: &str) -> Act {
    let (merchant, url) = (MerchantNumber(merchant), url.to_owned());
    Act::CreateWebhook { merchant, url, loopback: false }
}

fn webhooks() -> Vec<Case> {
    let (end, rotate) = (
        |number| Act::EndWebhook(WebhookNumber(number)),
        |number| Act::RotateWebhookSecret(WebhookNumber(number), NOON.plus_ms(1)),
    );
    let here = |loopback| {
        let (merchant, url) = (MerchantNumber(1), "http://127.0.0.1:9/".to_owned());
        Act::CreateWebhook { merchant, url, loopback }
    };
    let no_https = "refused webhook_url_must_be_https";
    let none = "refused webhook_must_exist";
    let seven = "hook; hook; hook; hook; hook; hook; hook";
    let eight = "hook; hook; hook; hook; hook; hook; hook; hook";
    let room_again = "hook; hook; hook; hook; hook; hook; hook; hook; unhook";
    vec![
        ("", hook(1, HOOK), "A", "", "", "webhook_created"),
        ("", hook(1, HOOK), "", "", "", WHY),
        ("", hook(9, HOOK), "A", "", "", "refused merchant_must_exist"),
        ("", hook(1, "http://shop.example/"), "A", "", "", no_https),
        ("", hook(1, "https://user@shop.example/"), "A", "", "", no_https),
        ("", here(false), "A", "", "", no_https),
        ("", here(true), "A", "", "", "webhook_created"),
        (seven, hook(1, HOOK), "A", "", "", "webhook_created"),
        (eight, hook(1, HOOK), "A", "", "", "refused webhooks_must_be_few"),
        (eight, hook(2, HOOK), "A", "", "", "webhook_created"),
        (room_again, hook(1, HOOK), "A", "", "", "webhook_created"),
        ("hook", end(1), "A", "", "", "webhook_ended"),
        ("hook", end(2), "A", "", "", none),
        ("hook; unhook", end(1), "A", "", "", none),
        ("hook", rotate(1), "A", "", "", "webhook_secret_rotated"),
        ("", rotate(1), "A", "", "", none),
        ("hook; unhook", rotate(1), "A", "", "", none),
    ]
}

fn limits() -> Vec<Case> {
    let policy = |text: &str| Act::ChangePolicy(text.to_owned());
    let verify = |member| Act::VerifyMember(MemberNumber(member), MemberVerification::Verified);
    vec![
        ("", policy(DEFAULT), "A", "B", "", "policy_changed"),
        ("", policy(DEFAULT), "A", "", "", "refused reopening_takes_two_people"),
        ("", policy(DEFAULT), "A", "a", "", "refused reopening_takes_two_people"),
        ("", policy("limits = 1"), "A", "B", "", "refused policy_must_be_right"),
        ("", policy(""), "A", "B", "", "refused policy_must_be_right"),
        ("", verify(1), "A", "", "passport", "member_verified"),
        ("freeze 1", verify(1), "A", "", "passport", "member_verified"),
        ("", verify(1), "A", "", "", "refused actor_and_reason_must_be_given"),
        ("", verify(9), "A", "", "passport", "refused member_must_exist"),
        ("close 1", verify(1), "A", "", "passport", "refused member_must_be_open"),
    ]
}

/// Who may ask with the secret of an endpoint, and what is said.
pub(crate) fn partners() -> Vec<(Result<(), Refusal>, Result<(), Refusal>)> {
    let mut world = World::new();
    world.act(hook(1, HOOK));
    let row = |world: &World| world.directory.webhooks[&WebhookNumber(1)].clone();
    let first = row(&world);
    world.act(Act::RotateWebhookSecret(first.number, NOON.plus_ms(1000)));
    let second = row(&world);
    world.act(Act::EndWebhook(first.number));
    let ended = row(&world);
    let ask = |webhook: Option<&Webhook>, generation, ms| {
        may_ask(webhook, generation, NOON.plus_ms(ms)).map(drop)
    };
    let no = Err(Refusal::WebhookSecretMustBeCurrent);
    vec![
        (ask(None, 1, 0), no),
        (ask(Some(&first), 1, 0), Ok(())),
        (ask(Some(&first), 0, 0), no),
        (ask(Some(&first), 2, 0), no),
        (ask(Some(&second), 2, 0), Ok(())),
        (ask(Some(&second), 1, 999), Ok(())),
        (ask(Some(&second), 1, 1000), no),
        (ask(Some(&second), 2, 1000), Ok(())),
        (ask(Some(&ended), 2, 0), no),
    ]
}

#[test]
fn only_a_current_secret_of_an_endpoint_in_use_may_ask() {
    for (place, (said, expected)) in partners().into_iter().enumerate() {
        assert_eq!(said, expected, "case {place}");
    }
}

/// Every case as `(what was said, what should be)`, with its place in the lists.
pub(crate) fn all() -> Vec<(String, &'static str, String)> {
    let mut all = Vec::new();
    for (script, act, actor, second, reason, expected) in
        [shops(), people(), switches(), webhooks(), limits()].into_iter().flatten()
    {
        let mut world = World::new();
        for step in script.split("; ") {
            match step {
                "link" => drop(world.act(link())),
                "redeem" => drop(world.act(enrol(3))),
                "hook" => drop(world.act(hook(1, HOOK))),
                "unhook" => drop(world.act(Act::EndWebhook(WebhookNumber(1)))),
                step => drop(world.play(step)),
            }
        }
        let about = format!("{script}: {act:?} by {actor:?} {second:?} {reason:?}");
        let said = answer(&mut world, act, [actor, second, reason], 200);
        all.push((said, expected, about));
    }
    all
}

fn answer(world: &mut World, act: Act, [actor, second, reason]: [&str; 3], id: u8) -> String {
    let request = RequestId([id; 16]);
    let (actor, second) = (actor.to_owned(), second.to_owned());
    let reason = reason.to_owned();
    let command = Command::Administer(Administer { request, actor, second, reason, act });
    let decision = world.run(&[command]).remove(0);
    world.say(&decision)
}

#[test]
fn every_act_is_answered_as_it_says() {
    for (said, expected, about) in all() {
        assert_eq!(said, expected, "{about}");
    }
}

#[test]
fn an_act_asked_again_is_done_once_and_another_act_under_its_id_is_refused() {
    let acts = |key| {
        let one = MemberNumber(1);
        vec![
            Act::CreateMerchant(format!("m{key}")),
            store(&format!("s{key}"), 0),
            Act::CreateTerminal(StoreNumber(1), format!("t{key}")),
            Act::SuspendTerminal(TerminalNumber(key)),
            Act::ResumeTerminal(TerminalNumber(key)),
            rotate(key),
            Act::FreezeMember(MemberNumber(key)),
            Act::UnfreezeMember(MemberNumber(key)),
            Act::CreateLink(one, [u8::try_from(key).unwrap(); 32], NOON.plus_ms(9)),
            Act::RotateCodeSecret(MemberNumber(key), [6; 32]),
            shut(Capability::Payment, Scope::Store, key, 0),
            Act::OpenSwitch(Capability::Payment, Scope::Store, key),
            Act::Checkpoint(format!("h{key}"), [0; 64]),
            Act::Restored(key),
            Act::CloseMember(MemberNumber(key)),
            hook(1, &format!("{HOOK}/{key}")),
            Act::RotateWebhookSecret(WebhookNumber(key), NOON.plus_ms(9)),
            Act::EndWebhook(WebhookNumber(key)),
        ]
    };
    let good = ["Aoi", "Ren", "r"];
    let mut world = World::new();
    for (id, (act, other)) in (100..).zip(acts(1).into_iter().zip(acts(2))) {
        let first = answer(&mut world, act.clone(), good, id);
        assert!(!first.contains("refused"), "{act:?}: {first}");
        let facts = world.events.len();
        assert_eq!(answer(&mut world, act.clone(), good, id), format!("again {first}"));
        let refused = "refused request_id_has_another_meaning";
        assert_eq!(answer(&mut world, other, good, id), refused, "{act:?}");
        assert_eq!(answer(&mut world, Act::CreateMember, good, id), refused, "{act:?}");
        assert_eq!(world.events.len(), facts);
    }
}

#[test]
fn a_device_is_enrolled_once_under_a_link_and_its_retry_hears_the_same() {
    let mut world = World::new();
    world.act(link());
    let good = ["Aoi", "", ""];
    assert_eq!(answer(&mut world, enrol(3), good, 90), "device_enrolled");
    let device = world.members[&MemberNumber(1)].device;
    assert_eq!(answer(&mut world, enrol(3), good, 90), "again device_enrolled");
    let refused = "refused request_id_has_another_meaning";
    assert_eq!(answer(&mut world, enrol(4), good, 90), refused, "another key is another meaning");
    assert_eq!(world.members[&MemberNumber(1)].device, device);
    assert_eq!(world.people.devices[&device].public_key, vec![3; 65]);
}

#[test]
fn a_new_device_takes_the_paying_right_and_ending_an_old_one_leaves_it() {
    let mut world = World::new();
    let one = MemberNumber(1);
    let old = world.members[&one].device;
    let new = world.enrol(one);
    world.act(Act::EndDevice(old));
    assert_eq!(world.members[&one].device, new);
    assert_eq!(world.people.devices[&old].state, DeviceState::Ended);
    assert_eq!(world.play("pay a 100"), "pay 100");
    let said = answer(&mut world, Act::EndDevice(old), ["A", "", ""], 91);
    assert_eq!(said, DEVICE_BAD, "it was ended");
    world.act(Act::EndDevice(new));
    assert!(!world.members[&one].device.is_some());
    assert_eq!(world.code(one), "", "no device, no code");
}

#[test]
fn closing_a_switch_again_never_shortens_it() {
    let mut world = World::new();
    let close = |ms| shut(Capability::Enrolment, Scope::Everything, 0, ms);
    let lapse = |world: &mut World, act| Instant(world.act(act).number);
    assert_eq!(lapse(&mut world, close(5000)), NOON.plus_ms(5000));
    assert_eq!(lapse(&mut world, close(1)), NOON.plus_ms(5000));
    assert_eq!(lapse(&mut world, close(9000)), NOON.plus_ms(9000));
    assert_eq!(lapse(&mut world, close(0)), Instant(0));
    assert_eq!(lapse(&mut world, close(1)), Instant(0), "one person alone does not reopen");
    assert_eq!(world.directory.switches.len(), 1);
    world.act(Act::OpenSwitch(Capability::Enrolment, Scope::Everything, 0));
    assert_eq!(lapse(&mut world, close(1)), NOON.plus_ms(1));
    world.now = NOON.plus_ms(1);
    assert_eq!(lapse(&mut world, close(3)), NOON.plus_ms(3), "it had lapsed");
}

#[test]
fn a_lapsed_switch_stops_nothing() {
    let mut world = World::new();
    world.act(shut(Capability::Enrolment, Scope::Everything, 0, 500));
    world.act(link());
    assert_eq!(answer(&mut world, enrol(3), ["A", "", ""], 92), "refused enrolment_is_closed");
    world.now = NOON.plus_ms(500);
    assert_eq!(answer(&mut world, enrol(3), ["A", "", ""], 92), "device_enrolled");
}

#[test]
fn a_full_book_gives_no_more_numbers() {
    let mut world = World::new();
    let last = MemberNumber(MEMBER_NUMBER_MAX - 1);
    let one = world.members[&MemberNumber(1)].clone();
    let event = yaoki_core::facts::Event {
        id: FactId(1),
        seq: 0,
        request_id: RequestId([66; 16]),
        kind: EventKind::MemberCreated,
        subject: last.0,
        object: 0,
        number: 0,
        digest: Vec::new(),
        actor: String::new(),
        second: String::new(),
        text: String::new(),
    };
    world.events.insert(event.request_id, event);
    let member = Member { last_id: FactId(1), ..Member::new(last) };
    world.members.insert(last, Member { code_secret: one.code_secret, ..member });
    assert_eq!(answer(&mut world, Act::CreateMember, ["A", "", ""], 93), "member_created");
    let said = answer(&mut world, Act::CreateMember, ["A", "", ""], 94);
    assert_eq!(said, full());
}

/// What a full book says; the case above reaches it.
pub(crate) fn full() -> String {
    format!("refused {}", Refusal::NumbersAreUsedUp.name())
}

#[test]
fn numbers_are_given_in_order_within_one_batch() {
    let mut world = World::new();
    let commands: Vec<Command> = (0..5).map(|_| world.administer(Act::CreateMember)).collect();
    let given = world.run(&commands).into_iter().map(|decision| match decision {
        Decision::Done(Outcome::Done { event, .. }) => event.subject,
        other => panic!("{other:?}"),
    });
    assert_eq!(given.collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
}

/// Who may see a code: state of the member, whose device, switch, and what is said.
pub(crate) fn shows() -> Vec<(Result<(), Refusal>, Result<(), Refusal>)> {
    let mut world = World::new();
    let one = world.members[&MemberNumber(1)].clone();
    let with = |state| Member { state, ..one.clone() };
    let show = |world: &World, member: &Member, device| {
        may_show_code(&world.directory, member, device, NOON)
    };
    let device = one.device;
    let mut seen = vec![
        (show(&world, &one, device), Ok(())),
        (show(&world, &with(MemberState::Frozen), device), Err(Refusal::MemberMustBeOpen)),
        (show(&world, &with(MemberState::Closed), device), Err(Refusal::MemberMustBeOpen)),
        (show(&world, &one, FactId(3)), Err(Refusal::DeviceMustBeActive)),
        (show(&world, &Member::new(one.number), FactId::NONE), Err(Refusal::DeviceMustBeActive)),
    ];
    world.play("shut code_issue member 1");
    seen.push((show(&world, &one, device), Err(Refusal::CodeIssueIsClosed)));
    let other = world.members[&MemberNumber(2)].clone();
    seen.push((show(&world, &other, other.device), Ok(())));
    world.play("shut code_issue everything");
    seen.push((show(&world, &other, other.device), Err(Refusal::CodeIssueIsClosed)));
    seen
}

#[test]
fn only_the_paying_device_of_an_open_member_shows_a_code() {
    for (said, expected) in shows() {
        assert_eq!(said, expected);
    }
}

/// A closed switch of each capability and each of its scopes stops what it says, and no other does.
#[test]
fn every_switch_that_can_be_closed_stops_something() {
    for &capability in Capability::ALL {
        for scope in capability.scopes() {
            let mut world = World::new();
            world.play("pay a 1000");
            if capability == Capability::Refund {
                world.play("close 1");
            }
            world.act(link_of(2));
            world.play(&format!("shut {capability} {scope} {}", on(*scope, capability)));
            let said = match capability {
                Capability::Payment => world.play("pay b 1"),
                Capability::Refund => world.play("refund b a 1"),
                Capability::Credit => world.play("credit c 2 1"),
                Capability::Enrolment => answer(&mut world, enrol(3), ["A", "", ""], 95),
                Capability::CodeIssue => {
                    let member = &world.members[&MemberNumber(2)];
                    let shown = may_show_code(&world.directory, member, member.device, NOON);
                    format!("{shown:?}")
                }
                // Where money comes in has a test of its own.
                Capability::CardTopUp | Capability::CashTopUp => continue,
                Capability::SignUp | Capability::Recovery | Capability::ExternalId => {
                    switched::said(&mut world, capability)
                }
            };
            let stopped = ["declined", "refused", "Err"].iter().any(|word| said.starts_with(word));
            assert!(stopped, "{capability} for {scope}: {said}");
        }
    }
}

fn link_of(member: i64) -> Act {
    Act::CreateLink(MemberNumber(member), LINK, NOON.plus_ms(1000))
}

/// The subject that the commands of the test above concern.
fn on(scope: Scope, capability: Capability) -> i64 {
    let at_register = matches!(capability, Capability::Payment | Capability::Refund);
    match scope {
        Scope::Provider => switched::subject(scope),
        Scope::Everything => 0,
        Scope::Member if !at_register => 2,
        _ => 1,
    }
}
