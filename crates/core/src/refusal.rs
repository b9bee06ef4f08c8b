//! Refusals: every expected "no", each a sentence that says what must hold.
//!
//! 1xx: the request cannot be decided as it stands. 2xx: it was decided, and the answer is no.
//! These are in order of precedence: where several hold, a register hears the first. 3xx: what
//! operators, devices, members and jobs hear; each act checks in an order of its own. 6xx: the same
//! of money that comes in; 4xx is the edge's.
//!
//! Numbers are for ever. Documents, HTTP status and translations hang on this list, and a test
//! reaches every one. A refusal is *recorded* when it is the final outcome of a request id
//! (`declined`), and *unrecorded* when nothing was decided (`unknown`: mend the request or ask
//! again).

#[macro_use]
mod list;
mod page;
#[cfg(test)]
mod tests;

pub use self::page::markdown;

/// Whether a refusal ends the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// The outcome `declined` is stored under the request id and never changes.
    Recorded,
    /// Nothing is stored; the request is still open.
    Unrecorded,
}

refusals! {
    /// The terminal is not in the book.
    TerminalMustExist = 101, "terminal_must_exist", 401, Unrecorded,
        "The terminal that signed is not in this book.",
        "Check the terminal id with the operator.";
    /// The signing key is an old one.
    TerminalKeyMustBeCurrent = 102, "terminal_key_must_be_current", 401, Unrecorded,
        "The request was signed with a key generation that no longer works.",
        "Load the terminal's new key and send the same request again.";
    /// The id was used for something else.
    RequestIdHasAnotherMeaning = 103, "request_id_has_another_meaning", 409, Unrecorded,
        "This request id was used before with another meaning.",
        "Query the id: its outcome stands. Make a new request id for a new request.";
    /// The deadline is too far ahead.
    ValidUntilMustBeNear = 104, "valid_until_must_be_near", 400, Unrecorded,
        "valid_until may be at most 60 seconds ahead, that of an order 5 minutes.",
        "Set the clock that valid_until is made from, and send it at most so far from now.";
    /// Another currency than the book's.
    CurrencyMustBeTheBooks = 105, "currency_must_be_the_books", 400, Unrecorded,
        "The book is kept in another currency.",
        "Send the amount in the book's currency.";
    /// Zero, negative or absurd.
    AmountMustBeInRange = 106, "amount_must_be_in_range", 400, Unrecorded,
        "The amount must be from 1 to 1,000,000,000 minor units.",
        "Send an amount in that range.";
    /// A hold of no time, or of more than 30 days.
    HoldMustBeInRange = 107, "hold_must_be_in_range", 400, Unrecorded,
        "A hold lasts from 1 second to 30 days.",
        "Send hold_seconds in that range.";
    /// A reverse came first.
    ReversedBeforeArrival = 201, "reversed_before_arrival", 200, Recorded,
        "The request was reversed before it arrived.",
        "Nothing was charged. Make a new request id to charge.";
    /// Decided after its deadline.
    RequestTooLate = 202, "request_too_late", 200, Recorded,
        "The request was decided after its valid_until.",
        "Nothing was charged. Make a new request id to charge.";
    /// The terminal may not take payments.
    TerminalIsSuspended = 203, "terminal_is_suspended", 200, Recorded,
        "The terminal is suspended.",
        "Use another register. This one can still query, reverse, void, capture and refund its \
         own.";
    /// The payment switch is closed.
    PaymentsAreClosed = 204, "payments_are_closed", 200, Recorded,
        "Code payment is closed here for the moment.",
        "Take another means of payment; the operator's notice says more.";
    /// Forged, expired, superseded, ended or frozen: one word for all.
    CodeNotValid = 205, "code_not_valid", 200, Recorded,
        "The code cannot be used.",
        "Ask the customer to show a fresh code.";
    /// The store has had this code.
    CodeAlreadyUsed = 206, "code_already_used", 200, Recorded,
        "The code was already used here.",
        "The first payment is named; do not charge again unless the customer means to pay twice.";
    /// Not enough to spend.
    BalanceTooLow = 207, "balance_too_low", 200, Recorded,
        "The balance is too low.",
        "Ask for another means of payment or a smaller amount.";
    /// No such payment for this store.
    PaymentMustExist = 208, "payment_must_exist", 200, Recorded,
        "This store has no such payment.",
        "Check the payment id; only the store that was paid can settle it.";
    /// A suspended terminal asked for another's payment.
    PaymentMustBeTheTerminalsOwn = 209, "payment_must_be_the_terminals_own", 200, Recorded,
        "A suspended terminal can settle its own payments only.",
        "Use another register of the store.";
    /// Captured before.
    AlreadyCaptured = 210, "already_captured", 200, Recorded,
        "The authorization was already captured.",
        "Reverse or refund the capture instead.";
    /// Voided, expired or reversed.
    AuthorizationIsOver = 211, "authorization_is_over", 200, Recorded,
        "The authorization was voided, reversed, or has expired.",
        "Authorize anew with a fresh code.";
    /// It never was an authorization.
    PaymentMustBeAuthorized = 212, "payment_must_be_authorized", 200, Recorded,
        "The payment was paid at once and holds nothing.",
        "Refund it instead.";
    /// More than was held.
    CaptureExceedsHold = 213, "capture_exceeds_hold", 200, Recorded,
        "The capture is more than the hold.",
        "Capture at most what was authorized.";
    /// Not captured yet.
    PaymentMustBePaid = 214, "payment_must_be_paid", 200, Recorded,
        "The payment has not been captured.",
        "Void or reverse the authorization instead.";
    /// Undone already.
    PaymentIsReversed = 215, "payment_is_reversed", 200, Recorded,
        "The payment was reversed.",
        "Nothing is left to refund or to capture.";
    /// More than was paid.
    RefundExceedsPayment = 216, "refund_exceeds_payment", 200, Recorded,
        "The refunds together would be more than was paid.",
        "Refund at most what is left.";
    /// Refunds to suspense are closed.
    RefundsAreClosed = 217, "refunds_are_closed", 200, Recorded,
        "The member is closed and refunds that wait in suspense are closed for the moment.",
        "Give the money back by another means, or ask the operator.";
    /// A refund cannot be reversed.
    RefundIsFinal = 218, "refund_is_final", 200, Recorded,
        "A refund cannot be reversed.",
        "Charge again with a fresh code and a new request id.";
    /// A reversal cannot be reversed.
    ReversalIsFinal = 219, "reversal_is_final", 200, Recorded,
        "A reversal cannot be reversed.",
        "Charge again with a fresh code and a new request id.";
    /// A void cannot be reversed.
    VoidIsFinal = 220, "void_is_final", 200, Recorded,
        "A void cannot be reversed.",
        "Authorize again with a fresh code and a new request id.";
    /// The booking date ended more than 15 minutes ago.
    ReverseWindowIsOver = 221, "reverse_window_is_over", 200, Recorded,
        "The time to reverse is over: until 15 minutes after the end of the booking date.",
        "Refund the payment instead.";
    /// A limit, of which a shop hears nothing.
    PaymentIsDeclined = 222, "payment_is_declined", 200, Recorded,
        "The payment was declined.",
        "Ask for another means of payment; the customer's own page says why.";
    /// Cash is not taken for wallets.
    TopUpsAreClosed = 223, "top_ups_are_closed", 200, Recorded,
        "Topping up is closed here for the moment.",
        "Give the cash back; the operator's notice says more.";
    /// A limit of the member's, of which a shop hears nothing.
    TopUpIsDeclined = 224, "top_up_is_declined", 200, Recorded,
        "The top-up was declined.",
        "Give the cash back; the customer's own page says why.";
    /// The store, the shift or the clerk has taken as much as it may.
    CashCapIsReached = 225, "cash_cap_is_reached", 200, Recorded,
        "This store, terminal or clerk may take no more cash for top-ups now.",
        "Give the cash back. Pay in what was taken, or use another register.";
    /// What was topped up is gone.
    TopUpIsSpent = 226, "top_up_is_spent", 200, Recorded,
        "The top-up has been spent, so it cannot be taken back.",
        "Keep the cash: the customer has had its worth.";
    /// A rule wants to know that it is the member.
    PaymentMustBeConfirmed = 227, "payment_must_be_confirmed", 200, Recorded,
        "The customer must confirm on the wallet's page that it is he who pays.",
        "Charge again, with a new request id, the code that the customer shows then.";
    /// No such member.
    MemberMustExist = 301, "member_must_exist", 404, Unrecorded,
        "There is no such member.",
        "Check the member number.";
    /// No such merchant.
    MerchantMustExist = 302, "merchant_must_exist", 404, Unrecorded,
        "There is no such merchant.",
        "Create the merchant first.";
    /// No such store.
    StoreMustExist = 303, "store_must_exist", 404, Unrecorded,
        "There is no such store.",
        "Create the store first.";
    /// The member is closed.
    MemberMustBeOpen = 304, "member_must_be_open", 409, Unrecorded,
        "The member is frozen or closed.",
        "Nothing was changed.";
    /// Not a valid link.
    LinkMustBeValid = 305, "link_must_be_valid", 403, Unrecorded,
        "The enrolment link is unknown, used, or expired.",
        "Ask for a new link; each works once.";
    /// Enrolment is closed.
    EnrolmentIsClosed = 306, "enrolment_is_closed", 503, Unrecorded,
        "Enrolling devices is closed for the moment.",
        "Try again later; the link stays good until its time.";
    /// No such device, or ended.
    DeviceMustBeActive = 307, "device_must_be_active", 401, Unrecorded,
        "The device is not enrolled, was ended, or no longer pays.",
        "Enrol the device with a new link.";
    /// Codes are closed.
    CodeIssueIsClosed = 308, "code_issue_is_closed", 503, Unrecorded,
        "Showing codes is closed for the moment.",
        "Try again later; the operator's notice says more.";
    /// Credit is closed.
    CreditsAreClosed = 309, "credits_are_closed", 503, Unrecorded,
        "Giving money or points to members is closed for the moment.",
        "Open the switch first; it takes two people.";
    /// Two people are needed.
    ReopeningTakesTwoPeople = 310, "reopening_takes_two_people", 403, Unrecorded,
        "Closing takes one person; reopening takes two different ones.",
        "Give --actor and --second with two different names.";
    /// No actor or reason.
    ActorAndReasonMustBeGiven = 311, "actor_and_reason_must_be_given", 400, Unrecorded,
        "Who does this, and why, must be said.",
        "Give --actor and --reason.";
    /// Money switches do not lapse.
    MoneySwitchMustNotLapse = 312, "money_switch_must_not_lapse", 400, Unrecorded,
        "A switch that touches money does not open by itself.",
        "Close it without a lapse time; two people open it.";
    /// Nothing to open.
    SwitchMustBeClosed = 313, "switch_must_be_closed", 409, Unrecorded,
        "The switch is not closed.",
        "List the closed switches and name one of them.";
    /// A name is empty or long.
    NameMustBeShort = 314, "name_must_be_short", 400, Unrecorded,
        "A name must have 1 to 100 characters and no control characters.",
        "Give a shorter name.";
    /// The cut-off is not a time of day.
    CutoffMustBeATimeOfDay = 315, "cutoff_must_be_a_time_of_day", 400, Unrecorded,
        "The cut-off must be 0 to 1,439 minutes after midnight.",
        "Give minutes in that range.";
    /// No room for another.
    NumbersAreUsedUp = 316, "numbers_are_used_up", 409, Unrecorded,
        "No number is left for another one.",
        "This book is full.";
    /// The hold lives.
    HoldMustBeOver = 317, "hold_must_be_over", 409, Unrecorded,
        "The hold is not over yet, or was settled.",
        "Nothing was changed.";
    /// A subject without a scope, or the other way round.
    SubjectMustFitScope = 318, "subject_must_fit_scope", 400, Unrecorded,
        "The scope `everything` has no subject; every other scope names one.",
        "Leave the subject out, or name the scope that it belongs to.";
    /// It would stop nothing.
    ScopeMustFitCapability = 319, "scope_must_fit_capability", 400, Unrecorded,
        "This capability cannot be closed for this scope: the switch would stop nothing.",
        "Close it for everything or for a member.";
    /// Somebody else has paid it, or the shop has withdrawn it.
    OrderIsSettled = 320, "order_is_settled", 409, Unrecorded,
        "The order was paid by somebody else or withdrawn by the shop.",
        "Nothing was charged to you. Ask the shop for a new order.";
    /// Too late.
    OrderIsOver = 321, "order_is_over", 409, Unrecorded,
        "The time to confirm this is over.",
        "Nothing was charged by this request, and never will be. Scan a fresh order, or confirm \
         anew with a new request id.";
    /// Not enough to spend.
    BalanceDoesNotCover = 322, "balance_does_not_cover", 409, Unrecorded,
        "The balance does not cover the amount.",
        "Nothing was charged. Top up and confirm again, or pay another way.";
    /// The terminal is suspended, or the switch is closed.
    ShopTakesNoPayments = 323, "shop_takes_no_payments", 503, Unrecorded,
        "This shop takes no code payments at the moment.",
        "Nothing was charged. Pay another way.";
    /// More than a limit allows.
    LimitMustHold = 324, "limit_must_hold", 409, Unrecorded,
        "A limit on your wallet does not allow this amount now.",
        "Nothing was charged. Your page says which limit, how much is left, and when more frees \
         up.";
    /// Not a policy.
    PolicyMustBeRight = 325, "policy_must_be_right", 400, Unrecorded,
        "The text is no policy: limits, caps and velocities in TOML.",
        "Mend what the answer names and send it again; the policy in force stays.";
    /// A rule says no.
    RuleMustAllow = 326, "rule_must_allow", 409, Unrecorded,
        "The operator's rules do not allow this payment now.",
        "Nothing was charged. Pay less, or another way; whoever runs this wallet can say more.";
    /// No such endpoint, or ended.
    WebhookMustExist = 331, "webhook_must_exist", 404, Unrecorded,
        "There is no such webhook endpoint, or it was ended.",
        "List the endpoints and name one of them.";
    /// Not a URL that is posted to.
    WebhookUrlMustBeHttps = 332, "webhook_url_must_be_https", 400, Unrecorded,
        "A webhook's URL must be https with a host, at most 500 bytes, without user or fragment.",
        "Give the URL as https://HOST/PATH.";
    /// No room for another endpoint.
    WebhooksMustBeFew = 333, "webhooks_must_be_few", 409, Unrecorded,
        "A merchant has at most 8 webhook endpoints.",
        "End one that is no longer needed.";
    /// Ended, or an old secret.
    WebhookSecretMustBeCurrent = 334, "webhook_secret_must_be_current", 401, Unrecorded,
        "The request was signed with the secret of an ended endpoint, or with one that no longer \
         works.",
        "Load the endpoint's new secret and sign the request again.";
    /// Nobody becomes a member now.
    SignUpIsClosed = 335, "sign_up_is_closed", 503, Unrecorded,
        "Nobody can sign up at the moment.",
        "Try again later.";
    /// No recovery is started or finished now.
    RecoveryIsClosed = 336, "recovery_is_closed", 503, Unrecorded,
        "Recoveries wait at the moment.",
        "Try again later; what was started is kept.";
    /// The provider, or all of them.
    ExternalIdIsClosed = 337, "external_id_is_closed", 503, Unrecorded,
        "External ids of this provider are not taken at the moment.",
        "Use a passkey, or try again later.";
    /// No challenge of this key is open.
    ChallengeMustBeOpen = 341, "challenge_must_be_open", 403, Unrecorded,
        "There is no open code here: it is too old, was typed wrongly too often, or was used.",
        "Ask for a new code.";
    /// The device's session is over.
    DeviceMustBeSignedIn = 343, "device_must_be_signed_in", 401, Unrecorded,
        "This device is signed out.",
        "Sign in on it.";
    /// No fresh proof.
    UserMustBeVerified = 344, "user_must_be_verified", 403, Unrecorded,
        "This asks for a fresh proof that it is you.",
        "Verify yourself with your passkey, or with your password and second factor, and ask \
         again.";
    /// The device is too new for what it asks.
    DeviceMustNotBeYoung = 345, "device_must_not_be_young", 403, Unrecorded,
        "A device that was added within three days cannot do this.",
        "Do it on your older device, or wait until three days have passed.";
    /// Another device waits.
    OneDeviceMayWait = 346, "one_device_may_wait", 409, Unrecorded,
        "Another device waits for approval.",
        "Approve or refuse that one first.";
    /// There are ten.
    DevicesMustBeFew = 347, "devices_must_be_few", 409, Unrecorded,
        "You have as many devices as there may be.",
        "End one that you no longer use.";
    /// No such device waits.
    DeviceMustWait = 348, "device_must_wait", 409, Unrecorded,
        "No such device waits for approval or for the paying right.",
        "Look at the list of devices again.";
    /// Its time has not come.
    PayingRightMustWait = 349, "paying_right_must_wait", 409, Unrecorded,
        "The paying right moves when another device approves, or a day after it was asked for.",
        "Approve it on your other device, or wait.";
    /// No such factor.
    FactorMustExist = 350, "factor_must_exist", 404, Unrecorded,
        "There is no such passkey, password or other factor.",
        "Look at the list of factors again.";
    /// There are enough of its kind.
    FactorsMustBeFew = 351, "factors_must_be_few", 409, Unrecorded,
        "You have as many of these as there may be.",
        "Remove one first.";
    /// It is the last to sign in with.
    LastFactorMustStay = 352, "last_factor_must_stay", 409, Unrecorded,
        "Without this there would be nothing to sign in with.",
        "Add a passkey or a password first.";
    /// It was used.
    FactorMustBeUnused = 353, "factor_must_be_unused", 403, Unrecorded,
        "This code was used already.",
        "Wait for the next code, or use another one.";
    /// It is somebody's already.
    FactorMustBeFree = 354, "factor_must_be_free", 409, Unrecorded,
        "This passkey or external id belongs to a wallet already.",
        "Use another one, or remove it there first.";
    /// No such address on file.
    ContactMustExist = 355, "contact_must_exist", 404, Unrecorded,
        "There is no such address on file.",
        "Look at the list of addresses again.";
    /// It is the last.
    LastContactMustStay = 356, "last_contact_must_stay", 409, Unrecorded,
        "Without this address nobody could tell you anything.",
        "Add another one first.";
    /// There are four.
    ContactsMustBeFew = 357, "contacts_must_be_few", 409, Unrecorded,
        "You have as many addresses as there may be.",
        "Remove one first.";
    /// A recovery was finished lately.
    WalletMustRest = 358, "wallet_must_rest", 409, Unrecorded,
        "For seven days after a recovery no address and no factor is changed.",
        "Wait until the time has passed.";
    /// No such recovery.
    RecoveryMustBeOpen = 359, "recovery_must_be_open", 403, Unrecorded,
        "There is no open recovery that this browser has asked for.",
        "Start a new one in the browser that you want to go on with.";
    /// Its time has not come.
    RecoveryMustBeDue = 360, "recovery_must_be_due", 409, Unrecorded,
        "The recovery waits, so that whoever it is not meant for can say so.",
        "Come back to this browser when the time has passed.";
    /// Somebody said no.
    RecoveryMustBeUncontested = 361, "recovery_must_be_uncontested", 409, Unrecorded,
        "Somebody has contested this recovery.",
        "Ask the help desk: two members of staff decide.";
    /// One proof, or two of one kind.
    ProofsMustDiffer = 362, "proofs_must_differ", 403, Unrecorded,
        "A recovery takes two proofs of different kinds.",
        "Prove two of: mail address and number on file, recovery code, passkey, a counter.";
    /// The operator, the watch or an incident froze it.
    FreezeMustBeTheMembers = 363, "freeze_must_be_the_members", 403, Unrecorded,
        "This wallet was not frozen by its member.",
        "Ask the help desk: two members of staff lift such a freeze.";
    /// It is in use already.
    MemberMustBeFrozen = 365, "member_must_be_frozen", 409, Unrecorded,
        "This wallet is not frozen.",
        "There is nothing to lift.";
    /// Older terms, or none.
    TermsMustBeAccepted = 366, "terms_must_be_accepted", 400, Unrecorded,
        "The present terms and notices must be agreed to.",
        "Read and accept them.";
    /// One at a time.
    RecoveryIsUnderWay = 367, "recovery_is_under_way", 409, Unrecorded,
        "A recovery of this wallet is under way; a new start changes nothing.",
        "Go on in the browser that started it, or ask the help desk.";
    /// Not there, or ended.
    OperatorMustBeActive = 371, "operator_must_be_active", 409, Unrecorded,
        "There is no such operator, or the operator was ended.",
        "List the operators and name one of them.";
    /// Somebody else's work.
    OperatorMustHaveTheRole = 372, "operator_must_have_the_role", 403, Unrecorded,
        "No role of yours does this.",
        "Ask an operator who has the role.";
    /// Ended, or over.
    StaffSessionMustBeOpen = 373, "staff_session_must_be_open", 401, Unrecorded,
        "The session is over or was ended.",
        "Sign in again.";
    /// A sensitive act asks again.
    VerificationMustBeFresh = 374, "verification_must_be_fresh", 403, Unrecorded,
        "This asks for your passkey again: it was last shown more than 5 minutes ago.",
        "Show the passkey and ask again.";
    /// Nobody does it alone.
    ActTakesAProposal = 375, "act_takes_a_proposal", 403, Unrecorded,
        "Two operators must agree on this.",
        "Propose it; another operator approves it; then carry it out under the proposal.";
    /// A credential is registered once.
    PasskeyMustBeNew = 376, "passkey_must_be_new", 409, Unrecorded,
        "This passkey is registered already.",
        "Register another one, or sign in with it.";
    /// Decided, or over.
    ProposalMustBeOpen = 377, "proposal_must_be_open", 409, Unrecorded,
        "There is no such proposal, or it was decided, or its 24 hours are over.",
        "List the proposals; propose it again if it is still wanted.";
    /// Nobody else has said yes, or it was used.
    ProposalMustBeApproved = 378, "proposal_must_be_approved", 409, Unrecorded,
        "The proposal is not approved, used or over, or what it undoes was done anew.",
        "Have another operator approve it, or propose it again.";
    /// Another act than what was agreed on.
    ProposalMustBeOfThisAct = 379, "proposal_must_be_of_this_act", 409, Unrecorded,
        "This is not exactly the act that was agreed on.",
        "Carry out what the proposal says, or propose this.";
    /// One person is not two.
    ProposerMustNotApprove = 380, "proposer_must_not_approve", 403, Unrecorded,
        "Whoever proposed it does not approve it.",
        "Ask another operator.";
    /// Too many wait.
    ProposalsMustBeFew = 381, "proposals_must_be_few", 409, Unrecorded,
        "An operator has at most 20 proposals that wait.",
        "Withdraw one, or have one decided.";
    /// The first two are made once.
    FirstOperatorsMustComeFirst = 382, "first_operators_must_come_first", 409, Unrecorded,
        "The first two operators are made once, before there is an operator or a member.",
        "Operators make the next ones: propose it at the console.";
    /// Used, over, or none of ours.
    OperatorLinkMustBeValid = 383, "operator_link_must_be_valid", 409, Unrecorded,
        "The link is used, over, or not one of ours.",
        "Ask for a new link.";
    /// Ended, or none of ours.
    PasskeyMustBeActive = 384, "passkey_must_be_active", 401, Unrecorded,
        "There is no such passkey, or it was ended.",
        "Use another passkey of yours.";
    /// Nobody could make operators any more.
    AdminsMustRemain = 385, "admins_must_remain", 409, Unrecorded,
        "Two operators with the role `admin` must remain.",
        "Give the role to another operator first.";
    /// Not there, ended, or of another store.
    ClerkMustBeActive = 386, "clerk_must_be_active", 403, Unrecorded,
        "There is no such clerk at this store.",
        "Check the number of the clerk.";
    /// Too many wrong PINs.
    ClerkIsLocked = 387, "clerk_is_locked", 403, Unrecorded,
        "The PIN was wrong too often.",
        "Wait 15 minutes, or have an operator reset the PIN.";
    /// None, or not together.
    RolesMustFit = 388, "roles_must_fit", 400, Unrecorded,
        "An operator has at least one role, and an auditor has no other.",
        "Give roles that fit.";
    /// Nobody has, or it is over.
    ClerkMustSignIn = 389, "clerk_must_sign_in", 403, Unrecorded,
        "A clerk of this store must sign in for this.",
        "Sign in with clerk number and PIN, and send the same request again.";
    /// More codes than a member asks for.
    CodesMustBeFew = 390, "codes_must_be_few", 429, Unrecorded,
        "Codes for further addresses were asked for too often today.",
        "Wait a day.";
    /// Whoever made the link could have used it himself.
    PasskeyMustBeConfirmed = 391, "passkey_must_be_confirmed", 403, Unrecorded,
        "A colleague must confirm this passkey before it signs in.",
        "Have an admin who did not make the link compare its number with you, and confirm it.";
    /// The owner, or whoever made the link.
    AnotherMustConfirm = 392, "another_must_confirm", 403, Unrecorded,
        "Neither its owner nor whoever made the link confirms a passkey.",
        "Ask another admin.";
    /// Of a freeze that is the member's own.
    UnfreezeMustWait = 393, "unfreeze_must_wait", 409, Unrecorded,
        "What a member has frozen himself is unfrozen a day after it was proposed.",
        "Carry it out when the day is over; the member was told.";
    /// Topping up is closed.
    TopUpIsClosed = 601, "top_up_is_closed", 503, Unrecorded,
        "Topping up this way is closed for the moment.",
        "Nothing was charged. Pay from the balance, or top up another way.";
    /// No such card.
    CardMustExist = 602, "card_must_exist", 404, Unrecorded,
        "There is no such card on file.",
        "Look at the list of cards again.";
    /// It is on file already.
    CardMustBeNew = 603, "card_must_be_new", 409, Unrecorded,
        "This card is on file already.",
        "Use it, or remove it first.";
    /// As many as there may be.
    CardsMustBeFew = 604, "cards_must_be_few", 409, Unrecorded,
        "You have as many cards as there may be.",
        "Remove one that you no longer use.";
    /// In as many wallets as there may be.
    CardIsInManyWallets = 605, "card_is_in_many_wallets", 409, Unrecorded,
        "This card is in as many wallets as it may be.",
        "Use another card, or remove it from another wallet first.";
    /// More than a balance may hold.
    BalanceMustStayBelowCap = 606, "balance_must_stay_below_cap", 409, Unrecorded,
        "The balance would be more than it may hold.",
        "Nothing was charged. Top up less, or spend first.";
    /// More than a rail's limits allow.
    TopUpLimitMustHold = 607, "top_up_limit_must_hold", 409, Unrecorded,
        "A limit does not allow topping up so much now.",
        "Nothing was charged. Your page says which limit, how much is left, and when more frees \
         up.";
    /// Too many in too short a time.
    TopUpsMustBeSlow = 608, "top_ups_must_be_slow", 409, Unrecorded,
        "You have topped up a moment ago.",
        "Nothing was charged. Wait a minute and ask again.";
    /// No such top-up.
    TopUpMustExist = 609, "top_up_must_exist", 404, Unrecorded,
        "There is no such top-up.",
        "Look at the list of top-ups again.";
    /// It has come further, or to its end.
    TopUpMustBeOpen = 610, "top_up_must_be_open", 409, Unrecorded,
        "The top-up has come further already, or has ended.",
        "Look at how it stands; nothing was changed.";
    /// The issuer must ask its holder on this device.
    CardMustBeChallenged = 611, "card_must_be_challenged", 403, Unrecorded,
        "The bank must ask you once on this device before the card can be used here.",
        "Nothing was charged. Try again and answer what your bank asks.";
    /// The acquirer or the issuer said no.
    CardWasDeclined = 612, "card_was_declined", 409, Unrecorded,
        "The bank declined the card.",
        "Nothing was charged. Use another card, or ask your bank.";
    /// The member did not go on.
    TopUpWasAbandoned = 613, "top_up_was_abandoned", 409, Unrecorded,
        "The top-up was not finished in time.",
        "Nothing was charged. Begin again if you still want it.";
    /// What was topped up is gone.
    TopUpMustBeUnspent = 614, "top_up_must_be_unspent", 409, Unrecorded,
        "The top-up has been spent, so it cannot go back to the card.",
        "Nothing was changed.";
    /// One alone may not take so much.
    SecondClerkMustSignIn = 615, "second_clerk_must_sign_in", 403, Unrecorded,
        "So much cash takes a second clerk, who signs in at this terminal.",
        "Have a colleague sign in and send both; or take less.";
    /// No shift.
    ShiftMustBeOpen = 616, "shift_must_be_open", 409, Unrecorded,
        "The clerk has no shift at this terminal.",
        "Count the drawer and open a shift first.";
    /// One at a time.
    ShiftMustBeClosed = 617, "shift_must_be_closed", 409, Unrecorded,
        "The clerk has a shift that is not closed.",
        "Count the drawer and close it first.";
    /// A rule says no.
    RuleMustAllowTopUp = 618, "rule_must_allow_top_up", 409, Unrecorded,
        "The operator's rules do not allow this top-up now.",
        "Nothing was taken. Top up less, or another way; whoever runs this wallet can say more.";
    /// Its member gave it up while it was held.
    TopUpWasGivenUp = 619, "top_up_was_given_up", 409, Unrecorded,
        "The top-up was given up before it was taken.",
        "Nothing was taken. Top up again if it was you after all.";
    /// Rows and sum that no file has.
    BulkMustBeRight = 620, "bulk_must_be_right", 400, Unrecorded,
        "Credits in bulk have 1 to 100,000 rows, each of at least one minor unit.",
        "Send root, rows and sum as `yaoki admin bulk check` prints them.";
    /// Nobody agreed on it.
    BulkMustBeOpen = 621, "bulk_must_be_open", 404, Unrecorded,
        "No two people have agreed on a file of this name and this root.",
        "Have it opened first; give the very file, and the name that it was opened under.";
    /// Another file than was agreed on.
    BulkRowMustBeInTheFile = 622, "bulk_row_must_be_in_the_file", 403, Unrecorded,
        "The row is not in the file that two operators agreed on.",
        "Send the very file, its rows in the same order.";
}
