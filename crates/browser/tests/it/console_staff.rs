//! Operators at the console, each in a browser of his own with a passkey: what one does alone, what
//! two agree on, and how a third comes to them.
//!
//! A relying party's name is no address, so their links are to `localhost`.

use yaoki_browser::{Stage, Tab};
use yaoki_server::admin::Order;

use crate::console::{LIVE, go, is_seen};
use crate::shop::{STORE, Shop};

const SIGN_IN: &str = "#passkey-sign-in";
const FORM: &str = "#act-dialog[open] form";
const REASON: &str = "#act-dialog [name=reason]";
const DONE: &str = "#act-dialog .notice.good";
/// Closed, and what it was about is asked for anew.
const IS_CLOSED: &str = "document.querySelector('#act-dialog:not([open])').childElementCount === 0";

/// A browser with an authenticator at an operator's link.
fn at_link(stage: &Stage, link: &str, language: &str) -> Tab {
    let link = link.replace("/console#", &format!("/console?lang={language}#"));
    let mut tab = stage.tab();
    // The first request of a page is refused, with the nonce for the next; an act on which a
    // while has passed asks for the passkey again.
    tab.expects("401").allows("403").add_authenticator();
    tab.open(&link).wait_for(SIGN_IN);
    tab
}

/// The first two, registered and signed in: Aoi in English, Ren in Japanese.
pub(crate) fn first_two(stage: &Stage) -> [Tab; 2] {
    let (one, two) = ("Aoi".to_owned(), "Ren".to_owned());
    let made = stage.order(Order::CreateFirstOperators { one, two });
    [("one", "en", "Aoi"), ("two", "ja", "Ren")].map(|(link, language, name)| {
        let mut tab = at_link(stage, made[link].as_str().expect("a link"), language);
        tab.click(SIGN_IN).wait_for(LIVE);
        assert_eq!(tab.text("#actor"), name);
        tab
    })
}

/// Opens the form of an act.
pub(crate) fn begin(tab: &mut Tab, act: &str) {
    tab.click(&format!("[data-act={act}]")).wait_for(FORM);
}

/// Gives a reason, and sends the form.
pub(crate) fn send(tab: &mut Tab) {
    tab.type_text(REASON, "a test of pages").press("Enter").wait_for(DONE);
}

fn close(tab: &mut Tab) {
    tab.click("#act-dialog button").wait_until(IS_CLOSED);
}

/// Approves the one proposal that waits, and carries it out.
pub(crate) fn agree(tab: &mut Tab) {
    go(tab, "approvals").click("#approvals-list .act").wait_for("#approvals-list .tag.good");
    tab.click("#approvals-list .act");
}

#[test]
fn the_help_desk_freezes_on_a_members_call_and_proposes_to_unfreeze() {
    let Some(stage) = Stage::start() else { return };
    let (member, _) = stage.device(0);
    let [mut aoi, mut ren] = first_two(&stage);
    for (tab, language) in [(&mut aoi, "en"), (&mut ren, "ja")] {
        tab.expects("400");
        go(tab, "members").type_text("#member", "mem_nobody").press("Enter");
        tab.wait_for("#member-acts .notice.bad");
        tab.type_text("#member", &member).press("Enter").wait_for("#member-acts [data-act]");
        is_seen(tab, &format!("members-{language}"));
        for act in ["freeze_member", "end_device", "vouch_for_member"] {
            assert!(tab.sees(&format!("#member-acts [data-act={act}]")), "{act}");
        }
    }
    begin(&mut aoi, "freeze_on_call");
    assert!(aoi.text("#act-dialog").contains(&member));
    is_seen(&mut aoi, "act-en");
    // Turning back does nothing, and the focus is where it was.
    aoi.press("Escape").wait_until(IS_CLOSED);
    aoi.wait_until("document.activeElement.dataset.act === 'freeze_on_call'");
    begin(&mut aoi, "freeze_on_call");
    send(&mut aoi);
    assert!(aoi.text(DONE).contains("Done"));
    close(&mut aoi);
    begin(&mut ren, "unfreeze_member");
    send(&mut ren);
    is_seen(&mut ren, "proposed-ja");
    ren.click("#act-dialog [role=alert] a").wait_for("#approvals-list .card");
    ren.wait_until(IS_CLOSED);
    let waiting = ren.text("#approvals-list");
    for words in ["凍結解除", "unfreeze_member", member.as_str(), "取り下げ"] {
        assert!(waiting.contains(words), "{words} in {waiting}");
    }
    assert!(!ren.sees("#approvals-list .act"), "nobody approves what he proposed");
    is_seen(&mut ren, "approvals-ja");
    // What was frozen on the member's call waits a day, so it is approved only.
    go(&mut aoi, "approvals").click("#approvals-list .act").wait_for("#approvals-list .tag.good");
}

