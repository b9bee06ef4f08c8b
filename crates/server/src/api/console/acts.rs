//! Acts as an operator's page names them: read, drawn for, and shown again.
//!
//! An act is named by one form, whether it is proposed, shown to the colleague who decides, or
//! carried out: `{"act": "unfreeze_member", "member": "mem_…"}`. What a colleague is shown is made
//! from the canonical text that both agree on, and can be sent as it is. What is drawn anew for
//! each try is no part of it: the token of a link, and a clerk's PIN, which nobody chooses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use yaoki_core::bulk::BulkRoot;
use yaoki_core::command::Act;
use yaoki_core::ids::{
    ClerkNumber, FactId, MemberNumber, OperatorNumber, StoreNumber, TerminalNumber,
};
use yaoki_core::operator::{OPERATOR_LINK_MS, Role, Roles, Sealed};
use yaoki_core::policy::Policy;
use yaoki_core::state::MemberVerification;
use yaoki_core::switches::{Capability, Scope, provider_number};
use yaoki_core::time::{Instant, SECOND_MS};

use crate::admin::{kind_of, operator_page};
use crate::api::enrolment::{LINK_TOKEN_BYTES, link_digest};
use crate::app::App;
use crate::edge::hex;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::Problem;
use crate::identity::password::{Line, PINS, Password};

/// The longest time after which a switch opens by itself, seconds: ten years.
const LAPSE_SECONDS_MAX: i64 = 10 * 365 * 24 * 60 * 60;

/// An act.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ConsoleAct)]
pub enum ActForm {
    /// No money leaves by the member's act.
    FreezeMember {
        /// `mem_…`.
        member: String,
    },
    /// The same for a member who asks for it: he lifts it himself.
    FreezeOnCall {
        /// `mem_…`.
        member: String,
    },
    /// It may again; takes two.
    UnfreezeMember {
        /// `mem_…`.
        member: String,
    },
    /// A member is closed for ever.
    CloseMember {
        /// `mem_…`.
        member: String,
    },
    /// A device loses its authority.
    EndDevice {
        /// `dev_…`.
        device: String,
    },
    /// A person's identity was checked at a counter; takes two.
    VouchForMember {
        /// `mem_…`.
        member: String,
        /// The 20 digits that the person's browser shows.
        shown: String,
    },
    /// A contested recovery may go on; takes two.
    AllowRecovery {
        /// `mem_…`.
        member: String,
        /// `rcv_…`.
        recovery: String,
    },
    /// A recovery that is not the member's is ended; takes two.
    EndRecovery {
        /// `mem_…`.
        member: String,
        /// `rcv_…`.
        recovery: String,
    },
    /// A capability is closed.
    CloseSwitch {
        /// `payment`, `refund`, `code_issue`, `enrolment`, `credit`, `sign_up`, `recovery` or
        /// `external_id`.
        capability: String,
        /// `everything`, `merchant`, `store`, `terminal`, `member` or `provider`.
        scope: String,
        /// For which one; left out for everything.
        subject: Option<String>,
        /// After so many seconds it opens by itself, where it may.
        lapse_seconds: Option<i64>,
    },
    /// It is opened again; takes two.
    OpenSwitch {
        /// As when it was closed.
        capability: String,
        /// As when it was closed.
        scope: String,
        /// As when it was closed.
        subject: Option<String>,
    },
    /// A terminal takes no more payments.
    SuspendTerminal {
        /// `trm_…`.
        terminal: String,
    },
    /// It does again; takes two.
    ResumeTerminal {
        /// `trm_…`.
        terminal: String,
    },
    /// A new operator; takes two. The link at which he registers is in the answer.
    CreateOperator {
        /// As colleagues read it.
        name: String,
        /// `support`, `risk`, `finance`, `admin`; or `auditor` alone.
        roles: Vec<String>,
    },
    /// Other roles; takes two.
    ChangeRoles {
        /// `opr_…`.
        operator: String,
        /// All that he has from then on.
        roles: Vec<String>,
    },
    /// An operator is ended for ever; takes two.
    EndOperator {
        /// `opr_…`.
        operator: String,
    },
    /// A link for another passkey, in the answer; takes two.
    LinkOperator {
        /// `opr_…`.
        operator: String,
    },
    /// A passkey of an operator's is ended for ever; takes two.
    EndPasskey {
        /// As the list of operators names it.
        passkey: String,
    },
    /// A new clerk; the PIN is in the answer and nowhere else.
    CreateClerk {
        /// `sto_…`.
        store: String,
        /// As colleagues read it.
        name: String,
    },
    /// A new PIN, in the answer and nowhere else.
    ResetClerkPin {
        /// `clk_…`.
        clerk: String,
    },
    /// A clerk is ended for ever.
    EndClerk {
        /// `clk_…`.
        clerk: String,
    },
    /// A restored book is opened; takes two.
    OpenBook {},
    /// Other limits and caps; takes two.
    ChangePolicy {
        /// All of them, TOML, as the page of the rails shows those in force.
        policy: String,
    },
    /// Credits in bulk; takes two.
    OpenBulk {
        /// What they are.
        name: String,
        /// Of the file, as `yaoki admin bulk check` prints it.
        root: String,
        /// How many rows.
        rows: i64,
        /// Minor units of all.
        sum: i64,
    },
    /// What is known of a member's identity, which his limits go by.
    VerifyMember {
        /// `mem_…`.
        member: String,
        /// `basic` or `verified`.
        verification: String,
    },
    /// A store has paid in cash that its registers took: it may take so much again.
    ReleaseCashCredit {
        /// `sto_…`.
        store: String,
        /// Minor units.
        amount: i64,
    },
}

