//! What operators can ask, as JSON.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::bulk::BulkRowOrder;

/// Who does something, and why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct By {
    /// Who.
    pub actor: String,
    /// The second person, where two are needed.
    #[serde(default)]
    pub second: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The proposal on which two operators have agreed, where there are operators.
    #[serde(default)]
    pub proposal: Option<String>,
    /// A UUID that makes doing it twice do it once; made here when left out.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// One message: who, and what.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Who and why.
    #[serde(flatten)]
    pub by: By,
    /// What.
    #[serde(flatten)]
    pub order: Order,
}

/// Unknown fields are refused: a misspelt one would change what an order does. serde cannot do that
/// for flattened fields, so what was read is compared with what would be written.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::<String, Value>::deserialize(deserializer)?;
        let given = Value::Object(fields.clone());
        let by = By::deserialize(&given).map_err(D::Error::custom)?;
        let message = Self { by, order: Order::deserialize(given).map_err(D::Error::custom)? };
        let known = serde_json::to_value(&message).map_err(D::Error::custom)?;
        match fields.keys().find(|name| known.get(name.as_str()).is_none()) {
            None => Ok(message),
            Some(name) => Err(D::Error::custom(format_args!("an order has no field {name:?}"))),
        }
    }
}

/// What an operator asks for. Things are named by identifier (`mer_…`) or by plain number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Order {
    /// A new merchant.
    CreateMerchant {
        /// As on receipts.
        name: String,
    },
    /// A new store.
    CreateStore {
        /// Whose.
        merchant: String,
        /// As on receipts.
        name: String,
        /// City or street, as members are shown before they confirm; may be empty.
        #[serde(default)]
        place: String,
        /// Minutes after midnight at which its business day ends.
        #[serde(default)]
        cutoff_minutes: i64,
    },
    /// A new terminal; its key is in the reply.
    CreateTerminal {
        /// Where.
        store: String,
        /// As its owner calls it.
        name: String,
    },
    /// The key of a terminal, once more.
    ShowTerminalKey {
        /// Which.
        terminal: String,
    },
    /// No more payments.
    SuspendTerminal {
        /// Which.
        terminal: String,
    },
    /// Payments again.
    ResumeTerminal {
        /// Which.
        terminal: String,
    },
    /// A new key for a terminal, in the reply.
    RotateTerminalKey {
        /// Which.
        terminal: String,
        /// How long the old one still works, seconds.
        #[serde(default)]
        keep_seconds: i64,
    },
    /// A new member.
    CreateMember,
    /// No money leaves.
    FreezeMember {
        /// Whose.
        member: String,
    },
    /// It may again.
    UnfreezeMember {
        /// Whose.
        member: String,
    },
    /// Closed for ever.
    CloseMember {
        /// Who.
        member: String,
    },
    /// A one-time enrolment link; its token is in the reply and nowhere else.
    CreateLink {
        /// Whose device it enrols.
        member: String,
        /// How long it lives, seconds; a day when left out.
        #[serde(default)]
        lifetime_seconds: Option<i64>,
    },
    /// A device loses its authority.
    EndDevice {
        /// Which.
        device: String,
    },
    /// The paying device of a member gets a new code secret.
    RotateCodeSecret {
        /// Whose.
        member: String,
    },
    /// A capability is closed.
    CloseSwitch {
        /// `payment`, `refund`, `code_issue`, `enrolment` or `credit`.
        capability: String,
        /// `everything`, `merchant`, `store`, `terminal` or `member`.
        scope: String,
        /// For which one; left out for everything.
        #[serde(default)]
        subject: Option<String>,
        /// After so many seconds it opens by itself, where it may.
        #[serde(default)]
        lapse_seconds: Option<i64>,
    },
    /// A capability is opened again.
    OpenSwitch {
        /// As when it was closed.
        capability: String,
        /// As when it was closed.
        scope: String,
        /// As when it was closed.
        #[serde(default)]
        subject: Option<String>,
    },
    /// A new webhook endpoint; its secret is in the reply.
    CreateWebhook {
        /// Who is told.
        merchant: String,
        /// Where.
        url: String,
    },
    /// A webhook endpoint is told nothing more.
    EndWebhook {
        /// Which.
        webhook: String,
    },
    /// A new secret for a webhook endpoint, in the reply.
    RotateWebhookSecret {
        /// Which.
        webhook: String,
        /// How long the old one still signs and is believed, seconds.
        #[serde(default)]
        keep_seconds: i64,
    },
    /// Money or points from outside.
    Credit {
        /// To whom.
        member: String,
        /// `money` or `points`.
        asset: String,
        /// Minor units.
        amount: i64,
    },
    /// Two people agree on credits in bulk.
    OpenBulk {
        /// What they are.
        name: String,
        /// Of the file's tree, 64 hex digits.
        root: String,
        /// How many rows.
        rows: i64,
        /// Minor units of all.
        sum: i64,
    },
    /// What rows of a file would come to; nothing changes.
    CheckBulk {
        /// Which.
        rows: Vec<BulkRowOrder>,
    },
    /// Credits rows of a file on which two people have agreed.
    CreditBulk {
        /// The id of what was opened, made of its name and its root.
        bulk: String,
        /// Which.
        rows: Vec<BulkRowOrder>,
    },
    /// Every closed switch.
    ListSwitches,
    /// A page of what there is.
    List {
        /// `merchants`, `stores`, `terminals`, `members`, `devices`, `switches`, `webhooks` or
        /// `operators`.
        what: String,
        /// What comes after this one, by number; from the first when left out.
        #[serde(default)]
        after: Option<String>,
        /// The most of them; a page when left out.
        #[serde(default)]
        limit: Option<i64>,
    },
    /// A new generation of a key of the key file.
    RotateKey {
        /// `code`, `terminal_root`, `device_token`, `nonce`, `fingerprint` or `checkpoint`.
        key: String,
        /// How long the old one is still accepted, seconds.
        #[serde(default)]
        keep_seconds: i64,
    },
    /// A book that was restored is opened.
    OpenRestored,
    /// The first two operators; the links at which they register are in the reply.
    CreateFirstOperators {
        /// One.
        one: String,
        /// The other.
        two: String,
    },
    /// A new link for one of the first two operators who has not registered; in the reply.
    RenewOperatorLink {
        /// `opr_…`, or its number.
        operator: String,
    },
    /// A new clerk of a store; the PIN is in the reply and nowhere else.
    CreateClerk {
        /// `sto_…`, or its number.
        store: String,
        /// As colleagues read it.
        name: String,
    },
    /// Another PIN for a clerk, in the reply; it unlocks, and ends what the clerk began.
    ResetClerkPin {
        /// `clk_…`, or its number.
        clerk: String,
    },
    /// A clerk works here no more.
    EndClerk {
        /// `clk_…`, or its number.
        clerk: String,
    },
    /// A one-time link that signs the actor in at the running server's console.
    ConsoleLink,
    /// Every console session of the running server ends.
    EndConsoleSessions,
    /// The key file was changed: read it again.
    ReloadKeys,
    /// How the book is doing.
    Status,
}
