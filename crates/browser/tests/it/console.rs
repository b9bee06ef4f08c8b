//! The operator's page.

use yaoki_browser::tab::Scheme;
use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::admin::Order;
use yaoki_server::client::DeviceClient;

use crate::shop::{MERCHANT, STORE, Shop};

/// The stream has told something.
pub(crate) const LIVE: &str = "#live[data-state=good]";

/// A fresh link to the console, in a language.
pub(crate) fn link(stage: &Stage, language: &str) -> String {
    let made = stage.order(Order::ConsoleLink);
    let url = made["url"].as_str().expect("a link").to_owned();
    url.replace("/console#", &format!("/console?lang={language}#"))
}

/// An operator who is signed in and looks at today.
fn operator(stage: &Stage, language: &str) -> Tab {
    let mut tab = stage.tab();
    // The first request of a page is always refused, with the nonce for the next.
    tab.expects("401").open(&link(stage, language)).wait_for(LIVE);
    tab
}

fn code(stage: &Stage, device: &mut DeviceClient) -> String {
    // After a while the server has closed the connection. The call that finds out opens another.
    let first = stage.run(device.code(false));
    let shown = first.or_else(|_| stage.run(device.code(false)));
    shown.expect("it shows a code").digits
}

/// Goes to a view as an operator does.
pub(crate) fn go<'tab>(tab: &'tab mut Tab, view: &str) -> &'tab mut Tab {
    tab.click(&format!("#views [data-view={view}]")).wait_for(&format!("#view-{view}"));
    tab
}

/// The page as it is now keeps nobody out, in light and dark, and is kept to be looked at.
pub(crate) fn is_seen(tab: &mut Tab, name: &str) {
    for (scheme, suffix) in [(Scheme::Dark, "-dark"), (Scheme::Light, "")] {
        tab.set_scheme(scheme).must_be_accessible();
        tab.screenshot(&format!("console-{name}-phone{suffix}"), Size::Phone);
        tab.must_be_accessible();
        let is_wider = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(tab.evaluate(is_wider), false, "{name}: a phone would scroll sideways");
        tab.screenshot(&format!("console-{name}{suffix}"), Size::Desk);
    }
}

#[test]
fn a_link_signs_in_once_and_signing_out_forgets_the_key() {
    let Some(stage) = Stage::start() else { return };
    let link = link(&stage, "en");
    let mut tab = stage.tab();
    tab.expects("401").open(&link).wait_for(LIVE);
    assert_eq!(tab.evaluate("location.hash"), "");
    assert_eq!(tab.text("#actor"), "Asa");
    let mut stranger = stage.tab();
    stranger.expects("401").expects("403").open(&link);
    stranger.wait_until("document.getElementById('outside-told').innerText.includes('used')");
    assert!(!stranger.sees("#views"));
    is_seen(&mut stranger, "outside");
    tab.reload().wait_for(LIVE);
    tab.click("#sign-out").wait_for("#view-outside");
    assert!(tab.text("#outside-told").contains("signed out"));
    let kept = "new Promise(done => { indexedDB.open('yaoki').onsuccess = ({ target }) => {
        const kept = target.result.transaction('key').objectStore('key').count();
        kept.onsuccess = () => done(kept.result); } })";
    tab.wait_until(&format!("{kept}.then(count => count === 0)"));
    tab.reload().wait_for("#view-outside");
    assert!(tab.text("#view-outside").contains("yaoki admin console-link"));
}

