//! `docs/start.md`, as it is written: the shell functions of the tour, run against a server.

use std::io::Write;
use std::process::Command;

use serde_json::Value;

use crate::process::{Place, Server};

const TOUR: &str = include_str!("../../../../docs/start.md");
const GUIDE: &str = include_str!("../../../../docs/guides/register.md");

/// The lines of the tour that teach a shell how to sign, without its example values.
fn functions() -> String {
    let from = TOUR.find("signed() {").expect("the tour signs");
    let rest = &TOUR[from..];
    rest[..rest.find("```").expect("the block ends")].to_owned()
}

/// The answer to one call of a function of the tour.
fn call(place: &Place, values: &str, line: &str) -> Value {
    let script = format!("{values}\n{}\n{line}\n", functions());
    let mut bash = Command::new("bash");
    let output = bash.args(["-c", &script]).current_dir(place.path()).output();
    let output = output.expect("bash can be started");
    let told = format!("{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

#[expect(clippy::disallowed_methods, reason = "only the environment knows the tools")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Whether a guide can be followed here; where not, that is said, and fails where no test may skip.
pub(crate) fn tools_are_there(tools: &[&str]) -> bool {
    let path = variable("PATH").unwrap_or_default();
    let is_there = |tool: &str| std::env::split_paths(&path).any(|dir| dir.join(tool).exists());
    let missing: Vec<&str> = tools.iter().copied().filter(|tool| !is_there(tool)).collect();
    if missing.is_empty() {
        return true;
    }
    let said = writeln!(std::io::stderr(), "SKIPPED: a guide's programs: install {missing:?}");
    said.expect("standard error can be written");
    assert!(variable("YAOKI_TEST_REQUIRE").is_none(), "a skipped test fails here");
    false
}

#[test]
fn the_tours_shell_signs_bodies_queries_and_newer_keys() {
    if !tools_are_there(&["bash", "curl", "openssl"]) {
        return;
    }
    let place = Place::with_book("demo");
    place.done(&["admin", "create-merchant", "Hinode"]);
    place.done(&["admin", "create-store", "1", "Station"]);
    let terminal = place.reply(&["admin", "create-terminal", "1", "till 1"]);
    let server = Server::start(&place, &[]);
    let values = |terminal: &Value| {
        format!(
            "TERMINAL={}; GENERATION={}; KEY={}; HOST={}",
            terminal["terminal"].as_str().expect("an id"),
            terminal["generation"],
            terminal["key"].as_str().expect("a key"),
            server.registers
        )
    };
    let first = values(&terminal);
    let listed = call(&place, &first, "signed GET '/v1/payments?limit=5'");
    assert!(listed["operations"].is_array(), "{listed}");
    let listed = call(&place, &first, "signed GET '/v1/payments?limit=5&unacknowledged=true'");
    assert!(listed["operations"].is_array(), "{listed}");
    let seen = call(&place, &first, "signed GET /v1/requests/$(new_id)");
    assert_eq!(seen["reason"], "not_seen", "{seen}");
    let reverse = "signed POST /v1/reversals \
         '{\"request_id\":\"'$(new_id)'\",\"target_request_id\":\"'$(new_id)'\"}'";
    let reversed = call(&place, &first, reverse);
    assert_eq!(reversed["outcome"], "succeeded", "{reversed}");
    let rotated = place.reply(&["admin", "rotate", "terminal-key", "1"]);
    assert_eq!(rotated["generation"], 2);
    let refused = call(&place, &first, "signed GET '/v1/payments?limit=5'");
    assert_eq!(refused["refusal"], "terminal_key_must_be_current", "{refused}");
    let listed = call(&place, &values(&rotated), "signed GET '/v1/payments?limit=5'");
    assert!(listed["operations"].is_array(), "{listed}");
}

#[test]
fn the_guide_for_registers_signs_as_the_tour_does() {
    assert!(GUIDE.contains(&functions()), "docs/guides/register.md has other functions");
}
