//! Acts, as data: which there are, who may do them, and their one canonical text.
//!
//! The table of [`ActKind::people`] says for every act which operators may do it, alone or by two.
//! A test proves that it has a line for each. The canonical text names exactly what is meant, and
//! no more: what is drawn anew for each try (secrets, links, times from now) is no part of it, as
//! it is no part of a retry's meaning.

use std::fmt::Write as _;

use crate::coded;
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::identity::UNFREEZE_WAIT_MS;
use crate::ids::{MemberNumber, TerminalNumber};
use crate::operator::{Role, Roles};
use crate::proposal::PROPOSAL_MS;
use crate::switches::switch_of_event;

coded! {
    /// Which act.
    pub enum ActKind {
        /// A new merchant.
        CreateMerchant = 1 => "create_merchant",
        /// A new store.
        CreateStore = 2 => "create_store",
        /// A new terminal.
        CreateTerminal = 3 => "create_terminal",
        /// A terminal takes no more payments.
        SuspendTerminal = 4 => "suspend_terminal",
        /// It does again.
        ResumeTerminal = 5 => "resume_terminal",
        /// A terminal gets a new key.
        RotateTerminalKey = 6 => "rotate_terminal_key",
        /// A new member.
        CreateMember = 7 => "create_member",
        /// A member's money cannot leave.
        FreezeMember = 8 => "freeze_member",
        /// It can again.
        UnfreezeMember = 9 => "unfreeze_member",
        /// A member is closed for ever.
        CloseMember = 10 => "close_member",
        /// An enrolment link.
        CreateLink = 11 => "create_link",
        /// A device redeems a link.
        EnrolDevice = 12 => "enrol_device",
        /// A device loses its authority.
        EndDevice = 13 => "end_device",
        /// The paying device gets a new code secret.
        RotateCodeSecret = 14 => "rotate_code_secret",
        /// A switch is closed.
        CloseSwitch = 15 => "close_switch",
        /// A switch is opened.
        OpenSwitch = 16 => "open_switch",
        /// All lanes' heads, signed.
        Checkpoint = 17 => "checkpoint",
        /// The book was restored.
        Restored = 18 => "restored",
        /// A webhook endpoint.
        CreateWebhook = 19 => "create_webhook",
        /// A webhook endpoint is told nothing more.
        EndWebhook = 20 => "end_webhook",
        /// A webhook endpoint gets a new secret.
        RotateWebhookSecret = 21 => "rotate_webhook_secret",
        /// The first two operators.
        CreateFirstOperators = 22 => "create_first_operators",
        /// A new operator.
        CreateOperator = 23 => "create_operator",
        /// Other roles.
        ChangeRoles = 24 => "change_roles",
        /// An operator is ended.
        EndOperator = 25 => "end_operator",
        /// A link at which an operator registers another passkey.
        LinkOperator = 26 => "link_operator",
        /// An operator registers a passkey.
        AddPasskey = 27 => "add_passkey",
        /// A passkey of an operator's is ended.
        EndPasskey = 28 => "end_passkey",
        /// An operator signs in.
        OpenSession = 29 => "open_session",
        /// A new clerk.
        CreateClerk = 30 => "create_clerk",
        /// A clerk gets a new PIN.
        ResetClerkPin = 31 => "reset_clerk_pin",
        /// A clerk is ended.
        EndClerk = 32 => "end_clerk",
        /// A clerk tries a PIN.
        SignInClerk = 33 => "sign_in_clerk",
        /// A restored book is opened.
        OpenBook = 34 => "open_book",
        /// A person's identity was checked at a counter.
        VouchForMember = 35 => "vouch_for_member",
        /// A contested recovery may go on.
        AllowRecovery = 36 => "allow_recovery",
        /// A member's money cannot leave, as he asked staff.
        FreezeOnCall = 37 => "freeze_on_call",
        /// A clerk signs out.
        SignOutClerk = 38 => "sign_out_clerk",
        /// A recovery is ended.
        EndRecovery = 39 => "end_recovery",
        /// Other limits on money.
        ChangePolicy = 40 => "change_policy",
        /// Staff has seen who a member is.
        VerifyMember = 41 => "verify_member",
        /// A clerk opens a shift.
        OpenShift = 42 => "open_shift",
        /// A clerk closes a shift.
        CloseShift = 43 => "close_shift",
        /// A store has paid in cash.
        ReleaseCashCredit = 44 => "release_cash_credit",
        /// Credits in bulk.
        OpenBulk = 45 => "open_bulk",
    }
}

