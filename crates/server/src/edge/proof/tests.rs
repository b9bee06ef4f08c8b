//! A server, a device and a request in order; then each thing wrong, one by one.

use super::device_key::{DeviceKey, DeviceKeyError, ProofInput, claims};
use super::token::DeviceSession;
use super::token::{DeviceToken, TOKEN_BYTES};
use super::*;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_800_000_015_000;
const DEVICE: u64 = 7;
const MEMBER: u64 = 1_000_000_042;
const BODY: &[u8] = br#"{"amount":1200}"#;

/// A server, a device and a request that is in order.
struct World {
    file: KeyFile,
    keys: ProofKeys,
    device: DeviceKey,
    token: String,
    nonce: String,
    body_digest: [u8; 32],
}

fn session(member: u64) -> DeviceSession {
    DeviceSession { device: DEVICE, member, session: DEVICE, issued_at_ms: 0 }
}

fn world() -> World {
    let mut count = 0;
    let file = KeyFile::generate(&mut |bytes: &mut [u8]| {
        count += 1;
        bytes.fill(count);
    });
    let keys = ProofKeys::new(&file, NOW_MS);
    let device = DeviceKey::generate(&SystemRandom::new()).expect("a key");
    let token = keys.issue_token(session(MEMBER), &device.public_key().thumbprint);
    let nonce = keys.nonce(DEVICE, NOW_MS);
    World { file, keys, device, token, nonce, body_digest: sha256(BODY) }
}

impl World {
    fn request(&self) -> Request<'_> {
        Request {
            method: "POST",
            scheme: "https",
            host: "wallet.example.jp",
            path: "/v1/code",
            body_digest: &self.body_digest,
        }
    }

    fn input(&self) -> ProofInput<'_> {
        ProofInput {
            request: self.request(),
            token: Some(&self.token),
            nonce: Some(&self.nonce),
            jti: "1",
            issued_at_seconds: 0,
        }
    }

    fn token(&self) -> DeviceToken {
        self.keys.open_token(&format!("DPoP {}", self.token)).expect("the server's own token")
    }

    fn proof(&self) -> String {
        self.device.proof(&self.input(), &SystemRandom::new()).expect("a proof")
    }

    fn verify(&self, proof: &str) -> Result<VerifiedRequest, ProofError> {
        self.keys.verify(&self.token(), proof, &self.request(), NOW_MS)
    }

    /// What is said of a proof, well signed, with one member of its header or claims changed.
    fn with(
        &self,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> Result<VerifiedRequest, ProofError> {
        let (mut header, mut claims) = (self.device.header(), claims(&self.input()));
        change(&mut header, &mut claims);
        self.verify(&self.device.sign(&header, &claims, &SystemRandom::new()).expect("signed"))
    }
}

#[test]
fn a_proof_in_order_tells_device_member_and_key() {
    let world = world();
    let verified = world.verify(&world.proof()).expect("in order");
    assert_eq!((world.token().device, world.token().member), (DEVICE, MEMBER));
    assert_eq!(verified.key, *world.device.public_key());
    assert_eq!(verified.key.public_key[0], 4);
    assert!(world.proof().len() < 1000);
}

#[test]
fn a_proof_whose_signature_was_turned_into_another_is_known_again() {
    let world = world();
    let first = world.verify(&world.proof()).expect("in order");
    // Signed anew: ECDSA gives another signature over the same bytes each time.
    let second = world.verify(&world.proof()).expect("in order");
    assert_eq!(first.mark, second.mark);
    let mut input = world.input();
    input.jti = "2";
    let other = world.device.proof(&input, &SystemRandom::new()).expect("a proof");
    assert_ne!(world.verify(&other).expect("in order").mark, first.mark);
}

#[test]
fn scheme_and_host_have_no_case_and_what_is_unknown_is_ignored() {
    let world = world();
    let ok = |result: Result<VerifiedRequest, ProofError>| assert!(result.is_ok(), "{result:?}");
    ok(world.with(|_, claims| claims["htu"] = json!("HTTPS://Wallet.Example.JP/v1/code")));
    ok(world.with(|_, claims| claims["other"] = json!({ "deep": [1, 2, 3] })));
    ok(world.with(|header, _| header["kid"] = json!("1")));
    ok(world.with(|_, claims| claims["iat"] = json!(-1)));
    ok(world.with(|_, claims| claims["iat"] = json!(1e300)));
}