/// An act with what was drawn for it.
pub(super) struct Drawn {
    pub(super) act: Act,
    /// Where an operator registers, and until when.
    pub(super) link: Option<(String, Instant)>,
    /// A clerk's.
    pub(super) pin: Option<String>,
}

impl From<Act> for Drawn {
    fn from(act: Act) -> Self {
        Self { act, link: None, pin: None }
    }
}

impl ActForm {
    /// The act that this is, and what was drawn for it.
    ///
    /// # Errors
    /// Names the field that must be mended; or nothing can be hashed at the moment.
    pub(super) async fn draw(&self, app: &App) -> Result<Drawn, Problem> {
        Ok(match self {
            Self::CreateOperator { name, roles } => {
                let (link, page, expires_at) = link(app);
                let (name, roles) = (name.clone(), roles_of(roles)?);
                let act = Act::CreateOperator { name, roles, link, expires_at };
                Drawn { act, link: Some((page, expires_at)), pin: None }
            }
            Self::LinkOperator { operator } => {
                let (link, page, expires_at) = link(app);
                let act = Act::LinkOperator(operator_of(operator)?, link, expires_at);
                Drawn { act, link: Some((page, expires_at)), pin: None }
            }
            Self::CreateClerk { store, name } => {
                let store = StoreNumber(number(Kind::Store, "store", store)?);
                let (text, pin) = pin(app).await?;
                let act = Act::CreateClerk { store, name: name.clone(), pin };
                Drawn { act, link: None, pin: Some(text) }
            }
            Self::ResetClerkPin { clerk } => {
                let clerk = clerk_of(clerk)?;
                let (text, pin) = pin(app).await?;
                Drawn { act: Act::ResetClerkPin(clerk, pin), link: None, pin: Some(text) }
            }
            Self::CloseSwitch { .. } | Self::OpenSwitch { .. } => self.switch(app.now())?.into(),
            other => other.plain()?.into(),
        })
    }

