//! The member's page.

mod asked;
mod code;
mod enrol;
mod external;
mod history;
mod members;
pub(crate) mod pay;
mod proofs;
pub(crate) mod top_up;

use std::time::Duration;

use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::edge::listener::ListenerName;

/// Longer than a code is shown, and than one lives that lives as short as it may.
const CODE: Duration = Duration::from_secs(40);
/// The least that codes may live, so that tests need not wait.
const SHORT_LIVES: [&str; 1] = ["--code-lifetime-seconds=30"];
pub(crate) const CODE_SHOWN: &str = "#ticket-code svg";

pub(crate) fn wallet(stage: &Stage, language: &str) -> String {
    stage.url(ListenerName::Devices, &format!("/wallet?lang={language}"))
}

/// A phone whose wallet has so much money.
pub(crate) fn phone(stage: &Stage, money: i64, language: &str) -> Tab {
    let (_, link) = stage.member(money);
    let mut tab = stage.tab();
    tab.set_size(Size::Phone).open(&format!("{}#{link}", wallet(stage, language)));
    tab.wait_for(CODE_SHOWN);
    tab
}

/// The code that is shown, as people read it.
pub(crate) fn digits(tab: &Tab) -> String {
    let text = tab.evaluate("document.querySelector('.digits')?.textContent ?? ''");
    text.as_str().unwrap_or_default().replace(' ', "")
}

/// A code that was not shown before.
fn fresh(tab: &mut Tab) -> String {
    put_behind(tab);
    put_in_front(tab);
    tab.wait_for(CODE_SHOWN);
    digits(tab)
}

/// Says to the page what a system says when another window, or none, is in front.
fn put_behind(tab: &Tab) {
    tab.evaluate("dispatchEvent(new Event('blur')) || true");
}

pub(crate) fn put_in_front(tab: &Tab) {
    tab.evaluate("dispatchEvent(new Event('focus')) || true");
}

/// Goes to a view as a member does.
pub(crate) fn go(tab: &mut Tab, view: &str) {
    tab.click(&format!("#tabs a[href='#/{view}']")).wait_for(&format!("#view-{view}"));
}

/// Nobody is kept out, and a phone need not scroll sideways.
fn must_be_for_all(tab: &Tab) {
    tab.must_be_accessible();
    let is_wider = "document.documentElement.scrollWidth > innerWidth";
    assert_eq!(tab.evaluate(is_wider), false, "it is wider than the screen");
}
