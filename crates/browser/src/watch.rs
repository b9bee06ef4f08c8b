//! What went wrong in a page without anybody saying so: its policy was broken, a script failed,
//! something did not load.
//!
//! The browser sends these as events; they wait in a queue until somebody asks.

use std::fmt;

use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel, LogEntrySource};
use chromiumoxide::cdp::browser_protocol::page::AddScriptToEvaluateOnNewDocumentParams;
use chromiumoxide::cdp::js_protocol::runtime::{
    AddBindingParams, ConsoleApiCalledType, EventBindingCalled, EventConsoleApiCalled,
    EventExceptionThrown,
};
use chromiumoxide::listeners::EventStream;
use futures_util::{FutureExt, Stream, StreamExt};
use serde_json::Value;

/// What the listener in the page calls; unlike every name of ours.
const BINDING: &str = "yaokiBrowserTestSaw";

/// Where a browser looks for the icon of what names none.
const ICON: &str = "/favicon.ico";

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The Content-Security-Policy, Trusted Types among it, refused something.
    Policy,
    /// A script wrote an error to the console.
    Console,
    /// A script failed, and nobody caught it.
    Exception,
    /// Something did not load, or the browser itself complained.
    Browser,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What kind of thing.
    pub wrong: Wrong,
    /// What the browser says about it.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.wrong, self.text)
    }
}

/// Everything that a page may complain of.
pub(crate) struct Watch {
    policy: EventStream<EventBindingCalled>,
    console: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
    log: EventStream<EventEntryAdded>,
    seen: Vec<Violation>,
}

impl Watch {
    /// Watches from now on, in every document that the tab will show.
    pub(crate) async fn start(page: &Page) -> Self {
        let watch = Self {
            policy: page.event_listener().await.expect("Chromium tells of calls"),
            console: page.event_listener().await.expect("Chromium tells of the console"),
            exceptions: page.event_listener().await.expect("Chromium tells of exceptions"),
            log: page.event_listener().await.expect("Chromium tells of its log"),
            seen: Vec::new(),
        };
        page.enable_log().await.expect("Chromium logs");
        page.execute(AddBindingParams::new(BINDING)).await.expect("a binding can be made");
        let listener = format!(
            "addEventListener('securitypolicyviolation', event => {BINDING}(JSON.stringify(\
             [event.effectiveDirective, event.blockedURI, event.sample, event.sourceFile])), true)"
        );
        let listener = AddScriptToEvaluateOnNewDocumentParams::new(listener);
        page.execute(listener).await.expect("a listener can be set");
        watch
    }

    /// Everything that has been told since the start, in the order of its kinds.
    pub(crate) fn seen(&mut self) -> &[Violation] {
        let Self { policy, console, exceptions, log, seen } = self;
        drain(policy, |call| {
            if call.name == BINDING {
                let text = format!("policy violated: {}", call.payload);
                seen.push(Violation { wrong: Wrong::Policy, text });
            }
        });
        drain(console, |call| {
            let is_error = [ConsoleApiCalledType::Error, ConsoleApiCalledType::Assert];
            if is_error.contains(&call.r#type) {
                let words = call.args.iter().map(|word| {
                    let plain = word.value.as_ref().map(Value::to_string);
                    plain.or_else(|| word.description.clone()).unwrap_or_default()
                });
                let text = words.collect::<Vec<_>>().join(" ");
                seen.push(Violation { wrong: Wrong::Console, text });
            }
        });
        drain(exceptions, |thrown| {
            let details = &thrown.exception_details;
            let exception =
                details.exception.as_ref().and_then(|object| object.description.clone());
            let text = exception.unwrap_or_else(|| details.text.clone());
            seen.push(Violation { wrong: Wrong::Exception, text });
        });
        drain(log, |added| {
            let entry = &added.entry;
            let url = entry.url.as_deref().unwrap_or_default();
            // The policy's own are told by the listener, with more to go on; and for what is no
            // page of ours, a problem document, the browser looks for an icon by itself.
            let is_told = entry.source == LogEntrySource::Security || url.ends_with(ICON);
            if entry.level == LogEntryLevel::Error && !is_told {
                let text = format!("{} {url}", entry.text);
                seen.push(Violation { wrong: Wrong::Browser, text });
            }
        });
        seen
    }
}

/// Takes what is there and waits for nothing.
fn drain<T>(events: &mut (impl Stream<Item = T> + Unpin), mut take: impl FnMut(T)) {
    while let Some(Some(event)) = events.next().now_or_never() {
        take(event);
    }
}
