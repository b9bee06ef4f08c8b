//! Against a virtual authenticator and browser.

use super::authenticator::Authenticator;
use super::*;
use crate::edge::keys::KeyFile;

const NOW_MS: i64 = 1_800_000_000_000;
const WALLET: &str = "https://wallet.example.com:8443";
const CONSOLE: &str = "https://wallet.example.com:8444";
const BROWSER: [u8; 32] = [3; 32];
const HANDLE: Handle = [5; 16];

fn browser() -> Authenticator {
    Authenticator::at(WALLET)
}

fn keys() -> KeyFile {
    KeyFile::generate(&mut |bytes| bytes.fill(7))
}

fn relying() -> Relying {
    let origins = [WALLET.to_owned(), CONSOLE.to_owned()];
    Relying::new("wallet.example.com", "Yaoki", &origins).expect("a relying party")
}

fn asking(keys: &KeyFile) -> Asking<'_> {
    let sealer = Sealer::new(&keys.seal);
    Asking { sealer, act: "member sign in", browser: &BROWSER, now_ms: NOW_MS }
}

fn owner() -> Owner<'static> {
    Owner { handle: &HANDLE, name: "hanako@example.com", display_name: "Hanako" }
}

/// Registers a passkey in this browser.
async fn registered(browser: &mut Authenticator, keys: &KeyFile) -> NewPasskey {
    let (relying, asking) = (relying(), asking(keys));
    let started =
        relying.start_registration(&asking, [1; 12], &owner(), &[]).expect("a registration");
    let answer = browser.make(&started.options).await.expect("an answer");
    relying.finish_registration(&asking, &HANDLE, &started.ceremony, &answer).expect("a passkey")
}

#[tokio::test]
async fn a_registered_passkey_signs_in_without_a_name_and_proves_with_one() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    assert!(new.backed_up, "this authenticator says so of itself");
    assert_eq!(new.once.until_ms, NOW_MS + LIFETIME_MS);
    let (relying, asking) = (relying(), asking(&keys));
    let started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let claims = claimed(&answer).expect("an answer");
    assert_eq!(claims.credential_id_digest, new.credential_id_digest);
    assert_eq!(claims.handle, Some(HANDLE));
    let asserted = relying
        .finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, &new.kept)
        .expect("signed in");
    assert_eq!(asserted.credential_id_digest, new.credential_id_digest);
    assert!(asserted.user_verified && asserted.backed_up);
    assert!(asserted.counter > 0);
    let kept = asserted.kept.expect("the counter rose");
    browser.origin = CONSOLE.to_owned();
    let started = relying.start_proof(&asking, [3; 12], &HANDLE, &[&kept]).expect("a proof");
    assert_ne!(started.options["allowCredentials"], json!([]));
    let answer = browser.sign(&started.options).await.expect("an answer");
    let proof = relying
        .finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, &kept)
        .expect("proved");
    assert_ne!(proof.once.mark, asserted.once.mark);
}

#[tokio::test]
async fn options_ask_for_a_discoverable_verifying_passkey_without_attestation() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let started = relying
        .start_registration(&asking, [1; 12], &owner(), &[&new.kept])
        .expect("a registration");
    let options = &started.options;
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["requireResidentKey"], true);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["timeout"], LIFETIME_MS);
    assert_eq!(options["user"]["id"], URL_SAFE_NO_PAD.encode(HANDLE));
    assert_eq!(options["excludeCredentials"].as_array().map(Vec::len), Some(1));
    let started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    assert_eq!(started.options["allowCredentials"], json!([]));
    assert_eq!(started.options["userVerification"], "required");
    assert_eq!(started.options["rpId"], "wallet.example.com");
    assert!(started.ceremony.len() < 1024, "{}", started.ceremony.len());
}

#[tokio::test]
async fn an_answer_to_another_challenge_is_refused() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let first = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    let second = relying.start_sign_in(&asking, [3; 12]).expect("a sign-in");
    let answer = browser.sign(&first.options).await.expect("an answer");
    let replayed = relying.finish_assertion(&asking, &second.ceremony, &answer, &HANDLE, &new.kept);
    assert!(matches!(replayed, Err(PasskeyError::Refused(WebauthnError::MismatchedChallenge))));
}

#[tokio::test]
async fn a_counter_that_does_not_rise_is_refused() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let finish =
        |kept: &[u8]| relying.finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, kept);
    let kept = finish(&new.kept).expect("the counter rose").kept.expect("changed");
    assert!(matches!(finish(&kept), Err(PasskeyError::CounterWentBack)));
}