#[test]
fn figures_plots_and_newest_operations_appear_as_a_register_pays() {
    let Some(stage) = Stage::start() else { return };
    let (mut shop, mut device) = (Shop::open(&stage), stage.device(10_000).1);
    let mut tabs = [operator(&stage, "en"), operator(&stage, "ja")];
    assert!(tabs[0].text("#hours-told").contains("Nothing yet"));
    let payment = shop.charge(&code(&stage, &mut device), 1_200).payment.expect("it is paid");
    shop.charge(&code(&stage, &mut device), 99_999);
    shop.refund(&payment, 200);
    for (tab, words) in tabs.iter_mut().zip([
        ["¥1,200", "¥200", "¥1,000", "declined", "−¥200"],
        ["1,200円", "200円", "1,000円", "不成立", "−200円"],
    ]) {
        tab.wait_until("document.querySelectorAll('#newest .row').length >= 4");
        let (figures, newest) = (tab.text("#figures"), tab.text("#newest"));
        for words in &words[..3] {
            assert!(figures.contains(words), "{words} in {figures}");
        }
        for words in &words[3..] {
            assert!(newest.contains(words), "{words} in {newest}");
        }
        tab.wait_for("#hours-plot svg .paid").wait_for("#hours-plot svg .back");
        tab.wait_until("document.getElementById('stores').innerText.includes('1')");
        tab.wait_until(&format!(
            "document.querySelector('#stores').innerText.includes('{}')",
            words[4]
        ));
        let stores = tab.text("#stores");
        assert!(stores.contains(STORE) && stores.contains(MERCHANT), "{stores}");
        tab.click("#hours-box summary");
        assert!(tab.text("#hours-table").contains(words[0]), "the plot can be read, too");
    }
    let [english, japanese] = &mut tabs;
    is_seen(english, "today-en");
    is_seen(japanese, "today-ja");
    // A line that is gone to keeps the focus while others come.
    english.evaluate(&format!("document.querySelector('#newest a[href*={payment}]').focus()"));
    shop.charge(&code(&stage, &mut device), 300);
    english.wait_until("document.querySelector('#newest').innerText.includes('¥300')");
    assert!(english.evaluate("document.activeElement.href").to_string().contains(&payment));
}

#[test]
fn a_payment_is_found_by_its_number_and_its_life_shows_the_refund() {
    let Some(stage) = Stage::start() else { return };
    let (mut shop, mut device) = (Shop::open(&stage), stage.device(10_000).1);
    let payment = shop.charge(&code(&stage, &mut device), 1_200).payment.expect("it is paid");
    shop.refund(&payment, 200);
    let mut tab = operator(&stage, "en");
    go(&mut tab, "search").type_text("#search", &payment).press("Enter");
    tab.wait_until("document.querySelectorAll('#found .row').length === 1");
    is_seen(&mut tab, "search");
    tab.click("#found a.row").wait_for("#life .steps");
    let life = tab.text("#life");
    for words in [&payment, "partly refunded", "−¥200", STORE, MERCHANT, "not acknowledged"] {
        assert!(life.contains(words), "{words} in {life}");
    }
    let sums = "document.querySelector('#life tfoot').innerText.match(/¥1,400/g).length";
    assert_eq!(tab.evaluate(sums), 2, "debits and credits are the same");
    is_seen(&mut tab, "payment");
    // What happens now is on the page at once; the address is that of the payment.
    shop.refund(&payment, 1_000);
    tab.wait_until("document.querySelectorAll('#life .steps li').length === 3");
    tab.reload().wait_for("#life .steps");
    tab.click("#language").wait_until("document.documentElement.lang === 'ja'");
    tab.wait_for("#life .steps");
    assert!(tab.text("#life").contains("返金済み"));
    is_seen(&mut tab, "payment-ja");
    // By what else is at hand, and what names nothing.
    for text in ["trm_nothing", "mem_nothing", "coffee"] {
        go(&mut tab, "search").type_text("#search", text).press("Enter");
        tab.wait_until("document.getElementById('found-told').innerText.includes('pay_')");
        tab.click("#search-clear");
    }
    tab.expects("400");
}