/// Who does an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    /// The host, a device or the book itself: no operator at the console.
    Nobody,
    /// One operator who has one of these roles.
    One(Roles),
    /// The same, whose user was verified a moment ago.
    OneFresh(Roles),
    /// Two operators, each of whom has one of these roles, under a proposal.
    Two(Roles),
}

const ADMIN: Roles = Roles::of(&[Role::Admin]);
const SHOPS: Roles = Roles::of(&[Role::Finance, Role::Admin]);
const WATCH: Roles = Roles::of(&[Role::Risk, Role::Admin]);
const DESK: Roles = Roles::of(&[Role::Support, Role::Risk, Role::Admin]);
const CLERKS: Roles = Roles::of(&[Role::Support, Role::Admin]);

impl ActKind {
    /// Who does it. Whoever sees danger stops things alone and at once; two let them go on.
    pub const fn people(self) -> People {
        match self {
            Self::SuspendTerminal | Self::CloseSwitch => People::One(Roles::WORKING),
            Self::ResumeTerminal | Self::OpenSwitch | Self::OpenBook | Self::ChangePolicy => {
                People::Two(WATCH)
            }
            Self::FreezeMember | Self::FreezeOnCall | Self::EndDevice => People::One(DESK),
            Self::UnfreezeMember
            | Self::VouchForMember
            | Self::AllowRecovery
            | Self::EndRecovery => People::Two(DESK),
            Self::CloseMember | Self::RotateCodeSecret => People::OneFresh(WATCH),
            Self::CreateMerchant
            | Self::CreateStore
            | Self::CreateTerminal
            | Self::RotateTerminalKey
            | Self::CreateWebhook
            | Self::EndWebhook
            | Self::RotateWebhookSecret
            | Self::ReleaseCashCredit => People::OneFresh(SHOPS),
            Self::OpenBulk => People::Two(SHOPS),
            Self::CreateOperator
            | Self::ChangeRoles
            | Self::EndOperator
            | Self::LinkOperator
            | Self::EndPasskey => People::Two(ADMIN),
            Self::CreateClerk | Self::ResetClerkPin | Self::EndClerk => People::OneFresh(CLERKS),
            Self::VerifyMember => People::OneFresh(DESK),
            // A link of the help desk's would make a device of a stranger's.
            Self::CreateLink
            | Self::EnrolDevice
            | Self::CreateMember
            | Self::Checkpoint
            | Self::Restored
            | Self::CreateFirstOperators
            | Self::AddPasskey
            | Self::OpenSession
            | Self::SignInClerk
            | Self::SignOutClerk
            | Self::OpenShift
            | Self::CloseShift => People::Nobody,
        }
    }

    /// How long a proposal of it lives, from being made to being carried out, milliseconds.
    pub const fn proposal_ms(self) -> i64 {
        match self {
            // What a member has frozen himself waits, and then there is a day to do it.
            Self::UnfreezeMember => UNFREEZE_WAIT_MS + PROPOSAL_MS,
            _ => PROPOSAL_MS,
        }
    }

    /// Whether it takes two operators where there are none, too: it is about operators.
    pub const fn is_of_operators(self) -> bool {
        use ActKind::{ChangeRoles, CreateOperator, EndOperator, EndPasskey, LinkOperator};
        matches!(self, CreateOperator | ChangeRoles | EndOperator | LinkOperator | EndPasskey)
    }
}

