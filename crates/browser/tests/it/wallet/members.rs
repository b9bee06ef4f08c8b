//! Members in a browser: signing up, signing in, another device, a key that is gone, freezing.
//!
//! Passkeys are made by Chromium's own authenticator, which says yes to everything; a relying
//! party's name is no address, so these pages are at `localhost`.

use chromiumoxide::cdp::browser_protocol::storage::ClearDataForOriginParams;
use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::edge::listener::ListenerName;

use super::{CODE_SHOWN, must_be_for_all};

/// Codes are read where a demo shows them.
pub(super) const MAILBOX: [&str; 1] = ["--mailbox=true"];
pub(super) const PASSWORD: &str = "correct horse battery 42";

pub(super) fn origin(stage: &Stage) -> String {
    format!("http://localhost:{}", stage.address(ListenerName::Devices).port())
}

pub(super) fn page(stage: &Stage, language: &str) -> String {
    format!("{}/wallet?lang={language}", origin(stage))
}

/// The newest message to an address of whose `text` a script says that it is the one, once it is
/// there.
fn message(stage: &Stage, address: &str, says: &str) -> String {
    let mut mailbox = stage.tab();
    mailbox.open(&stage.url(ListenerName::Public, "/mailbox?lang=en"));
    let found = format!(
        "([...document.querySelectorAll('.mail li')].map((one) => one.innerText)\
         .find((text) => text.includes('{address}') && ({says})) ?? '')"
    );
    // It reads itself again.
    mailbox.wait_until(&format!("{found} !== ''"));
    mailbox.evaluate(&found).as_str().unwrap_or_default().to_owned()
}

/// The code of a message.
pub(super) fn code(stage: &Stage, address: &str, part: &str) -> String {
    let says = format!("text.includes('{part}') && /(^|\\D)\\d{{8}}(\\D|$)/.test(text)");
    let text = message(stage, address, &says);
    let mut runs = text.split(|sign: char| !sign.is_ascii_digit());
    runs.find(|run| run.len() == 8).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

/// A phone whose authenticator says yes.
pub(super) fn phone(stage: &Stage) -> Tab {
    let mut tab = stage.tab();
    tab.set_size(Size::Phone).add_authenticator();
    tab
}

/// Goes as far as the terms.
pub(super) fn prove_address(stage: &Stage, tab: &mut Tab, address: &str, language: &str) {
    tab.open(&page(stage, language)).wait_for("#to-sign-up");
    must_be_for_all(tab);
    tab.click("#to-sign-up").type_text("#address-form [name=address]", address);
    must_be_for_all(tab);
    tab.press("Enter").wait_for("#code-form");
    must_be_for_all(tab);
    let code = code(stage, address, "");
    tab.type_text("#code-form [name=code]", &code).wait_for("#terms-agreed");
    must_be_for_all(tab);
}

pub(super) fn sign_up(stage: &Stage, tab: &mut Tab, address: &str, language: &str) {
    prove_address(stage, tab, address, language);
    tab.click("#terms-agreed").click("#enter .act.big").wait_for(CODE_SHOWN);
}

pub(super) fn go_to(tab: &mut Tab, part: &str) {
    tab.evaluate(&format!("location.hash = '#/account/{part}'"));
    tab.wait_for("#view-account");
}

#[test]
fn a_member_signs_up_with_a_passkey_and_looks_after_his_wallet() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = phone(&stage);
    prove_address(&stage, &mut tab, "hanako@example.jp", "ja");
    tab.click("#enter .act.big");
    let missing = "document.querySelector('#enter').innerText.includes('先に同意')";
    tab.wait_until(missing);
    must_be_for_all(&tab);
    tab.screenshot("member-sign-up-phone", Size::Phone);
    tab.click("#terms-agreed").click("#enter .act.big").wait_for(CODE_SHOWN);
    for part in ["", "devices", "factors", "addresses", "freeze", "close"] {
        go_to(&mut tab, part);
        tab.wait_until("document.querySelector('#account').children.length > 1");
        must_be_for_all(&tab);
        tab.screenshot(&format!("member-account{part}-phone"), Size::Phone);
    }
    tab.reload().wait_for("#view-account");
}