#[test]
fn what_a_form_has_wrong_is_said_beside_it_in_words() {
    let Some(stage) = Stage::start() else { return };
    let [mut aoi, mut ren] = first_two(&stage);
    for (tab, language) in [(&mut aoi, "en"), (&mut ren, "ja")] {
        let (member, _) = stage.member(0);
        tab.expects("400");
        go(tab, "members").type_text("#member", &member).press("Enter");
        tab.wait_for("#member-acts [data-act]");
        begin(tab, "vouch_for_member");
        let field = tab.text("#act-dialog label:has([name=shown])");
        tab.type_text("#act-dialog [name=shown]", "12");
        tab.type_text(REASON, "a test of pages").press("Enter");
        tab.wait_for_words("#act-dialog .notice.bad", field.trim());
        assert_eq!(tab.evaluate("document.activeElement.name"), "shown");
        is_seen(tab, &format!("act-wrong-{language}"));
        tab.press("Escape").wait_until(IS_CLOSED);
    }
}

#[test]
fn one_closes_a_switch_and_two_open_it_each_in_his_browser() {
    let Some(stage) = Stage::start() else { return };
    let [mut aoi, mut ren] = first_two(&stage);
    go(&mut aoi, "switches").wait_for("#switches-list .notice.good");
    begin(&mut aoi, "close_switch");
    assert!(!aoi.sees("#act-dialog [name=subject]"), "for everybody");
    aoi.evaluate(
        "(() => { const { capability } = document.querySelector('#act-dialog form').elements;
        capability.value = 'refund';
        capability.dispatchEvent(new Event('change', { bubbles: true })); })()",
    );
    is_seen(&mut aoi, "close-switch-en");
    send(&mut aoi);
    close(&mut aoi);
    aoi.wait_for_words("#switches-list", "refunds");
    begin(&mut aoi, "open_switch");
    send(&mut aoi);
    close(&mut aoi);
    go(&mut ren, "switches").wait_for("#switches-list [data-act=open_switch]");
    is_seen(&mut ren, "switches-operator-ja");
    go(&mut ren, "approvals").wait_for("#approvals-list .act");
    let asked = ren.text("#approvals-list");
    for words in ["再開", "open_switch", "返金", "全体", "Aoi"] {
        assert!(asked.contains(words), "{words} in {asked}");
    }
    agree(&mut ren);
    ren.wait_for("#approvals-list .notice.good");
    go(&mut ren, "switches").wait_for("#switches-list .notice.good");
}

#[test]
fn a_terminal_is_suspended_by_one_and_resumed_by_two() {
    let Some(stage) = Stage::start() else { return };
    let _shop = Shop::open(&stage);
    let [mut aoi, mut ren] = first_two(&stage);
    go(&mut aoi, "shops").wait_for("#shops-list [data-act=suspend_terminal]");
    begin(&mut aoi, "suspend_terminal");
    send(&mut aoi);
    close(&mut aoi);
    aoi.wait_for("#shops-list [data-act=resume_terminal]");
    begin(&mut aoi, "resume_terminal");
    send(&mut aoi);
    close(&mut aoi);
    agree(&mut ren);
    ren.wait_for("#approvals-list .notice.good");
    go(&mut ren, "shops").wait_for("#shops-list [data-act=suspend_terminal]");
    is_seen(&mut ren, "shops-operator-ja");
}

