//! A member's device: a key, what it is, and how far it is trusted.

use crate::facts::{Event, EventKind};
use crate::identity::{FRESH_MS, SESSION_MS_MAX, YOUNG_MS};
use crate::ids::{FactId, MemberNumber};
use crate::time::Instant;
use crate::{coded, row};

coded! {
    /// Whether a device has authority.
    pub enum DeviceState {
        /// Enrolled.
        Active = 0 => "active",
        /// Ended for ever.
        Ended = 1 => "ended",
        /// It has redeemed an invitation, and waits until an enrolled device approves it.
        Pending = 2 => "pending",
    }
}

coded! {
    /// How a device came to its member.
    pub enum EnrolmentWay {
        /// By a one-time link.
        Link = 0 => "link",
        /// With its member, who signed up on it.
        SignUp = 1 => "sign_up",
        /// By an invitation from another device.
        Invitation = 2 => "invitation",
        /// By a passkey, without an older device.
        Passkey = 3 => "passkey",
        /// By a recovery.
        Recovery = 4 => "recovery",
    }
}

coded! {
    /// What shows that a device is its member's own, beyond its age.
    pub enum Evidence {
        /// It is the member's first.
        FirstDevice = 1 => "first_device",
        /// The device before it was ended by its own key.
        OldDeviceEnded = 2 => "old_device_ended",
        /// The notice of it was acknowledged from another channel.
        NoticeAcknowledged = 4 => "notice_acknowledged",
        /// A 3-D Secure challenge was passed on it.
        CardChallenge = 8 => "card_challenge",
    }
}

coded! {
    /// How a user was verified on a device.
    pub enum Verification {
        /// By nothing but the device's key.
        DeviceKey = 0 => "device_key",
        /// By a passkey.
        Passkey = 1 => "passkey",
        /// By the password.
        Password = 2 => "password",
        /// By the password and a second factor.
        PasswordAndFactor = 3 => "password_and_factor",
        /// By an external id.
        ExternalId = 4 => "external_id",
    }
}

impl Verification {
    /// Whether it counts as fresh proof for what weighs most.
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Passkey | Self::PasswordAndFactor)
    }
}

row! {
    /// A member's device: a public key.
    pub struct Device in "device" {
        /// Identity: the event that enrolled it.
        pub id: FactId,
        /// Whose.
        pub member: MemberNumber,
        /// P-256, SEC 1 uncompressed, 65 bytes.
        pub public_key: Vec<u8>,
        /// Whether it has authority.
        pub state: DeviceState,
        /// How it came to its member.
        pub way: EnrolmentWay,
        /// What it is, such as "Safari on iPhone".
        pub label: String,
        /// The event that opened its session; none: signed out.
        pub session: FactId,
        /// When its user was verified last; 0: never.
        pub verified_at: Instant,
        /// What shows that it is the member's own: a sum of [`Evidence`].
        pub evidence: i64,
        /// When it got the paying right last; 0: never.
        pub pays_since: Instant,
        /// From when it may take the paying right without approval; 0: it has not asked.
        pub pays_from: Instant,
        /// From when its age counts: when it came, or when it got another key by less than a
        /// passkey.
        pub counts_from: Instant,
    }
}

impl Device {
    /// The device that an event enrolled. `public_key` is what the event's digest names.
    pub fn of_event(event: &Event, public_key: Vec<u8>) -> Self {
        let pays = event.kind == EventKind::DeviceEnrolled;
        let pending = event.kind == EventKind::DevicePending;
        let way = EnrolmentWay::from_code(event.number).expect("a way to enrol");
        let signs_in = !matches!(way, EnrolmentWay::Link) && !pending;
        let first = matches!(way, EnrolmentWay::Link | EnrolmentWay::SignUp);
        let at = event.id.at();
        Self {
            id: FactId(event.object),
            member: MemberNumber(event.subject),
            public_key,
            state: if pending { DeviceState::Pending } else { DeviceState::Active },
            way,
            label: event.text.clone(),
            session: if pending { FactId::NONE } else { event.id },
            verified_at: if signs_in { at } else { Instant(0) },
            evidence: if first { Evidence::FirstDevice.code() } else { 0 },
            pays_since: if pays { at } else { Instant(0) },
            pays_from: Instant(0),
            counts_from: at,
        }
    }

    /// Books an event about this device. `public_key` is what the event's digest names, if it
    /// names one.
    pub fn fold_event(&mut self, event: &Event, public_key: Vec<u8>) {
        let at = event.id.at();
        match event.kind {
            EventKind::DeviceEnded => {
                self.state = DeviceState::Ended;
                (self.session, self.pays_from) = (FactId::NONE, Instant(0));
            }
            EventKind::DeviceApproved => {
                (self.state, self.session) = (DeviceState::Active, event.id);
            }
            EventKind::DeviceRestored => {
                (self.public_key, self.session) = (public_key, event.id);
                self.verify(event.number, at);
                // Cookie, password and second factor may be another's: it is a newcomer again.
                if event.number != Verification::Passkey.code() {
                    (self.evidence, self.counts_from) = (0, at);
                }
            }
            EventKind::DeviceEvidence => self.evidence |= event.number,
            EventKind::SessionOpened => {
                self.session = event.id;
                self.verify(event.number, at);
            }
            EventKind::SessionEnded => {
                (self.session, self.verified_at) = (FactId::NONE, Instant(0));
            }
            // The rule has judged what was enough.
            EventKind::UserVerified => self.verified_at = at,
            EventKind::PayingRightAsked => self.pays_from = Instant(event.number),
            EventKind::PayingRightRefused => self.pays_from = Instant(0),
            EventKind::PayingRightMoved => {
                (self.pays_since, self.pays_from) = (at, Instant(0));
            }
            _ => {}
        }
    }

    fn verify(&mut self, way: i64, at: Instant) {
        if Verification::from_code(way).is_some_and(Verification::is_strong) {
            self.verified_at = at;
        }
    }

    /// Whether it has authority.
    pub fn is_active(&self) -> bool {
        self.state == DeviceState::Active
    }

    /// Whether its user was verified a moment ago.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.verified_at.plus_ms(FRESH_MS) > now
    }

    /// Whether its session still stands at `now`.
    pub fn is_signed_in(&self, now: Instant) -> bool {
        self.session.is_some() && self.session.at().plus_ms(SESSION_MS_MAX) > now
    }

    /// Whether it is so new that what older devices hold is out of its reach.
    pub fn is_young(&self, now: Instant) -> bool {
        young(self.evidence, self.counts_from, now)
    }

    /// Since when its age counts, and what speaks for it, in one number: milliseconds × 16 +
    /// [`Evidence`]. The member's row takes it over with the paying right.
    pub const fn standing(&self) -> i64 {
        self.counts_from.0 * 16 + self.evidence
    }

    /// Whether the limits of a new device hold for it: until it is old enough *and* something
    /// besides its age shows that it is the member's own.
    pub fn is_limited(&self, now: Instant) -> bool {
        limited(self.evidence, self.counts_from, now)
    }
}

const fn young(evidence: i64, counts_from: Instant, now: Instant) -> bool {
    let first = evidence & Evidence::FirstDevice.code() != 0;
    !first && counts_from.0 + YOUNG_MS > now.0
}

/// Whether the limits of a new device hold: without evidence always, with it as long as the device
/// is young.
pub(crate) const fn limited(evidence: i64, counts_from: Instant, now: Instant) -> bool {
    evidence == 0 || young(evidence, counts_from, now)
}