/// What a canonical text says of one thing.
enum Said<'a> {
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Act {
    /// The act that would undo what an event has just done, where that takes two. What two agreed
    /// on before is void then: it was about an earlier freeze, and nobody keeps it for a later one.
    pub fn that_undoes(event: &Event) -> Option<Self> {
        match event.kind {
            EventKind::MemberFrozen => Some(Self::UnfreezeMember(MemberNumber(event.subject))),
            EventKind::TerminalSuspended => {
                Some(Self::ResumeTerminal(TerminalNumber(event.subject)))
            }
            EventKind::SwitchClosed => {
                let closed = switch_of_event(event);
                Some(Self::OpenSwitch(closed.capability, closed.scope, closed.subject))
            }
            _ => None,
        }
    }

    /// The act itself, where two have agreed on it.
    pub fn inner(&self) -> &Self {
        let mut act = self;
        while let Self::Agreed(_, agreed) = act {
            act = agreed;
        }
        act
    }

    /// Which act it is.
    pub fn kind(&self) -> ActKind {
        match self.inner() {
            Self::CreateMerchant(_) => ActKind::CreateMerchant,
            Self::CreateStore { .. } => ActKind::CreateStore,
            Self::CreateTerminal(..) => ActKind::CreateTerminal,
            Self::SuspendTerminal(_) => ActKind::SuspendTerminal,
            Self::ResumeTerminal(_) => ActKind::ResumeTerminal,
            Self::RotateTerminalKey(..) => ActKind::RotateTerminalKey,
            Self::CreateMember => ActKind::CreateMember,
            Self::FreezeMember(_) => ActKind::FreezeMember,
            Self::FreezeOnCall(_) => ActKind::FreezeOnCall,
            Self::UnfreezeMember(_) => ActKind::UnfreezeMember,
            Self::CloseMember(_) => ActKind::CloseMember,
            Self::CreateLink(..) => ActKind::CreateLink,
            Self::EnrolDevice { .. } => ActKind::EnrolDevice,
            Self::EndDevice(_) => ActKind::EndDevice,
            Self::RotateCodeSecret(..) => ActKind::RotateCodeSecret,
            Self::CloseSwitch(..) => ActKind::CloseSwitch,
            Self::OpenSwitch(..) => ActKind::OpenSwitch,
            Self::Checkpoint(..) => ActKind::Checkpoint,
            Self::Restored(_) => ActKind::Restored,
            Self::CreateWebhook { .. } => ActKind::CreateWebhook,
            Self::EndWebhook(_) => ActKind::EndWebhook,
            Self::RotateWebhookSecret(..) => ActKind::RotateWebhookSecret,
            Self::CreateFirstOperators { .. } => ActKind::CreateFirstOperators,
            Self::CreateOperator { .. } => ActKind::CreateOperator,
            Self::ChangeRoles(..) => ActKind::ChangeRoles,
            Self::EndOperator(_) => ActKind::EndOperator,
            Self::LinkOperator(..) => ActKind::LinkOperator,
            Self::AddPasskey { .. } => ActKind::AddPasskey,
            Self::EndPasskey(_) => ActKind::EndPasskey,
            Self::OpenSession { .. } => ActKind::OpenSession,
            Self::CreateClerk { .. } => ActKind::CreateClerk,
            Self::ResetClerkPin(..) => ActKind::ResetClerkPin,
            Self::EndClerk(_) => ActKind::EndClerk,
            Self::SignInClerk { .. } => ActKind::SignInClerk,
            Self::SignOutClerk(..) => ActKind::SignOutClerk,
            Self::OpenShift(..) => ActKind::OpenShift,
            Self::CloseShift(..) => ActKind::CloseShift,
            Self::ReleaseCashCredit(..) => ActKind::ReleaseCashCredit,
            Self::OpenBook => ActKind::OpenBook,
            Self::ChangePolicy(_) => ActKind::ChangePolicy,
            Self::OpenBulk(..) => ActKind::OpenBulk,
            Self::VerifyMember(..) => ActKind::VerifyMember,
            Self::VouchForMember(..) => ActKind::VouchForMember,
            Self::AllowRecovery(..) => ActKind::AllowRecovery,
            Self::EndRecovery(..) => ActKind::EndRecovery,
            Self::Agreed(..) => unreachable!("what was agreed on is inside"),
        }
    }

    /// The canonical text: one JSON object, its names in a fixed order, without spaces.
    pub fn text(&self) -> String {
        let mut text = format!("{{\"act\":\"{}\"", self.kind().name());
        for (name, said) in self.said() {
            let _ = write!(text, ",\"{name}\":");
            match said {
                Said::Number(number) => {
                    let _ = write!(text, "{number}");
                }
                Said::Text(said) => quote(said, &mut text),
                Said::Bytes(bytes) => {
                    text.push('"');
                    for byte in bytes {
                        let _ = write!(text, "{byte:02x}");
                    }
                    text.push('"');
                }
            }
        }
        text.push('}');
        text
    }

    /// BLAKE3 of the canonical text: what two agree on.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(self.text().as_bytes()).as_bytes()
    }

    fn said(&self) -> Vec<(&'static str, Said<'_>)> {
        use Said::{Bytes, Number, Text};
        match self.inner() {
            Self::CreateMember | Self::OpenBook | Self::Agreed(..) => Vec::new(),
            Self::CreateMerchant(name) => vec![("name", Text(name))],
            Self::CreateStore { merchant, name, place, cutoff_minutes } => vec![
                ("merchant", Number(merchant.0)),
                ("name", Text(name)),
                ("place", Text(place)),
                ("cutoff_minutes", Number(*cutoff_minutes)),
            ],
            Self::CreateTerminal(store, name) => {
                vec![("store", Number(store.0)), ("name", Text(name))]
            }
            Self::SuspendTerminal(terminal)
            | Self::ResumeTerminal(terminal)
            | Self::RotateTerminalKey(terminal, _) => vec![("terminal", Number(terminal.0))],
            Self::FreezeMember(member)
            | Self::FreezeOnCall(member)
            | Self::UnfreezeMember(member)
            | Self::CloseMember(member)
            | Self::CreateLink(member, ..)
            | Self::RotateCodeSecret(member, _) => vec![("member", Number(member.0))],
            Self::ChangePolicy(text) => vec![("policy", Text(text))],
            Self::OpenBulk(name, root) => vec![
                ("name", Text(name)),
                ("root", Bytes(&root.hash)),
                ("rows", Number(root.rows)),
                ("sum", Number(root.sum)),
            ],
            Self::VerifyMember(member, level) => {
                vec![("member", Number(member.0)), ("verification", Text(level.name()))]
            }
            Self::VouchForMember(member, shown) => {
                vec![("member", Number(member.0)), ("shown", Bytes(shown))]
            }
            Self::AllowRecovery(member, recovery) | Self::EndRecovery(member, recovery) => {
                vec![("member", Number(member.0)), ("recovery", Number(recovery.0))]
            }
            Self::EnrolDevice { link, public_key, .. } => {
                vec![("link", Bytes(link)), ("public_key", Bytes(public_key))]
            }
            Self::EndDevice(device) => vec![("device", Number(device.0))],
            Self::CloseSwitch(capability, scope, subject, _)
            | Self::OpenSwitch(capability, scope, subject) => vec![
                ("capability", Text(capability.name())),
                ("scope", Text(scope.name())),
                ("subject", Number(*subject)),
            ],
            Self::Checkpoint(heads, _) => vec![("heads", Text(heads))],
            Self::Restored(generation) => vec![("generation", Number(*generation))],
            Self::CreateWebhook { merchant, url, .. } => {
                vec![("merchant", Number(merchant.0)), ("url", Text(url))]
            }
            Self::EndWebhook(webhook) | Self::RotateWebhookSecret(webhook, _) => {
                vec![("webhook", Number(webhook.0))]
            }
            _ => self.said_of_staff(),
        }
    }

    fn said_of_staff(&self) -> Vec<(&'static str, Said<'_>)> {
        use Said::{Bytes, Number, Text};
        match self.inner() {
            Self::CreateFirstOperators { names, .. } => {
                vec![("one", Text(&names[0])), ("two", Text(&names[1]))]
            }
            Self::CreateOperator { name, roles, .. } => {
                vec![("name", Text(name)), ("roles", Number(roles.bits()))]
            }
            Self::ChangeRoles(operator, roles) => {
                vec![("operator", Number(operator.0)), ("roles", Number(roles.bits()))]
            }
            Self::EndOperator(operator) | Self::LinkOperator(operator, ..) => {
                vec![("operator", Number(operator.0))]
            }
            Self::AddPasskey { link, lookup, .. } => {
                vec![("link", Bytes(link)), ("passkey", Bytes(lookup))]
            }
            Self::EndPasskey(passkey) => vec![("passkey", Bytes(passkey))],
            Self::OpenSession { passkey, key, .. } => {
                vec![("passkey", Bytes(passkey)), ("key", Bytes(key))]
            }
            Self::CreateClerk { store, name, .. } => {
                vec![("store", Number(store.0)), ("name", Text(name))]
            }
            Self::ResetClerkPin(clerk, _) | Self::EndClerk(clerk) => {
                vec![("clerk", Number(clerk.0))]
            }
            Self::OpenShift(terminal, token, amount)
            | Self::CloseShift(terminal, token, amount) => {
                vec![
                    ("terminal", Number(terminal.0)),
                    ("session", Number(token.session.0)),
                    ("amount", Number(*amount)),
                ]
            }
            Self::ReleaseCashCredit(store, amount) => {
                vec![("store", Number(store.0)), ("amount", Number(*amount))]
            }
            Self::SignOutClerk(terminal, token) => {
                vec![("terminal", Number(terminal.0)), ("session", Number(token.session.0))]
            }
            Self::SignInClerk { terminal, clerk, right, .. } => vec![
                ("terminal", Number(terminal.0)),
                ("clerk", Number(clerk.0)),
                ("right", Number(i64::from(*right))),
            ],
            other => unreachable!("{other:?} is no act of staff"),
        }
    }
}