#[test]
fn a_third_operator_is_agreed_on_and_confirmed_and_an_auditor_is_offered_nothing() {
    let Some(stage) = Stage::start() else { return };
    let _shop = Shop::open(&stage);
    let (member, _) = stage.member(0);
    let [mut aoi, mut ren] = first_two(&stage);
    go(&mut aoi, "colleagues").wait_for("#colleagues-list .card");
    begin(&mut aoi, "create_operator");
    aoi.type_text("#act-dialog [name=name]", "Yui").click("#act-dialog [value=auditor]");
    is_seen(&mut aoi, "create-operator-en");
    send(&mut aoi);
    close(&mut aoi);
    agree(&mut ren);
    ren.wait_for("#approvals-list [role=alert] code");
    is_seen(&mut ren, "operator-link-ja");
    let link = ren.text("#approvals-list [role=alert] code");

    // Whoever opens the link is not yet believed to be Yui.
    let mut yui = at_link(&stage, &link, "ja");
    yui.allows("409").click(SIGN_IN).wait_for("#outside-digits");
    let digits = yui.text("#outside-digits");
    let hex = |part: &str| part.len() == 4 && part.chars().all(|sign| sign.is_ascii_hexdigit());
    assert!(digits.split(' ').count() == 2 && digits.split(' ').all(hex), "{digits}");
    is_seen(&mut yui, "passkey-waits-ja");
    yui.click(SIGN_IN).wait_for_words("#outside-told", "確認待ち");
    assert!(yui.sees("#outside-digits") && !yui.sees("#views"));

    // Ren has made the link; so Aoi confirms.
    go(&mut ren, "colleagues").wait_for_words("#colleagues-list", &digits);
    assert!(!ren.sees("#colleagues-list .confirm"));
    is_seen(&mut ren, "colleagues-ja");
    go(&mut aoi, "colleagues").wait_for("#colleagues-list .confirm");
    assert!(aoi.text("#colleagues-list").contains(&digits));
    is_seen(&mut aoi, "confirm-en");
    aoi.click("#colleagues-list .confirm").wait_until(
        "document.querySelectorAll('#colleagues-list .card').length === 3
        && !document.querySelector('#colleagues-list .confirm')",
    );
    yui.click(SIGN_IN).wait_for(LIVE);
    assert_eq!(yui.text("#actor"), "Yui");

    go(&mut yui, "members").type_text("#member", &member).press("Enter");
    yui.wait_for("#member-acts .card");
    assert!(yui.text("#member-acts").contains("できる操作はありません"));
    for (view, shown) in [
        ("switches", "#switches-list .notice"),
        ("shops", "#shops-list .clerks"),
        ("approvals", "#approvals-list .notice"),
        ("colleagues", "#colleagues-list .card"),
    ] {
        go(&mut yui, view).wait_for(shown);
        assert!(!yui.sees(&format!("#view-{view} [data-act]")), "{view}");
    }
    is_seen(&mut yui, "colleagues-auditor-ja");
}

#[test]
fn a_clerk_is_made_and_the_pin_is_shown_once() {
    let Some(stage) = Stage::start() else { return };
    let _shop = Shop::open(&stage);
    let [mut aoi, mut ren] = first_two(&stage);
    go(&mut aoi, "shops").click("#shops-list .clerks summary");
    aoi.wait_for("[data-act=create_clerk]");
    begin(&mut aoi, "create_clerk");
    assert!(aoi.text("#act-dialog").contains(STORE));
    aoi.type_text("#act-dialog [name=name]", "結衣").press("Enter").wait_for("#act-dialog .large");
    assert!(aoi.text(DONE).contains("not shown again"));
    let large = "Array.from(document.querySelectorAll('#act-dialog .large'), one => one.innerText)";
    let told = aoi.evaluate(large);
    let (clerk, pin) = (told[0].as_str().expect("a number"), told[1].as_str().expect("a PIN"));
    assert_eq!(clerk, "1", "what is typed at the register");
    assert!(pin.len() == 6 && pin.chars().all(|sign| sign.is_ascii_digit()), "{told}");
    is_seen(&mut aoi, "pin-en");
    close(&mut aoi);
    aoi.wait_for_words("#shops-list .clerks", "結衣");
    assert_eq!(aoi.evaluate(&format!("document.body.textContent.includes('{pin}')")), false);

    go(&mut ren, "shops").click("#shops-list .clerks summary");
    ren.wait_for_words("#shops-list .clerks", "結衣");
    is_seen(&mut ren, "clerks-ja");
    begin(&mut ren, "reset_clerk_pin");
    send(&mut ren);
    assert!(ren.text("#act-dialog").contains("二度と表示されません"));
    is_seen(&mut ren, "pin-ja");
    close(&mut ren);
    ren.wait_for("#shops-list [data-act=end_clerk]");
    begin(&mut ren, "end_clerk");
    send(&mut ren);
    close(&mut ren);
    ren.wait_for_words("#shops-list .clerks li .tag.bad", "終了");
    assert!(!ren.sees("#shops-list .clerks [data-act=end_clerk]"));
}