#[tokio::test]
async fn another_origin_and_another_relying_party_are_refused() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let held = browser.held.clone();
    browser.origin = "https://wallet.example.com:9000".to_owned();
    let started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let other = relying.finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, &new.kept);
    assert!(matches!(other, Err(PasskeyError::Refused(WebauthnError::InvalidRPOrigin))));
    let started =
        relying.start_registration(&asking, [3; 12], &owner(), &[]).expect("a registration");
    let answer = browser.make(&started.options).await.expect("an answer");
    let other = relying.finish_registration(&asking, &HANDLE, &started.ceremony, &answer);
    assert!(matches!(other, Err(PasskeyError::Refused(WebauthnError::InvalidRPOrigin))));
    // The page may ask for the name above its own; this relying party is not that one.
    browser.origin = WALLET.to_owned();
    let mut started =
        relying.start_registration(&asking, [4; 12], &owner(), &[]).expect("a registration");
    started.options["rp"]["id"] = json!("example.com");
    let answer = browser.make(&started.options).await.expect("an answer");
    let other = relying.finish_registration(&asking, &HANDLE, &started.ceremony, &answer);
    assert!(matches!(other, Err(PasskeyError::Refused(WebauthnError::InvalidRPIDHash))));
    browser.held = held;
    let mut started = relying.start_sign_in(&asking, [5; 12]).expect("a sign-in");
    started.options["rpId"] = json!("example.com");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let other = relying.finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, &new.kept);
    assert!(matches!(other, Err(PasskeyError::Refused(WebauthnError::InvalidRPIDHash))));
}

#[tokio::test]
async fn an_authenticator_that_does_not_verify_its_user_is_refused() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    browser.verifies = false;
    let mut started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    started.options["userVerification"] = json!("discouraged");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let asserted =
        relying.finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, &new.kept);
    assert!(matches!(asserted, Err(PasskeyError::Unverified)));
    let mut started =
        relying.start_registration(&asking, [3; 12], &owner(), &[]).expect("a registration");
    started.options["authenticatorSelection"]["userVerification"] = json!("discouraged");
    let answer = browser.make(&started.options).await.expect("an answer");
    let made = relying.finish_registration(&asking, &HANDLE, &started.ceremony, &answer);
    assert!(matches!(made, Err(PasskeyError::Unverified)));
}

#[tokio::test]
async fn a_ceremony_opens_for_its_browser_its_act_and_its_time_only() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let finish = |asking: &Asking<'_>, ceremony: &str| {
        relying.finish_assertion(asking, ceremony, &answer, &HANDLE, &new.kept)
    };
    let stranger = Asking { browser: &[4; 32], ..asking };
    assert!(matches!(finish(&stranger, &started.ceremony), Err(PasskeyError::Ceremony)));
    let act = Asking { act: "member step up", ..asking };
    assert!(matches!(finish(&act, &started.ceremony), Err(PasskeyError::Ceremony)));
    let other_keys = KeyFile::generate(&mut |bytes| bytes.fill(8));
    let book = Asking { sealer: Sealer::new(&other_keys.seal), ..asking };
    assert!(matches!(finish(&book, &started.ceremony), Err(PasskeyError::Ceremony)));
    let late = Asking { now_ms: NOW_MS + LIFETIME_MS, ..asking };
    assert!(matches!(finish(&late, &started.ceremony), Err(PasskeyError::Over)));
    let mut forged = started.ceremony.clone().into_bytes();
    let place = forged.len() / 2;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    for wrong in [forged.as_str(), "", "AAAA", "no base64!"] {
        assert!(matches!(finish(&asking, wrong), Err(PasskeyError::Ceremony)), "{wrong}");
    }
    let last = Asking { now_ms: NOW_MS + LIFETIME_MS - 1, ..asking };
    finish(&last, &started.ceremony).expect("in time");
}