#[test]
fn each_member_of_the_header_wrong_is_refused_as_such() {
    let world = world();
    let refused = |expected, change: fn(&mut Value)| {
        assert_eq!(world.with(|header, _| change(header)), Err(expected));
    };
    refused(ProofError::TypeWrong, |header| header["typ"] = json!("JWT"));
    refused(ProofError::TypeWrong, |header| header["typ"] = Value::Null);
    refused(ProofError::AlgorithmWrong, |header| header["alg"] = json!("none"));
    refused(ProofError::AlgorithmWrong, |header| header["alg"] = json!("HS256"));
    refused(ProofError::CriticalUnknown, |header| header["crit"] = json!(["exp"]));
    refused(ProofError::KeyForm, |header| header["jwk"] = Value::Null);
    refused(ProofError::KeyForm, |header| header["jwk"]["kty"] = json!("RSA"));
    refused(ProofError::KeyForm, |header| header["jwk"]["crv"] = json!("P-384"));
    refused(ProofError::KeyForm, |header| header["jwk"]["x"] = json!("AA"));
    refused(ProofError::KeyForm, |header| header["jwk"]["y"] = json!("%"));
    refused(ProofError::KeyPrivate, |header| header["jwk"]["d"] = json!("AA"));
    refused(ProofError::ProofForm, |header| header["typ"] = json!(1));
    refused(ProofError::ProofForm, |header| *header = json!(["dpop+jwt", "ES256", null, null]));
}

#[test]
fn each_claim_wrong_is_refused_as_such() {
    let world = world();
    let refused = |expected, name: &str, value: Value| {
        assert_eq!(world.with(|_, claims| claims[name] = value.clone()), Err(expected), "{value}");
    };
    refused(ProofError::MethodWrong, "htm", json!("GET"));
    refused(ProofError::MethodWrong, "htm", json!("post"));
    for htu in [
        "http://wallet.example.jp/v1/code",
        "https://wallet.example.jp:443/v1/code",
        "https://console.example.jp/v1/code",
        "https://wallet.example.jp/v1/Code",
        "https://wallet.example.jp/v1/code/",
        "https://wallet.example.jp/v1/code?a=b",
        "https://wallet.example.jp/v1/code#a",
        "https://wallet.example.jp",
        "wallet.example.jp/v1/code",
        "/v1/code",
    ] {
        refused(ProofError::UriWrong, "htu", json!(htu));
    }
    let other = URL_SAFE_NO_PAD.encode(sha256(b"other"));
    refused(ProofError::TokenHashWrong, "ath", json!(other));
    refused(ProofError::BodyWrong, "bd", json!(other));
    for nonce in [world.keys.nonce(DEVICE + 1, NOW_MS), world.keys.nonce(NO_DEVICE, NOW_MS), other]
    {
        refused(ProofError::NonceStale, "nonce", json!(nonce));
    }
    for name in ["jti", "htm", "htu", "ath", "nonce", "bd"] {
        refused(ProofError::ProofForm, name, json!(1));
    }
    refused(ProofError::ProofForm, "iat", json!("now"));
}

#[test]
fn each_claim_missing_is_refused_as_such() {
    let world = world();
    for name in ["jti", "iat", "htm", "htu", "ath", "bd"] {
        let refused =
            world.with(|_, claims| drop(claims.as_object_mut().map(|map| map.remove(name))));
        assert_eq!(refused, Err(ProofError::ClaimMissing { name }));
    }
    let refused = world.with(|_, claims| claims["jti"] = json!(""));
    assert_eq!(refused, Err(ProofError::ClaimMissing { name: "jti" }));
    let refused =
        world.with(|_, claims| drop(claims.as_object_mut().map(|map| map.remove("nonce"))));
    assert_eq!(refused, Err(ProofError::NonceMissing));
}

