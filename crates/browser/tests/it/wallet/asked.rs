//! A rule that wants to know that it is the member: the till is told no, and he confirms on his
//! page that it is he.

use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::admin::Order;
use yaoki_server::edge::identifier::{self, Kind};

use super::members::{MAILBOX, PASSWORD, go_to, page, prove_address};
use super::pay::pay_by_text;
use super::{CODE_SHOWN, digits, go, must_be_for_all};
use crate::shop::{STORE, Shop};

/// The new phone of a member with a password and 5,000, which has paid as often within an hour as
/// the rules let it.
fn busy(stage: &Stage, shop: &mut Shop, (number, language): (i64, &str)) -> Tab {
    let mut old = stage.tab();
    old.set_size(Size::Phone);
    prove_address(stage, &mut old, &format!("{language}@example.jp"), language);
    old.click("#terms-agreed").click("#enter summary");
    old.type_text("#password-form [name=password]", PASSWORD).press("Enter").wait_for(CODE_SHOWN);
    let (member, asset) = (identifier::text(Kind::Member, number), "money".to_owned());
    stage.order(Order::Credit { member, asset, amount: 5_000 });
    go_to(&mut old, "devices");
    old.click("#account .act.big").wait_for(".invitation-code");
    let invitation = old.text(".invitation-code").replace(' ', "");
    let mut new = stage.tab();
    new.set_size(Size::Phone).open(&format!("{}#invite={invitation}", page(stage, language)));
    new.wait_for("#join-form");
    new.click("#join-form button").wait_for("#enter .waiting");
    old.wait_for("#dialog .pending");
    old.click("#dialog .pending .stack button:nth-child(2)");
    new.wait_for(CODE_SHOWN);
    for _ in 0..5 {
        let shown = digits(&new);
        assert_eq!(shop.charge(&shown, 100).outcome, "succeeded");
        let now = "(document.querySelector('.digits')?.textContent ?? '').replaceAll(' ', '')";
        new.wait_until(&format!("!['', '{shown}'].includes({now})"));
    }
    new
}

fn confirm(tab: &mut Tab) {
    tab.wait_for("#prove-form");
    must_be_for_all(tab);
    tab.type_text("#prove-form [name=password]", PASSWORD).press("Enter");
}

#[test]
fn whoever_pays_often_on_a_new_phone_confirms_that_it_is_he_and_pays_on() {
    let Some(stage) = Stage::start_with(&MAILBOX) else { return };
    let mut shop = Shop::open(&stage);
    // By a code that a till scans.
    let mut tab = busy(&stage, &mut shop, (1, "ja"));
    let declined = shop.charge(&digits(&tab), 200);
    let refusal = declined.refusal.expect("a rule asks");
    assert_eq!(refusal.name, "payment_must_be_confirmed");
    tab.wait_for_words("#asked", STORE).wait_for_words("#asked", "200円");
    must_be_for_all(&tab);
    tab.screenshot("wallet-asked-ja", Size::Phone);
    tab.click("#asked button");
    confirm(&mut tab);
    tab.wait_until("document.querySelector('#asked').innerText === ''").wait_for(CODE_SHOWN);
    assert_eq!(shop.charge(&digits(&tab), 200).outcome, "succeeded");
    tab.wait_for("#paid .result.good");
    // By what a shop shows.
    let mut tab = busy(&stage, &mut shop, (2, "en"));
    tab.expects("status of 403");
    go(&mut tab, "code");
    let (id, payload) = shop.order(200);
    pay_by_text(&mut tab, &payload, None);
    tab.wait_for("#confirm .result.bad").wait_for_words("#confirm", "Confirm that it is me");
    must_be_for_all(&tab);
    tab.screenshot("wallet-asked-order-en", Size::Phone);
    tab.click("#confirm .result .stack button");
    confirm(&mut tab);
    tab.wait_for("#confirm .result.good");
    assert!(shop.outcome(id).is_some_and(|outcome| outcome.succeeded()));
}
