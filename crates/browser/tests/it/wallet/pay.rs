//! Paying a shop that is scanned or typed.

use yaoki_browser::tab::{Network, Scheme};
use yaoki_browser::{Size, Stage, Tab};

use super::enrol::lose_answers;
use super::{go, must_be_for_all, phone};
use crate::shop::{MERCHANT, PLACE, STORE, Shop};

/// Puts in what a shop's code says, and confirms it; `amount` where the code says none.
pub(crate) fn pay_by_text(tab: &mut Tab, payload: &str, amount: Option<&str>) {
    find(tab, payload);
    if let Some(amount) = amount {
        tab.type_text("#confirm-amount", amount);
    }
    tab.click("#confirm button.act");
}

fn find(tab: &mut Tab, text: &str) {
    go(tab, "pay");
    tab.type_text("#shop-text", text).press("Enter");
    tab.wait_for("#confirm form");
}

#[test]
fn an_order_is_shown_with_its_shop_and_confirmed() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "ja");
    let (id, payload) = shop.order(1_200);
    find(&mut tab, &payload);
    let said = tab.text("#confirm");
    for part in [STORE, PLACE, MERCHANT, "1,200円", "3,800円", "間違いありませんか"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    must_be_for_all(&tab);
    tab.screenshot("wallet-confirm-phone", Size::Phone);
    assert_eq!(shop.outcome(id), None, "nothing is written before the member confirms");
    tab.click("#confirm button.act").wait_for("#confirm .result.good");
    let said = tab.text("#confirm");
    assert!(said.contains("支払いました") && said.contains("1,200円"), "{said}");
    must_be_for_all(&tab);
    tab.screenshot("wallet-order-paid-phone", Size::Phone);
    tab.set_scheme(Scheme::Dark).screenshot("wallet-order-paid-desk-dark", Size::Desk);
    must_be_for_all(&tab);
    assert!(shop.outcome(id).is_some_and(|outcome| outcome.succeeded()));
    tab.click("#confirm .result .act").wait_until("available.textContent === '3,800円'");
    assert!(!tab.sees("#paid .result"), "it is not said twice");
}

/// A camera before which somebody holds a picture; there is no detector of the browser's own here,
/// so the server reads the frames.
const CAMERA: &str = "svg => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
    const context = canvas.getContext('2d');
    const [, side] = svg.match(/viewBox=\"0 0 (\\d+)/);
    const module = Math.floor(420 / side);
    const rect = /<rect x=\"(\\d+)\" y=\"(\\d+)\" width=\"(\\d+)\" height=\"(\\d+)\"/g;
    const draw = () => {
        context.fillStyle = '#ccc';
        context.fillRect(0, 0, 640, 480);
        context.fillStyle = '#222';
        for (const [, ...sides] of svg.matchAll(rect)) {
            const [x, y, width, height] = sides.map((side) => side * module);
            context.fillRect(x + 90, y + 30, width, height);
        }
    };
    setInterval(draw, 100);
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
    return true;
}";

#[test]
fn an_order_before_the_camera_is_read_by_the_server() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "en");
    let (id, svg) = shop.order_drawn(640);
    go(&mut tab, "pay");
    assert_eq!(tab.evaluate("'BarcodeDetector' in window"), false);
    tab.evaluate(&format!("({CAMERA})({})", serde_json::json!(svg)));
    tab.click("#finder-start").wait_for("#confirm form");
    assert!(tab.text("#confirm").contains("¥640"));
    assert!(tab.evaluate("document.querySelector('video').srcObject").is_null());
    tab.click("#confirm button.act").wait_for("#confirm .result.good");
    assert!(shop.outcome(id).is_some_and(|outcome| outcome.succeeded()));
}

#[test]
fn a_member_types_store_number_and_amount_by_keyboard_alone() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "en");
    let (_, number) = shop.sign();
    tab.expects("404");
    go(&mut tab, "pay");
    tab.type_text("#shop-text", "999999").press("Enter").wait_for("#shop-said");
    assert!(tab.text("#shop-said").contains("no store"));
    must_be_for_all(&tab);
    tab.screenshot("wallet-scan-phone", Size::Phone);
    tab.type_text("#shop-text", &number.to_string()).press("Enter").wait_for("#confirm form");
    tab.wait_until("document.activeElement.id === 'confirm-amount'");
    tab.press("Enter").wait_for("#confirm [role=alert]");
    // As a Japanese keyboard writes it.
    tab.type_text("#confirm-amount", "９００").press("Enter").wait_for("#confirm .result.good");
    assert_eq!(shop.paid(), 1);
    assert_eq!(
        tab.evaluate("document.querySelector('#confirm').contains(document.activeElement)"),
        true
    );
    tab.press("Tab").press("Enter").wait_for(super::CODE_SHOWN);
}

