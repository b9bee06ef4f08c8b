//! `cargo x`: what a developer runs. `cargo x --help` says what there is.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use xtask::stages::{self, Stages};

const HELP: &str = "\
What a developer runs.

  cargo x test [-- FILTER…]   every test, with all they need; with a filter, those tests only
  cargo x ci                  what continuous integration runs: test, formatting, clippy, tidy,
                              docs --check
  cargo x tidy                our own linter: says what is wrong and what to do instead
  cargo x docs [--check]      writes the generated pages of docs/reference, or checks that they
                              are up to date

test finds PostgreSQL 15 or newer (YAOKI_TEST_PG_BIN, the PATH, Debian's folders); as root on Debian
it installs it where it is missing, otherwise it says what to install. It starts a private cluster
on a free port as an unprivileged user and stops it at the end, builds the shim that cuts the power
under SQLite, brings what the tests of pages need in the same way (Chromium, a Japanese font and
zbarimg from Debian; axe-core by pip, into the target folder) and what those of external ids need
(Node.js 20 or newer with npm, from the PATH or by pip; `oidc-provider` by npm, into the target
folder), runs `cargo test --workspace`, then walks the whole path through HTTP with
`yaoki demo --self-test`. No test is skipped: one that lacks
something fails. What follows `--` goes to `cargo test`: `cargo x test -- -p yaoki-core`,
`cargo x test -- refund`.

Each stage is timed. The first that fails ends the run, with exit code 1.

tidy allows what xtask/tidy-exceptions.txt lists; that list only ever shrinks.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env_arguments();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut stages = Stages::default();
    let result = match words.as_slice() {
        [] | ["help" | "--help" | "-h"] | [_, "--help" | "-h"] => return print_help(),
        ["test"] => stages::test(&mut stages, &[]),
        ["test", "--", ..] => stages::test(&mut stages, &arguments[2..]),
        ["ci"] => stages::ci(&mut stages),
        ["tidy"] => stages.run("tidy", stages::check_tidy),
        ["docs"] => stages.run("docs", || stages::docs(false)),
        ["docs", "--check"] => stages.run("docs --check", || stages::docs(true)),
        _ => {
            eprintln!("`cargo x {}` isn't a command.\n\n{HELP}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    finish(&stages, &result)
}

fn env_arguments() -> Vec<String> {
    env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

#[expect(
    clippy::print_stdout,
    reason = "help that was asked for goes to standard output, to be paged"
)]
fn print_help() -> ExitCode {
    print!("{HELP}");
    ExitCode::SUCCESS
}

fn finish(stages: &Stages, result: &Result<()>) -> ExitCode {
    eprintln!("\n{}", stages.summary());
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("{error:#}");
    ExitCode::FAILURE
}
