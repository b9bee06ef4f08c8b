//! `yaoki doctor`: looks at everything that a server needs, and says what is wrong and how to mend
//! it. Looks only: it changes nothing, and takes no lock but for a moment.
//!
//! | module    | what it looks at                          |
//! | --------- | ----------------------------------------- |
//! | `machine` | data folder, disk, listeners, the server  |
//! | `book`    | keys, codes, database, schema, clock      |

mod book;
mod machine;

use std::fmt;

use clap::Args;
use serde_json::json;

use crate::exit::Failure;
use crate::say;
use crate::settings::Settings;
use crate::settings::source::{Values, unknown_variables};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print findings as JSON
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it must be.
    Good,
    /// Works, and somebody should look at it.
    Warning,
    /// A server would not start, or not keep its promises.
    Bad,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Good => "good",
            Self::Warning => "look",
            Self::Bad => "BAD",
        })
    }
}

/// One finding.
struct Finding {
    what: &'static str,
    verdict: Verdict,
    text: String,
    /// How to mend it; empty where nothing is wrong.
    cure: String,
}

/// What was found.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, what: &'static str, text: impl fmt::Display) {
        self.add(what, Verdict::Good, text, "");
    }

    fn look(&mut self, what: &'static str, text: impl fmt::Display, cure: impl fmt::Display) {
        self.add(what, Verdict::Warning, text, cure);
    }

    fn bad(&mut self, what: &'static str, text: impl fmt::Display, cure: impl fmt::Display) {
        self.add(what, Verdict::Bad, text, cure);
    }

    fn add(
        &mut self,
        what: &'static str,
        verdict: Verdict,
        text: impl fmt::Display,
        cure: impl fmt::Display,
    ) {
        let (text, cure) = (text.to_string(), cure.to_string());
        self.0.push(Finding { what, verdict, text, cure });
    }
}

/// Looks at everything and prints what it found.
pub(crate) fn run(doctor: &Doctor, values: Result<Values, Failure>) -> Result<(), Failure> {
    let mut findings = Findings::default();
    // Nothing else can be looked at without settings.
    if let Some(settings) = settings(values, &mut findings) {
        let runs = machine::look(&settings, &mut findings);
        book::look(&settings, runs, &mut findings);
    }
    print(doctor.json, &findings);
    let count = |wanted| findings.0.iter().filter(|finding| finding.verdict == wanted).count();
    match count(Verdict::Bad) {
        0 => Ok(()),
        1 => Err(Failure::bad("one thing must be mended before `yaoki serve`")),
        bad => Err(Failure::bad(format!("{bad} things must be mended before `yaoki serve`"))),
    }
}

fn settings(values: Result<Values, Failure>, findings: &mut Findings) -> Option<Settings> {
    let read = values.and_then(|values| Ok((Settings::read(&values)?, values)));
    let (settings, values) = match read {
        Ok(read) => read,
        Err(failure) => {
            findings.bad("settings", failure, "see docs/reference/settings.md");
            return None;
        }
    };
    match &values.file {
        Some(file) => findings.good("settings", format_args!("read, with {}", file.display())),
        None => findings.good("settings", "read; no settings file"),
    }
    for unknown in unknown_variables() {
        findings.look("settings", unknown, "unset it, or write it as the reference does");
    }
    Some(settings)
}

fn print(as_json: bool, findings: &Findings) {
    if as_json {
        let list: Vec<_> = findings
            .0
            .iter()
            .map(|Finding { what, verdict, text, cure }| {
                let verdict = verdict.to_string().to_lowercase();
                json!({ "what": what, "verdict": verdict, "text": text, "cure": cure })
            })
            .collect();
        return say::line(format_args!("{:#}", json!({ "findings": list })));
    }
    for Finding { what, verdict, text, cure } in &findings.0 {
        say::line(format_args!("{verdict:<5} {what:<10} {text}"));
        if !cure.is_empty() {
            say::line(format_args!("                 → {cure}"));
        }
    }
}
