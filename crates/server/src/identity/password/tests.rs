use super::*;

const RIGHT: &str = "kiwa mizu sorano 77";

fn passwords() -> Passwords {
    Passwords::start(Leaked::default(), 2, &[9; 32]).expect("a thread")
}

async fn kept(passwords: &Passwords, text: &str) -> String {
    passwords.set(Line::Known, &Password::new(text), &[], [3; 16]).await.expect("a good password")
}

#[tokio::test]
async fn a_password_is_right_only_as_it_was_set() {
    let passwords = passwords();
    let kept = kept(&passwords, RIGHT).await;
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    let check = |text: &str| {
        let (password, kept) = (Password::new(text), kept.clone());
        async { passwords.check(Line::Stranger, &{ password }, Some(kept)).await }
    };
    let right = check(RIGHT).await.expect("checked");
    assert_eq!(right, Checked { is_right: true, is_leaked: false });
    for wrong in ["", "kiwa mizu sorano 78", "Kiwa mizu sorano 77", " kiwa mizu sorano 77"] {
        assert!(!check(wrong).await.expect("checked").is_right, "{wrong:?}");
    }
}

#[tokio::test]
async fn nobody_has_no_password_not_even_the_empty_one() {
    let passwords = passwords();
    for text in ["", RIGHT, &"x".repeat(10_000)] {
        let checked = passwords.check(Line::Stranger, &Password::new(text), None).await;
        assert!(!checked.expect("checked").is_right, "{}", text.len());
    }
    let empty = digest(b"", &[3; 16]);
    let checked = passwords.check(Line::Stranger, &Password::new(""), Some(empty)).await;
    assert!(!checked.expect("checked").is_right);
    for damaged in ["", "$argon2id$", "plain"] {
        let checked =
            passwords.check(Line::Stranger, &Password::new(RIGHT), Some(damaged.to_owned())).await;
        assert_eq!(checked, Err(PasswordError::Kept), "{damaged}");
    }
}

#[tokio::test]
async fn an_older_digest_is_right_too() {
    let params = Params::new(8_192, 1, 1, None).expect("in range");
    let older = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = Salt::from_b64("c29tZSBzYWx0IGhlcmU").expect("a salt");
    let kept = older.hash_password(RIGHT.as_bytes(), salt).expect("a digest").to_string();
    let checked = passwords().check(Line::Known, &Password::new(RIGHT), Some(kept)).await;
    let expected = Checked { is_right: true, is_leaked: false };
    assert_eq!(checked, Ok(expected));
}

#[tokio::test]
async fn both_forms_of_a_letter_are_one_password() {
    let passwords = passwords();
    let composed = "がぎぐげごの道をゆく";
    let decomposed: String = composed.nfd().collect();
    let kept = kept(&passwords, composed).await;
    let checked = passwords.check(Line::Known, &Password::new(&decomposed), Some(kept)).await;
    assert!(checked.expect("checked").is_right);
}

#[tokio::test]
async fn a_leaked_password_is_not_set_and_found_out_when_used() {
    let passwords = passwords();
    let common = Password::new("password1");
    let refused = passwords.set(Line::Known, &common, &[], [3; 16]).await;
    assert_eq!(refused, Err(Weakness::Leaked.into()));
    let kept = digest(b"password1", &[3; 16]);
    let checked = passwords.check(Line::Known, &common, Some(kept)).await.expect("checked");
    assert!(checked.is_right && checked.is_leaked && passwords.is_leaked(&common));
}

#[test]
fn only_length_and_context_are_rules() {
    let words = ["Hanako.Sato@example.jp", "Yaoki", "Kado Market", "jp"];
    let may_be = |text: &str| may_be(&Password::new(text), &words);
    for fine in [
        RIGHT,
        "        ",
        "aaaaaaaa",
        "八文字以上の言葉",
        "yaoki and eight more",
        &"あ".repeat(CHARACTERS_MAX),
    ] {
        assert_eq!(may_be(fine), Ok(()), "{fine}");
    }
    for (wrong, weakness) in [
        ("", Weakness::Short),
        ("sevench", Weakness::Short),
        ("七文字の言葉だ", Weakness::Short),
        (&"a".repeat(CHARACTERS_MAX + 1), Weakness::Long),
        (&"\u{1d11e}".repeat(CHARACTERS_MAX + 1), Weakness::Long),
        ("hanako.sato1", Weakness::OfContext),
        ("YaokiYaoki77", Weakness::OfContext),
        ("kado market!", Weakness::OfContext),
    ] {
        assert_eq!(may_be(wrong), Err(weakness), "{wrong}");
    }
}

#[test]
fn no_password_is_printed() {
    let password = Password::new(RIGHT);
    assert_eq!(format!("{password:?}"), "[redacted]");
    assert!(!format!("{:?}", passwords()).contains("argon2"));
}