#[test]
fn what_is_refused_is_said_and_nothing_is_taken() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let (mut poor, mut rich) = (phone(&stage, 500, "en"), phone(&stage, 5_000, "en"));
    let (_, payload) = shop.order(1_200);
    poor.expects("409").expects("400");
    pay_by_text(&mut poor, &payload, None);
    poor.wait_for("#confirm .result.bad");
    assert!(poor.text("#confirm").contains("Your balance does not cover this amount."));
    must_be_for_all(&poor);
    poor.screenshot("wallet-not-paid-phone", Size::Phone);
    // The order stayed open for another one; then it is settled.
    pay_by_text(&mut rich, &payload, None);
    rich.wait_for("#confirm .result.good");
    poor.click("#confirm .result .act").wait_for(super::CODE_SHOWN);
    pay_by_text(&mut poor, &payload, None);
    poor.wait_for("#confirm .result.bad");
    assert!(poor.text("#confirm").contains("already paid"));
    // Somebody else's code, and an order that was changed.
    for foreign in ["https://shop.example/pay/1", &payload.replace("1200", "0001")] {
        go(&mut poor, "pay");
        poor.type_text("#shop-text", foreign).press("Enter").wait_for("#shop-said");
        assert!(poor.text("#shop-said").contains("no code of a shop here"), "{foreign}");
    }
    assert_eq!(shop.paid(), 1);
    poor.click("#tabs a[href='#/code']").wait_until("available.textContent === '¥500'");
}

#[test]
fn a_payment_whose_answer_was_lost_is_made_once_and_the_page_says_so_after_a_reload() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "ja");
    let (id, payload) = shop.order(1_200);
    lose_answers(&tab, "/v1/device/payments");
    pay_by_text(&mut tab, &payload, None);
    tab.wait_for("#confirm .result.open");
    let said = tab.text("#confirm");
    assert!(said.contains("支払われたかどうか、まだ分かりません"), "{said}");
    must_be_for_all(&tab);
    tab.screenshot("wallet-unknown-phone", Size::Phone);
    // Elsewhere it stands on top, and no other payment is begun.
    go(&mut tab, "pay");
    assert!(tab.sees("#open .result.open") && tab.sees("#pay-wait") && !tab.sees("#shop-form"));
    must_be_for_all(&tab);
    tab.wait_until("lost > 1");
    tab.reload().wait_for("#open .result.good");
    let said = tab.text("#open");
    assert!(said.contains("支払いました") && said.contains("1,200円"), "{said}");
    assert!(tab.sees("#shop-form"), "the next payment can be made");
    must_be_for_all(&tab);
    tab.reload().wait_for("#open .result.good");
    tab.click("#open .result .act").wait_until("document.querySelector('#open').hidden");
    tab.reload().click("#tabs a[href='#/code']").wait_until("available.textContent === '3,800円'");
    assert!(shop.outcome(id).is_some_and(|outcome| outcome.succeeded()));
    assert_eq!(shop.paid(), 1);
}

#[test]
fn a_server_killed_in_mid_payment_ends_in_one_charge() {
    let Some(mut stage) = Stage::start() else { return };
    let mut tab = phone(&stage, 5_000, "en");
    let payload = Shop::open(&stage).order(700).1;
    lose_answers(&tab, "/v1/device/payments");
    pay_by_text(&mut tab, &payload, None);
    tab.wait_for("#confirm .result.open");
    tab.allows("net::ERR_");
    stage.kill_server();
    tab.evaluate("window.dispatchEvent(new Event('online'))");
    stage.restart();
    tab.reload().wait_for("#open .result.good");
    tab.click("#open a").wait_for("#receipt .paper");
    assert!(tab.text("#receipt").contains("¥700"));
    tab.click("#tabs a[href='#/code']").wait_until("available.textContent === '¥4,300'");
}

#[test]
fn a_payment_that_never_arrived_is_made_when_the_network_is_back_or_said_not_to_be() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "en");
    let (id, payload) = shop.order(700);
    find(&mut tab, &payload);
    tab.expects("ERR_INTERNET_DISCONNECTED").cut_network();
    tab.click("#confirm button.act").wait_for("#confirm .result.open");
    assert_eq!(shop.outcome(id), None);
    tab.set_network(Network::Good).wait_for("#confirm .result.good");
    assert_eq!(shop.paid(), 1);

    // Withdrawn by the shop meanwhile: it never is.
    tab.click("#confirm .result .act").wait_for(super::CODE_SHOWN);
    let (id, payload) = shop.order(800);
    find(&mut tab, &payload);
    tab.expects("409").cut_network();
    tab.click("#confirm button.act").wait_for("#confirm .result.open");
    assert!(shop.withdraw(id).succeeded());
    tab.set_network(Network::Good).wait_for("#confirm .result.bad");
    assert!(tab.text("#confirm").contains("withdrawn by the shop"));
    assert_eq!(shop.paid(), 1);
}
