//! Chapter 6: authentication.

use super::{Requirement, met, not_applicable, not_met};

const PASSWORD: &str = "crates/server/src/identity/password.rs";
const LEAKED: &str = "crates/server/src/identity/leaked.rs";
const PAIRS: &str = "a_right_password_on_an_unknown_device_is_told_what_a_wrong_one_is";
const EXTERNAL: &str = "an_external_id_on_an_unknown_device_says_nothing_whosever_it_is";
const PASSKEY: &str = "crates/server/src/identity/passkey.rs";
const CHALLENGE: &str = "crates/core/src/decide/identity/challenge.rs";
const RECOVERY: &str = "crates/core/src/decide/identity/recovery.rs";
const FACTORS: &str = "crates/core/src/decide/identity/factors.rs";
const TOKEN: &str = "crates/server/src/identity/openid/token.rs";
const CODE_OF_BROWSER: &str = "a_code_counts_only_in_the_browser_that_asked_for_it_and_ten_minutes";

pub(super) const REQUIREMENTS: &[Requirement] = &[
    not_met(
        ("6.1.1", 1),
        "How guessing is slowed down, and how nobody locks another out, is written down",
        "It holds and is tested (strangers have a line, a budget and counts of their own, and none \
         stops a known device), but no page says it all.",
    ),
    met(
        ("6.1.2", 2),
        "The words of its context that a password must not be made of are written down: here they \
         are the member's own address, the operator's name, and `yaoki`",
        PASSWORD,
        &["only_length_and_context_are_rules"],
    ),
    met(
        ("6.1.3", 2),
        "Every pathway to authority is written down, with what it proves",
        "crates/server/src/pathways.rs",
        &[
            "every_route_is_a_door_of_a_pathway_or_gives_no_authority",
            "every_order_is_a_door_of_a_pathway_or_gives_no_authority",
            "the_page_names_every_pathway_and_door",
        ],
    ),
    met(
        ("6.2.1", 1),
        "A password has at least 8 characters",
        PASSWORD,
        &[
            "only_length_and_context_are_rules",
            "a_password_that_is_common_or_short_is_not_taken_and_the_code_stays_good",
        ],
    ),
    met(
        ("6.2.2", 1),
        "Everybody can change his password",
        FACTORS,
        &["a_password_is_changed_after_it_was_given_once_more_and_the_old_one_is_over"],
    ),
    not_met(
        ("6.2.3", 1),
        "A change of password asks for the present one",
        "It asks for the user's verification within five minutes. Whoever has nothing but a \
         password gives it once more; a passkey stands for it where there is one.",
    ),
    met(
        ("6.2.4", 1),
        "A password is none of the 3,000 most common",
        LEAKED,
        &[
            "common_passwords_are_known_without_a_list",
            "a_password_that_is_common_or_short_is_not_taken_and_the_code_stays_good",
        ],
    ),
    met(
        ("6.2.5", 1),
        "There are no rules of composition",
        PASSWORD,
        &["only_length_and_context_are_rules"],
    ),
    not_met(
        ("6.2.7", 1),
        "Pasting and password managers work",
        "Nothing stops them, and no test shows it.",
    ),
    not_met(
        ("6.2.8", 1),
        "A password is taken exactly as it was typed",
        "It is neither cut nor changed in case, but put into Unicode's form C, so that a phone \
         and a Mac mean the same.",
    ),
    met(
        ("6.2.9", 2),
        "A password may have 64 characters and more: 128",
        PASSWORD,
        &["only_length_and_context_are_rules"],
    ),
    met(
        ("6.2.10", 2),
        "A password stays good until it leaks or is changed",
        PASSWORD,
        &["a_password_is_as_good_after_years_as_on_its_first_day"],
    ),
    met(
        ("6.2.11", 2),
        "A password is not made of the words of its context",
        PASSWORD,
        &["only_length_and_context_are_rules"],
    ),
    met(
        ("6.2.12", 2),
        "A password that leaked is refused, when it is set and when it is used",
        LEAKED,
        &[
            "passwords_of_a_plain_list_are_known_and_others_are_not",
            "a_leaked_password_is_not_set_and_found_out_when_used",
            "a_password_that_leaked_since_it_was_set_proves_nothing",
        ],
    ),
    met(
        ("6.3.1", 1),
        "Lists of bought pairs and guessing get nobody in",
        "crates/server/src/api/member/sign_in.rs",
        &[
            PAIRS,
            "two_hundred_strangers_at_once_confirm_no_password",
            "two_hundred_tries_at_once_are_judged_ten_times_in_a_window",
            "a_sweep_over_all_accounts_recovers_none_even_where_a_guess_is_right",
        ],
    ),
    met(
        ("6.3.2", 1),
        "There is no account that nobody made: the first two operators come by links made on \
         the host, and must come first",
        "crates/core/src/decide/operator.rs",
        &[
            "every_deed_is_answered_as_it_says",
            "two_first_operators_register_at_their_links_once_and_sign_in",
        ],
    ),
    met(
        ("6.3.3", 2),
        "Two factors to get in: of members the device's key and a passkey or password, of \
         operators a passkey that verifies its user (level 3's hardware is asked of nobody)",
        "crates/server/src/api/console/sign_in.rs",
        &[
            "neither_cookie_nor_password_alone_makes_a_device",
            "an_authenticator_that_does_not_verify_its_user_is_refused",
            "two_first_operators_register_at_their_links_once_and_sign_in",
            "where_there_are_operators_no_link_of_the_hosts_opens_the_console",
        ],
    ),
    met(
        ("6.3.4", 2),
        "No pathway is undocumented or weaker than the others",
        "crates/server/src/pathways.rs",
        &[
            "every_route_is_a_door_of_a_pathway_or_gives_no_authority",
            "every_pathway_is_attacked_and_every_named_test_exists",
            EXTERNAL,
            "no_order_and_no_act_is_about_a_password_a_factor_or_an_address",
        ],
    ),
    met(
        ("6.3.5", 3),
        "Members are told of tries to sign in elsewhere, once a day",
        "crates/server/src/api/member/sign_in.rs",
        &[PAIRS, "a_notice_of_the_day_is_the_same_message_all_day"],
    ),
    not_met(
        ("6.3.6", 3),
        "Mail is no factor",
        "It signs nobody in, but is one of the two proofs that a recovery may start with.",
    ),
    met(
        ("6.3.7", 3),
        "Members are told of every change of factors and addresses, at the addresses from before",
        "crates/core/src/decide/identity/notices.rs",
        &[
            "members_are_told_at_the_addresses_from_before",
            "factors_are_added_and_removed_and_the_last_that_signs_in_stays",
        ],
    ),
    not_met(
        ("6.3.8", 3),
        "No answer tells whether an account exists: not by text, status or time",
        "Text and status are tested at every door. The time is measured by \
         `crates/server/examples/enumeration.rs`, which is a report and no test.",
    ),
    met(
        ("6.4.1", 1),
        "What is given out to begin with is random, short-lived and good once",
        "crates/server/src/api/enrolment.rs",
        &[
            "a_link_works_once_and_a_lost_answer_is_given_again",
            "an_invitation_is_redeemed_within_five_minutes_once",
            "a_link_signs_one_browser_in_once_and_dies_after_ten_minutes",
        ],
    ),
    met(
        ("6.4.2", 1),
        "There are no secret questions",
        RECOVERY,
        &["every_pair_of_different_proofs_starts_a_recovery_and_a_verified_device_cancels_it"],
    ),
    not_met(
        ("6.4.3", 2),
        "A way back does not go around a second factor",
        "No password is reset by a message. But mail and number on file together start a recovery \
         of a wallet that has a generator: after a day or three, announced, and contested by \
         anybody.",
    ),
    met(
        ("6.4.4", 2),
        "Whoever lost a factor proves himself at least as at the beginning: two proofs of \
         different kinds, where sign-up asks for one",
        RECOVERY,
        &[
            "every_pair_of_different_proofs_starts_a_recovery_and_a_verified_device_cancels_it",
            "an_address_younger_than_a_week_recovers_nothing",
            "recoveries_are_answered_as_it_says",
        ],
    ),
    met(
        ("6.4.6", 3),
        "Staff vouches for a person who recovers, by two, and never chooses or learns a secret",
        "crates/server/src/admin.rs",
        &[
            "no_order_and_no_act_is_about_a_password_a_factor_or_an_address",
            "lists_for_staff_show_no_address_no_password_and_no_secret",
        ],
    ),
    not_met(
        ("6.5.1", 2),
        "Recovery codes, typed codes and those of a generator count once",
        "All do but one: the code by which a generator was set up counts once more within its \
         minute and a half.",
    ),
    not_met(
        ("6.5.2", 2),
        "Recovery codes with less than 112 bits are kept as passwords are",
        "They have 80 bits and are kept as BLAKE3 under a key of 256 bits for each sheet.",
    ),
    not_met(
        ("6.5.3", 2),
        "Codes and seeds come from the system's secure chance",
        "They do, by getrandom; but no test shows whence they come, only that they differ.",
    ),
    met(
        ("6.5.4", 2),
        "Codes have 20 bits or more, or six digits: typed ones eight digits, recovery codes 80 \
         bits",
        CHALLENGE,
        &[
            "every_code_of_a_sheet_is_found_and_all_differ",
            "a_code_is_tried_five_times_and_then_the_right_one_is_wrong",
        ],
    ),
    not_met(
        ("6.5.5", 2),
        "Typed codes live 10 minutes, those of a generator 30 seconds",
        "Typed ones do. A generator's code counts in the step before and after its own, too, for \
         clocks that are off: 90 seconds.",
    ),
    met(
        ("6.5.6", 3),
        "Every factor and every device can be ended when it is lost",
        FACTORS,
        &[
            "factors_are_added_and_removed_and_the_last_that_signs_in_stays",
            "devices_are_invited_approved_and_ended_as_it_says",
        ],
    ),
    not_met(
        ("6.6.1", 2),
        "Codes by telephone are offered only beside something stronger, with their risk; not at \
         level 3",
        "They sign nobody in, and passkeys are offered first; but no page tells of their risk.",
    ),
    met(
        ("6.6.2", 2),
        "A typed code is bound to the request that it was sent for",
        CHALLENGE,
        &[CODE_OF_BROWSER, "a_sign_up_code_passed_on_makes_a_wallet_of_the_phishers_own"],
    ),
    met(
        ("6.6.3", 2),
        "Tries of typed codes are few: five for each, fifty a day for an address",
        CHALLENGE,
        &[
            "a_code_is_tried_five_times_and_then_the_right_one_is_wrong",
            "codes_typed_at_once_are_judged_five_times",
            "an_address_is_guessed_at_a_limited_number_of_times_a_day_from_all_browsers",
            "codes_that_are_tried_on_two_nodes_at_once_are_both_counted",
        ],
    ),
    not_applicable(
        ("6.6.4", 3),
        "Nobody is worn down by pushed questions",
        "Nothing is pushed: a device is added from the old one, and at most one waits.",
    ),
    met(
        ("6.7.2", 3),
        "The challenge of a passkey has 64 bits or more, and is not used again",
        PASSKEY,
        &[
            "an_answer_to_another_challenge_is_refused",
            "a_ceremony_opens_for_its_browser_its_act_and_its_time_only",
            "a_ceremony_counts_once_and_is_forgotten_when_it_is_over",
        ],
    ),
    met(
        ("6.8.1", 2),
        "An external id is its provider and its subject",
        "crates/server/src/identity/openid/mod.rs",
        &[
            "the_same_subject_of_another_issuer_is_another_person",
            "a_lookup_is_of_issuer_and_subject_and_of_where_one_ends",
        ],
    ),
    met(
        ("6.8.2", 2),
        "The signature of what a provider says is always checked",
        TOKEN,
        &["a_signature_is_by_a_listed_algorithm_and_the_providers_key_or_the_token_is_refused"],
    ),
    met(
        ("6.8.4", 2),
        "Where strength matters, what a provider says of it is checked, or the weakest is assumed: \
         an external id counts as one factor",
        "crates/core/src/decide/identity/sessions.rs",
        &[
            "sessions_and_verifications_are_answered_as_it_says",
            "linking_asks_for_a_fresh_verification_and_no_id_from_the_app_counts",
        ],
    ),
];
