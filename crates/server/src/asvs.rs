//! Each requirement of OWASP's Application Security Verification Standard 5.0 that is about who
//! somebody is and what he may do: whether it is met, where, and which test proves it. The page is
//! `docs/reference/asvs.md`.
//!
//! A tick stands for the whole requirement: what holds in part, or holds and is not tested, is not
//! met, and says why. The words are ours; the standard's are at <https://owasp.org/asvs>.
//!
//! | module           | chapters                                                       |
//! | ---------------- | -------------------------------------------------------------- |
//! | `authentication` | 6                                                              |
//! | `sessions`       | 7 sessions, 8 authorization, 9 tokens, 10 OpenID Connect       |
//! | `system`         | 2 business logic, 11 cryptography, 16 logs and errors          |
//!
//! Not here: the chapters that are about web pages, files, configuration and data.

mod authentication;
mod sessions;
mod system;

use std::fmt::Write as _;

/// One requirement.
#[derive(Clone, Copy, Debug)]
pub struct Requirement {
    /// Its number in the standard.
    pub id: &'static str,
    /// From which level on it is asked for: 1, 2 or 3.
    pub level: u8,
    /// What it asks for, in our words.
    pub what: &'static str,
    /// Whether it is met.
    pub verdict: Verdict,
}

/// Whether a requirement is met.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// It is.
    Met {
        /// The file where, from the top folder.
        place: &'static str,
        /// The tests that prove it.
        tests: &'static [&'static str],
    },
    /// It is not, in part or whole; what is missing.
    NotMet(&'static str),
    /// There is nothing that it is about; why.
    NotApplicable(&'static str),
}

const fn met(
    (id, level): (&'static str, u8),
    what: &'static str,
    place: &'static str,
    tests: &'static [&'static str],
) -> Requirement {
    Requirement { id, level, what, verdict: Verdict::Met { place, tests } }
}

const fn not_met(
    (id, level): (&'static str, u8),
    what: &'static str,
    why: &'static str,
) -> Requirement {
    Requirement { id, level, what, verdict: Verdict::NotMet(why) }
}

const fn not_applicable(
    (id, level): (&'static str, u8),
    what: &'static str,
    why: &'static str,
) -> Requirement {
    Requirement { id, level, what, verdict: Verdict::NotApplicable(why) }
}

/// Every requirement, in the order of their numbers.
pub fn requirements() -> impl Iterator<Item = &'static Requirement> {
    let (business, later) = system::REQUIREMENTS.split_at(system::OF_BUSINESS_LOGIC);
    [business, authentication::REQUIREMENTS, sessions::REQUIREMENTS, later].into_iter().flatten()
}

const HEADER: &str = "\
# OWASP ASVS 5.0

Generated from the list in `crates/server/src/asvs`. The requirements of the Application Security
Verification Standard that are about who somebody is and what he may do, in our words. What holds in
part, or is not tested, counts as not met. A tick names the tests that prove it, and a test checks
that they exist.
";

/// The page of the reference.
pub fn markdown() -> String {
    let mut page = String::from(HEADER);
    page.push_str("\n| level | met | not met | not applicable |\n| --- | --- | --- | --- |\n");
    for level in 1..=3 {
        let count = |is: fn(&Verdict) -> bool| {
            requirements().filter(|one| one.level == level && is(&one.verdict)).count()
        };
        let met = count(|verdict| matches!(verdict, Verdict::Met { .. }));
        let not_met = count(|verdict| matches!(verdict, Verdict::NotMet(_)));
        let apart = count(|verdict| matches!(verdict, Verdict::NotApplicable(_)));
        let _ = writeln!(page, "| {level} | {met} | {not_met} | {apart} |");
    }
    page.push_str("\n| | level | what is asked for | | where, tests or reason |\n");
    page.push_str("| --- | --- | --- | --- | --- |\n");
    for Requirement { id, level, what, verdict } in requirements() {
        let (said, rest) = match verdict {
            Verdict::Met { place, tests } => {
                ("met", format!("[{place}](../../{place}): `{}`", tests.join("`, `")))
            }
            Verdict::NotMet(why) => ("not met", (*why).to_owned()),
            Verdict::NotApplicable(why) => ("not applicable", (*why).to_owned()),
        };
        let _ = writeln!(page, "| {id} | {level} | {what} | {said} | {rest} |");
    }
    page
}
