//! The tools see what they are for: without these tests, silence of the others would say nothing.

use yaoki_browser::tab::Network;
use yaoki_browser::watch::Wrong;
use yaoki_browser::{Size, Stage, Tab};
use yaoki_server::client::DeviceClient;
use yaoki_server::edge::listener::ListenerName;

/// What kinds of things went wrong, and what was said of them.
fn told(tab: &mut Tab) -> Vec<(Wrong, String)> {
    tab.violations().into_iter().map(|seen| (seen.wrong, seen.text)).collect()
}

/// Runs a script in the page and waits until the page tells of what it broke.
fn is_told(tab: &mut Tab, script: &str, wrong: Wrong, part: &str) {
    tab.evaluate(script);
    let mut found = Vec::new();
    for _ in 0..200 {
        found = told(tab);
        if found.iter().any(|(kind, text)| *kind == wrong && text.contains(part)) {
            return;
        }
    }
    panic!("{script}: {found:?}");
}

/// What was told was meant to be.
fn was_meant(tab: &mut Tab) {
    for (_, text) in told(tab) {
        tab.expects(&text);
    }
}

#[test]
fn whatever_goes_wrong_in_a_page_is_told() {
    let Some(stage) = Stage::start() else { return };
    let page = stage.url(ListenerName::Public, "/");
    let missing = stage.url(ListenerName::Public, "/nowhere");
    // Each breaks one thing on a page that is in order.
    for (script, wrong, part) in [
        ("document.body.setAttribute('style', 'color: red')", Wrong::Policy, "style-src-attr"),
        ("new Image().src = 'http://127.0.0.1:9/x.png'", Wrong::Policy, "img-src"),
        ("fetch('/').catch(() => 0)", Wrong::Policy, "connect-src"),
        (
            "try { document.body.innerHTML = '<b>x</b>' } catch {}",
            Wrong::Policy,
            "require-trusted-types-for",
        ),
        ("try { eval('1') } catch {}", Wrong::Policy, "eval|1"),
        ("console.error('a complaint')", Wrong::Console, "a complaint"),
        ("setTimeout(() => { throw new Error('a fault') })", Wrong::Exception, "a fault"),
        (&format!("location.href = '{missing}'"), Wrong::Browser, "404"),
    ] {
        let mut tab = stage.tab();
        tab.open(&page);
        assert_eq!(told(&mut tab), [], "before {script}");
        is_told(&mut tab, script, wrong, part);
        was_meant(&mut tab);
    }
}

/// What a script that got into a page would try, and what the policy says to it.
const INTRUSIONS: [(&str, &str); 7] = [
    ("document.body.setAttribute('style', 'color: red')", "style-src-attr"),
    ("new Image().src = 'http://127.0.0.1:9/x.png'", "img-src"),
    ("fetch('http://127.0.0.1:9/').catch(() => 0)", "connect-src"),
    ("import('http://127.0.0.1:9/x.js').catch(() => 0)", "script-src-elem"),
    ("try { document.body.innerHTML = '<b>x</b>' } catch {}", "innerHTML|<b>x</b>"),
    ("try { eval('1') } catch {}", "eval|1"),
    (
        "{ const script = document.createElement('script');
           script.append('globalThis.ran = true'); document.body.append(script); }",
        "HTMLScriptElement text|globalThis.ran",
    ),
];

#[test]
fn each_page_lets_nothing_of_others_in() {
    let Some(stage) = Stage::start() else { return };
    for (listener, path, shown) in [
        (ListenerName::Devices, "/wallet", "#to-sign-up"),
        (ListenerName::Registers, "/register", "#pair-form"),
        (ListenerName::Console, "/console", "#view-outside"),
    ] {
        let mut tab = stage.tab();
        tab.open(&stage.url(listener, path)).wait_for(shown);
        assert_eq!(told(&mut tab), [], "before anything is tried at {path}");
        let policy = "fetch(location.href).then(({ headers }) => \
                      headers.get('content-security-policy'))";
        let policy = tab.evaluate(policy).as_str().unwrap_or_default().to_owned();
        for part in ["default-src 'none'", "require-trusted-types-for 'script'"] {
            assert!(policy.contains(part), "{part} in {policy:?} of {path}");
        }
        assert!(!policy.contains("unsafe-"), "{policy:?} of {path}");
        for (script, part) in INTRUSIONS {
            is_told(&mut tab, script, Wrong::Policy, part);
        }
        assert_eq!(tab.evaluate("globalThis.ran === undefined"), true, "{path}");
        assert!(tab.sees(shown), "{path} is as it was");
        was_meant(&mut tab);
    }
}

