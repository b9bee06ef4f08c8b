//! What requests are counted by: each endpoint, by name.

/// What is counted for each endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/payments`.
    Pay,
    /// `GET /v1/requests/{request_id}`.
    Query,
    /// `POST /v1/reversals`.
    Reverse,
    /// `POST /v1/refunds`.
    Refund,
    /// `POST /v1/captures`.
    Capture,
    /// `POST /v1/voids`.
    Void,
    /// `POST /v1/acknowledgements`.
    Acknowledge,
    /// `GET /v1/payments`.
    List,
    /// `GET /v1/payments/{payment}`.
    Payment,
    /// `GET /v1/events`.
    Events,
    /// `GET /v1/webhook`.
    Webhook,
    /// `POST /v1/webhook/redeliver`.
    Redeliver,
    /// `POST /v1/device/enrol`.
    Enrol,
    /// `GET /v1/device/nonce`.
    Nonce,
    /// `POST /v1/device/code`.
    Code,
    /// `POST /v1/device/wallet`.
    Wallet,
    /// `POST /v1/orders`.
    Order,
    /// `GET /v1/sign`.
    Sign,
    /// `GET /v1/terminal`.
    Terminal,
    /// `POST /v1/terminal/key`.
    Renew,
    /// `POST /v1/clerk/sign-in`.
    ClerkSignIn,
    /// `POST /v1/clerk/sign-out`.
    ClerkSignOut,
    /// `POST /v1/top-ups`.
    TopUp,
    /// `POST /v1/shifts`.
    Shifts,
    /// `POST /v1/member/money`.
    MemberMoney,
    /// `POST /v1/acquirer/events`.
    AcquirerEvent,
    /// `POST /v1/frames/{width}/{height}`.
    Frame,
    /// `POST /v1/device/shop`.
    Shop,
    /// `POST /v1/device/payments`.
    Confirm,
    /// `POST /v1/device/movements`.
    Movements,
    /// `POST /v1/device/payment`.
    Receipt,
    /// `POST /v1/device/frames/{width}/{height}`.
    DeviceFrame,
    /// `POST /v1/console/session`.
    ConsoleSession,
    /// `POST /v1/console/session/end`.
    ConsoleEnd,
    /// `POST /v1/console/today`.
    ConsoleToday,
    /// `POST /v1/console/operations`.
    ConsoleOperations,
    /// `POST /v1/console/find`.
    ConsoleFind,
    /// `POST /v1/console/payment`.
    ConsolePayment,
    /// `POST /v1/console/rails`.
    ConsoleRails,
    /// `POST /v1/console/rails/query`.
    ConsoleRailsQuery,
    /// `POST /v1/console/rails/dry-run`.
    ConsoleDryRun,
    /// `POST /v1/console/shops`.
    ConsoleShops,
    /// `POST /v1/console/unacknowledged`.
    ConsoleUnacknowledged,
    /// `POST /v1/console/switches`.
    ConsoleSwitches,
    /// `POST /v1/console/stream`.
    ConsoleStream,
    /// `POST /v1/console/sign-in`.
    ConsoleSignIn,
    /// `POST /v1/console/own`.
    ConsoleOwn,
    /// `POST /v1/console/proposals`.
    ConsoleProposals,
    /// `POST /v1/console/propose`.
    ConsolePropose,
    /// `POST /v1/console/decide`.
    ConsoleDecide,
    /// `POST /v1/console/act`.
    ConsoleAct,
    /// `POST /v1/console/operators`.
    ConsoleOperators,
    /// `POST /v1/console/clerks`.
    ConsoleClerks,
    /// `POST /v1/console/member`.
    ConsoleMember,
    /// `POST /v1/member/sign-up`.
    SignUp,
    /// `POST /v1/member/sign-in`.
    SignIn,
    /// `POST /v1/member/join`.
    Join,
    /// `POST /v1/member/recovery`.
    Recovery,
    /// `POST /v1/member/link`.
    MemberLink,
    /// `POST /v1/member/session`.
    MemberSession,
    /// `POST /v1/member/external`.
    MemberExternal,
    /// `POST /v1/member/account`.
    MemberAccount,
    /// `POST /v1/member/devices`.
    MemberDevices,
    /// `POST /v1/member/factors`.
    MemberFactors,
    /// `POST /v1/member/contacts`.
    MemberContacts,
    /// `POST /v1/member/wallet`.
    MemberWallet,
    /// Pages, OpenAPI, health, and whatever is not there.
    Public,
}

