//! What a member proves himself by: an identity at a counter, a password alone, a recovery code;
//! and what asks for no proof at all, freezing.

use chromiumoxide::cdp::browser_protocol::storage::ClearDataForOriginParams;
use yaoki_browser::{Size, Stage, Tab};

use super::members::{MAILBOX, PASSWORD, code, go_to, origin, page, phone, prove_address, sign_up};
use super::{CODE_SHOWN, must_be_for_all};
use crate::console::go;
use crate::console_staff::{agree, begin, first_two, send};

const DAY_SECONDS: u64 = 24 * 60 * 60;
const START: &str = "#enter .act.big";
const SHEET: &str = "#dialog .sheet code";

/// Two operators who have just come agree on an act of the help desk's, and it is carried out.
fn staff_agrees(stage: &Stage, member: &str, act: &str, shown: Option<&str>) {
    let [mut aoi, mut ren] = first_two(stage);
    go(&mut aoi, "members").type_text("#member", member).press("Enter");
    begin(&mut aoi, act);
    if let Some(digits) = shown {
        aoi.type_text("#act-dialog [name=shown]", digits);
    }
    send(&mut aoi);
    agree(&mut ren);
    ren.wait_for("#approvals-list .notice.good");
}

/// Names an address, and proves by a code that is sent to it.
fn prove_by_mail(stage: &Stage, tab: &mut Tab, address: &str) {
    tab.open(&page(stage, "en")).click("#to-sign-in").click("#enter .lost");
    tab.type_text("#recover-form input", address).press("Enter").wait_for(".ways");
    tab.click(".ways li:nth-child(1) button").wait_for("#code-form");
    let typed = code(stage, address, "recovery code");
    tab.type_text("#code-form [name=code]", &typed).wait_for(".ways .good");
}

/// Signs up with a password and no passkey.
fn sign_up_by_password(stage: &Stage, tab: &mut Tab, address: &str) {
    tab.set_size(Size::Phone);
    prove_address(stage, tab, address, "en");
    tab.click("#terms-agreed").click("#enter summary");
    tab.type_text("#password-form [name=password]", PASSWORD).press("Enter").wait_for(CODE_SHOWN);
}

/// Asks for a sheet of recovery codes.
fn ask_sheet(tab: &mut Tab) {
    go_to(tab, "factors");
    tab.click("#account details:last-of-type summary").click("#account details[open] button");
}

/// The codes of the sheet that is shown.
fn sheet(tab: &Tab) -> Vec<String> {
    tab.wait_for(SHEET);
    let all = format!("[...document.querySelectorAll('{SHEET}')].map((one) => one.textContent)");
    let all = tab.evaluate(&all);
    let codes = all.as_array().expect("a sheet").iter();
    codes.map(|one| one.as_str().expect("a code").to_owned()).collect()
}

fn sign_out(tab: &mut Tab) {
    go_to(tab, "");
    tab.click("#account > button.wide").wait_for("#enter .stop");
}

#[test]
fn who_it_is_is_checked_at_a_counter_and_counts_as_one_of_two_proofs() {
    const ADDRESS: &str = "counter@example.jp";
    let Some(mut stage) = Stage::start_with(&MAILBOX) else { return };
    let mut old = phone(&stage);
    old.allows("net::ERR_");
    sign_up(&stage, &mut old, ADDRESS, "en");
    go_to(&mut old, "");
    let member = old.text("#account code");
    old.open("about:blank");

    stage.pass_seconds(8 * DAY_SECONDS);
    let mut tab = stage.tab();
    tab.set_size(Size::Phone);
    prove_by_mail(&stage, &mut tab, ADDRESS);
    assert!(!tab.sees(START), "one proof starts nothing");
    tab.click(".ways li:last-child button").wait_for(".at-counter");
    must_be_for_all(&tab);
    tab.screenshot("member-at-counter-phone", Size::Phone);
    let digits = tab.text(".at-counter");
    let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
    assert_eq!(digits.len(), 20, "{digits}");
    staff_agrees(&stage, member.trim(), "vouch_for_member", Some(&digits));
    // The page finds out by itself.
    tab.wait_for(START);
    assert_eq!(tab.evaluate("document.querySelectorAll('.ways .good').length"), 2);
    must_be_for_all(&tab);
    tab.click(START).wait_for("#recovery-left");
}

