//! How operators see money come in: what is unknown is asked about and never declared, and the
//! limits are changed by two.

use crate::console::{go, is_seen};
use crate::console_staff::{agree, begin, first_two, send};
use crate::wallet::top_up::Cards;

const QUERY: &str = "#rails-list article button";

#[test]
fn an_unknown_top_up_is_shown_with_its_age_and_asked_about_but_never_declared_done() {
    let Some(cards) = Cards::start() else { return };
    let [mut aoi, mut ren] = first_two(&cards.stage);
    // The member goes away: nobody but the book's own job and the operator asks.
    drop(cards.unanswered());
    for (operator, language) in [(&mut aoi, "en"), (&mut ren, "ja")] {
        go(operator, "rails").wait_for(QUERY);
        is_seen(operator, &format!("rails-{language}"));
    }
    aoi.wait_for_words("#rails-list article", "unknown");
    let buttons = aoi.evaluate("document.querySelectorAll('#rails-list article button').length");
    assert_eq!(buttons, 1, "asking is all that can be done");
    aoi.click(QUERY).wait_for_words("#rails-list article [role=status]", "nothing new");
    cards.acquirer.answer();
    aoi.click(QUERY).wait_for_words("#rails-list article [role=status]", "has answered");
    aoi.wait_for_words("#rails-list article", "posted");
    assert_eq!(cards.acquirer.owes(), 900);
    // It is one of the newest operations, too, and in words.
    go(&mut aoi, "today").wait_for_words("#newest", "Top-up");
    go(&mut aoi, "rails").wait_for("#rails-list table");
    aoi.wait_for_words("#rails-list", "None is on its way");
}

#[test]
fn limits_are_changed_by_two_and_what_is_wrong_changes_nothing() {
    let Some(cards) = Cards::start() else { return };
    let [mut aoi, mut ren] = first_two(&cards.stage);
    go(&mut aoi, "rails").wait_for("[data-act=change_policy]");
    let before = aoi.text("#rails-list pre");
    assert!(before.contains("[cash]"), "{before}");
    aoi.expects("400");
    begin(&mut aoi, "change_policy");
    is_seen(&mut aoi, "policy-en");
    aoi.evaluate("document.querySelector('#act-dialog textarea').value += '\\n[[limit]]\\n'");
    aoi.type_text("#act-dialog [name=reason]", "a test of pages").press("Enter");
    aoi.wait_for_words("#act-dialog .notice.bad", "cannot be read");
    let change = r"(() => {
        const area = document.querySelector('#act-dialog textarea');
        area.value = area.value.replace(/\[\[limit\]\]\s*$/, '')
            .replace(/second_person_above = .*/, 'second_person_above = 4321');
        return area.value.includes('4321');
    })()";
    assert_eq!(aoi.evaluate(change), true);
    // What it would have done is seen before it is proposed, and before it is approved.
    aoi.click("#act-dialog .try").wait_for("#act-dialog .difference .new");
    aoi.wait_for_words("#act-dialog .difference", "+ second_person_above = 4321");
    aoi.wait_for_words("#act-dialog", "Every request would have ended as it did");
    is_seen(&mut aoi, "policy-tried-en");
    send(&mut aoi);
    go(&mut ren, "approvals").wait_for("#approvals-list .try");
    ren.click("#approvals-list .try").wait_for_words("#approvals-list .difference", "4321");
    is_seen(&mut ren, "policy-tried-ja");
    agree(&mut ren);
    ren.wait_for("#approvals-list");
    go(&mut ren, "rails").wait_for_words("#rails-list pre", "4321");
}
