//! Replies to orders, as people read them: a line a field, the same names as in JSON.

use serde_json::Value;

use super::list;
use crate::say;

/// Prints a reply.
pub(crate) fn say(reply: &Value) {
    if reply["listed"].is_string() {
        return list::say_page(reply);
    }
    if let Some(switches) = reply["switches"].as_array() {
        return say_switches(switches);
    }
    let Some(fields) = reply.as_object() else { return say::line(reply) };
    let mut rows: Vec<(&str, String)> = Vec::new();
    // What was done comes first, and what it is done to right after it.
    rows.extend(fields.get("done").map(|done| ("done", text(done))));
    for (name, value) in fields {
        let told = name == "done" || (name == "replayed" && *value == Value::Bool(false));
        if !told && !value.is_null() {
            rows.push((name, text(value)));
        }
    }
    if rows.is_empty() {
        return say::line("done");
    }
    say::columns(&rows);
}

fn say_switches(switches: &[Value]) {
    if switches.is_empty() {
        return say::line("Every switch is open.");
    }
    for switch in switches {
        let subject = switch["subject"].as_str().map(|id| format!(" {id}")).unwrap_or_default();
        let lapses = switch["lapses_at"].as_str();
        let lapses = lapses.map(|at| format!(", until {at}")).unwrap_or_default();
        say::line(format_args!(
            "{} for {}{subject}: closed by {} at {}{lapses}: {}",
            text(&switch["capability"]),
            text(&switch["scope"]),
            text(&switch["actor"]),
            text(&switch["closed_at"]),
            text(&switch["reason"]),
        ));
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