#[test]
fn a_recovery_that_staff_allows_is_shown_on_the_known_device_and_finished_in_its_browser() {
    const ADDRESS: &str = "allowed@example.jp";
    let Some(mut stage) = Stage::start_with(&MAILBOX) else { return };
    let mut old = phone(&stage);
    old.allows("net::ERR_").allows("401").allows("403").allows("409");
    sign_up(&stage, &mut old, ADDRESS, "en");
    ask_sheet(&mut old);
    let codes = sheet(&old);
    old.press("Escape");
    go_to(&mut old, "");
    let member = old.text("#account code");
    old.open("about:blank");

    stage.pass_seconds(8 * DAY_SECONDS);
    let mut tab = stage.tab();
    tab.set_size(Size::Phone).allows("net::ERR_").allows("403").allows("409");
    prove_by_mail(&stage, &mut tab, ADDRESS);
    tab.click(".ways li:nth-child(3) button").type_text("#sheet-form input", &codes[0]);
    tab.press("Enter").click(START).wait_for("#recovery-left");
    old.open(&page(&stage, "en")).click("#alarm .stop");
    old.wait_for_words("#alarm", "was contested");

    staff_agrees(&stage, member.trim(), "allow_recovery", None);
    tab.wait_for_words("#enter", "have allowed this recovery");
    assert!(tab.sees(START) && tab.sees("#recovery-left"));
    must_be_for_all(&tab);
    tab.screenshot("member-recovery-allowed-phone", Size::Phone);
    old.reload().wait_for_words("#alarm", "have allowed it");
    assert!(old.sees("#alarm .act") && !old.sees("#alarm .stop"), "it is stopped, not contested");
    must_be_for_all(&old);
    old.screenshot("member-alarm-allowed-phone", Size::Phone);
    old.open("about:blank");
    tab.open("about:blank");

    stage.pass_seconds(4 * DAY_SECONDS);
    tab.open(&format!("{}#/recover", page(&stage, "en"))).wait_for("#recovery-left");
    tab.click(START).wait_for("#calls a[href='#/account/freeze']");
}

#[test]
fn whoever_has_a_password_alone_proves_himself_by_it_and_is_asked_for_no_code() {
    let Some(mut stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = stage.tab();
    tab.allows("net::ERR_").allows("403");
    sign_up_by_password(&stage, &mut tab, "alone@example.jp");
    tab.open("about:blank");
    // What was proved when he signed up is old by then.
    stage.pass_seconds(6 * 60);
    tab.open(&page(&stage, "en")).wait_for(CODE_SHOWN);
    ask_sheet(&mut tab);
    tab.wait_for("#prove-form");
    assert!(!tab.sees("#prove-form [name=code]"), "there is no generator");
    must_be_for_all(&tab);
    tab.screenshot("member-prove-password-phone", Size::Phone);
    tab.type_text("#prove-form [name=password]", PASSWORD).press("Enter").wait_for(SHEET);
}

#[test]
fn a_recovery_code_stands_beside_the_password_once() {
    const ADDRESS: &str = "sheet@example.jp";
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = stage.tab();
    tab.allows("401").allows("403");
    sign_up_by_password(&stage, &mut tab, ADDRESS);
    ask_sheet(&mut tab);
    let codes = sheet(&tab);
    // The key is gone, and the cookie is not.
    tab.execute(ClearDataForOriginParams::new(origin(&stage), "indexeddb"));
    tab.open(&page(&stage, "en")).click("#enter details:nth-of-type(2) summary");
    must_be_for_all(&tab);
    tab.type_text("#sign-in-form [name=address]", ADDRESS);
    tab.type_text("#sign-in-form [name=password]", PASSWORD);
    tab.type_text("#sign-in-form [name=code]", &codes[0]).press("Enter").wait_for(CODE_SHOWN);

    sign_out(&mut tab);
    tab.click("#enter details summary");
    tab.type_text("#again-form [name=password]", PASSWORD);
    tab.type_text("#again-form [name=code]", &codes[0]).press("Enter");
    tab.wait_for_words("#again-form", "was used already");
    must_be_for_all(&tab);
    tab.type_text("#again-form [name=code]", &codes[1]).press("Enter").wait_for(CODE_SHOWN);
}

#[test]
fn a_device_that_is_signed_out_freezes_the_wallet_at_once() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = phone(&stage);
    tab.allows("401").allows("403").allows("409");
    sign_up(&stage, &mut tab, "out@example.jp", "en");
    sign_out(&mut tab);
    must_be_for_all(&tab);
    tab.screenshot("member-signed-out-phone", Size::Phone);
    // One question stands before it, and turning back does nothing.
    tab.click("#enter .stop").wait_for("#dialog .stop");
    must_be_for_all(&tab);
    tab.press("Escape").wait_until("!document.querySelector('#dialog[open]')");
    assert!(tab.sees("#enter .stop"));
    tab.click("#enter .stop").click("#dialog .stop");
    tab.wait_for_words("#enter", "The wallet is frozen");
    assert!(!tab.sees("#enter .stop"));
    must_be_for_all(&tab);
    tab.click(START).wait_for("#calls a[href='#/account/freeze']");
}
