//! The first page of the public listener.

use yaoki_browser::tab::Scheme;
use yaoki_browser::{Size, Stage};
use yaoki_server::edge::listener::ListenerName;

#[test]
fn the_first_page_speaks_both_languages_and_keeps_nobody_out() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = stage.tab();
    tab.open(&stage.url(ListenerName::Public, "/"));
    assert_eq!(tab.text("h1"), "八起 Yaoki");
    assert!(tab.text("section[lang=ja]").contains("コード決済のサーバーです"));
    assert!(tab.text("section[lang=en]").contains("This is a code-payment server"));
    tab.must_be_accessible();
    tab.screenshot("first-page-desk", Size::Desk);
    tab.set_scheme(Scheme::Dark).must_be_accessible();
    tab.screenshot("first-page-phone-dark", Size::Phone);
    let is_wider = "document.documentElement.scrollWidth > innerWidth";
    assert_eq!(tab.evaluate(is_wider), false, "a phone would scroll sideways");
    tab.set_scheme(Scheme::Light).screenshot("first-page-phone", Size::Phone);
    tab.must_be_accessible();
}

#[test]
fn the_page_of_refusals_is_reached_by_its_link_and_keeps_nobody_out() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = stage.tab();
    tab.open(&stage.url(ListenerName::Public, "/")).click("a[href='/docs/reference/refusals']");
    tab.wait_until("location.pathname === '/docs/reference/refusals'");
    tab.wait_for("#code_already_used").must_be_accessible();
    tab.screenshot("refusals-phone", Size::Phone);
}
