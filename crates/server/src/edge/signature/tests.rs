use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;

fn key() -> [u8; 32] {
    std::array::from_fn(|place| u8::try_from(place).expect("below 32"))
}

fn parts<'a>(
    method: &'a str,
    path: &'a str,
    query: &'a str,
    digest: &'a [u8; 32],
) -> RequestParts<'a> {
    RequestParts { method, path, query, host: "localhost:8443", body_digest: digest }
}

fn claim(parts: &RequestParts<'_>) -> Claim {
    parse(&sign(1, 1, &key(), parts, NOW)).expect("what a register sends")
}

#[test]
fn the_published_vectors_hold() {
    let vectors = [
        (
            "POST",
            "/v1/payments",
            "",
            &b"{\"amount\":1200}"[..],
            "f6eac784157138cec1f92c8dfa0d1977ae69a6ebe48f4cd242b63d44bcce2f0f",
        ),
        (
            "GET",
            "/v1/payments",
            "limit=20",
            b"",
            "12c7d99e7c931e43955e99bb6164f51ccd42a4ce810c6ee5f86c9e6f56daa981",
        ),
        (
            "POST",
            "/v1/payments/pay_00000000000013/refunds",
            "",
            b"{}",
            "3f1732b2f8b908ad3fb8933750f43b01635407e9d84c769e976b8a9e105d47d5",
        ),
    ];
    for (method, path, query, body, signature) in vectors {
        let digest = body_digest(body);
        let header = sign(1, 1, &key(), &parts(method, path, query, &digest), NOW);
        let parameters = "terminal=trm_00000000000014, generation=1, timestamp=1800000000";
        assert_eq!(header, format!("{SCHEME} {parameters}, signature={signature}"));
    }
}

#[test]
fn a_signed_request_is_accepted_with_its_host_in_any_case() {
    let digest = body_digest(b"{}");
    let signed = parts("POST", "/v1/payments", "", &digest);
    let claim = claim(&signed);
    assert_eq!((claim.number, claim.generation, claim.timestamp), (1, 1, NOW));
    assert_eq!(verify(&claim, &key(), &signed, NOW), Ok(()));
    let shouted = RequestParts { host: "LocalHost:8443", ..signed };
    assert_eq!(verify(&claim, &key(), &shouted, NOW), Ok(()));
}

#[test]
fn each_part_changed_is_refused() {
    let (digest, other_digest) = (body_digest(b"{}"), body_digest(b"{ }"));
    let signed = parts("POST", "/v1/payments", "limit=20", &digest);
    let claim = claim(&signed);
    let changed = [
        RequestParts { method: "PUT", ..signed },
        RequestParts { method: "post", ..signed },
        RequestParts { path: "/v1/refunds", ..signed },
        RequestParts { path: "/v1/Payments", ..signed },
        RequestParts { path: "/v1/payments/", ..signed },
        RequestParts { query: "", ..signed },
        RequestParts { query: "limit=21", ..signed },
        RequestParts { host: "localhost", ..signed },
        RequestParts { host: "localhost:8444", ..signed },
        RequestParts { body_digest: &other_digest, ..signed },
        // The same bytes, divided otherwise.
        RequestParts { path: "/v1/paymentslimit=20", query: "", ..signed },
        RequestParts { path: "/v1/payments?limit=20", query: "", ..signed },
    ];
    for parts in changed {
        assert_eq!(
            verify(&claim, &key(), &parts, NOW),
            Err(SignatureError::SignatureWrong),
            "{parts:?}"
        );
    }
    let changed = [
        Claim { generation: 2, ..claim.clone() },
        Claim { timestamp: NOW + 1, ..claim.clone() },
        Claim { signature: claim.signature.map(|byte| byte ^ 1), ..claim.clone() },
    ];
    for claim in changed {
        assert_eq!(
            verify(&claim, &key(), &signed, NOW),
            Err(SignatureError::SignatureWrong),
            "{claim:?}"
        );
    }
    for byte in 0..32 {
        let mut other = key();
        other[byte] ^= 1;
        assert_eq!(verify(&claim, &other, &signed, NOW), Err(SignatureError::SignatureWrong));
    }
}

#[test]
fn the_clock_may_differ_by_sixty_seconds_both_ways() {
    let digest = body_digest(b"");
    let signed = parts("GET", "/v1/payments", "", &digest);
    let claim = claim(&signed);
    for now in [NOW - 60, NOW, NOW + 60] {
        assert_eq!(verify(&claim, &key(), &signed, now), Ok(()));
    }
    for (now, difference_seconds) in
        [(NOW - 61, 61), (NOW + 61, -61), (0, NOW), (i64::MIN, i64::MAX)]
    {
        let far = Err(SignatureError::TimestampFar { difference_seconds });
        assert_eq!(verify(&claim, &key(), &signed, now), far);
    }
}

#[test]
fn a_part_that_blurs_the_lines_is_refused() {
    let digest = body_digest(b"");
    let signed = parts("GET", "/v1/payments", "", &digest);
    let claim = claim(&signed);
    for blurred in [
        RequestParts { method: "GET\n", ..signed },
        RequestParts { path: "/v1\n/payments", ..signed },
        RequestParts { query: "a\rb", ..signed },
        RequestParts { host: "localhost\0", ..signed },
    ] {
        assert_eq!(verify(&claim, &key(), &blurred, NOW), Err(SignatureError::PartsWrong));
    }
}

