//! Every pathway to authority, as data: through which doors it goes, what it gives, what must be
//! proven, what limits it, and which attacks it was tested against. The page is
//! `docs/reference/pathways.md`.
//!
//! Every route of the OpenAPI document and every order of operators is a door of a pathway, or
//! stands in [`ROUTES_WITHOUT`] or [`ORDERS_WITHOUT`]: a new one without its row fails the tests,
//! and so does a named test that is not in the sources.

mod without;

use std::fmt::Write as _;

pub use self::without::{ORDERS_WITHOUT, ROUTES_WITHOUT};

/// Where a pathway begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A route: its method and path.
    Route(&'static str, &'static str),
    /// An order of operators over the admin socket, by its name.
    Order(&'static str),
    /// Something on the machine itself.
    Host(&'static str),
}

/// An attack, and the test that stands for it.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// What somebody tries.
    pub what: &'static str,
    /// The name of a test function.
    pub test: &'static str,
}

/// A pathway.
#[derive(Clone, Copy, Debug)]
pub struct Pathway {
    /// Its name.
    pub name: &'static str,
    /// Where it begins.
    pub doors: &'static [Door],
    /// Which authority it gives or changes.
    pub gives: &'static str,
    /// What must be proven.
    pub proves: &'static str,
    /// What limits it.
    pub limits: &'static str,
    /// What it was tested against.
    pub attacks: &'static [Attack],
}

const fn attack(what: &'static str, test: &'static str) -> Attack {
    Attack { what, test }
}

const SIGN_UP: Door = Door::Route("post", "/v1/member/sign-up");
const SIGN_IN: Door = Door::Route("post", "/v1/member/sign-in");
const SESSION: Door = Door::Route("post", "/v1/member/session");
const EXTERNAL: Door = Door::Route("post", "/v1/member/external");
const DEVICES: Door = Door::Route("post", "/v1/member/devices");
const RECOVERY: Door = Door::Route("post", "/v1/member/recovery");
const MONEY: Door = Door::Route("post", "/v1/member/money");
const WALLET: Door = Door::Route("post", "/v1/member/wallet");

