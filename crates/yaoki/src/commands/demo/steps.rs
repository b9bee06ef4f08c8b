//! The steps of the self-test: each is a sentence that holds, or the end.

use std::fmt;

use crate::exit::Failure;
use crate::say;

/// The steps that were walked.
#[derive(Debug, Default)]
pub(super) struct Steps {
    count: usize,
}

impl Steps {
    /// A sentence that must hold; `found` is said where it does not.
    ///
    /// # Errors
    /// When it does not hold.
    pub(super) fn must(
        &mut self,
        sentence: &str,
        holds: bool,
        found: impl fmt::Debug,
    ) -> Result<(), Failure> {
        if !holds {
            return Err(Failure::bad(format!("self-test failed: {sentence}; found {found:?}")));
        }
        self.count += 1;
        say::line(format_args!("  {:>2}  {sentence}", self.count));
        Ok(())
    }

    /// How many held.
    pub(super) const fn count(&self) -> usize {
        self.count
    }
}
