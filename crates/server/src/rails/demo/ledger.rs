//! What the demo acquirer knows, and how a payment goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The cards that it knows, as their holders choose them.
pub(super) const CARDS: [(&str, &str, &str); 3] = [
    ("4242424242424242", "承認されます（本人認証なし）", "Approved, and the bank asks nothing"),
    (
        "4000000000003220",
        "承認されます（毎回、本人認証あり）",
        "Approved, and the bank always asks",
    ),
    ("4000000000000002", "承認されません", "Declined"),
];

/// Everything.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Ledger {
    /// The last number given out.
    pub(super) last: u64,
    /// Until when nothing is answered, Unix milliseconds.
    pub(super) silent_until: i64,
    /// Sessions in which cards are added.
    pub(super) sessions: BTreeMap<String, Session>,
    /// Payments.
    pub(super) intents: BTreeMap<String, Intent>,
    /// Disputes.
    pub(super) disputes: BTreeMap<String, Dispute>,
    /// What was made under which idempotency key.
    pub(super) made: BTreeMap<String, String>,
}

/// A session in which a card is added.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Session {
    pub(super) customer: String,
    pub(super) member: String,
    pub(super) device: String,
    pub(super) success_url: String,
    pub(super) cancel_url: String,
    /// The number that was chosen.
    pub(super) number: Option<String>,
    /// Whether its holder has passed the challenge.
    pub(super) complete: bool,
}

/// How a payment stands, by Stripe's words.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    RequiresConfirmation,
    RequiresAction,
    RequiresCapture,
    RequiresPaymentMethod,
    Succeeded,
    Canceled,
}

/// A payment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Intent {
    pub(super) amount: i64,
    pub(super) number: String,
    pub(super) status: Status,
    /// Only a challenge will do.
    pub(super) challenge: bool,
    pub(super) return_url: String,
    /// `challenge`, `frictionless`, or nothing.
    pub(super) flow: Option<String>,
    pub(super) failed: bool,
    pub(super) refunded: i64,
}

/// A dispute.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Dispute {
    pub(super) intent: String,
    pub(super) amount: i64,
    pub(super) status: String,
}

impl Ledger {
    /// A name that nothing has.
    pub(super) fn name(&mut self, prefix: &str) -> String {
        self.last += 1;
        format!("{prefix}_demo{}", self.last)
    }

    /// What is taken and not given back.
    pub(super) fn owes(&self) -> i64 {
        let taken = self.intents.values().filter(|intent| intent.status == Status::Succeeded);
        let taken: i64 = taken.map(|intent| intent.amount - intent.refunded).sum();
        let lost = self.disputes.values().filter(|dispute| dispute.status != "won");
        taken - lost.map(|dispute| dispute.amount).sum::<i64>()
    }
}

impl Intent {
    /// The issuer is asked for the money.
    pub(super) fn confirm(&mut self, return_url: &str) -> bool {
        if self.status != Status::RequiresConfirmation {
            return false;
        }
        return_url.clone_into(&mut self.return_url);
        if self.number.ends_with("0002") {
            self.fail();
        } else if self.challenge || self.number.ends_with("3220") {
            self.status = Status::RequiresAction;
        } else {
            self.hold("frictionless");
        }
        true
    }

    /// Its holder has answered.
    pub(super) fn answered(&mut self, passed: bool) {
        if self.status == Status::RequiresAction {
            if passed { self.hold("challenge") } else { self.fail() }
        }
    }

    fn hold(&mut self, flow: &str) {
        (self.status, self.flow) = (Status::RequiresCapture, Some(flow.to_owned()));
    }

    fn fail(&mut self) {
        (self.status, self.failed) = (Status::RequiresPaymentMethod, true);
    }
}
