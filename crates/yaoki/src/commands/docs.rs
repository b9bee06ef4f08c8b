//! `yaoki docs`, hidden: the generated pages of the reference, written or compared.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Arg, Args, Command, CommandFactory};
use yaoki_server::api::openapi::openapi_json;
use yaoki_server::pathways;
use yaoki_server::web::refusals;

use crate::cli::Cli;
use crate::exit::{CODES, Failure};
use crate::say;
use crate::settings::page;
use crate::settings::source::FILE_NAME;

#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// The folder of the reference
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing; fail where a page is not what would be written
    #[arg(long)]
    check: bool,
}

/// Every generated page.
fn pages() -> [(&'static str, String); 7] {
    [
        ("settings.md", page::markdown()),
        ("cli.md", cli_page()),
        ("refusals.md", refusals::markdown()),
        ("payment-states.md", yaoki_core::payment_states::markdown()),
        ("switches.md", yaoki_core::switches::markdown()),
        ("pathways.md", pathways::markdown()),
        ("openapi.json", openapi_json() + "\n"),
    ]
}

/// Writes or compares the pages.
pub(crate) fn run(docs: &Docs) -> Result<(), Failure> {
    let mut stale = Vec::new();
    for (name, text) in pages() {
        let path = docs.out.join(name);
        // A page that cannot be read is as good as none.
        if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        if docs.check {
            stale.push(name);
        } else {
            std::fs::create_dir_all(&docs.out)?;
            std::fs::write(&path, text)?;
            say::line(format_args!("written  {}", path.display()));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::bad(format!("not up to date: {}; run `cargo x docs`", stale.join(", "))))
}

const HEADER: &str = "\
# Command line

Generated from the program (`crates/yaoki/src/cli.rs`). `yaoki COMMAND --help` says the same.

Flags of every command: ";

fn cli_page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = String::from(HEADER);
    let flags: Vec<String> = root
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .map(|argument| format!("`{}`", usage(argument)))
        .collect();
    let flags = flags.join(", ");
    let _ = writeln!(page, "{flags}. What they do, and all other settings:");
    let _ = write!(page, "[settings](settings.md), `{FILE_NAME}` among them.\n\n## Exit codes\n\n");
    page.push_str("| code | meaning |\n| --- | --- |\n");
    for (code, meaning) in CODES {
        let _ = writeln!(page, "| {code} | {meaning} |");
    }
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        say_command(&mut page, "yaoki", command, 2);
    }
    page
}

fn say_command(page: &mut String, before: &str, command: &Command, depth: usize) {
    let name = format!("{before} {}", command.get_name());
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n{} `{name}`\n\n{}\n", "#".repeat(depth), sentence(&about));
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !is_everywhere(argument))
        // Settings are on a page of their own.
        .filter(|argument| crate::settings::find(argument.get_id().as_str()).is_none())
        // A global argument is told where it is defined.
        .filter(|argument| depth == 2 || !argument.is_global_set())
        .collect();
    if !own.is_empty() {
        page.push_str("\n| argument | meaning |\n| --- | --- |\n");
    }
    for argument in own {
        let help = argument.get_long_help().or_else(|| argument.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default().replace('\n', " ");
        let default: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let shown = !default.is_empty() && argument.get_action().takes_values();
        let default =
            if shown { format!(" [default: {}]", default.join(" ")) } else { String::new() };
        let help = format!("{help}{default}").replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {help} |", usage(argument).replace('|', "\\|"));
    }
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        if inner.get_name() != "help" {
            say_command(page, &name, inner, depth + 1);
        }
    }
}

fn is_everywhere(argument: &Arg) -> bool {
    ["help", "version", "config"].contains(&argument.get_id().as_str())
}

/// An argument as it is written.
fn usage(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let values: Vec<String> = values.iter().map(|name| format!("<{name}>")).collect();
    let choices: Vec<String> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let values = if choices.is_empty() { values.join(" ") } else { choices.join("|") };
    let takes = argument.get_action().takes_values();
    match argument.get_long() {
        None => values,
        Some(long) if takes => format!("--{long} {values}"),
        Some(long) => format!("--{long}"),
    }
}

/// Help texts begin without a full stop; pages do not.
fn sentence(text: &str) -> String {
    let paragraphs = text.trim_end().split("\n\n").map(|paragraph| {
        if paragraph.ends_with(['.', ':']) { paragraph.to_owned() } else { format!("{paragraph}.") }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_in_the_reference_are_the_generated_ones() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
        run(&Docs { out: folder, check: true }).expect("`cargo x docs` was run");
    }

    #[test]
    fn every_command_that_is_not_hidden_is_on_the_page() {
        let page = cli_page();
        for name in ["demo", "init", "serve", "doctor", "admin", "verify", "migrate", "bench"] {
            assert!(page.contains(&format!("## `yaoki {name}`")), "{name}");
        }
        assert!(!page.contains("healthcheck"));
        assert!(page.contains("`yaoki admin rotate code-key`"));
    }
}
