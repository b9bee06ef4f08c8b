//! Pages in a real browser: what tests of pages are written with.
//!
//! | module       | what it is                                                           |
//! | ------------ | -------------------------------------------------------------------- |
//! | [`stage`]    | a real server over a fresh demo book, that can be killed and started |
//! | [`visitor`]  | a person with a browser: cookies and storage of their own            |
//! | [`tab`]      | a page, as a person uses it: open, click, type, read                 |
//! | [`watch`]    | what went wrong in a page without anybody saying so                  |
//! | [`axe`]      | what a page denies people who do not see it, or have no mouse        |
//! | [`codes`]    | what a scanner at a till reads off a screenshot                      |
//!
//! One headless Chromium serves all tests of a process and ends with it. Everything here waits, so
//! a test is plain lines in order; what does not come within [`WAIT_SECONDS_MAX`] fails. Stages
//! take turns: two cores have no room for two of them. Where the tools are missing, a test says
//! that it was skipped, and fails where none may be: `cargo x test` brings them all.
//!
//! Not here: anything that a page is tested for. That is `tests/it`, a module a page.

pub mod axe;
mod chromium;
pub mod codes;
mod keyboard;
pub mod stage;
pub mod tab;
mod tools;
pub mod visitor;
pub mod watch;

pub use self::stage::Stage;
pub use self::tab::{Size, Tab};
pub use self::visitor::Visitor;

/// How long a test waits for what must come, seconds. Long, because a slow machine is no fault.
pub const WAIT_SECONDS_MAX: u64 = 15;
