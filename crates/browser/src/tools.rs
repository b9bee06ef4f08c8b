//! What a test of pages needs from outside, as `cargo x test` tells it.

use std::io::Write;
use std::path::PathBuf;

/// The variable with the path of Chromium.
const CHROMIUM: &str = "YAOKI_TEST_CHROMIUM";
/// The variable with the path of zbarimg.
const ZBARIMG: &str = "YAOKI_TEST_ZBARIMG";
/// The variable with the path of `axe.min.js`.
const AXE: &str = "YAOKI_TEST_AXE";
/// The variable with the path of the finished program.
const PROGRAM: &str = "YAOKI_TEST_PROGRAM";
/// The variable with the path of the shim that sets the program's clock.
const SHIM: &str = "YAOKI_TEST_SHIM";
/// The variable that makes a skipped test fail.
const REQUIRE: &str = "YAOKI_TEST_REQUIRE";

/// Where everything is.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// The browser.
    pub(crate) chromium: PathBuf,
    /// The reader of codes.
    pub(crate) zbarimg: PathBuf,
    /// The script that looks for barriers.
    pub(crate) axe: PathBuf,
    /// `yaoki` itself.
    pub(crate) program: PathBuf,
    /// What is loaded into it to set its clock.
    pub(crate) shim: PathBuf,
}

impl Tools {
    /// All of them; none, said out loud, where one is missing.
    pub(crate) fn find() -> Option<Self> {
        let found = [CHROMIUM, ZBARIMG, AXE, PROGRAM, SHIM].map(|name| variable(name).ok_or(name));
        if let [Ok(chromium), Ok(zbarimg), Ok(axe), Ok(program), Ok(shim)] = found.clone() {
            return Some(Self { chromium, zbarimg, axe, program, shim });
        }
        let missing: Vec<&str> = found.into_iter().filter_map(Result::err).collect();
        let said = writeln!(
            std::io::stderr(),
            "SKIPPED: a test in a browser: {missing:?} must be set, as `cargo x test` does"
        );
        said.expect("standard error can be written");
        assert!(variable(REQUIRE).is_none(), "a skipped test fails here: {missing:?}");
        None
    }

    /// Where screenshots go: into the folder that cargo builds into.
    pub(crate) fn screenshots(&self) -> PathBuf {
        let target = self.program.ancestors().nth(2).expect("the program is in target/browser");
        target.join("screenshots")
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told of their tools by the environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}
