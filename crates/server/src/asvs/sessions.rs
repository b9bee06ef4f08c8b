//! Chapters 7 to 10: sessions, authorization, tokens, `OpenID` Connect.

use super::{Requirement, met, not_applicable, not_met};

const SESSIONS: &str = "crates/core/src/decide/identity/sessions.rs";
const OWN_TOKEN: &str = "crates/server/src/edge/proof/token.rs";
const OPENID: &str = "crates/server/src/identity/openid/mod.rs";
const ID_TOKEN: &str = "crates/server/src/identity/openid/token.rs";
const SOURCE: &str = "crates/server/src/identity/openid/source.rs";
const SIGNATURE: &str =
    "a_signature_is_by_a_listed_algorithm_and_the_providers_key_or_the_token_is_refused";
const AUDIENCE: &str = "a_token_of_another_issuer_or_for_another_client_is_refused";
const NONCE: &str = "a_token_with_another_nonce_or_none_is_refused";
const STATE: &str = "an_answer_is_to_the_attempt_whose_state_it_has";
const BROWSER: &str = "an_attempt_is_finished_by_the_browser_that_began_it";
const OURS: &str = "only_tokens_of_the_server_are_opened";
const PROFILE: &str = "a_stolen_profile_with_its_key_changes_nothing_that_weighs";
const OVER: &str = "a_token_is_over_when_its_session_is_on_every_node_at_the_next_request";
const CODES_DIE: &str =
    "shown_codes_die_with_session_device_paying_right_and_freeze_and_with_nothing_else";
const CERTIFIED: &str =
    "what_a_certified_provider_gives_is_refused_where_it_is_not_for_this_attempt";

