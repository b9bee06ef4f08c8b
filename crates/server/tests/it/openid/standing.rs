//! Configuration and keys: fetched seldom, refused when they do not fit, and a provider that is
//! down is nobody else's trouble.

use std::net::TcpListener;
use std::sync::Arc;

use yaoki_core::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use yaoki_server::identity::openid::{
    Asked, CHANCE_BYTES, OpenidError, Provider, TokenError, UNDER_WAY_MAX,
};

use super::provider::Stand;
use super::{BROWSER, NOW, REDIRECT, Seal, begun, finished, options, provider_at, tried, walked};

const CONFIGURATION: &str = "/.well-known/openid-configuration";

#[test]
fn configuration_and_keys_are_fetched_once_an_hour() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    assert_eq!(stand.asked(CONFIGURATION), 0, "nothing is fetched before somebody asks");
    for _ in 0..3 {
        walked(&stand, &provider).expect("a person");
    }
    assert_eq!((stand.asked(CONFIGURATION), stand.asked("/keys")), (1, 1));
    tried(&provider, 1, NOW.plus_ms(HOUR_MS)).expect("it is there");
    assert_eq!((stand.asked(CONFIGURATION), stand.asked("/keys")), (2, 2));
}

#[test]
fn a_new_key_is_fetched_when_a_token_names_it_at_most_once_a_minute() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    walked(&stand, &provider).expect("the first key");
    "new".clone_into(&mut stand.mind().kid);
    assert_eq!(walked(&stand, &provider), Err(TokenError::Key.into()), "within the minute");
    assert_eq!(stand.asked("/keys"), 1);
    let later = NOW.plus_ms(MINUTE_MS);
    let attempt = begun(&provider, 3);
    let came = stand.consent(&attempt);
    finished(&provider, &attempt, &came, later).expect("the second key");
    assert_eq!((stand.asked(CONFIGURATION), stand.asked("/keys")), (1, 2));
}

#[test]
fn a_provider_that_is_down_is_said_and_left_alone_for_a_while() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    stand.mind().status = Some(503);
    let down = tried(&provider, 1, NOW).expect_err("it is down");
    assert_eq!(down, OpenidError::Away("it answered with status 503".to_owned()));
    assert!(down.is_outage());
    assert_eq!(tried(&provider, 1, NOW.plus_ms(4 * SECOND_MS)), Err(OpenidError::Resting));
    assert_eq!(stand.asked(CONFIGURATION), 1);
    stand.mind().status = None;
    tried(&provider, 1, NOW.plus_ms(5 * SECOND_MS)).expect("it is back");
}

#[test]
fn a_provider_that_is_not_there_is_said() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let provider = provider_at(&format!("http://{gone}"));
    assert!(matches!(tried(&provider, 1, NOW), Err(OpenidError::Away(_))));
}

#[test]
fn a_redirect_is_not_followed() {
    let stand = Stand::new();
    stand.mind().status = Some(302);
    let refused = tried(&provider_at(&stand.issuer()), 1, NOW).expect_err("it is refused");
    assert_eq!(refused, OpenidError::Away("it answered with status 302".to_owned()));
    assert_eq!(stand.asked("/elsewhere"), 0);
}

#[test]
fn a_configuration_is_of_its_issuer_and_names_addresses_that_may_be_asked() {
    let changes: [fn(&mut serde_json::Value); 7] = [
        |says| says["issuer"] = "https://another.example".into(),
        |says| says["issuer"] = format!("{}/", says["issuer"].as_str().expect("it")).into(),
        |says| says["token_endpoint"] = "http://192.0.2.1/token".into(),
        |says| says["authorization_endpoint"] = "http://192.0.2.1/authorize".into(),
        |says| says["jwks_uri"] = "http://192.0.2.1/keys".into(),
        |says| drop(says.as_object_mut().expect("it").remove("token_endpoint")),
        |says| drop(says.as_object_mut().expect("it").remove("jwks_uri")),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let stand = Stand::new();
        stand.mind().configuration = change;
        let refused = tried(&provider_at(&stand.issuer()), 1, NOW).expect_err("it is refused");
        assert!(matches!(refused, OpenidError::Configuration(_)), "case {number}: {refused}");
        assert!(!refused.to_string().is_empty());
    }
}

#[test]
fn an_answer_that_is_too_long_is_none() {
    let stand = Stand::new();
    stand.mind().configuration = |says| says["op_tos_uri"] = "a".repeat(300_000).into();
    let refused = tried(&provider_at(&stand.issuer()), 1, NOW).expect_err("it is refused");
    assert_eq!(refused, OpenidError::Away("its answer is too long".to_owned()));
}

#[test]
fn a_live_book_asks_no_provider_in_the_clear() {
    let stand = Stand::new();
    let refused = Provider::new(options(&stand.issuer()), false).expect_err("it is refused");
    assert!(refused.contains("issuer must be `https`"), "{refused}");
}

#[test]
fn a_secret_goes_into_the_body_where_the_header_is_not_taken() {
    let stand = Stand::new();
    stand.mind().configuration =
        |says| says["token_endpoint_auth_methods_supported"] = ["client_secret_post"].into();
    // The provider of the test takes the header only: that it refuses shows that none came.
    let refused = walked(&stand, &provider_at(&stand.issuer()));
    assert_eq!(refused, Err(OpenidError::Code("invalid_client".to_owned())));
}

#[test]
fn a_silent_provider_keeps_so_many_and_turns_the_others_away_at_once() {
    let stand = Stand::new();
    stand.mind().silent = true;
    let provider = Arc::new(provider_at(&stand.issuer()));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
    let begin = || {
        let provider = Arc::clone(&provider);
        async move {
            let asked = Asked { binding: &BROWSER, redirect: REDIRECT };
            provider.begin(asked, NOW, &[1; CHANCE_BYTES], &Seal::new(1)).await
        }
    };
    let waiting: Vec<_> = (0..UNDER_WAY_MAX).map(|_| runtime.spawn(begin())).collect();
    // One thread takes them in order: when one more is turned away, all of them wait.
    while stand.asked(CONFIGURATION) == 0 {
        std::thread::yield_now();
    }
    let one_more = runtime.block_on(runtime.spawn(begin())).expect("it does not panic");
    assert_eq!(one_more, Err(OpenidError::Busy));
    stand.mind().silent = false;
    for one in waiting {
        runtime.block_on(one).expect("it does not panic").expect("each is answered");
    }
    assert_eq!(stand.asked(CONFIGURATION), 1, "one call for all of them");
}
