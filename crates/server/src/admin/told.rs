//! An event as a reply: what was done, when, and whom or what it names.

use serde_json::{Value, json};
use yaoki_core::facts::{Event, EventKind};

use crate::api::time;
use crate::edge::identifier::{self, Kind};

/// An event as a reply.
pub(super) fn told(event: &Event, replayed: bool) -> Value {
    let mut reply = json!({
        "done": event.kind.name(),
        "replayed": replayed,
        "booked_at": time::text(event.id.at()),
    });
    for (name, kind, number) in named(event) {
        reply[name] = identifier::text(kind, number).into();
    }
    reply
}

/// Whom or what an event names, with the words of a reply.
fn named(event: &Event) -> Vec<(&'static str, Kind, i64)> {
    let (subject, object) = (event.subject, event.object);
    match event.kind {
        EventKind::MerchantCreated => vec![("merchant", Kind::Merchant, subject)],
        EventKind::StoreCreated => {
            vec![("store", Kind::Store, subject), ("merchant", Kind::Merchant, object)]
        }
        EventKind::TerminalCreated => {
            vec![("terminal", Kind::Terminal, subject), ("store", Kind::Store, object)]
        }
        EventKind::TerminalSuspended
        | EventKind::TerminalResumed
        | EventKind::TerminalKeyRotated => vec![("terminal", Kind::Terminal, subject)],
        EventKind::MemberCreated | EventKind::LinkCreated => {
            vec![("member", Kind::Member, subject)]
        }
        EventKind::WebhookCreated => {
            vec![("webhook", Kind::Webhook, subject), ("merchant", Kind::Merchant, object)]
        }
        EventKind::WebhookEnded | EventKind::WebhookSecretRotated => {
            vec![("webhook", Kind::Webhook, subject)]
        }
        EventKind::ClerkCreated => {
            vec![("clerk", Kind::Clerk, subject), ("store", Kind::Store, object)]
        }
        EventKind::ClerkPinReset | EventKind::ClerkEnded => vec![("clerk", Kind::Clerk, subject)],
        EventKind::ClerkSignedIn | EventKind::ClerkPinWrong => {
            vec![("terminal", Kind::Terminal, object)]
        }
        kind if is_of_device(kind) => {
            vec![("member", Kind::Member, subject), ("device", Kind::Device, object)]
        }
        kind if kind.is_of_member() => vec![("member", Kind::Member, subject)],
        // Of the book, of operators, and of what two of them agree on: named by their own lists.
        _ => Vec::new(),
    }
}

const fn is_of_device(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::DeviceEnrolled
            | EventKind::DeviceEnded
            | EventKind::SessionOpened
            | EventKind::SessionEnded
            | EventKind::UserVerified
            | EventKind::DevicePending
            | EventKind::DeviceApproved
            | EventKind::PayingRightMoved
            | EventKind::PayingRightAsked
            | EventKind::PayingRightRefused
            | EventKind::DeviceRestored
            | EventKind::DeviceEvidence
            | EventKind::DeviceAdded
    )
}
