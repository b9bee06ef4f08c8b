//! Every message there is: what it takes, how long it is of use, and out of whose budget it goes.

use crate::coded;
use crate::time::{HOUR_MS, MINUTE_MS};

/// How long a typed code counts, and the message that brings it with it, milliseconds.
pub const CODE_VALID_MS: i64 = 10 * MINUTE_MS;
/// How long a notice is tried, milliseconds: as long as the right to take back what it tells of.
const NOTICE_VALID_MS: i64 = 72 * HOUR_MS;

coded! {
    /// What is filled into a message's text.
    pub enum Argument {
        /// The typed code, eight digits.
        Code = 1 => "code",
        /// The label of a device, such as "Safari on iPhone".
        Device = 2 => "device",
        /// When it happened; milliseconds of Unix time.
        At = 3 => "at",
        /// Until when something can be done about it, or from when it holds; as `At`.
        Until = 4 => "until",
        /// A second factor, by the name of a [`Factor`].
        Factor = 5 => "factor",
        /// An address of which most is left out, such as "a…@example.jp", or a card's label.
        Masked = 6 => "masked",
        /// The token of the link that freezes the wallet.
        FreezeToken = 7 => "freeze_token",
        /// The token of the link that contests a recovery.
        ContestToken = 8 => "contest_token",
        /// The token of the link that takes back a change of an address.
        ReturnToken = 9 => "return_token",
    }
}

impl Argument {
    /// Whether only the addressee may know it.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Code | Self::FreezeToken | Self::ContestToken | Self::ReturnToken)
    }

    /// Whether it is a time.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::At | Self::Until)
    }
}

coded! {
    /// What a member signs in with, as messages name it.
    pub enum Factor {
        /// A passkey.
        Passkey = 1 => "passkey",
        /// An authenticator app.
        Totp = 2 => "totp",
        /// Recovery codes.
        RecoveryCodes = 3 => "recovery_codes",
        /// An external id.
        ExternalId = 4 => "external_id",
        /// A password.
        Password = 5 => "password",
    }
}

coded! {
    /// Out of whose budget a message goes. What strangers can cause never takes from what members
    /// are told.
    pub enum Purse {
        /// Anybody can cause it by signing up, for any address.
        SignUps = 1 => "sign_ups",
        /// Only a member, or somebody who acts on the member's account, can cause it.
        Members = 2 => "members",
        /// Anybody can cause it by beginning a recovery, at addresses on file only.
        Recoveries = 4 => "recoveries",
        /// Anybody can cause it by trying to sign in, at addresses on file only.
        Attempts = 5 => "attempts",
        /// A member can cause it, for any address.
        Additions = 6 => "additions",
        /// As a member's, and something waits on its being read.
        Alarms = 7 => "alarms",
    }
}

impl Purse {
    /// Whether strangers choose where it goes or how often: over its budget it is dropped. What
    /// members are told of themselves waits until there is room.
    pub const fn is_of_strangers(self) -> bool {
        matches!(self, Self::SignUps | Self::Recoveries | Self::Attempts | Self::Additions)
    }
}

coded! {
    /// Every message.
    pub enum Template {
        /// The code that proves an address at sign-up.
        SignUpCode = 1 => "sign-up-code",
        /// The code that proves another address of a member.
        AddressCode = 2 => "address-code",
        /// The code that proves an address on file at a recovery.
        RecoveryCode = 3 => "recovery-code",
        /// Somebody signed up with an address that is a member's: told to its owner, so that the
        /// page tells nothing.
        AddressInUse = 4 => "address-in-use",
        /// Somebody tried to sign in on a device that is not known; at most one a day.
        SignInAttempt = 5 => "sign-in-attempt",
        /// A device was added.
        DeviceAdded = 6 => "device-added",
        /// A device was ended.
        DeviceEnded = 7 => "device-ended",
        /// Another device pays from now on.
        PayingDeviceMoved = 8 => "paying-device-moved",
        /// An invitation was used: a device asks to be added.
        InvitationUsed = 9 => "invitation-used",
        /// A recovery was begun.
        RecoveryStarted = 10 => "recovery-started",
        /// A recovery was contested; the wallet is frozen.
        RecoveryContested = 11 => "recovery-contested",
        /// A recovery was ended by a known device.
        RecoveryCancelled = 12 => "recovery-cancelled",
        /// A recovery is done: a new device, and every other one ended.
        RecoveryDone = 13 => "recovery-done",
        /// The wallet was frozen.
        WalletFrozen = 14 => "wallet-frozen",
        /// The wallet is in use again.
        WalletUnfrozen = 15 => "wallet-unfrozen",
        /// The password was changed.
        PasswordChanged = 16 => "password-changed",
        /// A factor was added.
        FactorAdded = 17 => "factor-added",
        /// A factor was removed.
        FactorRemoved = 18 => "factor-removed",
        /// An address was added: told to those that were there.
        AddressAdded = 19 => "address-added",
        /// An address was changed or removed: told to the old one, with the way back.
        AddressChanged = 20 => "address-changed",
        /// The account was closed; the right to the balance stays.
        AccountClosed = 21 => "account-closed",
        /// Two members of staff let a contested recovery go on.
        RecoveryAllowed = 24 => "recovery-allowed",
        /// Two members of staff ended a recovery.
        RecoveryEnded = 25 => "recovery-ended",
        /// Staff ended a device.
        DeviceEndedByStaff = 26 => "device-ended-by-staff",
        /// Staff is about to unfreeze what the member has frozen.
        UnfreezeProposed = 27 => "unfreeze-proposed",
        /// Two members of staff unfroze the wallet.
        UnfrozenByStaff = 28 => "unfrozen-by-staff",
        /// A card is on file.
        CardAdded = 29 => "card-added",
        /// A top-up by a card is held for a while, and can be let go.
        TopUpHeld = 30 => "top-up-held",
        /// A card's holder says that a top-up was not his; the wallet is frozen.
        TopUpDisputed = 31 => "top-up-disputed",
    }
}

