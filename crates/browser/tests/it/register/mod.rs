//! The register's page: what a clerk does in a day. What happens when answers are lost is in
//! [`unsure`].

mod cash;
mod clerks;
pub(crate) mod till;
mod unsure;

use till::{BALANCE, Till, is_ready, key_in, result, scan};
use yaoki_browser::tab::Scheme;
use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::admin::Order;

/// The page as it is now keeps nobody out, in light and dark, and is kept to be looked at.
fn is_seen(tab: &mut Tab, name: &str) {
    for (scheme, suffix) in [(Scheme::Dark, "-dark"), (Scheme::Light, "")] {
        tab.set_scheme(scheme).must_be_accessible();
        tab.screenshot(&format!("register-{name}-phone{suffix}"), Size::Phone);
        let is_wider = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(tab.evaluate(is_wider), false, "{name}: a phone would scroll sideways");
        tab.screenshot(&format!("register-{name}{suffix}"), Size::Desk);
    }
}

#[test]
fn a_register_is_paired_by_its_link_and_its_key_is_nowhere_to_be_read() {
    let Some(stage) = Stage::start() else { return };
    let till = Till::new(&stage);
    let mut tab = stage.tab();
    tab.open(&till.url("en")).wait_for("#pair-form");
    is_seen(&mut tab, "pairing");
    // A link that was cut is told, and the rest of it is gone from the address.
    tab.open("about:blank").open(&format!("{}#terminal=trm_1", till.url("en")));
    tab.wait_until("document.getElementById('pair-told').textContent !== ''");
    assert_eq!(tab.evaluate("location.hash"), "");
    tab.open("about:blank").open(&till.link("en"));
    assert!(tab.text("#open-where").contains("駅前店"));
    assert_eq!(tab.evaluate("location.hash"), "");
    is_seen(&mut tab, "opening");
    let exported = tab.evaluate(
        "new Promise(done => { indexedDB.open('yaoki').onsuccess = ({ target }) => {
            const kept = target.result.transaction('key').objectStore('key').getAll();
            kept.onsuccess = () => done(Promise.all(kept.result.map(({ key }) =>
                crypto.subtle.exportKey('raw', key).then(() => 'read', () => 'refused'))));
        } })",
    );
    assert_eq!(exported, serde_json::json!(["refused"]));
    // Unpaired, it asks to be paired again.
    tab.click("#unpair").click("#confirm-yes").wait_for("#pair-form");
}

#[test]
fn a_scanned_code_is_paid_and_both_sides_say_so_in_both_languages() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    for (place, (language, word, sum)) in
        [("ja", "支払い完了", "1,200円"), ("en", "Paid", "¥1,200")].into_iter().enumerate()
    {
        till.take_new_key(&stage);
        let mut tab = stage.tab();
        till.open(&mut tab, language);
        key_in(&mut tab, "1200");
        is_seen(&mut tab, &format!("charge-{language}"));
        let code = till.code(&stage);
        scan(&tab, &code);
        let told = result(&tab, "succeeded");
        assert!(told.contains(word) && told.contains(sum), "{told}");
        is_seen(&mut tab, &format!("paid-{language}"));
        let paid = i64::try_from(place).expect("two") + 1;
        assert_eq!(till.balance(&stage), BALANCE - paid * 1_200);
        assert!(till.booked(&stage)[0].succeeded());
        // The same code again: the scanner's Enter pressed no button, and nothing is charged twice.
        tab.press("Enter");
        is_ready(&tab);
        let nothing = sum.replace("1,200", "0");
        assert_eq!(tab.text("#amount").trim(), nothing);
        key_in(&mut tab, "1200");
        scan(&tab, &code);
        let told = result(&tab, "declined");
        let payment = till.booked(&stage)[1].payment.clone().expect("it was paid");
        assert!(told.contains(&payment), "the first payment is named: {told}");
        is_seen(&mut tab, &format!("declined-{language}"));
        assert_eq!(till.balance(&stage), BALANCE - paid * 1_200);
    }
}

#[test]
fn a_scan_is_taken_from_whatever_field_it_was_typed_into() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    // A label of goods is no code, and is no amount.
    key_in(&mut tab, "300");
    scan(&tab, "4901234567894");
    assert!(tab.text("#amount-hint").contains("no payment code"));
    assert_eq!(tab.text("#amount"), "¥300");
    tab.click("#items-box summary").click("#item-name");
    let code = till.code(&stage);
    scan(&tab, &code);
    result(&tab, "succeeded");
    assert_eq!((till.payments(&stage), till.balance(&stage)), (1, BALANCE - 300));
}