#[test]
fn a_page_that_keeps_people_out_is_told_of() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = stage.tab();
    tab.open("data:text/html,<title>x</title><main><img src='data:,'><input></main>");
    let rules: Vec<String> = tab.barriers().into_iter().map(|found| found.rule).collect();
    for rule in ["html-has-lang", "image-alt", "label"] {
        assert!(rules.iter().any(|found| found == rule), "{rule} in {rules:?}");
    }
}

#[test]
fn a_scanner_reads_the_codes_that_a_device_shows() {
    let Some(stage) = Stage::start() else { return };
    let (_, mut device) = stage.device(1_000);
    let shown = stage.run(device.code(true)).expect("it shows a code");
    let mut tab = stage.tab();
    for (name, svg) in [("qr", &shown.qr_svg), ("code128", &shown.code128_svg)] {
        let svg = svg.as_ref().expect("a picture").replace('#', "%23");
        tab.open(&format!("data:image/svg+xml,{svg}"));
        let png = tab.screenshot(&format!("tools-{name}"), Size::Phone);
        assert_eq!(stage.decode_codes(&png), [shown.digits.as_str()], "{name}");
    }
    tab.open("data:text/html,<p>no code");
    assert_eq!(stage.decode_codes(&tab.picture()), [""; 0]);
}

#[test]
fn a_server_that_was_killed_and_a_network_that_was_cut_come_back_where_they_were() {
    let Some(mut stage) = Stage::start() else { return };
    let page = stage.url(ListenerName::Public, "/");
    let (_, link) = stage.member(500);
    let mut tab = stage.tab();
    tab.open(&page);
    stage.kill_server();
    let error = tab.try_open(&page).expect_err("nobody serves");
    assert!(error.contains("ERR_CONNECTION_REFUSED"), "{error}");
    stage.restart();
    tab.open(&page).wait_for("h1");
    let address = stage.address(ListenerName::Devices);
    let mut device = DeviceClient::new(address, Stage::clock()).expect("a key can be made");
    stage.run(device.enrol(&link)).expect("the link outlived the server");
    tab.cut_network();
    assert_eq!(tab.evaluate("navigator.onLine"), false);
    let error = tab.try_open(&page).expect_err("there is no network");
    assert!(error.contains("ERR_INTERNET_DISCONNECTED"), "{error}");
    tab.set_network(Network::Good).open(&page).wait_for("h1");
}

#[test]
fn people_share_nothing_and_ask_in_their_own_language() {
    let Some(stage) = Stage::start() else { return };
    let page = stage.url(ListenerName::Public, "/");
    let person = stage.browser();
    let (mut tab, mut second, mut stranger) = (person.tab(), person.tab(), stage.tab());
    for tab in [&mut tab, &mut second, &mut stranger] {
        tab.open(&page);
    }
    tab.evaluate("localStorage.setItem('name', 'Asa')");
    assert_eq!(second.evaluate("localStorage.getItem('name')"), "Asa");
    assert!(stranger.evaluate("localStorage.getItem('name')").is_null());
    for language in ["ja", "en"] {
        tab.set_language(language).open(&page);
        assert_eq!(tab.evaluate("navigator.language"), language);
    }
}

#[test]
fn text_is_typed_keys_are_pressed_and_what_is_covered_is_not_clicked() {
    let Some(stage) = Stage::start() else { return };
    let mut tab = stage.tab();
    tab.open(
        "data:text/html,<title>x</title>\
         <form onsubmit='event.preventDefault(); out.append(a.value)'>\
         <input id=a value=old><button id=b>b</button></form><p id=out></p>\
         <div id=veil style='position:fixed;inset:0'></div>",
    );
    let hidden = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tab.wait_until_within("false", std::time::Duration::from_millis(80));
    }));
    assert!(hidden.is_err(), "what does not come fails");
    tab.evaluate("setTimeout(() => veil.remove(), 100)");
    tab.type_text("#a", "にほん").press("Enter");
    tab.wait_until("out.textContent === 'にほん'");
    tab.press("Tab");
    assert_eq!(tab.evaluate("document.activeElement.id"), "b");
    tab.press(" ").wait_until("out.textContent === 'にほんにほん'");
    tab.press("Shift+Tab");
    assert_eq!(tab.evaluate("document.activeElement.id"), "a");
    tab.throttle().click("#b").wait_until("out.textContent.length === 9");
}