#[test]
fn a_member_signs_up_with_a_password_and_is_told_to_add_a_passkey() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = stage.tab();
    tab.set_size(Size::Phone);
    tab.expects("400");
    prove_address(&stage, &mut tab, "taro@example.jp", "en");
    tab.click("#terms-agreed").click("#enter summary");
    tab.type_text("#password-form [name=password]", "password").press("Enter");
    tab.wait_until("document.querySelector('#password-form').innerText.includes('cannot be used')");
    must_be_for_all(&tab);
    tab.type_text("#password-form [name=password]", PASSWORD).press("Enter").wait_for(CODE_SHOWN);
    tab.wait_for("#calls a[href='#/account/factors']");
    must_be_for_all(&tab);
    // Whoever knows the password, and nothing else, is told what a wrong one is told.
    let mut other = stage.tab();
    other.expects("403").set_size(Size::Phone).open(&page(&stage, "en")).click("#to-sign-in");
    for password in [PASSWORD, "another horse battery 42"] {
        other.click("#enter details:nth-of-type(2) summary");
        other.type_text("#sign-in-form [name=address]", "taro@example.jp");
        other.type_text("#sign-in-form [name=password]", password).press("Enter");
        other
            .wait_until("document.querySelector('#enter-title').innerText.includes('Continue on')");
        must_be_for_all(&other);
        other.screenshot("member-guided-phone", Size::Phone);
        other.click("#enter-back a").click("#to-sign-in").wait_for("#enter details");
    }
}

#[test]
fn another_device_joins_by_an_invitation_and_pays_in_the_place_of_the_first() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut old = phone(&stage);
    sign_up(&stage, &mut old, "old@example.jp", "en");
    go_to(&mut old, "devices");
    old.click("#account .act.big").wait_for(".invitation-code");
    must_be_for_all(&old);
    let invitation = old.text(".invitation-code").replace(' ', "");
    let scanned = stage.decode_codes(&old.screenshot("member-invitation-phone", Size::Phone));
    assert_eq!(scanned, [format!("{}/wallet#invite={invitation}", origin(&stage))]);

    let mut new = stage.tab();
    new.set_size(Size::Phone).open(&format!("{}#invite={invitation}", page(&stage, "ja")));
    new.wait_for("#join-form");
    assert!(!new.url().contains(&invitation), "{}", new.url());
    must_be_for_all(&new);
    new.click("#join-form button").wait_for("#enter .waiting");
    must_be_for_all(&new);
    assert!(!new.sees("#enter .stop"), "a device that waits freezes nothing");
    old.wait_for("#dialog .pending");
    must_be_for_all(&old);
    old.screenshot("member-pending-phone", Size::Phone);
    old.click("#dialog .pending .stack button:nth-child(2)");
    new.wait_for(CODE_SHOWN);
    must_be_for_all(&new);
    go_to(&mut new, "devices");
    new.wait_until("document.querySelectorAll('#account .item').length === 2");
    must_be_for_all(&new);
    new.screenshot("member-devices-phone", Size::Phone);
}

#[test]
fn a_browser_whose_key_is_gone_is_the_same_device_again_and_a_signed_out_one_goes_on() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = phone(&stage);
    sign_up(&stage, &mut tab, "evicted@example.jp", "ja");
    tab.execute(ClearDataForOriginParams::new(origin(&stage), "indexeddb"));
    tab.open(&page(&stage, "ja")).wait_for("#enter .act.big");
    assert!(tab.text("#enter-title").contains("おかえりなさい"), "its cookie says who it was");
    must_be_for_all(&tab);
    tab.screenshot("member-back-phone", Size::Phone);
    tab.click("#enter .act.big").wait_for(CODE_SHOWN);
    go_to(&mut tab, "devices");
    tab.wait_until("document.querySelectorAll('#account .item').length === 1");

    tab.allows("401");
    go_to(&mut tab, "");
    tab.click("#account > button.wide").wait_for("#enter .act.big");
    must_be_for_all(&tab);
    tab.click("#enter .act.big").wait_for(CODE_SHOWN);
}

