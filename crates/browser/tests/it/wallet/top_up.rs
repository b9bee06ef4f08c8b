//! Topping up by a card in a browser, at the demo's acquirer and its 3-D Secure page: content,
//! refused, abandoned, and an acquirer that does not answer; in both languages.

use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::rails::demo::{DemoAcquirer, DemoOptions};

use super::members::origin;
use super::{CODE_SHOWN, must_be_for_all};

/// A stage that takes cards, and who takes them.
pub(crate) struct Cards {
    pub(crate) stage: Stage,
    pub(crate) acquirer: DemoAcquirer,
    _folder: tempfile::TempDir,
}

impl Cards {
    pub(crate) fn start() -> Option<Self> {
        let options = DemoOptions {
            address: ([127, 0, 0, 1], 0).into(),
            origin: None,
            file: None,
            clock: Stage::clock(),
            entropy: Arc::new(|bytes: &mut [u8]| bytes.fill(7)),
        };
        let acquirer = DemoAcquirer::start(options).expect("it starts");
        let asked = acquirer.options();
        let text = format!(
            "api = \"{}\"\nsecret_key = \"{}\"\nwebhook_secret = \"{}\"\n",
            asked.api, asked.secret_key, asked.webhook_secret
        );
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("acquirer.toml");
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        std::io::Write::write_all(&mut file.expect("a file"), text.as_bytes()).expect("written");
        let flag = format!("--acquirer={}", path.display());
        let stage = Stage::start_with(&[&flag])?;
        Some(Self { stage, acquirer, _folder: folder })
    }
}

impl Cards {
    /// A phone whose top-up of 900 the acquirer has not answered.
    pub(crate) fn unanswered(&self) -> Tab {
        let mut tab = phone(&self.stage, "ja");
        add_card(&mut tab, ASKS, true);
        top_up(&mut tab, "900");
        tab.wait_for("#yes");
        self.acquirer.keep_silent();
        tab.click("#yes").wait_for(".top-up[data-state=unknown]");
        tab
    }
}

/// A phone with a wallet that begins with 1,000.
fn phone(stage: &Stage, language: &str) -> Tab {
    let (_, link) = stage.member(1_000);
    let mut tab = stage.tab();
    // The acquirer's pages are another site's.
    tab.allows("demo acquirer").set_size(Size::Phone);
    tab.open(&format!("{}/wallet?lang={language}#{link}", origin(stage))).wait_for(CODE_SHOWN);
    tab
}

fn to_money(tab: &mut Tab) {
    tab.evaluate("location.hash = '#/money'");
    tab.wait_for("#limits-title");
}

/// Adds the card whose number ends so.
fn add_card(tab: &mut Tab, number: &str, yes: bool) {
    to_money(tab);
    let add =
        "[...document.querySelectorAll('#money button.wide')].find((b) => b.type === 'button')";
    tab.evaluate(&format!("{add}.click()"));
    tab.wait_for("#card");
    tab.evaluate(&format!("document.querySelector('input[value=\"{number}\"]').checked = true"));
    tab.click("#card button").wait_for("#yes");
    tab.click(if yes { "#yes" } else { "#no" }).wait_for("#limits-title");
}

fn top_up(tab: &mut Tab, amount: &str) {
    tab.wait_for("#top-up-form");
    tab.type_text("#top-up-form [name=amount]", amount);
    tab.click("#top-up-form button.act");
}

const ASKS: &str = "4000000000003220";
const CONTENT: &str = "4242424242424242";

#[test]
fn a_card_tops_up_where_the_bank_is_content_and_where_it_asks() {
    let Some(cards) = Cards::start() else { return };
    for language in ["ja", "en"] {
        let mut tab = phone(&cards.stage, language);
        to_money(&mut tab);
        must_be_for_all(&tab);
        tab.screenshot(&format!("top-up-none-{language}"), Size::Phone);
        add_card(&mut tab, ASKS, true);
        tab.wait_for("#top-up-form");
        must_be_for_all(&tab);
        tab.screenshot(&format!("top-up-form-{language}"), Size::Phone);
        top_up(&mut tab, "3000");
        tab.wait_for("#yes");
        tab.screenshot(&format!("top-up-3ds-{language}"), Size::Phone);
        tab.click("#yes").wait_for(".top-up[data-state=posted]");
        must_be_for_all(&tab);
        tab.screenshot(&format!("top-up-done-{language}"), Size::Phone);
        tab.screenshot(&format!("top-up-done-{language}"), Size::Desk);
        tab.evaluate("location.hash = '#/code'");
        tab.wait_for_words("#available", "4,000");
        tab.evaluate("location.hash = '#/history'");
        let word = if language == "ja" { "チャージ" } else { "Top-up" };
        tab.wait_for_words("#history", word);
    }
}