/// A JSON string (RFC 8259): quotes, backslashes and control characters are escaped, nothing else.
fn quote(said: &str, text: &mut String) {
    text.push('"');
    for sign in said.chars() {
        match sign {
            '"' | '\\' => text.extend(['\\', sign]),
            sign if sign.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(sign));
            }
            sign => text.push(sign),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MemberNumber;
    use crate::ids::{FactId, OperatorNumber};
    use crate::switches::{Capability, Scope};

    #[test]
    fn every_act_has_its_people_and_what_takes_two_an_auditor_never_does() {
        let auditor = Roles::of(&[Role::Auditor]);
        for &kind in ActKind::ALL {
            match kind.people() {
                People::Nobody => assert!(!kind.is_of_operators()),
                People::One(roles) | People::OneFresh(roles) => {
                    assert!(!roles.meet(auditor) && roles.bits() != 0, "{kind}");
                    assert!(!kind.is_of_operators());
                }
                People::Two(roles) => {
                    assert!(!roles.meet(auditor) && roles.has(Role::Admin), "{kind}");
                }
            }
        }
    }

    #[test]
    fn a_text_says_what_is_meant_and_its_digest_is_another_for_every_difference() {
        let open = |subject| Act::OpenSwitch(Capability::Payment, Scope::Store, subject);
        let text = r#"{"act":"open_switch","capability":"payment","scope":"store","subject":7}"#;
        assert_eq!(open(7).text(), text);
        assert_ne!(open(7).digest(), open(8).digest());
        let unfreeze = Act::UnfreezeMember(MemberNumber(7));
        assert_ne!(unfreeze.digest(), Act::FreezeMember(MemberNumber(7)).digest());
        let agreed = Act::Agreed(FactId(1), Box::new(unfreeze.clone()));
        assert_eq!(agreed.digest(), unfreeze.digest());
        let named = |name: &str| Act::CreateMerchant(name.to_owned()).text();
        assert_eq!(named("a\"b\\\n"), r#"{"act":"create_merchant","name":"a\"b\\\u000a"}"#);
    }

    #[test]
    fn what_is_drawn_anew_for_each_try_is_no_part_of_the_text() {
        let link = |byte| Act::LinkOperator(OperatorNumber(3), [byte; 32], crate::time::Instant(9));
        assert_eq!(link(1).text(), link(2).text());
        assert_eq!(link(1).text(), r#"{"act":"link_operator","operator":3}"#);
    }
}