#[test]
fn a_passkey_on_an_unknown_browser_is_a_device_that_does_not_pay_yet() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = phone(&stage);
    sign_up(&stage, &mut tab, "synced@example.jp", "en");
    // The passkey stays in the authenticator; key and cookie do not.
    tab.allows("401").allows("403");
    tab.execute(ClearDataForOriginParams::new(origin(&stage), "indexeddb,cookies"));
    tab.open(&page(&stage, "en")).click("#to-sign-in").click("#enter .act.big");
    tab.wait_until("document.querySelector('#ticket-said').innerText.includes('does not pay yet')");
    assert!(!tab.sees(CODE_SHOWN));
    must_be_for_all(&tab);
    tab.screenshot("member-not-paying-phone", Size::Phone);
}

#[test]
fn a_member_freezes_his_wallet_by_a_button_and_by_a_link_and_lifts_it() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut tab = phone(&stage);
    tab.allows("409").allows("403");
    sign_up(&stage, &mut tab, "ice@example.jp", "en");
    for way in ["button", "link"] {
        go_to(&mut tab, "freeze");
        if way == "button" {
            tab.click("#account .stop").wait_for("#dialog .stop");
            must_be_for_all(&tab);
            tab.click("#dialog .stop");
        } else {
            let text = message(&stage, "ice@example.jp", "text.includes('/freeze#')");
            let link = text.split_whitespace().find(|word| word.contains("/freeze#"));
            let mut anyone = stage.tab();
            anyone.set_size(Size::Phone).open(link.expect("a link")).wait_for("#form");
            must_be_for_all(&anyone);
            anyone.screenshot("member-link-phone", Size::Phone);
            let digits = anyone.text("#digits");
            anyone.type_text("#typed", digits.trim()).press("Enter");
            anyone.wait_until("document.querySelector('#title').innerText.includes('frozen')");
            must_be_for_all(&anyone);
        }
        tab.wait_for("#account .act.big");
        must_be_for_all(&tab);
        tab.screenshot("member-frozen-phone", Size::Phone);
        tab.screenshot("member-frozen-desk", Size::Desk);
        tab.set_size(Size::Phone).click("#account .act.big").wait_for("#account .stop");
    }
}

#[test]
fn a_lost_phone_is_recovered_by_two_proofs_and_a_wait_that_the_phone_sees() {
    const DAY_SECONDS: u64 = 24 * 60 * 60;
    const ADDRESS: &str = "lost@example.jp";
    let Some(mut stage) = Stage::start_with(&MAILBOX) else { return };
    let mut phone = phone(&stage);
    phone.allows("net::ERR_").allows("401");
    sign_up(&stage, &mut phone, ADDRESS, "en");
    go_to(&mut phone, "factors");
    phone.click("#account details:last-of-type summary").click("#account details[open] button");
    let sheet = phone.text("#dialog .sheet li");
    must_be_for_all(&phone);
    phone.open("about:blank");

    // An address counts in a recovery once it has been on file for a week.
    stage.pass_seconds(8 * DAY_SECONDS);
    let mut tab = stage.tab();
    tab.allows("net::ERR_").set_size(Size::Phone).open(&page(&stage, "en"));
    tab.click("#to-sign-in").click("#enter .lost").type_text("#recover-form input", ADDRESS);
    must_be_for_all(&tab);
    tab.press("Enter").wait_for(".ways");
    must_be_for_all(&tab);
    tab.click(".ways li:nth-child(1) button").wait_for("#code-form");
    let typed = code(&stage, ADDRESS, "recovery code");
    tab.type_text("#code-form [name=code]", &typed).wait_for(".ways .good");
    tab.click(".ways li:nth-child(3) button").type_text("#sheet-form input", sheet.trim());
    tab.press("Enter").wait_for("#enter .act.big");
    tab.click("#enter .act.big").wait_for("#recovery-left");
    must_be_for_all(&tab);
    tab.screenshot("member-recovery-phone", Size::Phone);

    // Whoever still has the phone sees it on all of its screen.
    phone.open(&page(&stage, "en")).wait_for("#alarm .stop");
    must_be_for_all(&phone);
    phone.screenshot("member-alarm-phone", Size::Phone);
    phone.open("about:blank");

    tab.open("about:blank");
    stage.pass_seconds(4 * DAY_SECONDS);
    tab.open(&format!("{}#/recover", page(&stage, "en"))).wait_for("#recovery-left");
    must_be_for_all(&tab);
    tab.click("#enter .act.big").wait_for(CODE_SHOWN);
    phone.open(&page(&stage, "en")).wait_for("#enrol-said");
    assert!(!phone.sees(CODE_SHOWN), "every other device is ended");
}
