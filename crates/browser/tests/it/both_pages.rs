//! Two people at one counter: what the member's page and the clerk's say to each other, and that
//! both say the same. Each has a browser of their own; what passes between them is what a scanner
//! reads off the other's screen.

use yaoki_browser::{Size, Stage, Tab};

use crate::register::open_newest;
use crate::register::till::{Till, key_in, result, scan};
use crate::wallet::pay::pay_by_text;
use crate::wallet::{CODE_SHOWN, digits, go, phone, put_in_front};

/// A member with 10,000, and a clerk whose till is open, in Japanese.
fn meet(stage: &Stage) -> (Tab, Tab) {
    let wallet = phone(stage, 10_000, "ja");
    let mut register = stage.tab();
    Till::new(stage).open(&mut register, "ja");
    (wallet, register)
}

/// What a scanner reads off the wallet: the barcode and the QR say the same.
fn read_wallet(stage: &Stage, wallet: &mut Tab) -> String {
    put_in_front(wallet);
    loop {
        wallet.wait_for(CODE_SHOWN);
        let before = digits(wallet);
        let read = stage.decode_codes(&wallet.screenshot("both-wallet-code", Size::Phone));
        // Else it was renewed just then.
        if before == digits(wallet) {
            assert_eq!(read, [before.as_str(); 2]);
            return before;
        }
    }
}

/// What a scanner reads off the register's screen.
fn read_register(stage: &Stage, register: &mut Tab, name: &str) -> String {
    let read = stage.decode_codes(&register.screenshot(&format!("both-{name}"), Size::Desk));
    assert_eq!(read.len(), 1, "{read:?}");
    read.concat()
}

/// The member looks at the code again, and the balance comes to be so much.
fn has(wallet: &mut Tab, balance: &str) {
    put_in_front(wallet);
    wallet.click("#tabs a[href='#/code']");
    wallet.wait_until(&format!("available.textContent === '{balance}'"));
}

/// The member looks at what came and went, and finds all of it.
fn finds(wallet: &mut Tab, parts: &[&str]) {
    go(wallet, "history");
    for part in parts {
        wallet.wait_until(&format!(
            "document.getElementById('history').innerText.includes('{part}')"
        ));
    }
}

#[test]
fn a_code_is_scanned_off_the_phone_and_a_refund_comes_back_to_it() {
    let Some(stage) = Stage::start() else { return };
    let (mut wallet, mut register) = meet(&stage);
    key_in(&mut register, "1200");
    let code = read_wallet(&stage, &mut wallet);
    scan(&register, &code);
    let told = result(&register, "succeeded");
    assert!(told.contains("支払い完了") && told.contains("1,200円"), "{told}");
    wallet.wait_for("#paid .result.good");
    let said = wallet.text("#paid");
    assert!(said.contains("駅前店") && said.contains("1,200円"), "{said}");
    has(&mut wallet, "8,800円");

    register.click("#outcome-next");
    open_newest(&mut register);
    register.type_text("#refund-amount", "300").press("Enter");
    register.click("#confirm-yes");
    let told = result(&register, "succeeded");
    assert!(told.contains("返金") && told.contains("300円"), "{told}");
    has(&mut wallet, "9,100円");
    finds(&mut wallet, &["−1,200円", "一部返金", "+300円", "駅前店"]);
}

#[test]
fn an_order_is_read_off_the_register_and_both_say_that_it_is_paid() {
    let Some(stage) = Stage::start() else { return };
    let (mut wallet, mut register) = meet(&stage);
    key_in(&mut register, "700");
    register.click("#charge-order").wait_for("#order[open] svg");
    let order = read_register(&stage, &mut register, "order");
    pay_by_text(&mut wallet, &order, None);
    wallet.wait_for("#confirm .result.good");
    let said = wallet.text("#confirm");
    assert!(said.contains("駅前店") && said.contains("700円"), "{said}");
    let told = result(&register, "succeeded");
    assert!(told.contains("支払い完了") && told.contains("700円"), "{told}");
    assert!(!register.sees("#order"));
    has(&mut wallet, "9,300円");
    finds(&mut wallet, &["−700円", "駅前店"]);
}

#[test]
fn the_stores_sign_is_paid_by_a_member_and_the_register_lists_it() {
    let Some(stage) = Stage::start() else { return };
    let (mut wallet, mut register) = meet(&stage);
    register.click("#charge-sign").wait_for("#sign[open] svg");
    let sign = read_register(&stage, &mut register, "sign");
    pay_by_text(&mut wallet, &sign, Some("450"));
    wallet.wait_for("#confirm .result.good");
    let said = wallet.text("#confirm");
    assert!(said.contains("駅前店") && said.contains("450円"), "{said}");
    register.wait_for("#sign-list .good");
    assert!(register.text("#sign-list").contains("450円"));
    has(&mut wallet, "9,550円");
    finds(&mut wallet, &["−450円", "駅前店"]);
}
