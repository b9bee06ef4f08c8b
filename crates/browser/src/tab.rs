//! A tab, as a person uses it. Each act waits until it can be done, and fails the test where that
//! does not come.
//!
//! At its end a tab must have nothing to complain of: see [`Tab::violations`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetCpuThrottlingRateParams, SetDeviceMetricsOverrideParams,
    SetEmulatedMediaParams, SetTouchEmulationEnabledParams, SetUserAgentOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams, MouseButton,
};
use chromiumoxide::cdp::browser_protocol::network::{
    EmulateNetworkConditionsByRuleParams, NetworkConditions, OverrideNetworkStateParams,
};
use chromiumoxide::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams,
};
use chromiumoxide::cdp::browser_protocol::web_authn::{
    AddVirtualAuthenticatorParams, AuthenticatorProtocol, AuthenticatorTransport,
    EnableParams as EnableWebAuthn, VirtualAuthenticatorOptions,
};
use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use chromiumoxide::error::CdpError;
use serde_json::Value;

use crate::axe::{self, Barrier};
use crate::visitor::Context;
use crate::watch::{Violation, Watch};
use crate::{WAIT_SECONDS_MAX, keyboard};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(40);

/// What a page is seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 390 x 844 points at 2 pixels each, touched.
    Phone,
    /// 1280 x 800 points, with a mouse.
    Desk,
}

/// The network that a tab is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// As it is.
    Good,
    /// A phone on a train: 150 ms a round trip, 1.6 Mbit/s down, 0.75 up.
    Slow4g,
    /// None.
    Cut,
}

/// Light or dark, as the system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// A tab of a [`Visitor`](crate::Visitor).
pub struct Tab {
    context: Arc<Context>,
    page: Page,
    watch: Watch,
    expected: Vec<String>,
    allowed: Vec<String>,
}

impl Tab {
    pub(crate) fn new(context: Arc<Context>, page: Page) -> Self {
        let watch = context.chromium.run(Watch::start(&page));
        let mut tab = Self { context, page, watch, expected: Vec::new(), allowed: Vec::new() };
        tab.set_size(Size::Desk);
        tab
    }

    /// Opens a URL and waits until it is loaded.
    pub fn open(&mut self, url: &str) -> &mut Self {
        if let Err(error) = self.try_open(url) {
            panic!("{url} does not open: {error}");
        }
        self
    }

