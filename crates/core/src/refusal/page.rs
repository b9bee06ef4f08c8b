//! The page of the reference.

use std::fmt::Write as _;

use super::{Finality, Refusal};

/// The page of the reference, `docs/reference/refusals.md`.
pub fn markdown() -> String {
    let mut page = String::from(HEADER);
    let groups = [
        ("The request cannot be decided as it stands", 100..200),
        ("Decided, and the answer is no", 200..300),
        ("Operators, devices, members and jobs", 300..400),
        ("Money that comes in", 600..700),
    ];
    for (title, numbers) in groups {
        let _ = write!(page, "\n## {title}\n\n{COLUMNS}");
        for refusal in Refusal::ALL.iter().filter(|refusal| numbers.contains(&refusal.number())) {
            let recorded = match refusal.finality() {
                Finality::Recorded => "yes, `declined`",
                Finality::Unrecorded => "no, `unknown`",
            };
            let (number, name, status) = (refusal.number(), refusal.name(), refusal.status());
            let (sentence, cure) = (refusal.sentence(), refusal.cure());
            let _ = writeln!(
                page,
                "| {number} | `{name}` | {status} | {recorded} | {sentence} | {cure} |"
            );
        }
    }
    page
}

const COLUMNS: &str = "\
| number | name | HTTP | recorded | what must hold, or what happened | what to do |
| ---: | --- | ---: | --- | --- | --- |
";

const HEADER: &str = "\
# Refusals

Generated from the rules (`crates/core/src/refusal.rs`). Numbers and names never change their
meaning.

A refusal that is **recorded** is the final outcome of its request id, `declined`: the same
request is answered the same for ever, and nothing was charged. It comes with HTTP 200, because
the request was decided. A refusal that is **not recorded** decided nothing (`unknown`): mend the
request or ask again, or settle it with a reverse. Of 1xx and 2xx the one with the lowest number
is heard where several hold.

A terminal hears one refusal, `code_not_valid`, for codes that are forged, expired, superseded,
ended or frozen, and never a figure of the member's balance.
";
