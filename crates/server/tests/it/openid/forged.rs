//! A forged token for each check, over the real way: code, exchange, verification.

use serde_json::{Value, json};
use yaoki_core::time::Instant;
use yaoki_server::identity::openid::{Algorithm, OpenidError, Provider, TokenError, lookup};

use super::provider::{Change, Signer, Stand};
use super::{NOW, options, provider_at, walked};

/// Now, in seconds.
const SECONDS: i64 = NOW.0 / 1000;

fn forged(signer: Signer, change: Change) -> OpenidError {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    walked(&stand, &provider).expect("what is not forged is taken");
    (stand.mind().signer, stand.mind().change) = (signer, change);
    walked(&stand, &provider).expect_err("what is forged is not")
}

/// A token signed as it must be, with other claims.
fn changed(change: Change) -> OpenidError {
    forged(Signer::Es256, change)
}

#[test]
fn a_person_is_known_by_issuer_and_subject_of_a_signed_token_and_by_nothing_else() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let one = walked(&stand, &provider).expect("a person");
    assert_eq!((one.issuer.as_str(), one.subject.as_str()), (&*stand.issuer(), "person-1"));
    assert_eq!(one.authenticated_at, Some(Instant((SECONDS - 5) * 1000)));
    assert_eq!((one.context.as_deref(), one.methods.len()), (Some("phr"), 2));
    assert_eq!(one.lookup(), lookup(&stand.issuer(), "person-1"));
    assert!(!format!("{one:?}").contains("person-1"), "a subject is personal");
    stand.mind().signer = Signer::EdDsa;
    // The mail address changes nothing, verified or not.
    stand.mind().change = |claims, _| claims["email"] = json!("another@example.jp");
    let same = walked(&stand, &provider).expect("a person");
    assert_eq!(same.lookup(), one.lookup());
    stand.mind().change = |claims, _| claims["sub"] = json!("person-2");
    let other = walked(&stand, &provider).expect("a person");
    assert_ne!(other.lookup(), one.lookup());
}

#[test]
fn the_same_subject_of_another_issuer_is_another_person() {
    let (one, other) = (Stand::new(), Stand::new());
    let known = [&one, &other]
        .map(|stand| walked(stand, &provider_at(&stand.issuer())).expect("a person").lookup());
    assert_ne!(known[0], known[1]);
}

#[test]
fn a_signature_is_by_a_listed_algorithm_and_the_providers_key_or_the_token_is_refused() {
    let cases: [(Signer, Change, TokenError); 10] = [
        (Signer::Nobody, |_, _| (), TokenError::Algorithm),
        (Signer::PublicKeyAsSecret, |_, _| (), TokenError::Algorithm),
        (Signer::ClientSecret, |_, _| (), TokenError::Algorithm),
        (Signer::Es256, |_, head| head["alg"] = json!("ES384"), TokenError::Algorithm),
        // HMAC and no signature under a name that is listed.
        (Signer::PublicKeyAsSecret, |_, head| head["alg"] = json!("ES256"), TokenError::Signature),
        (Signer::Nobody, |_, head| head["alg"] = json!("ES256"), TokenError::Signature),
        (Signer::Stranger, |_, _| (), TokenError::Signature),
        // Keys that the token itself brings or points to.
        (
            Signer::Stranger,
            |_, head| {
                head["jku"] = json!("https://another.example/keys");
                head["jwk"] = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
            },
            TokenError::Signature,
        ),
        (Signer::Es256, |_, head| head["kid"] = json!("three"), TokenError::Key),
        // A key that is there, for another algorithm.
        (Signer::Es256, |_, head| head["kid"] = json!("two"), TokenError::Key),
    ];
    for (signer, change, expected) in cases {
        assert_eq!(forged(signer, change), expected.into(), "{signer:?}");
    }
    let nameless: Change = |_, head| drop(head.as_object_mut().expect("a head").remove("kid"));
    assert_eq!(changed(nameless), TokenError::Key.into());
}

#[test]
fn an_algorithm_that_the_settings_do_not_name_is_refused_though_the_key_is_the_providers() {
    let stand = Stand::new();
    let mut options = options(&stand.issuer());
    options.algorithms = vec![Algorithm::EdDsa];
    let provider = Provider::new(options, true).expect("a provider");
    assert_eq!(walked(&stand, &provider), Err(TokenError::Algorithm.into()));
    stand.mind().signer = Signer::EdDsa;
    walked(&stand, &provider).expect("that one is named");
}

#[test]
fn a_token_of_another_issuer_or_for_another_client_is_refused() {
    let cases: [(Change, TokenError); 9] = [
        (|claims, _| claims["iss"] = json!("https://another.example"), TokenError::Issuer),
        (|claims, _| push(&mut claims["iss"], "/"), TokenError::Issuer),
        (|claims, _| claims["aud"] = json!("another-client"), TokenError::Audience),
        (|claims, _| claims["aud"] = json!([]), TokenError::Audience),
        (|claims, _| drop(claims["aud"].take()), TokenError::Audience),
        // For two, and nobody says for whom foremost.
        (|claims, _| claims["aud"] = json!(["yaoki", "other"]), TokenError::AuthorizedParty),
        (|claims, _| claims["azp"] = json!("other"), TokenError::AuthorizedParty),
        (
            |claims, _| {
                claims["aud"] = json!(["other", "yaoki"]);
                claims["azp"] = json!("other");
            },
            TokenError::AuthorizedParty,
        ),
        (
            |claims, _| {
                claims["aud"] = json!(["other"]);
                claims["azp"] = json!("yaoki");
            },
            TokenError::Audience,
        ),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let refused = changed(change);
        // A token without an audience at all is not even read as one.
        let is_refused = refused == expected.into() || matches!(refused, OpenidError::Answer(_));
        assert!(is_refused, "case {number}: {refused}");
    }
}

