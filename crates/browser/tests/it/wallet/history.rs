//! What came and went, and receipts.

use yaoki_browser::tab::Scheme;
use yaoki_browser::{Size, Stage};

use super::{digits, go, must_be_for_all, phone};
use crate::shop::{MERCHANT, PLACE, STORE, Shop};

#[test]
fn a_refund_is_in_the_history_and_on_the_receipt() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "ja");
    let payment = shop.charge(&digits(&tab), 1_500).payment.expect("it is paid");
    tab.wait_for("#paid .result.good");
    assert_eq!(shop.refund(&payment, 400).outcome, "succeeded");
    tab.wait_until("document.querySelector('#paid').innerText.includes('返金されました')");

    go(&mut tab, "history");
    tab.wait_for("#history .entry");
    let list = tab.text("#history");
    for part in ["−1,500円", "一部返金", "+400円", "+5,000円", STORE] {
        assert!(list.contains(part), "{part} in {list}");
    }
    must_be_for_all(&tab);
    tab.screenshot("wallet-history-phone", Size::Phone);

    tab.click(&format!("#history a[href='#/receipt/{payment}']")).wait_for("#receipt .paper");
    assert_eq!(tab.evaluate("document.activeElement.tagName"), "H1", "the focus went along");
    let paper = tab.text("#receipt");
    for part in ["1,500円", "一部返金", "400円", STORE, PLACE, MERCHANT, &payment] {
        assert!(paper.contains(part), "{part} in {paper}");
    }
    must_be_for_all(&tab);
    tab.set_scheme(Scheme::Dark).screenshot("wallet-receipt-phone-dark", Size::Phone);
    must_be_for_all(&tab);
    tab.set_scheme(Scheme::Light).screenshot("wallet-receipt-desk", Size::Desk);
    // The address is that of the receipt.
    tab.reload().wait_for("#receipt .paper");
}

#[test]
fn a_hold_is_said_to_be_one_and_until_when() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "en");
    let payment = shop.hold(&digits(&tab), 2_000).payment.expect("it is held");
    tab.wait_for("#paid .result.good").wait_until("available.textContent === '¥3,000'");
    assert!(tab.text("#paid").contains("Held"));
    assert!(tab.text("#balance").contains("¥2,000"));
    tab.click(&format!("#latest a[href='#/receipt/{payment}']")).wait_for("#receipt .paper");
    let paper = tab.text("#receipt");
    assert!(paper.contains("On hold") && paper.contains("Held until"), "{paper}");
    must_be_for_all(&tab);
}

#[test]
fn a_long_history_is_read_page_by_page() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "en");
    let (payload, _) = shop.sign();
    for amount in 1..=3 {
        super::pay::pay_by_text(&mut tab, &payload, Some(&amount.to_string()));
        tab.wait_for("#confirm .result.good");
        tab.click("#confirm .result .act");
    }
    for _ in 0..9 {
        let payment = shop.charge(&super::fresh(&mut tab), 10).payment.expect("it is paid");
        shop.refund(&payment, 10);
    }
    go(&mut tab, "history");
    let entries =
        |count: usize| format!("document.querySelectorAll('#history .entry').length === {count}");
    tab.wait_until(&entries(20));
    tab.click("#history-more").wait_until(&entries(22));
    tab.wait_until("document.querySelector('#history-more').hidden");
    must_be_for_all(&tab);
}
