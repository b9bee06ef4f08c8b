//! Barriers: what axe-core finds in a page for people who do not see it, or have no mouse. It finds
//! a part of what there is; what it finds is sure.
//!
//! It runs in a world beside the page's own, where the page's policy does not hold and nothing of
//! the page is touched: the policy of the page itself stays as it is.

use std::fmt;
use std::path::Path;

use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::page::CreateIsolatedWorldParams;
use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use serde_json::Value;

/// What is worth a failed test, of axe's four impacts.
const IMPACTS: [&str; 2] = ["serious", "critical"];

/// One barrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// axe's name of the rule, as in its documentation.
    pub rule: String,
    /// `serious` or `critical`.
    pub impact: String,
    /// What must hold.
    pub help: String,
    /// The elements where it does not.
    pub elements: Vec<String>,
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}: {:?}", self.rule, self.impact, self.help, self.elements)
    }
}

/// The serious and critical barriers of a page.
pub(crate) async fn find(page: &Page, script: &Path) -> Vec<Barrier> {
    let script = std::fs::read_to_string(script).expect("axe is there");
    let frame = page.mainframe().await.expect("Chromium answers").expect("a page has a frame");
    let mut world = CreateIsolatedWorldParams::new(frame);
    world.world_name = Some("axe".to_owned());
    let world = page.execute(world).await.expect("a world beside the page's can be made");
    let run = "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations)";
    let mut evaluate = EvaluateParams::new(format!("{script}\n;{run}"));
    evaluate.context_id = Some(world.result.execution_context_id);
    evaluate.await_promise = Some(true);
    evaluate.return_by_value = Some(true);
    let found = page.execute(evaluate).await.expect("axe runs").result;
    assert!(found.exception_details.is_none(), "axe failed: {:?}", found.exception_details);
    let found = found.result.value.unwrap_or_default();
    let found = found.as_array().expect("axe gives a list");
    found.iter().map(barrier).filter(|one| IMPACTS.contains(&one.impact.as_str())).collect()
}

fn barrier(found: &Value) -> Barrier {
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let nodes = found["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let elements = nodes.iter().filter_map(|node| node["html"].as_str().map(str::to_owned));
    Barrier {
        rule: text("id"),
        impact: text("impact"),
        help: text("help"),
        elements: elements.collect(),
    }
}