    /// Opens a URL that may not answer; what the browser says then.
    ///
    /// # Errors
    /// The browser's own word, as `net::ERR_CONNECTION_REFUSED`.
    pub fn try_open(&mut self, url: &str) -> Result<(), String> {
        self.mark_as_left();
        let opened = self.context.chromium.run(self.page.goto(url));
        match opened {
            Err(CdpError::Timeout) => self.wait_for_another_page(),
            Err(error) => return Err(error.to_string()),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Loads the page again and waits until it is there.
    pub fn reload(&mut self) -> &mut Self {
        self.mark_as_left();
        // Opening the address again would load nothing where it has a `#`.
        let reloaded = self.context.chromium.run(self.page.reload()).map(drop);
        match reloaded {
            Err(CdpError::Timeout) => self.wait_for_another_page(),
            Err(error) => panic!("{} does not load again: {error}", self.url()),
            Ok(()) => {}
        }
        self
    }

    fn mark_as_left(&self) {
        self.evaluate("void (document.yaokiIsLeft = true)");
    }

    /// The library waits for the browser's events, and where one goes past it, waits for ever
    /// though the page is there: then the page itself is asked.
    fn wait_for_another_page(&self) {
        self.wait_until("!document.yaokiIsLeft && document.readyState === 'complete'");
    }

    /// Where the tab is.
    pub fn url(&self) -> String {
        self.evaluate("location.href").as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the middle of an element, once it is there, enabled, and nothing lies over it.
    pub fn click(&mut self, css: &str) -> &mut Self {
        let (x, y) = self.place_of(css);
        let mut mouse = DispatchMouseEventParams::new(DispatchMouseEventType::MouseMoved, x, y);
        self.execute(mouse.clone());
        mouse.button = Some(MouseButton::Left);
        mouse.click_count = Some(1);
        for kind in [DispatchMouseEventType::MousePressed, DispatchMouseEventType::MouseReleased] {
            mouse.r#type = kind;
            self.execute(mouse.clone());
        }
        self
    }

    /// Clicks a field, empties it, and puts text in.
    pub fn type_text(&mut self, css: &str, text: &str) -> &mut Self {
        self.click(css);
        self.evaluate(&format!("document.querySelector({}).select?.()", quoted(css)));
        self.execute(InsertTextParams::new(text));
        self
    }

    /// Presses a key wherever the focus is: `Enter`, `Tab`, `Shift+Tab`, `Escape`, ` `, `ArrowUp`…
    pub fn press(&mut self, key: &str) -> &mut Self {
        self.context.chromium.run(keyboard::press(&self.page, key));
        self
    }

    /// The text of an element as it is seen, once the element is there.
    pub fn text(&self, css: &str) -> String {
        self.wait_for(css);
        let text = self.evaluate(&format!("document.querySelector({}).innerText", quoted(css)));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Whether an element is there and seen, now.
    pub fn sees(&self, css: &str) -> bool {
        let expression = format!("!!document.querySelector({})?.checkVisibility()", quoted(css));
        self.evaluate(&expression) == true
    }

    /// Waits until an element is there and seen.
    pub fn wait_for(&self, css: &str) -> &Self {
        self.wait_until(&format!("!!document.querySelector({})?.checkVisibility()", quoted(css)))
    }

    /// Waits until an element that is there says these words.
    pub fn wait_for_words(&self, css: &str, words: &str) -> &Self {
        let (css, words) = (quoted(css), quoted(words));
        self.wait_until(&format!("document.querySelector({css})?.innerText.includes({words})"))
    }

    /// Waits until an expression of the page is true.
    pub fn wait_until(&self, expression: &str) -> &Self {
        self.wait_until_within(expression, Duration::from_secs(WAIT_SECONDS_MAX))
    }

    /// Waits so long until an expression of the page is true. One that fails is not true yet: a
    /// page that is being left has no elements.
    pub fn wait_until_within(&self, expression: &str, limit: Duration) -> &Self {
        let holds = async {
            while self.try_evaluate(expression).await != Ok(Value::Bool(true)) {
                tokio::time::sleep(POLL).await;
            }
        };
        // A limit is made inside a runtime.
        let waited = async { tokio::time::timeout(limit, holds).await };
        if self.context.chromium.run(waited).is_err() {
            let body = self.evaluate("(document.body?.innerText ?? '').slice(0, 1000)");
            panic!("not within {limit:?}: {expression}\nat {}: {body}", self.url());
        }
        self
    }

    /// The value of an expression of the page; a promise is waited for. The policy of the page
    /// holds for it: `eval` is refused where the page refuses it.
    pub fn evaluate(&self, expression: &str) -> Value {
        let value = self.context.chromium.run(self.try_evaluate(expression));
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Takes a picture of the whole page at a size, keeps it as `target/screenshots/NAME.png` to be
    /// looked at, and gives its bytes. The size stays.
    pub fn screenshot(&mut self, name: &str, size: Size) -> Vec<u8> {
        self.set_size(size);
        let png = self.picture();
        let folder = self.context.tools.screenshots();
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let file: PathBuf = folder.join(format!("{name}.png"));
        std::fs::write(&file, &png).expect("the target folder can be written");
        png
    }

    /// A PNG of the whole page as it is.
    pub fn picture(&self) -> Vec<u8> {
        // Two frames: what a script has just changed is drawn by then.
        self.evaluate(
            "document.fonts.ready.then(() => new Promise(done => \
             requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))",
        );
        let capture = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Png),
            capture_beyond_viewport: Some(true),
            ..CaptureScreenshotParams::default()
        };
        let taken = self.context.chromium.run(self.page.execute(capture));
        let data = taken.expect("a picture can be taken").result.data;
        STANDARD.decode(data).expect("Base64")
    }

    /// Shows the page as on a phone or at a desk.
    pub fn set_size(&mut self, size: Size) -> &mut Self {
        let (width, height, scale, mobile) = match size {
            Size::Phone => (390, 844, 2.0, true),
            Size::Desk => (1280, 800, 1.0, false),
        };
        self.execute(SetDeviceMetricsOverrideParams::new(width, height, scale, mobile));
        self.execute(SetTouchEmulationEnabledParams::new(mobile));
        self
    }

    /// Gives the tab a phone's authenticator that keeps passkeys and says yes, its user verified.
    pub fn add_authenticator(&mut self) -> &mut Self {
        self.execute(EnableWebAuthn::default());
        let mut options = VirtualAuthenticatorOptions::new(
            AuthenticatorProtocol::Ctap2,
            AuthenticatorTransport::Internal,
        );
        options.has_resident_key = Some(true);
        options.has_user_verification = Some(true);
        options.is_user_verified = Some(true);
        options.automatic_presence_simulation = Some(true);
        self.execute(AddVirtualAuthenticatorParams::new(options));
        self
    }

    /// Asks for pages in this language, from the next request on: `ja`, `en`.
    pub fn set_language(&mut self, language: &str) -> &mut Self {
        let mut agent = SetUserAgentOverrideParams::new(&self.context.chromium.user_agent);
        agent.accept_language = Some(language.to_owned());
        self.execute(agent);
        self
    }

    /// Asks for light or dark.
    pub fn set_scheme(&mut self, scheme: Scheme) -> &mut Self {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = MediaFeature::new("prefers-color-scheme", value);
        let features = Some(vec![feature]);
        self.execute(SetEmulatedMediaParams { media: None, features });
        self
    }

    /// Puts the tab on another network, from the next byte on. A service worker has its own.
    pub fn set_network(&mut self, network: Network) -> &mut Self {
        // Milliseconds, then bytes a second down and up; -1 is no limit.
        let (offline, latency, down, up) = match network {
            Network::Good => (false, 0.0, -1.0, -1.0),
            Network::Slow4g => (false, 150.0, 200_000.0, 93_750.0),
            Network::Cut => (true, 0.0, -1.0, -1.0),
        };
        // A rule without a pattern is for every request.
        let rule = NetworkConditions::new("", latency, down, up);
        self.execute(EmulateNetworkConditionsByRuleParams::new(offline, vec![rule]));
        // What `navigator.onLine` and its events say.
        self.execute(OverrideNetworkStateParams::new(offline, latency, down, up));
        self
    }

    /// Takes the network away, as a lift does.
    pub fn cut_network(&mut self) -> &mut Self {
        self.set_network(Network::Cut)
    }

    /// Makes the tab a cheap phone on a train: a quarter of the speed, slow 4G.
    pub fn throttle(&mut self) -> &mut Self {
        self.execute(SetCpuThrottlingRateParams::new(4.0));
        self.set_network(Network::Slow4g)
    }

    /// Says that the page will complain of something with this text in it: a test that cuts the
    /// network makes requests fail. What never comes fails the test, too.
    pub fn expects(&mut self, text: &str) -> &mut Self {
        self.expected.push(text.to_owned());
        self
    }

    /// Says that the page may complain of something with this text in it: whether a request is on
    /// its way in the moment when a server is killed is chance.
    pub fn allows(&mut self, text: &str) -> &mut Self {
        self.allowed.push(text.to_owned());
        self
    }

    /// Everything that went wrong since the tab was opened, but what the test expects or allows. At
    /// the end of a tab it must be nothing.
    pub fn violations(&mut self) -> Vec<Violation> {
        // A round trip: what happened before has been told by the answer, and is handed on by the
        // next.
        for _ in 0..2 {
            self.evaluate("new Promise(done => setTimeout(() => done(true), 0))");
        }
        let known = || self.expected.iter().chain(&self.allowed);
        let is_expected = |seen: &Violation| known().any(|text| seen.to_string().contains(text));
        self.watch.seen().iter().filter(|seen| !is_expected(seen)).cloned().collect()
    }

    /// The serious and critical barriers of the page as it is now.
    pub fn barriers(&self) -> Vec<Barrier> {
        self.context.chromium.run(axe::find(&self.page, &self.context.tools.axe))
    }

    /// Nobody is kept out of the page as it is now.
    pub fn must_be_accessible(&self) -> &Self {
        let found: Vec<String> = self.barriers().iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "barriers at {}:\n{}", self.url(), found.join("\n"));
        self
    }

    /// A command of Chromium's debugging protocol (CDP), for what has no word of its own here.
    pub fn execute<T: chromiumoxide::Command>(&self, command: T) -> T::Response {
        let name = command.identifier();
        let answer = self.context.chromium.run(self.page.execute(command));
        answer.unwrap_or_else(|error| panic!("{name}: {error}")).result
    }

    async fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let mut evaluate = EvaluateParams::new(expression);
        evaluate.await_promise = Some(true);
        evaluate.return_by_value = Some(true);
        evaluate.user_gesture = Some(true);
        evaluate.allow_unsafe_eval_blocked_by_csp = Some(false);
        let answer = self.page.execute(evaluate).await.map_err(|error| error.to_string())?.result;
        match answer.exception_details {
            Some(details) => {
                let exception = details.exception.and_then(|object| object.description);
                Err(exception.unwrap_or(details.text))
            }
            None => Ok(answer.result.value.unwrap_or_default()),
        }
    }

    /// The middle of an element that can be clicked, in points.
    fn place_of(&self, css: &str) -> (f64, f64) {
        let place = format!("({FIND_PLACE})({})", quoted(css));
        self.wait_until(&format!("Array.isArray({place})"));
        let found = self.evaluate(&place);
        let point = |place: usize| found[place].as_f64();
        point(0).zip(point(1)).unwrap_or_else(|| panic!("{css} moved: {found}"))
    }
}

/// The middle of an element; what keeps it from being clicked where something does.
const FIND_PLACE: &str = "css => {
    const element = document.querySelector(css);
    if (!element) return 'it is not there';
    if (element.disabled) return 'it is disabled';
    element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) return 'it has no size';
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    const ours = hit && (element.contains(hit) || hit.closest('label')?.control === element);
    return ours ? [x, y] : `${hit?.outerHTML.slice(0, 200)} lies over it`;
}";

impl Drop for Tab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let found: Vec<String> = self.violations().iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "the page complained:\n{}", found.join("\n"));
        let seen: Vec<String> = self.watch.seen().iter().map(ToString::to_string).collect();
        for text in &self.expected {
            let came = seen.iter().any(|one| one.contains(text));
            assert!(came, "the page never complained of {text:?}");
        }
        let closed = self.context.chromium.run(self.page.clone().close());
        assert!(closed.is_ok(), "{closed:?}");
    }
}

/// A text as an expression of JavaScript.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
