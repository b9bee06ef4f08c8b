//! Charges whose answer does not come: each ends in one charge or in none, and the page says
//! which.

use std::time::Duration;

use super::is_seen;
use super::till::{
    BALANCE, Till, find_charges, hang_charges, is_ready, key_in, lose_charges, result, scan,
};
use yaoki_browser::tab::Network;
use yaoki_browser::{Stage, Tab};

/// A charge is given up after half a minute.
const GIVEN_UP: Duration = Duration::from_mins(1);

/// Charges 500 and waits until the page says that it is being checked.
fn charge(stage: &Stage, till: &mut Till, tab: &mut Tab) {
    key_in(tab, "500");
    let code = till.code(stage);
    scan(tab, &code);
    tab.wait_for("#outcome[open][data-tone='unknown']");
}

/// The page says paid, and it was once.
fn is_paid_once(stage: &Stage, till: &mut Till, tab: &mut Tab) {
    assert!(result(tab, "succeeded").contains("Paid"));
    assert_eq!(till.payments(stage), 1);
    assert_eq!(till.balance(stage), BALANCE - 500);
    tab.click("#outcome-next");
    is_ready(tab);
}

#[test]
fn a_request_that_was_lost_is_sent_again_and_charges_once() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    lose_charges(&tab, false);
    charge(&stage, &mut till, &mut tab);
    let told = tab.text("#outcome");
    assert!(told.contains("Do not hand over goods yet. Do not charge again."), "{told}");
    // Neither Escape nor anything else puts it away.
    tab.press("Escape").press("Escape");
    tab.wait_for("#outcome[open][data-tone='unknown']");
    assert_eq!(till.payments(&stage), 0);
    find_charges(&tab);
    is_paid_once(&stage, &mut till, &mut tab);
}

#[test]
fn a_reply_that_was_lost_is_asked_for_and_charges_once() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    lose_charges(&tab, true);
    key_in(&mut tab, "500");
    let code = till.code(&stage);
    scan(&tab, &code);
    is_paid_once(&stage, &mut till, &mut tab);
}

#[test]
fn a_request_that_never_arrives_is_taken_back_and_charges_nothing() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    lose_charges(&tab, false);
    charge(&stage, &mut till, &mut tab);
    is_seen(&mut tab, "checking");
    let is_told = "document.getElementById('outcome').dataset.tone === 'declined'";
    tab.wait_until_within(is_told, GIVEN_UP);
    let told = result(&tab, "declined");
    assert!(told.contains("Not charged") && told.contains("The customer pays nothing."), "{told}");
    is_seen(&mut tab, "undone");
    assert_eq!(till.payments(&stage), 0);
    assert_eq!(till.balance(&stage), BALANCE);
    // Should it arrive now, it is declined: the server has heard that it was taken back.
    assert_eq!(till.booked(&stage)[0].operation, "reverse");
}

#[test]
fn a_charge_that_the_clerk_stops_is_given_back() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    hang_charges(&tab, true);
    charge(&stage, &mut till, &mut tab);
    tab.click("#outcome-stop");
    let told = result(&tab, "declined");
    assert!(told.contains("given back"), "{told}");
    assert_eq!(till.payments(&stage), 1);
    assert_eq!(till.balance(&stage), BALANCE);
}

#[test]
fn a_reload_in_the_middle_of_a_charge_ends_in_one() {
    let Some(stage) = Stage::start() else { return };
    for is_sent in [true, false] {
        let mut till = Till::new(&stage);
        let mut tab = stage.tab();
        till.open(&mut tab, "en");
        hang_charges(&tab, is_sent);
        charge(&stage, &mut till, &mut tab);
        tab.open(&till.url("en"));
        is_paid_once(&stage, &mut till, &mut tab);
    }
}

#[test]
fn an_order_outlives_a_reload_and_is_paid_once() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    key_in(&mut tab, "500");
    tab.click("#charge-order").wait_for("#order[open] svg");
    let shown = stage.decode_codes(&tab.picture());
    tab.open(&till.url("en")).wait_for("#order[open] svg");
    assert_eq!(stage.decode_codes(&tab.picture()), shown, "the same order");
    till.confirm(&stage, &shown[0]);
    is_paid_once(&stage, &mut till, &mut tab);
}

#[test]
fn a_network_that_is_cut_in_the_middle_of_a_charge_ends_in_one() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    hang_charges(&tab, true);
    charge(&stage, &mut till, &mut tab);
    tab.cut_network().wait_for("#link[data-state='trouble']");
    is_seen(&mut tab, "offline");
    tab.set_network(Network::Good);
    find_charges(&tab);
    is_paid_once(&stage, &mut till, &mut tab);
    tab.expects("ERR_INTERNET_DISCONNECTED");
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_charge_ends_in_one() {
    let Some(mut stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    // Killed after it has booked, before it is asked again.
    hang_charges(&tab, true);
    charge(&stage, &mut till, &mut tab);
    stage.kill_server();
    tab.wait_for("#link[data-state='trouble']");
    stage.restart();
    find_charges(&tab);
    is_paid_once(&stage, &mut till, &mut tab);
    tab.allows("net::ERR_");
}

#[test]
fn a_server_that_was_killed_before_a_charge_arrived_says_whether_it_was_charged() {
    let Some(mut stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let mut tab = stage.tab();
    till.open(&mut tab, "en");
    key_in(&mut tab, "500");
    let code = till.code(&stage);
    stage.kill_server();
    scan(&tab, &code);
    tab.wait_for("#outcome[open][data-tone='unknown']");
    // The page is loaded again with nobody to ask: what is open stays open.
    stage.restart();
    tab.open(&till.url("en"));
    let is_told = "document.getElementById('outcome').dataset.tone !== 'unknown'";
    tab.wait_until_within(is_told, GIVEN_UP);
    let is_paid = tab.text("#outcome-word") == "Paid";
    assert_eq!(till.payments(&stage), usize::from(is_paid));
    let spent = if is_paid { 500 } else { 0 };
    assert_eq!(till.balance(&stage), BALANCE - spent);
    tab.allows("net::ERR_");
}
