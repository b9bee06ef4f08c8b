//! Cash for a wallet at the register's page: the drawer is counted, cash is taken on a code, given
//! back, and counted again; much of it takes two clerks.

use yaoki_browser::{Stage, Tab};
use yaoki_server::admin::Order;

use super::is_seen;
use super::till::{BALANCE, Till, key_in, result, scan};

/// A clerk of the store: number and PIN.
fn hire(stage: &Stage, till: &Till, name: &str) -> (String, String) {
    let order = Order::CreateClerk { store: till.store.clone(), name: name.into() };
    let hired = stage.order(order);
    let said = |name: &str| hired[name].as_str().expect(name).to_owned();
    (said("clerk"), said("pin"))
}

fn sign_in(tab: &mut Tab, (clerk, pin): &(String, String)) {
    tab.wait_for("#clerk-dialog[open]");
    tab.type_text("#clerk-number", clerk).type_text("#clerk-pin", pin).press("Enter");
    tab.wait_until("!document.querySelector('#clerk-dialog').open");
}

/// Asks for cash to be taken on the code that the member shows.
fn take(stage: &Stage, till: &mut Till, tab: &mut Tab, sum: &str) {
    key_in(tab, sum);
    tab.click("#cash");
    let code = till.code(stage);
    scan(tab, &code);
}

fn to_shift(tab: &mut Tab) {
    tab.click("#views [data-view=shift]").wait_for("#drawer form");
}

#[test]
fn a_drawer_is_opened_takes_cash_gives_it_back_and_is_counted() {
    let Some(stage) = Stage::start() else { return };
    for (language, topped_up, back) in
        [("en", "Topped up", "Give the cash back"), ("ja", "チャージ完了", "現金をお返しください")]
    {
        let mut till = Till::new(&stage);
        let yui = hire(&stage, &till, "結衣");
        let mut tab = stage.tab();
        till.open(&mut tab, language);
        to_shift(&mut tab);
        tab.type_text("#drawer-open", "5000").press("Enter");
        sign_in(&mut tab, &yui);
        tab.wait_for("#drawer-close");
        is_seen(&mut tab, &format!("drawer-{language}"));
        tab.click("#views [data-view=charge]");
        take(&stage, &mut till, &mut tab, "3000");
        assert!(result(&tab, "succeeded").contains(topped_up));
        is_seen(&mut tab, &format!("topped-up-{language}"));
        tab.click("#outcome-next");
        assert_eq!(till.balance(&stage), BALANCE + 3_000);
        // The next customer pays: the switch is off again.
        assert_eq!(tab.evaluate("document.querySelector('#cash').checked"), false);
        to_shift(&mut tab);
        tab.wait_for_words("#drawer", "8,000");
        tab.click("#drawer .danger").wait_for("#confirm[open]");
        tab.click("#confirm-yes");
        assert!(result(&tab, "succeeded").contains(back));
        tab.click("#outcome-next");
        assert_eq!(till.balance(&stage), BALANCE);
        tab.wait_until("!document.querySelector('#drawer .danger')");
        tab.type_text("#drawer-close", "4990").press("Enter");
        // The difference is before the eyes at once.
        tab.wait_for("#drawer details[open]");
        tab.wait_for_words("#drawer details", "10");
        is_seen(&mut tab, &format!("drawer-closed-{language}"));
        tab.click("#views [data-view=payments]").wait_for("#list li");
        let kind = if language == "en" { "Cash top-up" } else { "現金チャージ" };
        tab.wait_for_words("#list", kind);
    }
}

#[test]
fn much_cash_takes_a_second_clerk_and_none_is_taken_without_a_drawer() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let (yui, emi) = (hire(&stage, &till, "結衣"), hire(&stage, &till, "絵美"));
    let mut tab = stage.tab();
    tab.allows("403").allows("409");
    till.open(&mut tab, "en");
    take(&stage, &mut till, &mut tab, "100");
    sign_in(&mut tab, &yui);
    assert!(result(&tab, "declined").contains("No drawer is open"));
    tab.click("#outcome-next");
    to_shift(&mut tab);
    tab.type_text("#drawer-open", "0").press("Enter").wait_for("#drawer-close");
    tab.click("#views [data-view=charge]");
    take(&stage, &mut till, &mut tab, "60000");
    assert!(result(&tab, "declined").contains("second clerk"));
    tab.click("#outcome-next");
    take(&stage, &mut till, &mut tab, "60000");
    sign_in(&mut tab, &emi);
    assert!(result(&tab, "succeeded").contains("Topped up"));
    tab.click("#outcome-next");
    assert_eq!(till.balance(&stage), BALANCE + 60_000);
}
