//! A person with a browser: a context with cookies, storage and cache of its own, gone afterwards.

use std::sync::Arc;

use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::target::{
    CreateBrowserContextParams, CreateTargetParams,
};

use crate::chromium::Chromium;
use crate::tab::Tab;
use crate::tools::Tools;

/// A person with a browser.
#[derive(Clone)]
pub struct Visitor {
    context: Arc<Context>,
}

/// The browser context, disposed of with its last tab.
pub(crate) struct Context {
    id: BrowserContextId,
    /// The browser it is in.
    pub(crate) chromium: &'static Chromium,
    /// What its tabs need from outside.
    pub(crate) tools: Tools,
}

impl Visitor {
    pub(crate) fn new(chromium: &'static Chromium, tools: Tools) -> Self {
        let made = chromium.browser.create_browser_context(CreateBrowserContextParams::default());
        let id = chromium.run(made).expect("Chromium makes a context");
        Self { context: Arc::new(Context { id, chromium, tools }) }
    }

    /// A new tab of the size of a desk, on a blank page.
    pub fn tab(&self) -> Tab {
        let chromium = self.context.chromium;
        let mut target = CreateTargetParams::new("about:blank");
        target.browser_context_id = Some(self.context.id.clone());
        let page = chromium.run(chromium.browser.new_page(target));
        Tab::new(Arc::clone(&self.context), page.expect("Chromium opens a tab"))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let browser = &self.chromium.browser;
        let disposed = self.chromium.run(browser.dispose_browser_context(self.id.clone()));
        assert!(disposed.is_ok() || std::thread::panicking(), "{disposed:?}");
    }
}