    /// The act, where nothing is drawn for it.
    fn plain(&self) -> Result<Act, Problem> {
        let member = |text: &str| number(Kind::Member, "member", text).map(MemberNumber);
        let terminal = |text: &str| number(Kind::Terminal, "terminal", text).map(TerminalNumber);
        Ok(match self {
            Self::FreezeMember { member: text } => Act::FreezeMember(member(text)?),
            Self::FreezeOnCall { member: text } => Act::FreezeOnCall(member(text)?),
            Self::UnfreezeMember { member: text } => Act::UnfreezeMember(member(text)?),
            Self::CloseMember { member: text } => Act::CloseMember(member(text)?),
            Self::EndDevice { device } => {
                Act::EndDevice(FactId(number(Kind::Device, "device", device)?))
            }
            Self::VouchForMember { member: text, shown } => {
                let must = || Problem::field("shown", "must be the 20 digits of the browser");
                Act::VouchForMember(member(text)?, hex::bytes(shown).ok_or_else(must)?)
            }
            Self::AllowRecovery { member: text, recovery } => {
                let recovery = FactId(number(Kind::Recovery, "recovery", recovery)?);
                Act::AllowRecovery(member(text)?, recovery)
            }
            Self::EndRecovery { member: text, recovery } => {
                let recovery = FactId(number(Kind::Recovery, "recovery", recovery)?);
                Act::EndRecovery(member(text)?, recovery)
            }
            Self::SuspendTerminal { terminal: text } => Act::SuspendTerminal(terminal(text)?),
            Self::ResumeTerminal { terminal: text } => Act::ResumeTerminal(terminal(text)?),
            Self::ChangeRoles { operator, roles } => {
                Act::ChangeRoles(operator_of(operator)?, roles_of(roles)?)
            }
            Self::EndOperator { operator } => Act::EndOperator(operator_of(operator)?),
            Self::EndPasskey { passkey } => {
                let must = || Problem::field("passkey", "must be as the list of operators has it");
                Act::EndPasskey(hex::bytes(passkey).ok_or_else(must)?)
            }
            Self::EndClerk { clerk } => Act::EndClerk(clerk_of(clerk)?),
            Self::OpenBook {} => Act::OpenBook,
            Self::ChangePolicy { policy } => {
                let wrong = |error| Problem::field("policy", format_args!("is wrong: {error}"));
                Policy::read(policy).map_err(wrong)?;
                Act::ChangePolicy(policy.clone())
            }
            Self::OpenBulk { name, root, rows, sum } => {
                let must = || Problem::field("root", "must be 64 hex digits");
                let hash = hex::bytes(root).ok_or_else(must)?;
                Act::OpenBulk(name.clone(), BulkRoot { hash, rows: *rows, sum: *sum })
            }
            Self::VerifyMember { member: text, verification } => {
                let must = || Problem::field("verification", "must be `basic` or `verified`");
                let level = MemberVerification::from_name(verification).ok_or_else(must)?;
                Act::VerifyMember(member(text)?, level)
            }
            Self::ReleaseCashCredit { store, amount } => {
                let store = StoreNumber(number(Kind::Store, "store", store)?);
                Act::ReleaseCashCredit(store, *amount)
            }
            Self::CloseSwitch { .. }
            | Self::OpenSwitch { .. }
            | Self::CreateOperator { .. }
            | Self::LinkOperator { .. }
            | Self::CreateClerk { .. }
            | Self::ResetClerkPin { .. } => unreachable!("it is read by itself"),
        })
    }

    fn switch(&self, now: Instant) -> Result<Act, Problem> {
        match self {
            Self::CloseSwitch { capability, scope, subject, lapse_seconds } => {
                let (scope, subject) = scope_of(scope, subject.as_deref())?;
                let lapses_at = match lapse_seconds {
                    None => Instant(0),
                    Some(seconds) if (0..=LAPSE_SECONDS_MAX).contains(seconds) => {
                        now.plus_ms(seconds * SECOND_MS)
                    }
                    Some(_) => {
                        let must = "must be from 0 seconds to ten years";
                        return Err(Problem::field("lapse_seconds", must));
                    }
                };
                Ok(Act::CloseSwitch(capability_of(capability)?, scope, subject, lapses_at))
            }
            Self::OpenSwitch { capability, scope, subject } => {
                let (scope, subject) = scope_of(scope, subject.as_deref())?;
                Ok(Act::OpenSwitch(capability_of(capability)?, scope, subject))
            }
            _ => unreachable!("it is no switch"),
        }
    }
}

