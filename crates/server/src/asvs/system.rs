//! Chapters 2, 11 and 16: business logic, cryptography, logs and errors.

use super::{Requirement, met, not_met};

/// How many of them are of chapter 2, and stand in front of all others.
pub(super) const OF_BUSINESS_LOGIC: usize = 8;

pub(super) const REQUIREMENTS: &[Requirement] = &[
    not_met(
        ("2.1.3", 2),
        "Limits, for one and for all, are written down",
        "Those of pathways, messages and settings are on their pages; the others stand at the head \
         of the modules that they are of.",
    ),
    met(
        ("2.3.1", 1),
        "Steps are taken in their order, and none is left out",
        "crates/core/src/decide/mod.rs",
        &[
            "every_cell_says_what_the_design_says",
            "recoveries_are_answered_as_it_says",
            "devices_are_invited_approved_and_ended_as_it_says",
        ],
    ),
    met(
        ("2.3.2", 2),
        "Limits hold",
        "crates/store/src/outbox.rs",
        &[
            "no_more_goes_to_an_address_a_prefix_or_at_all_than_the_budget_says",
            "two_hundred_tries_at_once_are_judged_ten_times_in_a_window",
            "five_wrong_codes_close_a_challenge_and_fifty_an_address_whatever_the_keys",
            "after_sixty_forged_codes_a_terminal_waits_and_is_not_suspended",
        ],
    ),
    met(
        ("2.3.3", 2),
        "What belongs together happens whole or not at all",
        "crates/store/src/batch.rs",
        &[
            "every_acknowledged_payment_survives_power_cuts",
            "a_failed_transaction_is_never_taken_for_a_committed_one",
            "a_batch_that_holds_a_payment_and_its_own_reverse_ends_in_one_of_two_ways",
        ],
    ),
    met(
        ("2.3.4", 2),
        "What there is once is not given twice",
        "crates/store/src/batch.rs",
        &[
            "one_code_that_two_nodes_take_at_once_pays_once",
            "two_nodes_that_charge_one_member_never_overdraw",
            "two_nodes_that_sign_up_with_one_address_make_one_member",
            "two_nodes_that_redeem_one_invitation_make_one_device_wait",
            "a_link_that_two_devices_redeem_on_two_nodes_enrols_one_of_them",
        ],
    ),
    not_met(
        ("2.3.5", 3),
        "What is worth much takes two people",
        "Unfreezing, opening what was closed, operators and recoveries by staff do; giving money \
         to a member (`credit`) still takes one person on the host.",
    ),
    met(
        ("2.4.1", 2),
        "Programs cannot use up what is dear: hashing, messages, connections",
        "crates/server/src/identity/password/pool.rs",
        &[
            "known_devices_go_before_strangers_who_came_earlier",
            "strangers_never_hold_the_last_of_two_threads",
            "what_strangers_ask_for_has_a_budget_that_takes_nothing_from_members",
            "a_mailbox_gets_at_most_its_budget_of_what_strangers_ask_for",
            "slow_and_silent_connections_are_cut_while_payments_go_on",
        ],
    ),
    not_met(
        ("2.4.2", 3),
        "What is faster than a human is noticed",
        "It is not: that is the shield's, a later issue.",
    ),
    not_met(
        ("11.2.4", 3),
        "Secrets are compared and used in constant time",
        "`ring` and `subtle` do so everywhere; no test measures it.",
    ),
    met(
        ("11.4.2", 2),
        "Passwords are kept by a slow hash of today: Argon2id, 19 MiB, two passes",
        "crates/server/src/identity/password.rs",
        &["a_password_is_right_only_as_it_was_set", "an_older_digest_is_right_too"],
    ),
    not_met(
        ("11.5.1", 2),
        "What must not be guessed has 128 bits of secure chance",
        "Tokens, links, keys and nonces do. What people type has less, and few tries: invitations \
         40 bits for five minutes, recovery codes 80.",
    ),
    met(
        ("16.2.5", 2),
        "No secret and no address stands in a log",
        "crates/core/src/message.rs",
        &[
            "the_log_holds_no_secret_even_when_everything_is_logged",
            "neither_address_nor_code_shows_in_a_log",
            "no_password_is_printed",
            "no_error_tells_a_secret_a_code_or_a_person",
        ],
    ),
    not_met(
        ("16.3.1", 2),
        "Every sign-in is logged, those that fail too",
        "Those that succeed are events in the audit chain; those that fail are counted in the \
         metrics and logged at the level `debug`.",
    ),
    not_met(("16.3.2", 2), "What was not allowed is logged", "As 16.3.1."),
    not_met(
        ("16.3.3", 2),
        "Tries to get around a control are logged",
        "Forged codes of a terminal and refused ID tokens are; most others as 16.3.1.",
    ),
    not_met(
        ("16.3.4", 2),
        "Unexpected errors and controls that fail are logged",
        "They are, once each, at the edge; no test reads the log for it.",
    ),
    not_met(
        ("16.4.3", 2),
        "Logs go to another system",
        "Anchors of the ledger go to witnesses. The log goes to standard error; where from there \
         is up to whoever runs the server.",
    ),
    met(
        ("16.5.2", 2),
        "When something outside fails, nothing is let through and the rest goes on",
        "crates/server/src/edge/error.rs",
        &[
            "a_provider_that_is_away_or_says_nothing_of_use_proves_nobody",
            "a_provider_that_is_down_is_said_and_left_alone_for_a_while",
            "when_the_storage_fails_a_register_is_told_that_nothing_is_known",
            "a_channel_whose_server_fails_is_stopped_for_a_while_and_goes_on",
        ],
    ),
    met(
        ("16.5.3", 2),
        "No error opens what is closed",
        "crates/server/src/edge/problem.rs",
        &[
            "a_handler_that_panics_is_answered_with_a_problem_and_its_connection_goes_on",
            "a_panic_outside_of_decide_ends_the_process_and_loses_nothing",
            "a_filter_of_leaked_passwords_is_made_without_a_book_and_must_be_whole",
            "a_failing_disk_answers_unknown_and_stops_the_process",
        ],
    ),
];