#[test]
fn items_are_summed_and_stand_on_the_receipt() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    tab.click("#items-box summary").type_text("#item-name", "Melon bread");
    tab.type_text("#item-price", "250").type_text("#item-quantity", "3").press("Enter");
    tab.type_text("#item-name", "Coffee").type_text("#item-price", "450").press("Enter");
    tab.wait_until("document.getElementById('amount').textContent === '¥1,200'");
    is_seen(&mut tab, "items");
    let code = till.code(&stage);
    scan(&tab, &code);
    result(&tab, "succeeded");
    tab.click("#outcome-receipt").wait_for("#receipt[open]");
    let receipt = tab.text("#receipt-body");
    for words in ["Melon bread × 3", "¥750", "Coffee", "¥1,200", "駅前店", "佐藤"] {
        assert!(receipt.contains(words), "{words} in {receipt}");
    }
    is_seen(&mut tab, "receipt");
}

/// Opens the newest payment of the list.
pub(crate) fn open_newest(tab: &mut Tab) {
    tab.click("[data-view=payments]").click("#list li:first-child button.row");
    tab.wait_for("#detail .history");
}

#[test]
fn a_payment_is_refunded_in_parts_then_reversed_and_the_shift_adds_up() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    till.charge(&stage, &mut tab, "1000");
    for (amount, left) in [("300", 700), ("200", 500)] {
        open_newest(&mut tab);
        tab.type_text("#refund-amount", "5000").press("Enter");
        assert!(tab.text("#detail").contains("Type an amount up to"));
        tab.type_text("#refund-amount", amount);
        is_seen(&mut tab, "detail");
        tab.press("Enter");
        assert!(tab.text("#confirm").contains(amount), "the amount is named");
        is_seen(&mut tab, "confirm");
        tab.click("#confirm-yes");
        assert!(result(&tab, "succeeded").contains("Refunded"));
        tab.click("#outcome-next");
        assert_eq!(till.balance(&stage), BALANCE - left);
    }
    open_newest(&mut tab);
    tab.click("#detail .danger").click("#confirm-yes");
    let told = result(&tab, "succeeded");
    assert!(told.contains("Reversed") && told.contains("¥500"), "{told}");
    tab.click("#outcome-next");
    assert_eq!(till.balance(&stage), BALANCE);
    tab.wait_for("#list .row");
    is_seen(&mut tab, "payments");
    tab.type_text("#search", "300");
    tab.wait_until("document.querySelectorAll('#list li').length === 1");
    tab.click("[data-view=shift]").wait_for("#report table");
    let report = tab.text("#report");
    for line in ["Paid\t1\t¥1,000", "Refunded\t2\t¥500", "Reversed\t1\t¥500", "Net\t\t¥0", "agree"]
    {
        assert!(report.contains(line), "{line} in {report}");
    }
    is_seen(&mut tab, "shift");
    tab.evaluate("window.print = () => { globalThis.printed = true; }; 0");
    tab.click("#shift-close").click("#confirm-yes").wait_for("#open-form");
    assert_eq!(tab.evaluate("printed"), true);
}

#[test]
fn money_is_held_taken_in_part_and_another_hold_is_released() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    for (act, yes, word, balance) in [
        ("#capture-amount", "600", "Taken", BALANCE - 600),
        ("#detail .danger", "", "Released", BALANCE - 600),
    ] {
        key_in(&mut tab, "1000");
        tab.click("#hold");
        let code = till.code(&stage);
        scan(&tab, &code);
        assert!(result(&tab, "succeeded").contains("Held"));
        tab.click("#outcome-next");
        open_newest(&mut tab);
        if yes.is_empty() {
            tab.click(act);
        } else {
            tab.type_text(act, yes).press("Enter");
        }
        tab.click("#confirm-yes");
        assert!(result(&tab, "succeeded").contains(word));
        tab.click("#outcome-next");
        assert_eq!(till.balance(&stage), balance);
        tab.click("[data-view=charge]");
    }
}