fn number(kind: Kind, name: &'static str, text: &str) -> Result<i64, Problem> {
    let parsed = identifier::parse(kind, text);
    parsed.map_err(|error| Problem::field(name, format_args!("is wrong: {error}")))
}

pub(super) fn operator_of(text: &str) -> Result<OperatorNumber, Problem> {
    number(Kind::Operator, "operator", text).map(OperatorNumber)
}

fn clerk_of(text: &str) -> Result<ClerkNumber, Problem> {
    number(Kind::Clerk, "clerk", text).map(ClerkNumber)
}

/// Whether they fit together is the rules' to say.
fn roles_of(names: &[String]) -> Result<Roles, Problem> {
    let roles: Option<Vec<Role>> = names.iter().map(|name| Role::from_name(name)).collect();
    let must = || Problem::field("roles", "must be names of roles, such as `support`");
    roles.map(|roles| Roles::of(&roles)).ok_or_else(must)
}

fn capability_of(name: &str) -> Result<Capability, Problem> {
    let must = || Problem::field("capability", "must be one that can be closed, such as `payment`");
    Capability::from_name(name).ok_or_else(must)
}

/// Scope and subject. A provider is named by its name, or by its number where a switch is shown.
fn scope_of(scope: &str, subject: Option<&str>) -> Result<(Scope, i64), Problem> {
    let must = || Problem::field("scope", "must be one of the scopes, such as `store`");
    let scope = Scope::from_name(scope).ok_or_else(must)?;
    let subject = match (kind_of(scope), subject) {
        (Some(kind), Some(text)) => number(kind, "subject", text)?,
        (None, Some(name)) if scope == Scope::Provider => {
            name.parse().ok().filter(|number| *number > 0).unwrap_or_else(|| provider_number(name))
        }
        (None, None) if scope == Scope::Everything => 0,
        _ => return Err(Problem::field("subject", "must fit the scope")),
    };
    Ok((scope, subject))
}

/// The digest of a new link's token, the page, and until when it works.
fn link(app: &App) -> ([u8; 32], String, Instant) {
    let token = URL_SAFE_NO_PAD.encode(app.random::<LINK_TOKEN_BYTES>());
    let page = format!("{}{}", app.console.passkey_origin(app), operator_page(&token));
    (link_digest(&token), page, app.now().plus_ms(OPERATOR_LINK_MS))
}

/// A new PIN, and what is kept of it.
async fn pin(app: &App) -> Result<(String, Sealed), Problem> {
    let text = format!("{:06}", u64::from_be_bytes(app.random()) % PINS);
    let passwords = &app.members.passwords;
    let kept = passwords.set_pin(Line::Known, &Password::new(&text), app.random()).await?;
    Ok((text, Sealed(kept.into_bytes())))
}

/// An act as this form names it, from its canonical text.
///
/// # Panics
/// When the text is no act's: the book has none such.
pub(super) fn shown(text: &str) -> Value {
    let said: Map<String, Value> = serde_json::from_str(text).expect("an act's text is JSON");
    let scope = said.get("scope").and_then(Value::as_str).and_then(Scope::from_name);
    let shown = said.iter().filter_map(|(name, value)| {
        let number = value.as_i64();
        let value = match (name.as_str(), number) {
            ("subject", Some(0)) => return None,
            ("subject", Some(number)) => match scope.and_then(kind_of) {
                Some(kind) => identifier::text(kind, number).into(),
                None => number.to_string().into(),
            },
            ("roles", Some(bits)) => {
                let roles = Roles::from_bits(bits).unwrap_or_default();
                roles.each().map(Role::name).collect()
            }
            (name, Some(number)) => match kind_named(name) {
                Some(kind) => identifier::text(kind, number).into(),
                None => value.clone(),
            },
            _ => value.clone(),
        };
        Some((name.clone(), value))
    });
    Value::Object(shown.collect())
}

