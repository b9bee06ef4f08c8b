//! The code that a till scans.

use chromiumoxide::cdp::browser_protocol::page::AddScriptToEvaluateOnNewDocumentParams;
use yaoki_browser::tab::Scheme;
use yaoki_browser::{Size, Stage};
use yaoki_core::time::Instant;
use yaoki_server::admin::Order;

use super::{
    CODE, CODE_SHOWN, SHORT_LIVES, digits, must_be_for_all, phone, put_behind, put_in_front,
};
use crate::shop::{STORE, Shop};

#[test]
fn a_scanner_reads_the_page_and_the_till_is_paid_and_the_page_says_so() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let mut tab = phone(&stage, 5_000, "ja");
    for (scheme, name) in
        [(Scheme::Light, "wallet-code-phone"), (Scheme::Dark, "wallet-code-phone-dark")]
    {
        tab.set_scheme(scheme);
        let (mut before, mut read) = (digits(&tab), Vec::new());
        loop {
            read.extend(stage.decode_codes(&tab.screenshot(name, Size::Phone)));
            let after = digits(&tab);
            if before == after {
                break;
            }
            // It was renewed just then.
            before = after;
            read.clear();
        }
        assert_eq!(read, [before.as_str(); 2], "the barcode and the QR say the same, {scheme:?}");
        must_be_for_all(&tab);
    }
    let shown = digits(&tab);
    assert_eq!(shop.charge(&shown, 1_200).outcome, "succeeded");
    tab.wait_for("#paid .result.good");
    let said = tab.text("#paid");
    for part in ["支払いました", "1,200円", STORE] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(tab.text("#announce").contains("1,200円"), "a screen reader says it");
    tab.wait_until("available.textContent === '3,800円'");
    tab.wait_for(CODE_SHOWN);
    assert_ne!(digits(&tab), shown, "a fresh code is shown");
    must_be_for_all(&tab);
    tab.screenshot("wallet-paid-phone-dark", Size::Phone);
    tab.set_scheme(Scheme::Light).screenshot("wallet-paid-desk", Size::Desk);
    must_be_for_all(&tab);
}

#[test]
fn a_code_is_gone_while_the_page_is_not_in_front() {
    let Some(stage) = Stage::start() else { return };
    let tab = phone(&stage, 1_000, "en");
    put_behind(&tab);
    assert_eq!(digits(&tab), "", "it is not even in the document");
    assert!(!tab.sees(CODE_SHOWN));
    assert!(tab.text("#ticket-said").contains("not in front"));
    must_be_for_all(&tab);
    put_in_front(&tab);
    tab.wait_for(CODE_SHOWN);
}

#[test]
fn a_code_is_renewed_and_is_gone_where_it_cannot_be() {
    let Some(mut stage) = Stage::start_with(&SHORT_LIVES) else { return };
    let mut tab = phone(&stage, 1_000, "en");
    let first = digits(&tab);
    let is_other = format!(
        "document.querySelector('.digits')?.innerText.replaceAll(/\\s/g, '') !== '{first}'"
    );
    tab.wait_until_within(&is_other, CODE).wait_for(CODE_SHOWN);

    tab.allows("net::ERR_");
    stage.kill_server();
    tab.wait_for("#trouble");
    tab.wait_until_within("!document.querySelector('.digits')", CODE);
    assert!(tab.text("#ticket-said").contains("The code is over"));
    must_be_for_all(&tab);
    tab.screenshot("wallet-server-gone-phone", Size::Phone);
    stage.restart();
    tab.wait_for(CODE_SHOWN).wait_until("document.querySelector('#trouble').hidden");
}

#[test]
fn a_page_says_without_a_code_why_there_is_none() {
    let Some(stage) = Stage::start() else { return };
    let (member, link) = stage.member(1_000);
    let mut tab = stage.tab();
    tab.open(&format!("{}#{link}", super::wallet(&stage, "en"))).wait_for(CODE_SHOWN);
    tab.expects("409");
    stage.order(Order::FreezeMember { member: member.clone() });
    put_behind(&tab);
    put_in_front(&tab);
    tab.wait_until("document.querySelector('#ticket-said').innerText.includes('frozen')");
    must_be_for_all(&tab);
    tab.screenshot("wallet-frozen-desk", Size::Desk);
    stage.order(Order::UnfreezeMember { member });
    tab.wait_for(CODE_SHOWN);
}

#[test]
fn a_phone_whose_clock_is_wrong_shows_codes_all_the_same() {
    let Some(stage) = Stage::start() else { return };
    let mut shop = Shop::open(&stage);
    let (_, link) = stage.member(1_000);
    let mut tab = stage.tab();
    let Instant(now) = Stage::clock()();
    // An hour ahead, for every script of the page.
    let script = "const real = Date.now; Date.now = () => real() + 3_600_000;";
    tab.execute(AddScriptToEvaluateOnNewDocumentParams::new(script));
    tab.open(&format!("{}#{link}", super::wallet(&stage, "en"))).wait_for(CODE_SHOWN);
    assert!(tab.evaluate("Date.now()").as_i64().is_some_and(|seen| seen > now + 3_000_000));
    assert_eq!(shop.charge(&digits(&tab), 300).outcome, "succeeded");
    tab.wait_for("#paid .result.good");
    let (payload, _) = shop.sign();
    super::pay::pay_by_text(&mut tab, &payload, Some("200"));
    tab.wait_for("#confirm .result.good");
    assert_eq!(shop.paid(), 2);
}