#[test]
fn an_order_is_read_off_the_screen_confirmed_and_shown_as_paid_at_once() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "ja");
    key_in(&mut tab, "700");
    tab.click("#charge-order").wait_for("#order[open] svg");
    is_seen(&mut tab, "order");
    let read = stage.decode_codes(&tab.picture());
    let confirmed = till.confirm(&stage, read.first().expect("a scanner reads it"));
    assert_eq!(confirmed["outcome"], "succeeded", "{confirmed}");
    let told = result(&tab, "succeeded");
    assert!(told.contains("支払い完了") && told.contains("700円"), "{told}");
    assert!(!tab.sees("#order"));
    assert_eq!(till.balance(&stage), BALANCE - 700);
    // A second member hears that it was paid; the page stays as it is.
    assert_eq!(till.payments(&stage), 1);
}

#[test]
fn a_withdrawn_order_can_be_paid_by_nobody() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    key_in(&mut tab, "700");
    tab.click("#charge-order").wait_for("#order[open] svg");
    let read = stage.decode_codes(&tab.picture());
    // A stray Escape asks first.
    tab.press("Escape").click("#confirm-no");
    assert!(tab.sees("#order[open]"));
    tab.click("#order-withdraw").wait_until("!document.getElementById('order').open");
    is_ready(&tab);
    let confirmed = till.confirm(&stage, read.first().expect("a scanner reads it"));
    assert_eq!(confirmed["refusal"], "order_is_settled", "{confirmed}");
    assert_eq!(till.balance(&stage), BALANCE);
    assert!(tab.text("#announce").contains("Withdrawn"));
}

#[test]
fn the_stores_sign_lists_what_comes_in_while_it_is_shown() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    tab.click("#charge-sign").wait_for("#sign[open] svg");
    let read = stage.decode_codes(&tab.picture());
    let paid = till.pay_at_sign(&stage, &tab, read.first().expect("a scanner reads it"), 450);
    assert_eq!(paid["outcome"], "succeeded", "{paid}");
    tab.wait_for("#sign-list .good");
    assert!(tab.text("#sign-list").contains("¥450"));
    is_seen(&mut tab, "sign");
    tab.evaluate("window.print = () => { globalThis.printed = true; }; 0");
    tab.click("#sign-print");
    assert_eq!(tab.evaluate("printed"), true);
    assert!(
        tab.evaluate("document.getElementById('paper').textContent").to_string().contains("駅前店")
    );
    tab.click("#sign-done").click("[data-view=shift]").wait_for("#report table");
    let report = tab.text("#report");
    assert!(report.contains("sign\t1\t¥450") && report.contains("agree"), "{report}");
}

#[test]
fn what_hinders_the_register_is_said_plainly() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    let terminal = till.terminal.clone();
    stage.order(Order::SuspendTerminal { terminal: terminal.clone() });
    key_in(&mut tab, "100");
    let code = till.code(&stage);
    scan(&tab, &code);
    assert!(result(&tab, "declined").contains("suspended"));
    tab.click("#outcome-next");
    tab.open(&till.url("en"))
        .wait_until("document.getElementById('notices').textContent.includes('suspended')");
    stage.order(Order::ResumeTerminal { terminal });
    let (capability, scope) = ("payment".to_owned(), "everything".to_owned());
    stage.order(Order::CloseSwitch { capability, scope, subject: None, lapse_seconds: None });
    tab.open(&till.url("en"))
        .wait_until("document.getElementById('notices').textContent.includes('closed')");
    is_seen(&mut tab, "closed");
    // A clock that is off by ten minutes.
    tab.evaluate(
        "Date.now = ((was) => () => was() + 600_000)(Date.now); \
         dispatchEvent(new Event('online')); 0",
    );
    tab.wait_until("document.getElementById('notices').textContent.includes('clock')");
    is_seen(&mut tab, "clock");
    tab.expects("401");
}

#[test]
fn a_second_tab_waits_until_the_first_is_closed() {
    let Some(stage) = Stage::start() else { return };
    let till = Till::new(&stage);
    let clerk = stage.browser();
    let (mut first, mut second) = (clerk.tab(), clerk.tab());
    till.open(&mut first, "en");
    second.open(&till.url("en")).wait_for("#elsewhere");
    is_seen(&mut second, "elsewhere");
    drop(first);
    is_ready(&second);
}