#[test]
fn a_terminal_and_a_webhook_never_pass_for_one_another() {
    let digest = body_digest(b"");
    let signed = parts("GET", "/v1/events", "", &digest);
    let of_webhook = sign_as((Signer::Webhook, 1), 1, &key(), &signed, NOW);
    let of_terminal = sign(1, 1, &key(), &signed, NOW);
    let claim = parse_of(Signer::Webhook, &of_webhook).expect("what a partner sends");
    assert_eq!(verify(&claim, &key(), &signed, NOW), Ok(()));
    assert_eq!(parse(&of_webhook), Err(SignatureError::ParameterUnknown));
    assert_eq!(parse_of(Signer::Webhook, &of_terminal), Err(SignatureError::ParameterUnknown));
    // The same key, named as the other.
    let renamed = of_terminal.replace(
        "terminal=trm_00000000000014",
        &format!("webhook={}", identifier::text(Kind::Webhook, 1)),
    );
    let claim = parse_of(Signer::Webhook, &renamed).expect("it has the form");
    assert_eq!(verify(&claim, &key(), &signed, NOW), Err(SignatureError::SignatureWrong));
    let wrong = renamed.replace("whe_", "trm_");
    assert!(matches!(parse_of(Signer::Webhook, &wrong), Err(SignatureError::WebhookWrong(_))));
}

#[test]
fn parameters_stand_in_any_order_and_spacing() {
    let digest = body_digest(b"");
    let header = sign(1, 1, &key(), &parts("GET", "/", "", &digest), NOW);
    let (scheme, parameters) = header.split_once(' ').expect("a scheme");
    let mut turned: Vec<&str> = parameters.split(", ").collect();
    turned.reverse();
    let turned = format!("{}  {}", scheme.to_ascii_lowercase(), turned.join(" ,"));
    assert_eq!(parse(&turned), parse(&header));
}

#[test]
fn every_refusal_of_the_header_is_reached_and_says_what_to_do() {
    let digest = body_digest(b"");
    let header = sign(1, 1, &key(), &parts("GET", "/", "", &digest), NOW);
    let with = |from: &str, to: &str| header.replace(from, to);
    let cases = [
        (String::new(), SignatureError::SchemeWrong),
        ("Bearer abc".to_owned(), SignatureError::SchemeWrong),
        (SCHEME.to_owned(), SignatureError::SchemeWrong),
        (format!("{header}{}", " ".repeat(HEADER_BYTES_MAX)), SignatureError::HeaderTooLong),
        (format!("{header}, nonce=1"), SignatureError::ParameterUnknown),
        (format!("{header},"), SignatureError::ParameterUnknown),
        (with("generation", "Generation"), SignatureError::ParameterUnknown),
        (format!("{header}, generation=1"), SignatureError::ParameterTwice { name: "generation" }),
        (with("generation=1, ", ""), SignatureError::ParameterMissing { name: "generation" }),
        (
            with("trm_", "mer_"),
            SignatureError::TerminalWrong(IdentifierError::PrefixWrong { expected: "trm" }),
        ),
        (with("generation=1", "generation=01"), SignatureError::GenerationWrong),
        (with("generation=1", "generation=4294967296"), SignatureError::GenerationWrong),
        (with("timestamp=1", "timestamp=+1"), SignatureError::TimestampWrong),
        (with("timestamp=1", "timestamp=-1"), SignatureError::TimestampWrong),
        (with("1800000000", "1800000000.5"), SignatureError::TimestampWrong),
        (with("1800000000", ""), SignatureError::TimestampWrong),
        (with("1800000000", "9223372036854775808"), SignatureError::TimestampWrong),
        (with("signature=", "signature=0"), SignatureError::SignatureForm),
        (with("signature=", "signature=\""), SignatureError::SignatureForm),
    ];
    for (header, error) in cases {
        assert_eq!(parse(&header), Err(error), "{header}");
        let text = error.to_string();
        assert!(text.contains("must") || text.contains(" is wrong: "), "{text}");
    }
}

proptest! {
    #[test]
    fn no_header_panics(header in any::<String>(), parameters in "[a-z=,_ 0-9é\"]{0,200}") {
        prop_assert!(parse(&header).is_err());
        let signed = format!("{SCHEME} {parameters}");
        prop_assert!(parse(&signed).is_err());
    }

    #[test]
    fn what_is_signed_is_verified(
        terminal in 1..=i64::MAX, generation in any::<u32>(), key in any::<[u8; 32]>(),
        path in "/[!-~]{0,40}", query in "[!-~]{0,40}", body in any::<Vec<u8>>(),
        timestamp in 0..=i64::MAX
    ) {
        let digest = body_digest(&body);
        let signed = parts("POST", &path, &query, &digest);
        let header = sign(terminal.cast_unsigned(), generation, &key, &signed, timestamp);
        prop_assert!(header.len() < HEADER_BYTES_MAX);
        let claim = parse(&header).expect("what a register sends");
        prop_assert_eq!(claim.number, terminal.cast_unsigned());
        prop_assert_eq!(verify(&claim, &key, &signed, timestamp), Ok(()));
    }

    #[test]
    fn no_changed_byte_of_a_header_is_verified(place in 0_usize..160, byte in b' '..=b'~') {
        let digest = body_digest(b"{}");
        let signed = parts("POST", "/v1/payments", "", &digest);
        let header = sign(1, 1, &key(), &signed, NOW);
        let mut bytes = header.clone().into_bytes();
        let place = place % bytes.len();
        bytes[place] = byte;
        let changed = String::from_utf8(bytes).expect("ASCII");
        // Case of scheme and identifier, and spaces, may change without changing the claim.
        let signed_claim = parse(&header).expect("what a register sends");
        if let Ok(claim) = parse(&changed) && claim != signed_claim {
            prop_assert!(verify(&claim, &key(), &signed, NOW).is_err() || claim.number != 1);
        }
    }
}