#[test]
fn a_refused_or_abandoned_challenge_takes_nothing_and_says_so() {
    let Some(cards) = Cards::start() else { return };
    let mut tab = phone(&cards.stage, "en");
    add_card(&mut tab, CONTENT, false);
    tab.wait_for_words("#money", "Add a card to top up from here");
    add_card(&mut tab, ASKS, true);
    top_up(&mut tab, "2000");
    tab.wait_for("#no");
    tab.click("#no").wait_for(".top-up[data-state=declined]");
    tab.wait_for_words(".top-up[data-state=declined]", "The card was declined");
    // Left at the bank's page, and come back to: what is under way says how it goes on.
    let mut other = phone(&cards.stage, "en");
    add_card(&mut other, ASKS, true);
    top_up(&mut other, "1500");
    other.wait_for("#yes");
    other.open(&format!("{}/wallet?lang=en#/money", origin(&cards.stage)));
    other.wait_for(".top-up[data-state=requested] a.act");
    must_be_for_all(&other);
    other.screenshot("top-up-under-way-en", Size::Phone);
    other.click(".top-up a.act").wait_for("#yes");
    other.click("#yes");
    other.wait_for(".top-up[data-state=posted]");
}

#[test]
fn more_than_a_limit_is_refused_with_what_is_left() {
    let Some(cards) = Cards::start() else { return };
    let mut tab = phone(&cards.stage, "en");
    add_card(&mut tab, CONTENT, true);
    tab.expects("status of 409");
    top_up(&mut tab, "20001");
    tab.wait_for_words("#top-up-form .said", "more than the limits");
    tab.wait_for_words(".limits", "¥20,000");
    tab.evaluate("document.querySelector('#top-up-form [name=amount]').value = ''");
    top_up(&mut tab, "5000");
    tab.wait_for(".top-up[data-state=posted]").wait_for_words(".limits", "¥15,000");
    top_up(&mut tab, "1000");
    tab.wait_for_words("#top-up-form .said", "topped up a moment ago");
    tab.screenshot("top-up-limit-en", Size::Phone);
}

#[test]
fn a_new_cards_large_top_up_waits_and_its_member_gives_it_up_or_has_it_in_the_end() {
    let Some(mut cards) = Cards::start() else { return };
    let mut tab = phone(&cards.stage, "ja");
    add_card(&mut tab, CONTENT, true);
    top_up(&mut tab, "6000");
    tab.wait_for(".top-up[data-state=authorized]").wait_for_words(".top-up", "まで確認のため保留");
    must_be_for_all(&tab);
    tab.screenshot("top-up-held-ja", Size::Phone);
    tab.click(".top-up[data-state=authorized] button").wait_for(".top-up[data-state=declined]");
    assert_eq!(cards.acquirer.owes(), 0, "nothing was taken");
    cards.stage.pass_seconds(61);
    top_up(&mut tab, "6000");
    tab.wait_for(".top-up[data-state=authorized]");
    // Its token is older than the hour that it lasts, and is renewed.
    tab.expects("status of 401");
    cards.stage.pass_seconds(3_601);
    tab.reload().wait_for(".top-up[data-state=posted]");
    assert_eq!(cards.acquirer.owes(), 6_000);
}

#[test]
fn an_acquirer_that_does_not_answer_is_shown_as_being_asked_and_ends_by_itself() {
    let Some(cards) = Cards::start() else { return };
    let mut tab = cards.unanswered();
    tab.wait_for_words(".top-up[data-state=unknown]", "二重に請求されることはありません");
    must_be_for_all(&tab);
    tab.screenshot("top-up-unknown-ja", Size::Phone);
    cards.acquirer.answer();
    tab.wait_for(".top-up[data-state=posted]");
    assert_eq!(cards.acquirer.owes(), 900);
}