/// Every pathway.
pub const PATHWAYS: &[Pathway] = &[
    Pathway {
        name: "Sign-up",
        doors: &[SIGN_UP],
        gives: "a wallet, and its first device, which pays",
        proves: "an address by a code typed in the same browser, and a key; a passkey or a \
                 password",
        limits: "one wallet for an address; five tries of ten minutes for a code; budgets for \
                 messages",
        attacks: &[
            attack(
                "is an address known?",
                "an_address_on_file_is_told_what_another_is_at_sign_up_and_recovery",
            ),
            attack("guessed codes", "a_code_is_tried_five_times_and_then_the_right_one_is_wrong"),
            attack(
                "a code passed on",
                "a_sign_up_code_passed_on_makes_a_wallet_of_the_phishers_own",
            ),
            attack(
                "a flooded mailbox",
                "a_mailbox_gets_at_most_its_budget_of_what_strangers_ask_for",
            ),
        ],
    },
    Pathway {
        name: "Sign-in on a known device",
        doors: &[SESSION],
        gives: "a session of the device, and for five minutes what weighs more",
        proves: "the device's key, and a passkey; or the password, and a code where there is a \
                 generator",
        limits: "ten tries in a quarter of an hour; a password alone verifies only who has \
                 nothing stronger",
        attacks: &[
            attack(
                "two hundred tries at once",
                "two_hundred_tries_at_once_are_judged_ten_times_in_a_window",
            ),
            attack(
                "tries begun anew by an own code",
                "a_code_that_somebody_makes_himself_gives_no_further_tries",
            ),
            attack("a password alone", "with_a_generator_a_password_alone_signs_in_nowhere"),
            attack(
                "a password that leaked",
                "a_password_that_leaked_since_it_was_set_proves_nothing",
            ),
        ],
    },
    Pathway {
        name: "External id",
        doors: &[EXTERNAL, SIGN_IN],
        gives: "a session of a known device; on an unknown one nothing",
        proves: "the device's key, and a token of the provider that this server fetched and \
                 checked; to link one, a verification of the last five minutes",
        limits: "a switch for each provider; issuer and subject count, never an address",
        attacks: &[
            attack(
                "somebody else's id",
                "an_external_id_on_an_unknown_device_says_nothing_whosever_it_is",
            ),
            attack(
                "an id that the app says",
                "linking_asks_for_a_fresh_verification_and_no_id_from_the_app_counts",
            ),
        ],
    },
    Pathway {
        name: "A card, and a challenge on this device",
        doors: &[MONEY],
        gives: "a card that tops up from this device; and where the card was on file before the \
                device came, and came by one that was no newcomer, evidence that the device is the \
                member's own, which with its age ends the limits of a new one",
        proves: "the device's key in its session, and a 3-D Secure challenge that the bank puts to \
                 the card's holder, as the acquirer says to our server",
        limits: "five cards a member, two wallets a card; limits by 3-D Secure, verification, \
                 device and card; one top-up a minute, three an hour",
        attacks: &[
            attack(
                "a session of another device",
                "the_card_of_another_device_asks_first_on_this_one",
            ),
            attack(
                "a thief's own card, and waiting",
                "every_step_of_money_that_comes_in_is_answered_as_it_says",
            ),
            attack(
                "three top-ups a minute",
                "every_step_of_money_that_comes_in_is_answered_as_it_says",
            ),
            attack(
                "a forged message of the acquirer",
                "what_an_acquirer_tells_is_believed_with_its_signature_only",
            ),
            attack(
                "lost replies",
                "whatever_is_lost_the_acquirers_books_and_ours_agree_in_the_end",
            ),
        ],
    },
    Pathway {
        name: "Restoring by cookie and passkey",
        doors: &[SIGN_IN],
        gives: "the same device with another key; the old key is over",
        proves: "the device's cookie, and a passkey of its member with user verification",
        limits: "the device still has authority; neither part does anything alone",
        attacks: &[
            attack("the cookie alone", "neither_cookie_nor_password_alone_makes_a_device"),
            attack("a passkey of another page", "a_passkey_signs_for_no_page_but_ours"),
            attack(
                "a cookie of another wallet",
                "a_cookie_of_another_wallet_restores_nothing_and_an_old_one_neither",
            ),
        ],
    },
    Pathway {
        name: "Restoring by cookie, password and second factor",
        doors: &[SIGN_IN],
        gives: "the same device with another key, under the limits of a new one",
        proves: "the device's cookie, the password, and a code of the generator",
        limits: "ten tries in a quarter of an hour for a cookie; announced at every address",
        attacks: &[
            attack(
                "bought pairs",
                "a_right_password_on_an_unknown_device_is_told_what_a_wrong_one_is",
            ),
            attack(
                "guessed codes",
                "who_has_a_cookie_and_the_password_tries_ten_codes_in_a_quarter_of_an_hour",
            ),
            attack(
                "password and code passed on",
                "password_and_code_passed_on_in_time_sign_nobody_in",
            ),
        ],
    },
    Pathway {
        name: "A device by passkey",
        doors: &[SIGN_IN, DEVICES],
        gives: "a device that does not pay, and after a day may",
        proves: "a passkey with user verification",
        limits: "limits of a new device; any older device refuses the paying right within the day",
        attacks: &[
            attack("the right at once", "a_device_by_passkey_takes_the_paying_right_after_a_day"),
            attack(
                "in spite of the owner",
                "a_device_whose_paying_right_another_refused_never_takes_it",
            ),
        ],
    },
    Pathway {
        name: "Invitation",
        doors: &[DEVICES, Door::Route("post", "/v1/member/join")],
        gives: "a device; with the member's word the paying right",
        proves: "eight characters of an old device, and its approval after a verification of the \
                 last five minutes",
        limits: "five minutes; one device may wait; limits of a new device; the old one takes all \
                 back for 72 hours",
        attacks: &[
            attack(
                "an invitation passed on",
                "an_invitation_passed_on_is_a_device_that_waits_and_spends_nothing",
            ),
            attack(
                "a deceived member",
                "a_device_that_was_phished_is_limited_and_the_old_one_takes_all_back",
            ),
            attack("used late or twice", "an_invitation_is_redeemed_within_five_minutes_once"),
        ],
    },
    Pathway {
        name: "Recovery",
        doors: &[RECOVERY, WALLET],
        gives: "a new device that pays; every other one is ended",
        proves: "two of: mail on file, number on file, recovery code, passkey, identity at a \
                 counter",
        limits: "addresses on file for seven days; a day of waiting, three while a device still \
                 signs; announced, cancelled by a verified device, contested by anybody; seven \
                          days of rest",
        attacks: &[
            attack(
                "a code led elsewhere",
                "no_field_and_no_header_leads_a_code_to_another_address",
            ),
            attack("a new address", "an_address_younger_than_a_week_recovers_nothing"),
            attack(
                "a token used again",
                "a_token_finishes_once_however_many_race_and_only_in_its_browser",
            ),
            attack(
                "a sweep over all accounts",
                "a_sweep_over_all_accounts_recovers_none_even_where_a_guess_is_right",
            ),
            attack(
                "codes passed on",
                "codes_relayed_by_a_phisher_start_a_recovery_that_a_link_ends",
            ),
        ],
    },
    Pathway {
        name: "Token renewal",
        doors: &[
            Door::Route("post", "/v1/device/code"),
            Door::Route("post", "/v1/device/wallet"),
            Door::Route("post", "/v1/member/account"),
        ],
        gives: "a younger token of the same session",
        proves: "the device's key, and a token of a session that is open",
        limits: "90 days without use; 400 days in all; ended by sign-out on every node",
        attacks: &[
            attack("a stolen token", "a_cookie_or_token_of_another_key_opens_nothing"),
            attack("a stolen profile", "a_stolen_profile_with_its_key_changes_nothing_that_weighs"),
            attack(
                "the key alone, later",
                "a_key_alone_tells_no_device_its_token_once_its_approval_is_past",
            ),
            attack("renewed at once", "tokens_renewed_at_once_are_of_one_session_and_end_with_it"),
            attack(
                "used after its session",
                "a_token_is_over_when_its_session_is_on_every_node_at_the_next_request",
            ),
            attack("a stolen token key", "a_token_sealed_for_another_key_is_of_no_use"),
        ],
    },
    Pathway {
        name: "Factors and addresses",
        doors: &[
            Door::Route("post", "/v1/member/factors"),
            Door::Route("post", "/v1/member/contacts"),
        ],
        gives: "another way to sign in or to recover",
        proves: "an old device whose user was verified in the last five minutes; an address by \
                 its code",
        limits: "announced at the old addresses; a removed address comes back for seven days; \
                 none is changed in the seven days after a recovery",
        attacks: &[
            attack("a stolen profile", "a_stolen_profile_with_its_key_changes_nothing_that_weighs"),
            attack(
                "an address taken over",
                "an_address_is_added_by_its_code_removed_and_taken_back",
            ),
        ],
    },
    Pathway {
        name: "Freezing and unfreezing",
        doors: &[WALLET],
        gives: "no money leaves; or it may again",
        proves: "to freeze the device's key; to unfreeze a verification of the last five minutes",
        limits: "the member lifts his own freeze only",
        attacks: &[attack(
            "unfreezing without the user",
            "every_device_freezes_signed_in_or_not_and_only_a_verified_user_unfreezes",
        )],
    },
    Pathway {
        name: "A link in a message",
        doors: &[Door::Route("post", "/v1/member/link")],
        gives: "a frozen wallet, a contested recovery, an address on file again",
        proves: "what arrives at an address on file, and two digits typed from its page",
        limits: "fourteen days; each counts once; it gives nobody a device",
        attacks: &[
            attack(
                "a scanner of mail",
                "a_link_freezes_by_the_digits_of_its_page_and_by_nothing_that_a_scanner_does",
            ),
            attack(
                "an old or made up link",
                "a_link_is_over_after_fourteen_days_and_a_made_up_one_is_none",
            ),
        ],
    },
    Pathway {
        name: "Enrolment link",
        doors: &[
            Door::Order("create_member"),
            Door::Order("create_link"),
            Door::Route("post", "/v1/device/enrol"),
        ],
        gives: "a device that pays",
        proves: "a one-time link that an operator made",
        limits: "once, within its life; for demos and counters",
        attacks: &[attack("used twice", "a_link_works_once_and_a_lost_answer_is_given_again")],
    },
    Pathway {
        name: "Help desk",
        doors: &[
            Door::Order("freeze_member"),
            Door::Order("unfreeze_member"),
            Door::Order("close_member"),
            Door::Order("end_device"),
            Door::Order("rotate_code_secret"),
        ],
        gives: "less authority to a member's devices, or as much again",
        proves: "an operator, and for what opens two",
        limits: "no password, factor or address is set, read or changed by staff",
        attacks: &[
            attack(
                "staff that sets a password",
                "no_order_and_no_act_is_about_a_password_a_factor_or_an_address",
            ),
            attack("staff that looks", "lists_for_staff_show_no_address_no_password_and_no_secret"),
        ],
    },
    Pathway {
        name: "Admin socket",
        doors: &[
            Door::Order("close_switch"),
            Door::Order("open_switch"),
            Door::Order("credit"),
            Door::Order("open_bulk"),
            Door::Order("credit_bulk"),
            Door::Order("open_restored"),
            Door::Order("rotate_key"),
            Door::Order("reload_keys"),
            Door::Order("create_merchant"),
            Door::Order("create_store"),
        ],
        gives: "what the book as a whole allows",
        proves: "an account on this machine that may open the socket, and names",
        limits: "opening takes two people; every order is in the audit chain",
        attacks: &[
            attack("one person opens", "closing_takes_one_person_and_opening_two"),
            attack("another row", "credits_in_bulk_are_agreed_on_by_two_and_given_once"),
            attack(
                "a second server",
                "a_second_server_does_not_take_the_socket_and_a_dead_one_is_replaced",
            ),
        ],
    },
    Pathway {
        name: "Access to the host",
        doors: &[Door::Host("the key file"), Door::Host("the database")],
        gives: "the keys that seal tokens, and the rows",
        proves: "an account on this machine",
        limits: "the key file alone makes no device: the book knows each key; facts are chained",
        attacks: &[attack("a stolen token key", "a_token_sealed_for_another_key_is_of_no_use")],
    },
    Pathway {
        name: "Register pairing",
        doors: &[
            Door::Order("create_terminal"),
            Door::Order("show_terminal_key"),
            Door::Order("resume_terminal"),
            Door::Order("suspend_terminal"),
            Door::Order("rotate_terminal_key"),
        ],
        gives: "a terminal's key",
        proves: "an operator, who gives it to the shop",
        limits: "one terminal; the register takes a new key at once",
        attacks: &[attack(
            "what the link said, later",
            "what_a_link_said_is_dead_soon_after_the_register_took_a_new_key",
        )],
    },
    Pathway {
        name: "Terminal key renewal",
        doors: &[Door::Route("post", "/v1/terminal/key")],
        gives: "a terminal's next key",
        proves: "its present key",
        limits: "its own terminal; the old key ends soon after",
        attacks: &[attack("for another terminal", "a_renewal_is_of_the_terminal_that_asked")],
    },
    Pathway {
        name: "Clerk's session",
        doors: &[
            Door::Route("post", "/v1/clerk/sign-in"),
            Door::Route("post", "/v1/clerk/sign-out"),
            Door::Order("create_clerk"),
            Door::Order("reset_clerk_pin"),
            Door::Order("end_clerk"),
        ],
        gives: "giving money back at one terminal, and undoing what another of its store asked",
        proves: "a number and a PIN, at a terminal of the clerk's store that signs",
        limits: "a quarter of an hour; five wrong PINs lock for 15 minutes; where clerks work a \
                 register alone gives nothing back",
        attacks: &[
            attack("guessed PINs", "five_wrong_pins_lock_a_clerk_and_a_reset_unlocks"),
            attack(
                "at another terminal or store",
                "a_clerks_session_is_good_at_its_own_terminal_only",
            ),
            attack("after its end", "a_clerk_who_signed_out_gives_nothing_back"),
        ],
    },
    Pathway {
        name: "Key of a merchant's own system",
        doors: &[
            Door::Order("create_webhook"),
            Door::Order("end_webhook"),
            Door::Order("rotate_webhook_secret"),
        ],
        gives: "the events of one merchant",
        proves: "an operator, who gives it to the merchant",
        limits: "it reads, and moves no money",
        attacks: &[attack(
            "at other routes",
            "a_webhooks_secret_opens_its_own_routes_and_no_other",
        )],
    },
    Pathway {
        name: "Console link, where there are no operators",
        doors: &[
            Door::Order("console_link"),
            Door::Order("end_console_sessions"),
            Door::Route("post", "/v1/console/session"),
            Door::Route("post", "/v1/console/session/end"),
        ],
        gives: "a session of an operator",
        proves: "a one-time link made on this machine, and a key of the browser",
        limits: "ten minutes for the link; refused once the book has operators; it changes nothing",
        attacks: &[
            attack(
                "a link used twice",
                "a_link_signs_one_browser_in_once_and_dies_after_ten_minutes",
            ),
            attack("a stolen session", "a_session_is_worth_nothing_without_its_key"),
            attack("a device at the console", "a_device_is_no_operator_and_an_operator_no_device"),
        ],
    },
    Pathway {
        name: "First operators",
        doors: &[Door::Order("create_first_operators"), Door::Order("renew_operator_link")],
        gives: "two links at which the first two operators register a passkey each",
        proves: "an account on this machine, on a book without operators (a live one: without \
                 members)",
        limits: "once; ten minutes; only the digests of the links are kept; a link that went by is \
                 renewed by the host until two have registered, and never for one who has",
        attacks: &[
            attack(
                "a link used twice",
                "two_first_operators_register_at_their_links_once_and_sign_in",
            ),
            attack(
                "the host or one operator takes the other's place",
                "a_link_that_went_by_is_renewed_by_the_host_until_two_have_registered",
            ),
        ],
    },
    Pathway {
        name: "Operator's passkey",
        doors: &[
            Door::Route("post", "/v1/console/sign-in"),
            Door::Route("post", "/v1/console/own"),
        ],
        gives: "a session of an operator, or a fresh verification in it",
        proves: "a passkey that verifies its user, and a key of the browser",
        limits: "half an hour unused, half a day in all; ended at the next request on every node",
        attacks: &[
            attack(
                "another browser's answer",
                "a_passkey_signs_in_for_its_own_browser_and_purpose_only",
            ),
            attack(
                "a copied passkey",
                "a_copied_passkey_is_refused_though_another_node_saw_the_first",
            ),
            attack("an ended session", "a_session_ends_at_the_next_request_and_by_itself"),
            attack(
                "a link of the host's",
                "where_there_are_operators_no_link_of_the_hosts_opens_the_console",
            ),
        ],
    },
    Pathway {
        name: "Acts of operators, by one or by two",
        doors: &[
            Door::Route("post", "/v1/console/act"),
            Door::Route("post", "/v1/console/propose"),
            Door::Route("post", "/v1/console/decide"),
        ],
        gives: "what the act changes: switches, freezes, devices ended, operators, clerks, \
                vouching",
        proves: "a role that may; for what reopens, two operators, each with a fresh verification",
        limits: "a proposal is of one exact act, a day, once; nobody approves his own",
        attacks: &[
            attack("an auditor acts", "an_auditor_sees_everything_and_changes_nothing"),
            attack("one person opens", "a_switch_is_closed_by_one_and_opened_by_two_once"),
            attack(
                "a proposal that was refused or is old",
                "what_was_refused_withdrawn_or_left_for_a_day_is_never_carried_out",
            ),
            attack(
                "a role that was taken away",
                "roles_bind_at_the_next_request_and_two_admins_remain",
            ),
            attack(
                "the help desk recovers a wallet alone",
                "two_operators_vouch_for_a_person_at_a_counter_as_one_of_two_proofs",
            ),
        ],
    },
];

const HEADER: &str = "\
# Pathways to authority

Generated from the list in `crates/server/src/pathways.rs`. A route or an order that is neither here
nor among those that give no authority fails the tests, and so does an attack without its test.
";

/// The page of the reference.
pub fn markdown() -> String {
    let mut page = String::from(HEADER);
    for pathway in PATHWAYS {
        let _ = write!(page, "\n## {}\n\n| | |\n| --- | --- |\n", pathway.name);
        let doors: Vec<String> = pathway.doors.iter().map(said).collect();
        for (what, text) in [
            ("doors", doors.join(", ").as_str()),
            ("gives", pathway.gives),
            ("must be proven", pathway.proves),
            ("limits", pathway.limits),
        ] {
            let _ = writeln!(page, "| {what} | {text} |");
        }
        page.push('\n');
        for Attack { what, test } in pathway.attacks {
            let _ = writeln!(page, "- {what}: `{test}`");
        }
    }
    page
}

fn said(door: &Door) -> String {
    match door {
        Door::Route(method, path) => format!("`{} {path}`", method.to_uppercase()),
        Door::Order(name) => format!("order `{name}`"),
        Door::Host(what) => (*what).to_owned(),
    }
}
