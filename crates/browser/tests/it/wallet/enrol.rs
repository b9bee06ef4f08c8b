//! Becoming a member's device, and ceasing to be one.

use yaoki_browser::{Size, Stage};
use yaoki_server::admin::Order;

use super::{CODE_SHOWN, must_be_for_all, phone, wallet};

#[test]
fn a_link_makes_a_browser_a_wallet_once_and_leaves_nothing_in_the_address() {
    let Some(stage) = Stage::start() else { return };
    let (_, link) = stage.member(1_000);
    let mut first = stage.tab();
    first.open(&format!("{}#{link}", wallet(&stage, "en"))).wait_for(CODE_SHOWN);
    assert!(!first.url().contains(&link), "{}", first.url());
    first.reload().wait_for(CODE_SHOWN);

    let mut second = stage.tab();
    second.expects("403").set_size(Size::Phone);
    second.open(&format!("{}#{link}", wallet(&stage, "ja"))).wait_for("#enrol-said");
    assert!(second.text("#enrol-said").contains("使用済み"));
    must_be_for_all(&second);
    second.screenshot("wallet-link-used-phone", Size::Phone);
}

#[test]
fn a_link_is_pasted_where_it_could_not_be_opened() {
    let Some(stage) = Stage::start() else { return };
    let (_, link) = stage.member(1_000);
    let mut tab = stage.tab();
    tab.open(&wallet(&stage, "en")).wait_for("#to-sign-up");
    must_be_for_all(&tab);
    tab.screenshot("wallet-enrol-phone", Size::Phone);
    tab.click("#enrol-more summary").wait_for("#enrol-form");
    must_be_for_all(&tab);
    tab.type_text("#enrol-link", &format!("http://shop.example/wallet#{link}")).press("Enter");
    tab.wait_for(CODE_SHOWN);
}

#[test]
fn an_enrolment_whose_answer_was_lost_is_finished_after_a_reload() {
    let Some(stage) = Stage::start() else { return };
    let (_, link) = stage.member(1_000);
    let mut tab = stage.tab();
    tab.open(&wallet(&stage, "en")).click("#enrol-more summary").wait_for("#enrol-form");
    lose_answers(&tab, "/v1/device/enrol");
    tab.type_text("#enrol-link", &link).press("Enter");
    tab.wait_until("lost > 0").wait_for("#trouble");
    tab.reload().wait_for(CODE_SHOWN);
}

#[test]
fn another_link_does_not_replace_a_wallet_unasked() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = phone(&stage, 700, "en");
    let (_, link) = stage.member(9_000);
    tab.evaluate(&format!("location.hash = '{link}'"));
    tab.wait_for("#enrol-replace");
    must_be_for_all(&tab);
    tab.click("#enrol-stay").wait_for(CODE_SHOWN);
    tab.wait_until("available.textContent === '¥700'");
    tab.evaluate(&format!("location.hash = '{link}'"));
    tab.click("#enrol-new").wait_for(CODE_SHOWN);
    tab.wait_until("available.textContent === '¥9,000'");
}

#[test]
fn a_device_whose_place_another_took_says_so_and_shows_no_code() {
    let Some(stage) = Stage::start() else { return };
    let (member, link) = stage.member(1_000);
    let mut tab = stage.tab();
    tab.open(&format!("{}#{link}", wallet(&stage, "en"))).wait_for(CODE_SHOWN);
    tab.expects("401");
    // A new device of the member pays in the place of the old one.
    let order = Order::CreateLink { member, lifetime_seconds: None };
    let link = stage.order(order)["link_token"].as_str().expect("a token").to_owned();
    let mut other = stage.tab();
    other.open(&format!("{}#{link}", wallet(&stage, "en"))).wait_for(CODE_SHOWN);
    tab.reload();
    tab.wait_until("document.querySelector('#ticket-said').innerText.includes('another one pays')");
    assert!(!tab.sees(CODE_SHOWN));
    must_be_for_all(&tab);
}

/// Lets requests to a path arrive, and loses what is answered, as a network does.
pub(super) fn lose_answers(tab: &yaoki_browser::Tab, path: &str) {
    tab.evaluate(&format!(
        "window.lost = 0; {{
            const real = fetch;
            window.fetch = async (path, options) => {{
                const answer = await real(path, options);
                if (path !== '{path}') return answer;
                lost += 1;
                throw new TypeError('lost');
            }};
        }} true"
    ));
}