#[test]
fn a_proof_is_for_one_request_only() {
    let world = world();
    let (token, proof, request) = (world.token(), world.proof(), world.request());
    let other_body = sha256(b"{}");
    let cases = [
        (Request { method: "GET", ..request }, ProofError::MethodWrong),
        (Request { scheme: "http", ..request }, ProofError::UriWrong),
        (Request { host: "wallet.example.jp:8443", ..request }, ProofError::UriWrong),
        (Request { path: "/v1/balance", ..request }, ProofError::UriWrong),
        (Request { body_digest: &other_body, ..request }, ProofError::BodyWrong),
    ];
    for (request, error) in cases {
        assert_eq!(world.keys.verify(&token, &proof, &request, NOW_MS), Err(error));
    }
    // Not even a caller that forgets to cut the query gets one past.
    let asked = Request { path: "/v1/code?a=b", ..request };
    let input = ProofInput { request: asked, ..world.input() };
    let proof = world.device.proof(&input, &SystemRandom::new()).expect("a proof");
    assert_eq!(world.keys.verify(&token, &proof, &asked, NOW_MS), Err(ProofError::UriWrong));
}

#[test]
fn another_key_is_refused_and_so_is_a_borrowed_one() {
    let world = world();
    let thief = DeviceKey::generate(&SystemRandom::new()).expect("a key");
    let own = thief.proof(&world.input(), &SystemRandom::new()).expect("a proof");
    assert_eq!(world.verify(&own), Err(ProofError::KeyWrong));
    let borrowed =
        thief.sign(&world.device.header(), &claims(&world.input()), &SystemRandom::new());
    assert_eq!(world.verify(&borrowed.expect("signed")), Err(ProofError::SignatureWrong));
    let other_token =
        world.keys.issue_token(session(MEMBER + 1), &world.device.public_key().thumbprint);
    let other_token =
        world.keys.open_token(&format!("DPoP {other_token}")).expect("the server's own");
    let refused = world.keys.verify(&other_token, &world.proof(), &world.request(), NOW_MS);
    assert_eq!(refused, Err(ProofError::TokenHashWrong));
}

#[test]
fn a_key_off_the_curve_proves_nothing() {
    let world = world();
    let mut header = world.device.header();
    header["jwk"]["y"] = json!(URL_SAFE_NO_PAD.encode([1; 32]));
    let input = ProofInput { nonce: None, token: None, ..world.input() };
    let mut claims = claims(&input);
    claims["nonce"] = json!(world.keys.nonce(NO_DEVICE, NOW_MS));
    let proof = world.device.sign(&header, &claims, &SystemRandom::new()).expect("signed");
    let refused = world.keys.verify_enrolment(&proof, &world.request(), NOW_MS);
    assert_eq!(refused, Err(ProofError::SignatureWrong));
}

#[test]
fn a_nonce_lives_for_its_step_and_the_next() {
    let world = world();
    let proof = world.proof();
    let at = |now_ms| world.keys.verify(&world.token(), &proof, &world.request(), now_ms).map(drop);
    assert_eq!(
        at(NOW_MS - 15_001),
        Err(ProofError::NonceStale),
        "a later step was not given out yet"
    );
    for now_ms in [NOW_MS - 15_000, NOW_MS, NOW_MS + 44_999] {
        assert_eq!(at(now_ms), Ok(()));
    }
    assert_eq!(at(NOW_MS + 45_000), Err(ProofError::NonceStale));
    assert_eq!(at(NOW_MS + 3_600_000), Err(ProofError::NonceStale));
    assert_eq!(world.nonce.len(), 32);
    assert_eq!(world.nonce, world.keys.nonce(DEVICE, NOW_MS + 14_999));
    assert_ne!(world.nonce, world.keys.nonce(DEVICE, NOW_MS + 15_000));
}