#[tokio::test]
async fn a_ceremony_of_one_kind_does_not_finish_the_other() {
    let (keys, mut browser) = (keys(), browser());
    let new = registered(&mut browser, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let registration =
        relying.start_registration(&asking, [2; 12], &owner(), &[]).expect("a registration");
    let sign_in = relying.start_sign_in(&asking, [3; 12]).expect("a sign-in");
    let signed = browser.sign(&sign_in.options).await.expect("an answer");
    let wrong =
        relying.finish_assertion(&asking, &registration.ceremony, &signed, &HANDLE, &new.kept);
    assert!(matches!(wrong, Err(PasskeyError::Ceremony)));
    let made = browser.make(&registration.options).await.expect("an answer");
    let wrong = relying.finish_registration(&asking, &HANDLE, &sign_in.ceremony, &made);
    assert!(matches!(wrong, Err(PasskeyError::Ceremony)));
    let another = relying.finish_registration(&asking, &[6; 16], &registration.ceremony, &made);
    assert!(matches!(another, Err(PasskeyError::Ceremony)));
}

#[tokio::test]
async fn the_passkey_of_another_person_is_refused() {
    let (keys, mut browser, mut others) = (keys(), browser(), browser());
    let new = registered(&mut browser, &keys).await;
    let other = registered(&mut others, &keys).await;
    let (relying, asking) = (relying(), asking(&keys));
    let started = relying.start_sign_in(&asking, [2; 12]).expect("a sign-in");
    let answer = browser.sign(&started.options).await.expect("an answer");
    let finish = |answer: &Value, handle: &Handle, kept: &[u8]| {
        relying.finish_assertion(&asking, &started.ceremony, answer, handle, kept)
    };
    let wrong = finish(&answer, &[6; 16], &new.kept);
    assert!(matches!(wrong, Err(PasskeyError::OtherPasskey)));
    let wrong = finish(&answer, &HANDLE, &other.kept);
    assert!(matches!(wrong, Err(PasskeyError::OtherPasskey)));
    let mut nameless = answer.clone();
    nameless["response"]["userHandle"] = Value::Null;
    let wrong = finish(&nameless, &HANDLE, &new.kept);
    assert!(matches!(wrong, Err(PasskeyError::OtherPasskey)));
    // Who was asked by name may leave it out, but is the one who was asked.
    let started = relying.start_proof(&asking, [3; 12], &HANDLE, &[&new.kept]).expect("a proof");
    let mut answer = browser.sign(&started.options).await.expect("an answer");
    answer["response"]["userHandle"] = Value::Null;
    relying
        .finish_assertion(&asking, &started.ceremony, &answer, &HANDLE, &new.kept)
        .expect("proved");
    let wrong = relying.finish_assertion(&asking, &started.ceremony, &answer, &[6; 16], &new.kept);
    assert!(matches!(wrong, Err(PasskeyError::OtherPasskey)));
}

#[test]
fn a_relying_party_has_exact_origins_below_its_name() {
    let made = |id: &str, origins: &[&str]| {
        let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        Relying::new(id, "Yaoki", &origins)
    };
    made("localhost", &["http://localhost:8082", "http://localhost:8084"]).expect("a demo");
    made("example.jp", &["https://wallet.example.jp", "https://ops.example.jp/"]).expect("live");
    for (id, origins) in [
        ("example.jp", vec![]),
        ("example.jp", vec!["https://example.com"]),
        ("example.jp", vec!["https://wallet.example.jp", "https://evilexample.jp"]),
        ("example.jp", vec!["http://wallet.example.jp"]),
        ("example.jp", vec!["https://wallet.example.jp/page"]),
        ("example.jp", vec!["https://user@wallet.example.jp"]),
        ("example.jp", vec!["wallet.example.jp"]),
        ("127.0.0.1", vec!["https://127.0.0.1:8082"]),
    ] {
        let refused = made(id, &origins).expect_err("refused");
        assert!(matches!(refused, PasskeyError::Origin(_)), "{id} {origins:?}");
    }
}

#[test]
fn what_is_no_answer_and_what_is_not_kept_are_told_apart() {
    let (keys, relying) = (keys(), relying());
    let asking = asking(&keys);
    for wrong in [json!(null), json!({}), json!({ "id": "x" }), json!("text")] {
        assert!(matches!(claimed(&wrong), Err(PasskeyError::Answer)));
    }
    let none = relying.start_proof(&asking, [1; 12], &HANDLE, &[]);
    assert!(matches!(none, Err(PasskeyError::NoPasskey)));
    let damaged = relying.start_proof(&asking, [1; 12], &HANDLE, &[b"{}"]);
    assert!(matches!(damaged, Err(PasskeyError::Kept)));
    let whole = together(&HANDLE, b"kept");
    assert_eq!(parted(&whole).expect("it is whole"), (HANDLE, b"kept".as_slice()));
    assert!(matches!(parted(&HANDLE[1..]), Err(PasskeyError::Kept)), "shorter than a number");
    let many = [[0_u8; 0].as_slice(); PASSKEYS_MAX];
    let many = relying.start_registration(&asking, [1; 12], &owner(), &many);
    assert!(matches!(many, Err(PasskeyError::TooMany)));
}
