//! A register where clerks work: giving money back takes one who signs in with a PIN.

use yaoki_browser::{Stage, Tab};
use yaoki_server::admin::Order;

use super::till::{BALANCE, Till, result};
use super::{is_seen, open_newest};

fn asks_to_refund(tab: &mut Tab, amount: &str) {
    open_newest(tab);
    tab.type_text("#refund-amount", amount).press("Enter").click("#confirm-yes");
}

#[test]
fn where_clerks_work_a_refund_waits_for_one_who_signs_in_and_out_again() {
    let Some(stage) = Stage::start() else { return };
    let mut till = Till::new(&stage);
    let hired =
        stage.order(Order::CreateClerk { store: till.store.clone(), name: "結衣".into() });
    let said = |name: &str| hired[name].as_str().expect(name).to_owned();
    let (clerk, pin) = (said("clerk"), said("pin"));
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let mut tab = stage.tab();
    tab.expects("403");
    till.open(&mut tab, "en");
    till.charge(&stage, &mut tab, "1000");
    asks_to_refund(&mut tab, "300");
    tab.wait_for("#clerk-dialog[open]");
    is_seen(&mut tab, "clerk");
    // Turning back asks nothing of the server.
    tab.click("#clerk-cancel").wait_for("#detail[open]");
    assert_eq!(till.balance(&stage), BALANCE - 1000);
    tab.click("#detail form[method=dialog] button");
    asks_to_refund(&mut tab, "300");
    tab.wait_for("#clerk-dialog[open]");
    tab.type_text("#clerk-number", &clerk).type_text("#clerk-pin", wrong).press("Enter");
    tab.wait_until("document.querySelector('#clerk-told').textContent.includes('PIN')");
    tab.type_text("#clerk-pin", &pin).press("Enter");
    assert!(result(&tab, "succeeded").contains("Refunded"));
    tab.click("#outcome-next");
    assert_eq!(till.balance(&stage), BALANCE - 700);
    tab.wait_for("#signed-in:not([hidden])");
    assert!(tab.text("#signed-in").contains("結衣"));
    // Signed in, nobody is asked again; signed out, somebody is.
    asks_to_refund(&mut tab, "200");
    result(&tab, "succeeded");
    tab.click("#outcome-next").click("#signed-out");
    asks_to_refund(&mut tab, "100");
    tab.wait_for("#clerk-dialog[open]");
    assert_eq!(tab.evaluate("document.querySelector('#clerk-pin').value"), "");
    assert_eq!(till.balance(&stage), BALANCE - 500);
    let module = "document.querySelector('script[type=module]').src.replace(/[^/]*$/, 'kept.js')";
    let all = format!("import({module}).then(({{ all }}) => all('journal'))");
    let kept = format!("{all}.then((entries) => JSON.stringify(entries))");
    let kept = tab.evaluate(&kept).to_string();
    assert!(kept.contains("refund") && !kept.contains("clerk_session"), "{kept}");
}