pub(super) const REQUIREMENTS: &[Requirement] = &[
    not_met(
        ("7.1.1", 2),
        "How long sessions last is written down, with reasons where NIST asks for less",
        "The page of pathways says 90 days without use and 400 in all; why so much is enough for a \
         key that is bound to its device, no page says.",
    ),
    not_met(
        ("7.1.2", 2),
        "How many sessions one may have at once, and what happens then, is written down",
        "One for each device and ten devices (`devices_must_be_few`); no page names the number.",
    ),
    not_met(
        ("7.1.3", 2),
        "How sessions here and at a provider of external ids end is written down",
        "It is, in docs/guides/external-id.md; no test reads it.",
    ),
    met(
        ("7.2.1", 1),
        "The server, not the page, judges every token",
        "crates/server/src/edge/proven.rs",
        &[OURS, "a_cookie_or_token_of_another_key_opens_nothing"],
    ),
    met(
        ("7.2.2", 1),
        "Tokens are made for a session, not once and for ever",
        OWN_TOKEN,
        &["tokens_renewed_at_once_are_of_one_session_and_end_with_it", OVER],
    ),
    not_applicable(
        ("7.2.3", 1),
        "A token that refers to a session has 128 bits of chance",
        "Tokens refer by what they say, under HMAC-SHA256, and are of no use without the key that \
         they name.",
    ),
    not_met(
        ("7.2.4", 1),
        "Who authenticates gets a new token, and the old one ends",
        "Signing in does so. Being verified again within a session leaves its token as it is: it \
         is bound to the device's key.",
    ),
    met(
        ("7.3.1", 2),
        "A session that is not used ends: after 90 days",
        "crates/server/src/api/device.rs",
        &[
            "a_stolen_profile_ends_with_the_devices_session_after_ninety_quiet_days",
            "a_key_alone_tells_no_device_its_token_once_its_approval_is_past",
        ],
    ),
    met(
        ("7.3.2", 2),
        "Every session ends: after 400 days, an operator's after 12 hours",
        "crates/core/src/identity/mod.rs",
        &[
            "sessions_and_verifications_are_answered_as_it_says",
            "a_session_that_is_used_lasts_half_a_day_and_no_longer",
        ],
    ),
    met(
        ("7.4.1", 1),
        "A session that was ended is over, on every node",
        SESSIONS,
        &[OVER, CODES_DIE],
    ),
    not_met(
        ("7.4.2", 1),
        "When an account is closed or disabled its sessions end",
        "No money leaves from then on. But devices go on showing the balance of whoever closed or \
         froze his wallet, because it stays his.",
    ),
    not_met(
        ("7.4.3", 2),
        "Whoever changes a factor may end all other sessions in the same step",
        "Each device can be ended in the list; there is no step that ends all others but a \
         recovery.",
    ),
    not_met(
        ("7.4.5", 2),
        "Operators end one member's sessions, or everybody's",
        "They end devices, one by one, and everybody's sessions by a new key of tokens; a member's \
         sessions without his devices they do not.",
    ),
    met(
        ("7.5.1", 2),
        "Changing addresses, factors or devices asks for the user anew",
        "crates/core/src/decide/identity/mod.rs",
        &[PROFILE, "factors_are_added_and_removed_and_the_last_that_signs_in_stays"],
    ),
    met(
        ("7.5.2", 2),
        "Members see their devices, and end each; to end another asks for the user anew",
        "crates/server/src/api/member/devices.rs",
        &[
            "devices_are_invited_approved_and_ended_as_it_says",
            "a_member_signs_up_with_a_passkey_and_looks_after_his_wallet",
        ],
    ),
    not_met(
        ("7.5.3", 3),
        "What is very sensitive asks for the user anew",
        "Everything about devices, factors, addresses and closing does; a large payment does not.",
    ),
    not_met(
        ("8.1.3", 3),
        "Which circumstances are judged, and why, is written down",
        "Circumstances are not judged yet: that is the shield's, a later issue.",
    ),
    not_met(
        ("8.1.4", 3),
        "What follows from each circumstance, and from which threshold on, is written down",
        "As 8.1.3.",
    ),
    not_met(
        ("8.2.4", 3),
        "Circumstances are judged at sign-in and in the middle of sessions",
        "As 8.1.3. What does not depend on them is there: limits of new devices, and the user \
         anew.",
    ),
    met(
        ("8.3.2", 3),
        "A change of authority counts at once, on every node",
        SESSIONS,
        &[
            CODES_DIE,
            OVER,
            "a_switch_closed_on_one_node_stops_the_next_commit_of_the_other",
            "roles_bind_at_the_next_request_and_two_admins_remain",
        ],
    ),
    met(
        ("9.1.1", 1),
        "A token is believed after its signature or MAC was checked",
        OWN_TOKEN,
        &[OURS, "a_session_token_that_was_changed_is_refused", SIGNATURE],
    ),
    met(
        ("9.1.2", 1),
        "Only listed algorithms; never none, and symmetric and asymmetric ones never mixed",
        ID_TOKEN,
        &[
            SIGNATURE,
            "neither_none_nor_a_shared_secret_signs",
            "an_algorithm_that_the_settings_do_not_name_is_refused_though_the_key_is_the_providers",
            "each_member_of_the_header_wrong_is_refused_as_such",
        ],
    ),
    met(
        ("9.1.3", 1),
        "Keys come from where the settings say, never from where a token says",
        SOURCE,
        &[SIGNATURE, "a_configuration_is_of_its_issuer_and_names_addresses_that_may_be_asked"],
    ),
    met(
        ("9.2.1", 1),
        "A token counts within its time only: exp, nbf",
        ID_TOKEN,
        &[
            "a_token_that_is_over_or_from_the_future_or_old_is_refused",
            "a_token_that_has_not_begun_is_refused",
            "a_session_that_is_over_is_refused",
        ],
    ),
    met(
        ("9.2.2", 2),
        "A token of one kind is not taken for another",
        OWN_TOKEN,
        &["no_kind_of_token_is_taken_for_the_other", "a_jwt_of_another_type_is_no_id_token"],
    ),
    met(
        ("9.2.3", 2),
        "A token is for us",
        ID_TOKEN,
        &[AUDIENCE, "a_proof_made_for_another_server_is_misdirected"],
    ),
    met(
        ("10.1.2", 2),
        "State, nonce and PKCE are made for one attempt, and bound to its browser",
        OPENID,
        &[BROWSER, STATE, "a_code_of_another_attempt_is_worth_nothing", CERTIFIED],
    ),
    met(
        ("10.2.1", 2),
        "Nobody slips his own sign-in under another: PKCE and state",
        OPENID,
        &[STATE, BROWSER, "a_code_of_another_attempt_is_worth_nothing"],
    ),
    met(
        ("10.2.2", 2),
        "Two providers are not mixed up",
        OPENID,
        &[
            "the_provider_that_answers_is_the_one_that_was_asked",
            "a_provider_that_says_that_it_names_itself_must_do_so",
            "an_attempt_is_finished_with_the_provider_that_it_was_begun_with",
        ],
    ),
    met(
        ("10.5.1", 2),
        "An ID token that was used before does not count: its nonce is the attempt's",
        ID_TOKEN,
        &[NONCE, "an_attempt_is_used_once"],
    ),
    met(
        ("10.5.2", 2),
        "A person is known by `sub` with its issuer, not by what may be given to another",
        OPENID,
        &["a_person_is_known_by_issuer_and_subject_of_a_signed_token_and_by_nothing_else"],
    ),
    met(
        ("10.5.3", 2),
        "The configuration of a provider is taken from its own issuer only",
        SOURCE,
        &["a_configuration_is_of_its_issuer_and_names_addresses_that_may_be_asked"],
    ),
    met(
        ("10.5.4", 2),
        "An ID token is for our client id",
        ID_TOKEN,
        &[AUDIENCE, "a_token_for_two_is_taken_when_it_was_given_to_us"],
    ),
];