#[test]
fn a_device_enrols_with_a_nonce_of_no_device_and_without_a_token() {
    let world = world();
    let nonce = world.keys.nonce(NO_DEVICE, NOW_MS);
    let enrol = |input: &ProofInput<'_>| {
        let proof = world.device.proof(input, &SystemRandom::new()).expect("a proof");
        world.keys.verify_enrolment(&proof, &world.request(), NOW_MS)
    };
    let input = ProofInput { token: None, nonce: Some(&nonce), ..world.input() };
    assert_eq!(enrol(&input).as_ref(), Ok(world.device.public_key()));
    assert_eq!(enrol(&ProofInput { nonce: None, ..input }), Err(ProofError::NonceMissing));
    assert_eq!(
        enrol(&ProofInput { nonce: Some(&world.nonce), ..input }),
        Err(ProofError::NonceStale)
    );
    let request = Request { method: "PUT", ..world.request() };
    assert_eq!(enrol(&ProofInput { request, ..input }), Err(ProofError::MethodWrong));
}

#[test]
fn only_tokens_of_the_server_are_opened() {
    let world = world();
    assert_eq!(world.token.len(), TOKEN_BYTES);
    for header in
        ["", "DPoP", world.token.as_str(), "Bearer abc", &format!("Bearer {}", world.token)]
    {
        assert_eq!(world.keys.open_token(header), Err(ProofError::TokenMissing), "{header}");
    }
    assert!(world.keys.open_token(&format!("dpop  {}", world.token)).is_ok());
    for place in 0..world.token.len() {
        let mut changed = world.token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        let refused = world.keys.open_token(&format!("DPoP {changed}"));
        assert_eq!(refused, Err(ProofError::TokenWrong), "character {place}");
    }
    for wrong in [format!("{}A", world.token), world.token[1..].to_owned(), "é".repeat(54)] {
        assert_eq!(world.keys.open_token(&format!("DPoP {wrong}")), Err(ProofError::TokenWrong));
    }
}

#[test]
fn rotation_stops_no_device() {
    let mut world = world();
    let mut random = |bytes: &mut [u8]| bytes.fill(0xaa);
    world.file.rotate_nonce_key(&mut random, NOW_MS).expect("a first rotation");
    world.file.rotate_device_token_key(&mut random, NOW_MS, 1000).expect("a first rotation");
    world.keys = ProofKeys::new(&world.file, NOW_MS);
    assert!(world.verify(&world.proof()).is_ok());
    assert_ne!(world.keys.nonce(DEVICE, NOW_MS), world.nonce, "the new key makes");
    world.keys = ProofKeys::new(&world.file, NOW_MS + 1000);
    let old = world.keys.open_token(&format!("DPoP {}", world.token));
    assert_eq!(old, Err(ProofError::TokenWrong));
}

#[test]
fn a_member_given_twice_is_refused() {
    let world = world();
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let header = world.device.header().to_string();
    let claims = claims(&world.input()).to_string();
    let signature = URL_SAFE_NO_PAD.encode([1; 64]);
    let proof =
        |header: &str, claims: &str| format!("{}.{}.{signature}", encode(header), encode(claims));
    assert_eq!(world.verify(&proof(&header, &claims)), Err(ProofError::SignatureWrong));
    for name in ["jti", "iat", "htm", "htu", "ath", "nonce", "bd"] {
        let twice = claims.replacen(
            '{',
            &format!("{{\"{name}\":{},", if name == "iat" { "1" } else { "\"\"" }),
            1,
        );
        assert_eq!(world.verify(&proof(&header, &twice)), Err(ProofError::ProofForm), "{name}");
    }
    for name in ["typ", "alg"] {
        let twice = header.replacen('{', &format!("{{\"{name}\":\"ES256\","), 1);
        assert_eq!(world.verify(&proof(&twice, &claims)), Err(ProofError::ProofForm), "{name}");
    }
    let twice = header.replacen("\"jwk\":{", "\"jwk\":{\"x\":\"AA\",", 1);
    assert_eq!(world.verify(&proof(&twice, &claims)), Err(ProofError::ProofForm));
}

#[test]
fn what_is_no_jwt_is_refused() {
    let world = world();
    let proof = world.proof();
    let (signed, signature) = proof.rsplit_once('.').expect("three parts");
    for wrong in [
        String::new(),
        "..".to_owned(),
        signed.to_owned(),
        format!("{proof}."),
        format!("{proof}="),
        format!(".{proof}"),
        format!("{signed}.{}", &signature[..80]),
        proof.replace('.', " "),
    ] {
        assert_eq!(world.verify(&wrong), Err(ProofError::ProofForm), "{wrong}");
    }
    assert_eq!(world.verify(&"a".repeat(PROOF_BYTES_MAX + 1)), Err(ProofError::ProofTooLong));
    assert_eq!(world.verify(&"a".repeat(PROOF_BYTES_MAX)), Err(ProofError::ProofForm));
}