/// What the number in a field of a canonical text is of.
fn kind_named(name: &str) -> Option<Kind> {
    Some(match name {
        "merchant" => Kind::Merchant,
        "store" => Kind::Store,
        "terminal" => Kind::Terminal,
        "member" => Kind::Member,
        "device" => Kind::Device,
        "webhook" => Kind::Webhook,
        "recovery" => Kind::Recovery,
        "operator" => Kind::Operator,
        "clerk" => Kind::Clerk,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use yaoki_core::policy;

    use super::*;

    /// Acts that two must agree on and for which nothing is drawn.
    fn proposed() -> Vec<Act> {
        let member = MemberNumber(7);
        vec![
            Act::UnfreezeMember(member),
            Act::VouchForMember(member, [9; 10]),
            Act::AllowRecovery(member, FactId(70)),
            Act::EndRecovery(member, FactId(70)),
            Act::ResumeTerminal(TerminalNumber(3)),
            Act::ChangeRoles(OperatorNumber(2), Roles::of(&[Role::Support, Role::Admin])),
            Act::EndOperator(OperatorNumber(2)),
            Act::EndPasskey([8; 32]),
            Act::OpenBook,
            Act::ChangePolicy(policy::DEFAULT.to_owned()),
            Act::OpenBulk("June".to_owned(), BulkRoot { hash: [6; 32], rows: 2, sum: 300 }),
            Act::OpenSwitch(Capability::Payment, Scope::Everything, 0),
            Act::OpenSwitch(Capability::Payment, Scope::Store, 5),
            Act::OpenSwitch(Capability::Enrolment, Scope::Provider, 77),
        ]
    }

    #[test]
    fn what_a_colleague_is_shown_is_the_very_act_when_it_is_sent() {
        for act in proposed() {
            let shown = shown(&act.text());
            let form: ActForm = serde_json::from_value(shown.clone()).expect("it is a form");
            let read = match &form {
                ActForm::OpenSwitch { .. } => form.switch(Instant(0)),
                form => form.plain(),
            };
            let read = read.unwrap_or_else(|problem| panic!("{shown}: {problem:?}"));
            assert_eq!(read.digest(), act.digest(), "{shown}");
        }
        let shown = shown(&Act::UnfreezeMember(MemberNumber(7)).text());
        let member = identifier::text(Kind::Member, 7);
        assert_eq!(shown, serde_json::json!({ "act": "unfreeze_member", "member": member }));
    }

    #[test]
    fn what_names_nothing_is_refused_with_its_field() {
        for wrong in [
            r#"{"act":"freeze_member","member":"7"}"#,
            r#"{"act":"vouch_for_member","member":"7","shown":"09"}"#,
            r#"{"act":"change_roles","operator":"opr_7","roles":["king"]}"#,
            r#"{"act":"end_passkey","passkey":"x"}"#,
            r#"{"act":"end_clerk","clerk":"x"}"#,
            r#"{"act":"change_policy","policy":"[[limit]]"}"#,
            r#"{"act":"verify_member","member":"7","verification":"king"}"#,
            r#"{"act":"release_cash_credit","store":"7","amount":1}"#,
        ] {
            let form: ActForm = serde_json::from_str(wrong).expect("it is a form");
            assert!(form.plain().is_err(), "{wrong}");
        }
        for wrong in [
            r#"{"act":"close_switch","capability":"flight","scope":"everything"}"#,
            r#"{"act":"close_switch","capability":"payment","scope":"moon"}"#,
            r#"{"act":"close_switch","capability":"payment","scope":"store"}"#,
            r#"{"act":"open_switch","capability":"payment","scope":"everything","subject":"1"}"#,
            r#"{"act":"close_switch","capability":"payment","scope":"everything",
                "lapse_seconds":-1}"#,
        ] {
            let form: ActForm = serde_json::from_str(wrong).expect("it is a form");
            assert!(form.switch(Instant(0)).is_err(), "{wrong}");
        }
        let unknown = serde_json::from_str::<ActForm>(r#"{"act":"open_book","tip":5}"#);
        assert!(unknown.is_err());
    }
}
