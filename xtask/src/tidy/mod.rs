//! Our own linter: what rustfmt and clippy don't check, each finding with what to do instead.
//!
//! A rule is a pure function from a file's text to findings. Exceptions are counted in
//! `xtask/tidy-exceptions.txt`; one that allows more than there is to find is itself a finding, so
//! the list only shrinks.
//!
//! This reads text, not syntax trees: comments and strings are told apart from code, macros are not
//! expanded.

mod exceptions;
mod files;
mod manifest;
mod markdown;
mod rust;
mod source;
mod store_tests;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

/// Where the exceptions are listed.
const EXCEPTIONS: &str = "xtask/tidy-exceptions.txt";

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, as in the list of exceptions.
    pub rule: &'static str,
    /// The file, from the top folder.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.path, self.line, self.message, self.rule)
    }
}

/// Checks every file of the workspace. An empty list is a tidy workspace.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files::list(root)? {
        let path = file.as_str();
        let text = std::fs::read_to_string(root.join(path))
            .with_context(|| format!("cannot read {path} as UTF-8"))?;
        match Path::new(path).extension().and_then(|extension| extension.to_str()) {
            Some("rs") => {
                findings.extend(rust::check(path, &text));
                findings.extend(store_tests::check(path, &text));
            }
            Some("md") => findings.extend(markdown::check(root, path, &text)),
            Some("toml") => findings.extend(manifest::check(path, &text)),
            _ => {}
        }
    }
    let list = std::fs::read_to_string(root.join(EXCEPTIONS))
        .with_context(|| format!("cannot read {EXCEPTIONS}"))?;
    Ok(exceptions::apply(&list, findings))
}