#[test]
fn the_texts_say_what_to_do_and_the_codes_are_those_of_the_rfc() {
    use ProofError::{
        AlgorithmWrong, BodyWrong, ClaimMissing, CriticalUnknown, KeyForm, KeyPrivate, KeyWrong,
        MethodWrong, NonceMissing, NonceStale, ProofForm, ProofTooLong, Replayed, SignatureWrong,
        TokenHashWrong, TokenMissing, TokenWrong, TypeWrong, UriWrong,
    };
    let proof = [
        ProofTooLong,
        ProofForm,
        TypeWrong,
        AlgorithmWrong,
        CriticalUnknown,
        KeyForm,
        KeyPrivate,
        MethodWrong,
        ClaimMissing { name: "htm" },
        UriWrong,
        TokenHashWrong,
        BodyWrong,
        SignatureWrong,
        Replayed,
    ];
    let token = [TokenMissing, TokenWrong, KeyWrong];
    let nonce = [NonceMissing, NonceStale];
    for (errors, code) in
        [(&proof[..], "invalid_dpop_proof"), (&token, "invalid_token"), (&nonce, "use_dpop_nonce")]
    {
        for error in errors {
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(" must "), "{error}");
        }
    }
}

#[test]
fn the_examples_of_rfc_9449_hold() {
    // Sections 4.1 (proof), 6.1 (thumbprint) and 7.1 (token and its hash).
    let text = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZy",
        "aHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpi",
        "VFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0V",
        "TYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3R",
        "va2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4Pt",
        "FLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    );
    let proof = Proof::parse(text).expect("the proof of section 4.1");
    assert_eq!(proof.check_signature(), Ok(()));
    let thumbprint = URL_SAFE_NO_PAD.encode(proof.key.thumbprint);
    assert_eq!(thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    let token = sha256(b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    assert!(is_digest("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", &token));
}

#[test]
fn a_device_key_is_kept_as_pkcs8_and_shows_only_its_public_half() {
    let random = SystemRandom::new();
    let key = DeviceKey::generate(&random).expect("a key");
    let again = DeviceKey::from_pkcs8(key.pkcs8(), &random).expect("its own key");
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(sha256(key.public_jwk().as_bytes()), key.public_key().thumbprint);
    assert!(!format!("{key:?}").contains("pkcs8"));
    let refused = DeviceKey::from_pkcs8(b"no key", &random).map(drop);
    assert_eq!(refused, Err(DeviceKeyError::Pkcs8));
}

proptest! {
    #[test]
    fn garbage_never_panics(
        proof in any::<String>(), header in any::<String>(),
        json in "\\PC{0,60}", token in "[A-Za-z0-9_-]{108}"
    ) {
        let world = world();
        prop_assert!(world.verify(&proof).is_err());
        prop_assert!(world.keys.open_token(&header).is_err());
        let header = format!("DPoP {token}");
        prop_assert!(world.keys.open_token(&header).is_err());
        let part = URL_SAFE_NO_PAD.encode(&json);
        let objects = URL_SAFE_NO_PAD.encode(format!("{{{json}}}"));
        for (header, claims) in [(&part, &part), (&objects, &objects)] {
            let proof = format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
            prop_assert!(world.verify(&proof).is_err());
            let enrolled = world.keys.verify_enrolment(&proof, &world.request(), NOW_MS);
            prop_assert!(enrolled.is_err());
        }
    }

    #[test]
    fn no_changed_byte_of_a_proof_is_verified(place in 0_usize..2000, byte in b'!'..=b'~') {
        let world = world();
        let mut proof = world.proof().into_bytes();
        let place = place % proof.len();
        prop_assume!(proof[place] != byte);
        proof[place] = byte;
        prop_assert!(world.verify(&String::from_utf8(proof).expect("ASCII")).is_err());
    }
}