impl Endpoint {
    /// Every endpoint, in the order of the enum.
    pub const ALL: [Self; 67] = [
        Self::Pay,
        Self::Query,
        Self::Reverse,
        Self::Refund,
        Self::Capture,
        Self::Void,
        Self::Acknowledge,
        Self::List,
        Self::Payment,
        Self::Events,
        Self::Webhook,
        Self::Redeliver,
        Self::Enrol,
        Self::Nonce,
        Self::Code,
        Self::Wallet,
        Self::Order,
        Self::Sign,
        Self::Terminal,
        Self::Renew,
        Self::ClerkSignIn,
        Self::ClerkSignOut,
        Self::Frame,
        Self::Shop,
        Self::Confirm,
        Self::Movements,
        Self::Receipt,
        Self::DeviceFrame,
        Self::ConsoleSession,
        Self::ConsoleEnd,
        Self::ConsoleToday,
        Self::ConsoleOperations,
        Self::ConsoleFind,
        Self::ConsolePayment,
        Self::ConsoleRails,
        Self::ConsoleRailsQuery,
        Self::ConsoleDryRun,
        Self::ConsoleShops,
        Self::ConsoleUnacknowledged,
        Self::ConsoleSwitches,
        Self::ConsoleStream,
        Self::ConsoleSignIn,
        Self::ConsoleOwn,
        Self::ConsoleProposals,
        Self::ConsolePropose,
        Self::ConsoleDecide,
        Self::ConsoleAct,
        Self::ConsoleOperators,
        Self::ConsoleClerks,
        Self::ConsoleMember,
        Self::SignUp,
        Self::SignIn,
        Self::Join,
        Self::Recovery,
        Self::MemberLink,
        Self::MemberSession,
        Self::MemberExternal,
        Self::MemberAccount,
        Self::MemberDevices,
        Self::MemberFactors,
        Self::MemberContacts,
        Self::MemberWallet,
        Self::TopUp,
        Self::Shifts,
        Self::MemberMoney,
        Self::AcquirerEvent,
        Self::Public,
    ];

    /// As in metrics and logs.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Query => "query",
            Self::Reverse => "reverse",
            Self::Refund => "refund",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Acknowledge => "acknowledge",
            Self::List => "list",
            Self::Payment => "payment",
            Self::Events => "events",
            Self::Webhook => "webhook",
            Self::Redeliver => "redeliver",
            Self::Enrol => "enrol",
            Self::Nonce => "nonce",
            Self::Code => "code",
            Self::Wallet => "wallet",
            Self::Order => "order",
            Self::Sign => "sign",
            Self::Terminal => "terminal",
            Self::Renew => "renew",
            Self::ClerkSignIn => "clerk_sign_in",
            Self::ClerkSignOut => "clerk_sign_out",
            Self::Frame => "frame",
            Self::Shop => "shop",
            Self::Confirm => "confirm",
            Self::Movements => "movements",
            Self::Receipt => "receipt",
            Self::DeviceFrame => "device_frame",
            Self::SignUp => "member_sign_up",
            Self::SignIn => "member_sign_in",
            Self::Join => "member_join",
            Self::Recovery => "member_recovery",
            Self::MemberLink => "member_link",
            Self::MemberSession => "member_session",
            Self::MemberExternal => "member_external",
            Self::MemberAccount => "member_account",
            Self::MemberDevices => "member_devices",
            Self::MemberFactors => "member_factors",
            Self::MemberContacts => "member_contacts",
            Self::MemberWallet => "member_wallet",
            Self::TopUp => "top_up",
            Self::Shifts => "shifts",
            Self::MemberMoney => "member_money",
            Self::AcquirerEvent => "acquirer_event",
            Self::Public => "public",
            _ => self.text_of_console(),
        }
    }

    const fn text_of_console(self) -> &'static str {
        match self {
            Self::ConsoleSession => "console_session",
            Self::ConsoleEnd => "console_end",
            Self::ConsoleToday => "console_today",
            Self::ConsoleOperations => "console_operations",
            Self::ConsoleFind => "console_find",
            Self::ConsolePayment => "console_payment",
            Self::ConsoleRails => "console_rails",
            Self::ConsoleRailsQuery => "console_rails_query",
            Self::ConsoleDryRun => "console_dry_run",
            Self::ConsoleShops => "console_shops",
            Self::ConsoleUnacknowledged => "console_unacknowledged",
            Self::ConsoleSwitches => "console_switches",
            Self::ConsoleStream => "console_stream",
            Self::ConsoleSignIn => "console_sign_in",
            Self::ConsoleOwn => "console_own",
            Self::ConsoleProposals => "console_proposals",
            Self::ConsolePropose => "console_propose",
            Self::ConsoleDecide => "console_decide",
            Self::ConsoleAct => "console_act",
            Self::ConsoleOperators => "console_operators",
            Self::ConsoleClerks => "console_clerks",
            Self::ConsoleMember => "console_member",
            _ => panic!("the others are named above"),
        }
    }
}
