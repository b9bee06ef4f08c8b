//! The commands, as stages: each timed, the first that fails ends the run.

use std::env;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::browser::{BrowserTools, Program};
use crate::node::NodeTools;
use crate::postgres::{Binaries, Cluster};
use crate::{shim, tidy, tools, workspace_root};

/// Rounds of the crash loops, about a second each. Any other number by the environment.
const CRASH_ROUNDS: [(&str, &str); 5] = [
    ("YAOKI_CRASH_POWER_CUTS", "100"),
    ("YAOKI_CRASH_KILLS", "60"),
    ("YAOKI_CRASH_KILLS_POSTGRES", "25"),
    ("YAOKI_CRASH_SERVER_KILLS", "15"),
    ("YAOKI_CRASH_SERVE_KILLS", "20"),
];

/// The crate whose tests open pages in a browser.
const PAGES: &str = "yaoki-browser";

/// The crate whose tests sign in with an external id.
const SERVER: &str = "yaoki-server";

/// What was run and how long each stage took.
#[derive(Debug, Default)]
pub struct Stages {
    done: Vec<(String, Duration)>,
}

impl Stages {
    /// Runs one stage; its error names it.
    pub fn run<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("==> {name}");
        let start = Instant::now();
        let result = stage();
        let took = start.elapsed();
        let end = if result.is_ok() { "done" } else { "FAILED" };
        eprintln!("==> {name}: {end} in {took:.1?}");
        self.done.push((name.to_owned(), took));
        result.with_context(|| format!("stage failed: {name}"))
    }

    /// One line a stage and their sum, in seconds.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        for (name, took) in
            self.done.iter().map(|(name, took)| (name.as_str(), took)).chain([("all", &total)])
        {
            let tenths = took.as_millis() / 100;
            writeln!(text, "{:>6}.{} s  {name}", tenths / 10, tenths % 10)
                .expect("a String takes all");
        }
        text
    }
}

/// `cargo x test`: everything that the tests need, the tests, and the walk through the finished
/// program.
///
/// With a filter the walk is left out: whoever filters works on one thing.
pub fn test(stages: &mut Stages, filter: &[String]) -> Result<()> {
    let binaries = stages.run("find or install PostgreSQL", || {
        let found = Binaries::find_or_install()?;
        eprintln!("  PostgreSQL {} in {}", found.version(), found.folder().display());
        Ok(found)
    })?;
    let cluster = stages.run("start a private PostgreSQL", || Cluster::start("tests"))?;
    stages.run("find or install the tools of the guides", tools::find_or_install)?;
    let shim = stages.run("build the power-cut shim", shim::build)?;
    let names_package = filter.iter().any(|word| is_package_option(word));
    let tests = |package: &str| !names_package || filter.iter().any(|word| word.ends_with(package));
    let node = if tests(SERVER) {
        let stage = "find or fetch Node.js and the OpenID Connect provider";
        Some(stages.run(stage, NodeTools::find_or_fetch)?)
    } else {
        None
    };
    let pages = if tests(PAGES) { Some(prepare_pages(stages)?) } else { None };
    stages.run("cargo test", || {
        let mut command = cargo(&["test", "--locked"]);
        if !names_package {
            command.arg("--workspace");
        }
        command.args(filter);
        if let Some((tools, program)) = &pages {
            command.env("YAOKI_TEST_CHROMIUM", &tools.chromium);
            command.env("YAOKI_TEST_ZBARIMG", &tools.zbarimg);
            command.env("YAOKI_TEST_AXE", &tools.axe);
            command.env("YAOKI_TEST_PROGRAM", program.path());
        }
        if let Some(tools) = &node {
            command.env("YAOKI_TEST_NODE", &tools.node);
            command.env("YAOKI_TEST_OPENID_PROVIDER", &tools.openid_provider);
        }
        command.env("YAOKI_TEST_POSTGRES", cluster.url());
        command.env("YAOKI_TEST_PG_BIN", binaries.folder());
        command.env("YAOKI_TEST_SHIM", &shim);
        // A test that would skip panics instead: here everything it could miss is at hand.
        command.env("YAOKI_TEST_REQUIRE", "1");
        for (name, rounds) in CRASH_ROUNDS {
            if env::var_os(name).is_none() {
                command.env(name, rounds);
            }
        }
        succeed(command)
    })?;
    if filter.is_empty() {
        stages.run("demo --self-test", || {
            succeed(cargo(&["run", "--locked", "--package", "yaoki", "--", "demo", "--self-test"]))
        })?;
    }
    stages.run("stop PostgreSQL", || {
        drop(cluster);
        Ok(())
    })
}

fn is_package_option(word: &str) -> bool {
    word.starts_with("-p") || word.starts_with("--package")
}

/// The tools of the tests of pages, and the finished program that they open.
fn prepare_pages(stages: &mut Stages) -> Result<(BrowserTools, Program)> {
    let tools = stages.run("find or install the tools of the browser tests", || {
        let found = BrowserTools::find_or_install()?;
        eprintln!("  {}, {}", found.chromium.display(), found.zbarimg.display());
        Ok(found)
    })?;
    let program = stages.run("build the program", || {
        succeed(cargo(&["build", "--locked", "--package", "yaoki"]))?;
        Program::keep()
    })?;
    Ok((tools, program))
}

/// `cargo x ci`: what continuous integration runs.
pub fn ci(stages: &mut Stages) -> Result<()> {
    test(stages, &[])?;
    stages.run("cargo fmt --check", || succeed(cargo(&["fmt", "--all", "--check"])))?;
    stages.run("cargo clippy", || {
        let scope = ["clippy", "--workspace", "--all-targets", "--locked"];
        let mut command = cargo(&scope);
        command.args(["--", "-D", "warnings"]);
        succeed(command)
    })?;
    stages.run("tidy", check_tidy)?;
    stages.run("docs --check", || docs(true))
}

/// `cargo x tidy`: our own linter over the whole workspace.
pub fn check_tidy() -> Result<()> {
    let findings = tidy::check(workspace_root())?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("1 thing to tidy"),
        count => bail!("{count} things to tidy"),
    }
}

/// `cargo x docs`: writes the generated pages, or compares them with what would be written.
pub fn docs(check: bool) -> Result<()> {
    let mut command = cargo(&["run", "--locked", "--package", "yaoki", "--", "docs", "--out"]);
    command.arg("docs/reference");
    if check {
        command.arg("--check");
    }
    succeed(command)
}

/// Cargo as it would run outside of us: what it tells us about our own package would make build
/// scripts run again.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace_root());
    for (key, _) in env::vars_os() {
        let name = key.to_string_lossy();
        let about_us =
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if about_us.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&key);
        }
    }
    command
}

fn succeed(mut command: Command) -> Result<()> {
    let words: Vec<_> =
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let line = words.join(" ");
    let status = command.status().with_context(|| format!("cannot run cargo {line}"))?;
    if !status.success() {
        bail!("`cargo {line}` failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_adds_up_and_a_failure_names_its_stage() {
        let mut stages = Stages::default();
        stages.run("one", || Ok(())).expect("it succeeds");
        let error = stages.run("two", || -> Result<()> { bail!("no") }).expect_err("it fails");
        assert_eq!(format!("{error:#}"), "stage failed: two: no");
        stages.done[0].1 = Duration::from_millis(1_250);
        stages.done[1].1 = Duration::from_millis(61_050);
        assert_eq!(stages.summary(), "     1.2 s  one\n    61.0 s  two\n    62.3 s  all\n");
    }
}