#[test]
fn a_search_is_narrowed_by_store_kind_outcome_and_time() {
    let Some(stage) = Stage::start() else { return };
    let (mut shop, mut device) = (Shop::open(&stage), stage.device(10_000).1);
    let payment = shop.charge(&code(&stage, &mut device), 1_200).payment.expect("it is paid");
    shop.charge(&code(&stage, &mut device), 99_999);
    shop.refund(&payment, 200);
    let mut tab = operator(&stage, "en");
    let rows =
        |count: usize| format!("document.querySelectorAll('#found .row').length === {count}");
    let choose = |tab: &mut Tab, field: &str, value: &str| {
        tab.evaluate(&format!("document.getElementById('by-{field}').value = '{value}'"));
    };
    // The credit, a payment, one that was declined, a refund.
    go(&mut tab, "search").wait_until(&rows(4));
    tab.click("#filters summary");
    for (field, value, count) in [
        ("kind", "pay", 2),
        ("outcome", "declined", 1),
        ("from", "2099-01-01T00:00", 0),
        ("from", "2019-01-01T00:00", 1),
    ] {
        choose(&mut tab, field, value);
        tab.click("#search-form .act").wait_until(&rows(count));
    }
    is_seen(&mut tab, "search-filters");
    // A search can be gone back to.
    tab.evaluate("history.back()");
    tab.wait_until(&rows(0))
        .wait_until("document.getElementById('by-from').value.includes('2099')");
    tab.click("#search-clear").wait_until(&rows(4));
    tab.click("#views [data-view=today]").click("#stores table a").wait_until(&rows(3));
}

#[test]
fn shops_switches_and_what_is_unacknowledged_are_seen_in_both_languages() {
    let Some(stage) = Stage::start() else { return };
    let (mut shop, mut device) = (Shop::open(&stage), stage.device(10_000).1);
    shop.charge(&code(&stage, &mut device), 1_200);
    let (capability, scope) = ("refund".to_owned(), "everything".to_owned());
    stage.order(Order::CloseSwitch { capability, scope, subject: None, lapse_seconds: None });
    for (language, closed, none) in
        [("en", "refunds", "None older"), ("ja", "返金", "ありません。")]
    {
        let mut tab = operator(&stage, language);
        go(&mut tab, "shops").wait_for("#shops-list .shop");
        let shops = tab.text("#shops-list");
        for words in [MERCHANT, STORE, "till 1", closed, "1,200"] {
            assert!(shops.contains(words), "{words} in {shops}");
        }
        is_seen(&mut tab, &format!("shops-{language}"));
        go(&mut tab, "unacknowledged").wait_for("#unacknowledged-list [role=status]");
        tab.wait_until(&format!(
            "document.querySelector('#unacknowledged-list').innerText.includes('{none}')"
        ));
        is_seen(&mut tab, &format!("unacknowledged-{language}"));
        go(&mut tab, "switches").wait_for("#switches-list .card");
        let switches = tab.text("#switches-list");
        for words in [closed, "Asa", "a test"] {
            assert!(switches.contains(words), "{words} in {switches}");
        }
        is_seen(&mut tab, &format!("switches-{language}"));
    }
}

#[test]
fn a_stream_that_is_lost_is_said_plainly_and_a_restart_ends_the_session() {
    let Some(mut stage) = Stage::start() else { return };
    let mut tab = operator(&stage, "en");
    tab.allows("net::ERR").allows("401");
    stage.kill_server();
    tab.wait_for("#live[data-state=trouble]");
    tab.wait_until("document.getElementById('notice').innerText.includes('as of')");
    is_seen(&mut tab, "lost");
    stage.restart();
    tab.wait_for("#view-outside");
    assert!(tab.text("#outside-told").contains("session is over"));
    tab.open("about:blank").open(&link(&stage, "en")).wait_for(LIVE);
}

#[test]
fn a_page_that_is_opened_again_and_again_stays_alive() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = operator(&stage, "en");
    for _ in 0..8 {
        tab.reload().wait_for(LIVE);
    }
}

#[test]
fn a_session_that_was_ended_is_said_to_be_over() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = operator(&stage, "en");
    stage.order(Order::EndConsoleSessions);
    tab.wait_for("#view-outside");
    assert!(tab.text("#outside-told").contains("session is over"));
    tab.open("about:blank").open(&link(&stage, "en")).wait_for(LIVE);
}
