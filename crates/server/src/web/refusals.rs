//! Every refusal of the rules and every error of the edge, explained: as the page that the `type`
//! of a problem document links to, on every listener, and as `docs/reference/refusals.md`.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use yaoki_core::refusal::{self, Finality, Refusal};

use super::text;
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::problem::Problem;
use crate::metrics::{Class, Endpoint, Said};

/// Where the page is; `#` and a name follow in the `type` of a problem document.
pub const PATH: &str = "/docs/reference/refusals";

/// One line of the page.
struct Entry {
    number: i64,
    name: &'static str,
    status: u16,
    recorded: bool,
    sentence: &'static str,
    cure: &'static str,
}

/// Lines under one heading.
struct Group {
    title: &'static str,
    entries: Vec<Entry>,
}

/// The page.
#[derive(Template)]
#[template(path = "refusals.html")]
struct Page {
    groups: Vec<Group>,
}

impl From<Refusal> for Entry {
    fn from(refusal: Refusal) -> Self {
        Self {
            number: refusal.number(),
            name: refusal.name(),
            status: refusal.status(),
            recorded: refusal.finality() == Finality::Recorded,
            sentence: refusal.sentence(),
            cure: refusal.cure(),
        }
    }
}

impl From<EdgeError> for Entry {
    fn from(error: EdgeError) -> Self {
        Self {
            number: error.number(),
            name: error.name(),
            status: error.status(),
            recorded: false,
            sentence: error.sentence(),
            cure: error.cure(),
        }
    }
}

/// Everything that can be said instead of yes, by number.
fn groups() -> Vec<Group> {
    let rules = [
        ("The request cannot be decided as it stands", 100..200),
        ("Decided, and the answer is no", 200..300),
        ("Operators, devices and jobs", 300..400),
        ("Money that comes in", 600..700),
    ];
    let mut groups: Vec<Group> = rules
        .into_iter()
        .map(|(title, numbers)| {
            let ours = Refusal::ALL.iter().filter(|refusal| numbers.contains(&refusal.number()));
            Group { title, entries: ours.copied().map(Entry::from).collect() }
        })
        .collect();
    let entries = EdgeError::ALL.iter().copied().map(Entry::from).collect();
    groups.push(Group { title: EDGE_TITLE, entries });
    groups
}

/// The page that problem documents link to.
#[utoipa::path(
    get,
    path = "/docs/reference/refusals",
    operation_id = "refusals",
    tag = "public",
    responses((status = 200, description = "Every refusal", content_type = "text/html"))
)]
pub async fn page(State(app): State<App>) -> Response {
    let work = async {
        let page = Page { groups: groups() };
        let html = page.render().map_err(|_| Problem::from(EdgeError::FaultOfOurs))?;
        Ok(Said { response: text(html, "text/html; charset=utf-8"), class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

const EDGE_TITLE: &str = "Before anything is decided, and when nothing can be said";

const EDGE: &str = "\
What the server says before a request reaches the rules, and where it can say nothing. Generated
from `crates/server/src/edge/error.rs`. None of these is recorded: the request is `unknown`, and is
asked again with the same request id, or reversed.

| number | name | HTTP | recorded | what must hold, or what happened | what to do |
| ---: | --- | ---: | --- | --- | --- |
";

/// The page of the reference, `docs/reference/refusals.md`: the rules' own, then the edge's.
pub fn markdown() -> String {
    let mut page = refusal::markdown();
    let _ = write!(page, "\n## {EDGE_TITLE}\n\n{EDGE}");
    for error in EdgeError::ALL {
        let (number, name, status) = (error.number(), error.name(), error.status());
        let (sentence, cure) = (error.sentence(), error.cure());
        let _ = writeln!(
            page,
            "| {number} | `{name}` | {status} | no, `unknown` | {sentence} | {cure} |"
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_refused_is_in_a_group_once() {
        let all: Vec<&str> = groups()
            .iter()
            .flat_map(|group| group.entries.iter().map(|entry| entry.name))
            .collect();
        assert_eq!(all.len(), Refusal::ALL.len() + EdgeError::ALL.len());
    }

    #[test]
    fn the_page_of_the_reference_has_a_line_for_each_of_the_edges_errors() {
        let page = markdown();
        for error in EdgeError::ALL {
            let start = format!("| {} | `{}` |", error.number(), error.name());
            let line = page.lines().find(|line| line.starts_with(&start)).expect("a line");
            assert_eq!(line.matches('|').count(), 7, "six cells: {line}");
        }
    }
}
