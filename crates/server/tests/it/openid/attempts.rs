//! An attempt belongs to one browser, one provider and one answer, and ends.

use yaoki_server::identity::openid::{ATTEMPT_MS, OpenidError, Returned, TokenError};

use super::provider::Stand;
use super::{BROWSER, NOW, Seal, begun, finished, provider_at, wait};

#[test]
fn an_attempt_is_finished_by_the_browser_that_began_it() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let begun = begun(&provider, 1);
    let came = stand.consent(&begun);
    let other = wait(provider.finish(came.with(&begun), &[8; 32], NOW, &Seal::new(1)));
    assert_eq!(other, Err(OpenidError::Browser));
    assert_eq!(stand.asked("/token"), 0, "the code is not used up by whoever has stolen it");
    finished(&provider, &begun, &came, NOW).expect("its own browser");
}

#[test]
fn an_attempt_lasts_ten_minutes() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let begun = begun(&provider, 1);
    let came = stand.consent(&begun);
    let late = NOW.plus_ms(ATTEMPT_MS);
    assert_eq!(finished(&provider, &begun, &came, late), Err(OpenidError::Over));
    // It was made in the beginning: a token that is as old is refused for itself.
    let last = finished(&provider, &begun, &came, NOW.plus_ms(ATTEMPT_MS - 1));
    assert_eq!(last, Err(TokenError::Expired.into()));
}

#[test]
fn an_attempt_that_this_server_has_not_sealed_is_none() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let begun = begun(&provider, 1);
    let came = stand.consent(&begun);
    let other = wait(provider.finish(came.with(&begun), &BROWSER, NOW, &Seal::new(2)));
    assert_eq!(other, Err(OpenidError::Attempt));
    let long = "a".repeat(9_000);
    for attempt in ["", "a", "e30.e30", long.as_str()] {
        let returned = Returned { attempt, ..came.with(&begun) };
        let refused = wait(provider.finish(returned, &BROWSER, NOW, &Seal::new(1)));
        assert_eq!(refused, Err(OpenidError::Attempt));
    }
}

#[test]
fn an_answer_is_to_the_attempt_whose_state_it_has() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let (one, other) = (begun(&provider, 1), begun(&provider, 2));
    let came = stand.consent(&one);
    assert_eq!(finished(&provider, &other, &came, NOW), Err(OpenidError::State));
    for state in ["", "another", &came.state[1..]] {
        let returned = Returned { state, ..came.with(&one) };
        let refused = wait(provider.finish(returned, &BROWSER, NOW, &Seal::new(1)));
        assert_eq!(refused, Err(OpenidError::State));
    }
    assert_eq!(stand.asked("/token"), 0);
}

#[test]
fn an_attempt_is_used_once() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let begun = begun(&provider, 1);
    let came = stand.consent(&begun);
    let one = finished(&provider, &begun, &came, NOW).expect("once");
    let again = finished(&provider, &begun, &came, NOW);
    assert_eq!(again, Err(OpenidError::Code("invalid_grant".to_owned())));
    // A code of a later consent does not make an older attempt another one.
    let later = super::provider::Came { code: stand.consent(&begun).code, ..came };
    let same = finished(&provider, &begun, &later, NOW).expect("the provider is asked anew");
    assert_eq!(one.attempt, same.attempt, "whoever keeps it sees that it is used again");
}

#[test]
fn a_code_of_another_attempt_is_worth_nothing() {
    let stand = Stand::new();
    let provider = provider_at(&stand.issuer());
    let (theirs, ours) = (begun(&provider, 1), begun(&provider, 2));
    let injected = |stand: &Stand| {
        let code = stand.consent(&theirs).code;
        super::provider::Came { code, ..stand.consent(&ours) }
    };
    let refused = finished(&provider, &ours, &injected(&stand), NOW);
    assert_eq!(refused, Err(OpenidError::Code("invalid_grant".to_owned())), "by the verifier");
    stand.mind().forgets_pkce = true;
    let refused = finished(&provider, &ours, &injected(&stand), NOW);
    assert_eq!(refused, Err(TokenError::Nonce.into()), "and by the nonce");
}

#[test]
fn the_provider_that_answers_is_the_one_that_was_asked() {
    let (stand, other) = (Stand::new(), Stand::new());
    let provider = provider_at(&stand.issuer());
    let begun = begun(&provider, 1);
    let mut came = stand.consent(&begun);
    came.issuer = Some(other.issuer());
    assert_eq!(finished(&provider, &begun, &came, NOW), Err(OpenidError::Answering));
    came.issuer = Some(format!("{}/", stand.issuer()));
    assert_eq!(finished(&provider, &begun, &came, NOW), Err(OpenidError::Answering));
    assert_eq!(stand.asked("/token"), 0, "the code goes to nobody");
    came.issuer = Some(stand.issuer());
    finished(&provider, &begun, &came, NOW).expect("the one that was asked");
}

#[test]
fn a_provider_that_says_that_it_names_itself_must_do_so() {
    let stand = Stand::new();
    stand.mind().configuration =
        |says| says["authorization_response_iss_parameter_supported"] = true.into();
    let provider = provider_at(&stand.issuer());
    let begun = begun(&provider, 1);
    let came = stand.consent(&begun);
    assert_eq!(finished(&provider, &begun, &came, NOW), Err(OpenidError::Answering));
}

#[test]
fn an_attempt_is_finished_with_the_provider_that_it_was_begun_with() {
    let (stand, other) = (Stand::new(), Stand::new());
    let (provider, mixed) = (provider_at(&stand.issuer()), provider_at(&other.issuer()));
    let begun = begun(&provider, 1);
    let came = stand.consent(&begun);
    // The same name, another issuer: as after a change of the settings.
    assert_eq!(finished(&mixed, &begun, &came, NOW), Err(OpenidError::Provider));
    assert_eq!(other.asked("/token"), 0, "the code goes to nobody else");
}
