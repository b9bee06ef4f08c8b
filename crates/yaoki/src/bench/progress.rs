//! Progress on standard error while the bench runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where progress is shown.
pub(crate) struct Progress;

impl Progress {
    /// Something that is counted.
    pub(crate) fn counted(what: &str, count: usize) -> ProgressBar {
        let length = u64::try_from(count).expect("a count fits");
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:40} {wide_bar} {pos}/{len} {eta}");
        bar.set_style(style.expect("a good template"));
        bar.set_message(what.to_owned());
        bar
    }

    /// Something that takes a while.
    pub(crate) fn spinning(what: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.expect("a good template"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }
}
