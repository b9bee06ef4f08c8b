//! A recovery: how somebody who lost every device comes back. It waits, it is announced, and what
//! does not look right freezes the wallet instead of opening it.

use crate::facts::{Event, EventKind};
use crate::identity::{RECOVERY_OPEN_MS, RECOVERY_WAIT_KNOWN_MS, RECOVERY_WAIT_MS, SEEN_EVERY_MS};
use crate::ids::{FactId, MemberNumber};
use crate::time::Instant;
use crate::{coded, row};

coded! {
    /// How far a recovery has come.
    pub enum RecoveryState {
        /// It waits for its time.
        Waiting = 0 => "waiting",
        /// Somebody said that it is not the member's: the wallet is frozen, and two members of
        /// staff decide whether it goes on.
        Contested = 1 => "contested",
        /// The same, said twice.
        WithStaff = 2 => "with_staff",
        /// An enrolled device ended it, or two members of staff.
        Cancelled = 3 => "cancelled",
        /// It gave its member a new device.
        Finished = 4 => "finished",
        /// Members of staff have decided for it; it can be finished, and contested no more.
        Allowed = 5 => "allowed",
    }
}

coded! {
    /// What a recovery was asked with; two of different kinds.
    pub enum RecoveryProof {
        /// A code sent to the mail address on file.
        Mail = 1 => "mail",
        /// A code sent to the number on file.
        Phone = 2 => "phone",
        /// A recovery code.
        Code = 4 => "recovery_code",
        /// A person's identity, checked at a counter.
        Counter = 8 => "counter",
        /// A passkey, with its user's verification.
        Passkey = 16 => "passkey",
    }
}

row! {
    /// A recovery. One at a time for each member; a new start changes nothing.
    pub struct Recovery in "recovery" {
        /// Identity: the event that started it.
        pub id: FactId,
        /// Whose wallet.
        pub member: MemberNumber,
        /// How far it has come.
        pub state: RecoveryState,
        /// The sum of the codes of its proofs, see [`RecoveryProof`].
        pub proofs: i64,
        /// BLAKE3 of the one-use token that the asking browser holds.
        pub token: [u8; 32],
        /// The thumbprint of the key of the asking browser.
        pub binding: [u8; 32],
        /// How often it was contested.
        pub contested: i64,
    }
}

impl Recovery {
    /// The recovery that an event started.
    pub fn of_event(event: &Event) -> Self {
        assert!(event.kind == EventKind::RecoveryStarted);
        let half = |at: usize| event.digest[at..at + 32].try_into().expect("two digests");
        Self {
            id: event.id,
            member: MemberNumber(event.subject),
            state: RecoveryState::Waiting,
            proofs: event.number,
            token: half(0),
            binding: half(32),
            contested: 0,
        }
    }

    /// Books an event about this recovery.
    pub fn fold_event(&mut self, event: &Event) {
        match event.kind {
            EventKind::RecoveryContested => {
                self.contested += 1;
                self.state = if self.contested > 1 {
                    RecoveryState::WithStaff
                } else {
                    RecoveryState::Contested
                };
            }
            EventKind::RecoveryAllowed => self.state = RecoveryState::Allowed,
            EventKind::RecoveryCancelled | EventKind::RecoveryEnded => {
                self.state = RecoveryState::Cancelled;
            }
            EventKind::RecoveryFinished => self.state = RecoveryState::Finished,
            _ => {}
        }
    }

    /// From when it can be finished. `seen_at` is when a device of the member's was noted last,
    /// ended ones included: who ends the owner's phone does not shorten the wait.
    pub fn due_at(&self, seen_at: Instant) -> Instant {
        // A device is noted once in so long; within that it may have signed again.
        let known = seen_at.plus_ms(SEEN_EVERY_MS) > self.id.at();
        self.id.at().plus_ms(if known { RECOVERY_WAIT_KNOWN_MS } else { RECOVERY_WAIT_MS })
    }

    /// Whether somebody said that it is not the member's.
    pub const fn is_contested(&self) -> bool {
        matches!(self.state, RecoveryState::Contested | RecoveryState::WithStaff)
    }

    /// Whether it stands in the way of another.
    pub fn is_open(&self, now: Instant) -> bool {
        let over = self.id.at().plus_ms(RECOVERY_WAIT_KNOWN_MS + RECOVERY_OPEN_MS);
        let ended = matches!(self.state, RecoveryState::Cancelled | RecoveryState::Finished);
        !ended && now < over
    }
}