impl Template {
    /// The arguments that its text is filled with, in order of their codes.
    pub const fn takes(self) -> &'static [Argument] {
        use Argument::{
            At, Code, ContestToken, Device, Factor, FreezeToken, Masked, ReturnToken, Until,
        };
        match self {
            Self::SignUpCode | Self::AddressCode | Self::RecoveryCode => &[Code],
            Self::AddressInUse
            | Self::RecoveryContested
            | Self::WalletFrozen
            | Self::RecoveryAllowed
            | Self::RecoveryEnded
            | Self::UnfrozenByStaff
            | Self::TopUpDisputed
            | Self::AccountClosed => &[At],
            Self::TopUpHeld => &[At, Until, Masked, FreezeToken],
            Self::DeviceEndedByStaff => &[Device, At],
            Self::UnfreezeProposed => &[At, Until],
            Self::SignInAttempt
            | Self::DeviceAdded
            | Self::DeviceEnded
            | Self::PayingDeviceMoved
            | Self::InvitationUsed
            | Self::RecoveryDone => &[Device, At, FreezeToken],
            Self::RecoveryStarted => &[At, Until, FreezeToken, ContestToken],
            Self::RecoveryCancelled | Self::WalletUnfrozen | Self::PasswordChanged => {
                &[At, FreezeToken]
            }
            Self::FactorAdded | Self::FactorRemoved => &[At, Factor, FreezeToken],
            Self::AddressAdded | Self::CardAdded => &[At, Masked, FreezeToken],
            Self::AddressChanged => &[At, Until, Masked, FreezeToken, ReturnToken],
        }
    }

    /// Whether it brings a code that is typed.
    pub const fn is_code(self) -> bool {
        matches!(self, Self::SignUpCode | Self::AddressCode | Self::RecoveryCode)
    }

    /// How long it is of use, milliseconds; not delivered by then, it is given up.
    pub const fn valid_ms(self) -> i64 {
        if self.is_code() { CODE_VALID_MS } else { NOTICE_VALID_MS }
    }

    /// Out of whose budget it goes.
    pub const fn purse(self) -> Purse {
        match self {
            Self::SignUpCode | Self::AddressInUse => Purse::SignUps,
            Self::RecoveryCode => Purse::Recoveries,
            Self::SignInAttempt => Purse::Attempts,
            Self::AddressCode => Purse::Additions,
            Self::DeviceAdded
            | Self::InvitationUsed
            | Self::PayingDeviceMoved
            | Self::RecoveryStarted
            | Self::RecoveryAllowed
            | Self::RecoveryDone
            | Self::UnfreezeProposed
            | Self::CardAdded
            | Self::TopUpHeld
            | Self::UnfrozenByStaff => Purse::Alarms,
            _ => Purse::Members,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_in_order_and_each_is_of_some_template() {
        for template in Template::ALL {
            let takes = template.takes();
            assert!(takes.is_sorted_by(|one, next| one < next), "{template}");
            assert_eq!(template.is_code(), takes.contains(&Argument::Code), "{template}");
        }
        for argument in Argument::ALL {
            let used = Template::ALL.iter().any(|template| template.takes().contains(argument));
            assert!(used, "{argument}");
        }
    }
}
