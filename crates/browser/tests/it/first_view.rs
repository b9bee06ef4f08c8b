//! What a cheap phone on a train loads until a page can be used. Bytes have a bound; times are said
//! and bound nothing, because a busy machine is no fault.

use std::io::Write;

use chromiumoxide::cdp::browser_protocol::network::ClearBrowserCacheParams;
use serde_json::Value;
use yaoki_browser::{Size, Stage, Tab, Visitor};

use crate::register::till::Till;
use crate::{console, wallet};

/// What a page may transfer until it can be used, headers and answers of the API among it, bytes.
const BYTES_MAX: u64 = 100_000;

/// What has been loaded by now. Of what was in the cache before, nothing would be measured; what a
/// page uses twice comes once.
const LOADED: &str = "(() => {
    const all = performance.getEntriesByType('navigation')
        .concat(performance.getEntriesByType('resource'));
    const [painted] = performance.getEntriesByName('first-contentful-paint');
    const came = new Set(all.filter((one) => one.transferSize >= one.encodedBodySize)
        .map((one) => one.name));
    return {
        milliseconds: Math.round(performance.now()),
        first_paint: Math.round(painted.startTime),
        requests: all.length,
        cached: all.filter((one) => !came.has(one.name)).map((one) => one.name),
        bytes: all.reduce((sum, one) => sum + one.transferSize, 0),
    };
})()";

/// A page, as somebody opens it who has been there before.
struct View<'name> {
    name: &'name str,
    url: String,
    /// What is there once the page can be used.
    shown: &'name str,
}

/// Loads a page with nothing kept of it but what its person is known by.
fn load(person: &Visitor, view: &View<'_>) -> Value {
    let mut tab = person.tab();
    if view.name == "console" {
        // The first request of that page is always refused.
        tab.expects("401");
    }
    tab.execute(ClearBrowserCacheParams::default());
    tab.set_size(Size::Phone).throttle().open(&view.url).wait_for(view.shown);
    tab.evaluate(LOADED)
}

/// Lets somebody in, with a tab that is closed again.
fn person(stage: &Stage, enter: impl FnOnce(&mut Tab)) -> Visitor {
    let person = stage.browser();
    let mut tab = person.tab();
    enter(&mut tab);
    drop(tab);
    person
}

#[test]
fn what_a_throttled_phone_loads_is_bounded() {
    let Some(stage) = Stage::start() else { return };
    let (_, token) = stage.member(5_000);
    let wallet = wallet::wallet(&stage, "ja");
    let member = person(&stage, |tab| {
        tab.open(&format!("{wallet}#{token}")).wait_for(wallet::CODE_SHOWN);
    });
    let till = Till::new(&stage);
    let clerk = person(&stage, |tab| till.open(tab, "ja"));
    let link = console::link(&stage, "ja");
    let console = link.split('#').next().unwrap_or_default().to_owned();
    let operator = person(&stage, |tab| {
        tab.expects("401").open(&link).wait_for(console::LIVE);
    });
    let register = till.url("ja");
    for (person, view) in [
        (member, View { name: "wallet", url: wallet, shown: wallet::CODE_SHOWN }),
        (clerk, View { name: "register", url: register, shown: "#charge-sign:enabled" }),
        (operator, View { name: "console", url: console, shown: console::LIVE }),
    ] {
        let loaded = load(&person, &view);
        let written = writeln!(std::io::stderr(), "{} on a throttled phone: {loaded}", view.name);
        written.expect("figures can be said");
        assert_eq!(loaded["cached"], serde_json::json!([]), "{}", view.name);
        let bytes = loaded["bytes"].as_u64().expect("a number");
        assert!(bytes > 0 && bytes < BYTES_MAX, "{}: {loaded}", view.name);
    }
}