fn push(value: &mut Value, more: &str) {
    *value = json!(format!("{}{more}", value.as_str().expect("a text")));
}

#[test]
fn a_token_for_two_is_taken_when_it_was_given_to_us() {
    let stand = Stand::new();
    stand.mind().change = |claims, _| {
        claims["aud"] = json!(["other", "yaoki"]);
        claims["azp"] = json!("yaoki");
    };
    walked(&stand, &provider_at(&stand.issuer())).expect("it is ours");
}

#[test]
fn a_token_that_is_over_or_from_the_future_or_old_is_refused() {
    let cases: [(Change, TokenError); 5] = [
        (|claims, _| claims["exp"] = json!(SECONDS), TokenError::Expired),
        (|claims, _| claims["exp"] = json!(SECONDS - 3600), TokenError::Expired),
        (|claims, _| claims["iat"] = json!(SECONDS + 61), TokenError::IssuedAhead),
        (|claims, _| claims["iat"] = json!(SECONDS - 600), TokenError::IssuedLongAgo),
        (
            |claims, _| {
                claims["iat"] = json!(0);
                claims["exp"] = json!(SECONDS + 3600);
            },
            TokenError::IssuedLongAgo,
        ),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        assert_eq!(changed(change), expected.into(), "case {number}");
    }
    for name in ["exp", "iat"] {
        let missing: Change = match name {
            "exp" => |claims, _| drop(claims.as_object_mut().expect("claims").remove("exp")),
            _ => |claims, _| drop(claims.as_object_mut().expect("claims").remove("iat")),
        };
        assert!(matches!(changed(missing), OpenidError::Answer(_)), "{name}");
    }
}

#[test]
fn a_token_that_has_not_begun_is_refused() {
    let begins: Change = |claims, _| claims["nbf"] = json!(SECONDS + 61);
    assert_eq!(changed(begins), TokenError::NotBegun.into());
    let never: Change = |claims, _| claims["nbf"] = json!("tomorrow");
    assert_eq!(changed(never), TokenError::Form.into());
    let stand = Stand::new();
    stand.mind().change = |claims, _| claims["nbf"] = json!(SECONDS + 60);
    walked(&stand, &provider_at(&stand.issuer())).expect("a clock may be ahead");
}

#[test]
fn a_clock_that_is_a_minute_ahead_is_borne() {
    let stand = Stand::new();
    stand.mind().change = |claims, _| claims["iat"] = json!(SECONDS + 60);
    walked(&stand, &provider_at(&stand.issuer())).expect("it is borne");
}

#[test]
fn a_token_with_another_nonce_or_none_is_refused() {
    let cases: [Change; 3] = [
        |claims, _| claims["nonce"] = json!("another"),
        |claims, _| drop(claims["nonce"].take()),
        |claims, _| drop(claims.as_object_mut().expect("claims").remove("nonce")),
    ];
    for change in cases {
        assert_eq!(changed(change), TokenError::Nonce.into());
    }
}

#[test]
fn a_jwt_of_another_type_is_no_id_token() {
    let cases: [Change; 4] = [
        |_, head| head["typ"] = json!("at+jwt"),
        |_, head| head["typ"] = json!("logout+jwt"),
        |_, head| head["cty"] = json!("JWT"),
        |_, head| head["crit"] = json!(["exp"]),
    ];
    for change in cases {
        assert_eq!(changed(change), TokenError::Type.into());
    }
}

#[test]
fn an_id_token_goes_with_its_own_access_token() {
    let other: Change = |claims, _| claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(changed(other), TokenError::AccessToken.into());
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    stand.mind().answer = |answer| answer["access_token"] = json!("another");
    assert_eq!(walked(&stand, &provider), Err(TokenError::AccessToken.into()));
}

#[test]
fn a_subject_has_1_to_255_characters_of_ascii() {
    let cases: [Change; 3] = [
        |claims, _| claims["sub"] = json!(""),
        |claims, _| claims["sub"] = json!("a".repeat(256)),
        |claims, _| claims["sub"] = json!("人"),
    ];
    for change in cases {
        assert_eq!(changed(change), TokenError::Subject.into());
    }
    let stand = Stand::new();
    stand.mind().change = |claims, _| claims["sub"] = json!("a".repeat(255));
    walked(&stand, &provider_at(&stand.issuer())).expect("that many are taken");
}

#[test]
fn an_answer_without_an_id_token_or_with_another_kind_of_access_token_is_refused() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    stand.mind().answer = |answer| drop(answer.as_object_mut().expect("it").remove("id_token"));
    assert_eq!(walked(&stand, &provider), Err(TokenError::Missing.into()));
    stand.mind().answer = |answer| answer["token_type"] = json!("mac");
    assert_eq!(walked(&stand, &provider), Err(OpenidError::TokenKind));
    stand.mind().answer = |answer| answer["id_token"] = json!("a.b.c");
    assert!(matches!(walked(&stand, &provider), Err(OpenidError::Answer(_))));
}

#[test]
fn no_error_tells_a_secret_a_code_or_a_person() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let answers: [fn(&mut Value); 3] = [
        |answer| answer["id_token"] = json!("person-1.b.c"),
        |answer| answer["expires_in"] = json!("an-access-token"),
        |answer| drop(answer.as_object_mut().expect("it").remove("access_token")),
    ];
    for answer in answers {
        stand.mind().answer = answer;
        let error = walked(&stand, &provider).expect_err("it is refused");
        let told = format!("{error} {error:?} {provider:?}");
        for never in [super::SECRET, "code-", "person-1.", "somebody@"] {
            assert!(!told.contains(never), "{told}");
        }
    }
}
