use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::process::{Place, ended};

/// What `doctor` says about the public listener.
fn public(command: std::process::Command) -> String {
    let doctor = ended(command);
    let found: Value = serde_json::from_str(&doctor.out).expect("JSON");
    let findings = found["findings"].as_array().expect("a list").iter();
    let mut texts = findings.filter_map(|finding| finding["text"].as_str());
    texts.find(|text| text.starts_with("public at ")).expect("a listener").to_owned()
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let place = Place::with_book("demo");
    let command = |more: &[&str]| place.command(&[&["doctor", "--json"], more].concat());
    assert_eq!(public(command(&[])), "public at 127.0.0.1:7700");
    place.file("data/yaoki.toml", "public = \"127.0.0.1:7801\"\n");
    assert_eq!(public(command(&[])), "public at 127.0.0.1:7801");
    place.file("other.toml", "public = \"127.0.0.1:7802\"\n");
    assert_eq!(public(command(&["--config", "other.toml"])), "public at 127.0.0.1:7802");
    let mut with_environment = command(&[]);
    with_environment.env("YAOKI_PUBLIC", "127.0.0.1:7803");
    assert_eq!(public(with_environment), "public at 127.0.0.1:7803");
    let mut with_flag = command(&["--public", "127.0.0.1:7804"]);
    with_flag.env("YAOKI_PUBLIC", "127.0.0.1:7803");
    assert_eq!(public(with_flag), "public at 127.0.0.1:7804");
}

#[test]
fn where_everything_is_can_be_said_before_and_after_the_command() {
    let place = Place::new();
    place.done(&["--data", "here", "init", "--kind", "demo"]);
    place.done(&["admin", "status", "--data", "here"]);
    place.done(&["admin", "--data", "here", "status"]);
    let mut command = place.command(&["admin", "status"]);
    command.env("YAOKI_DATA", "here");
    assert_eq!(ended(command).code, 0);
}

#[test]
fn a_name_that_is_no_setting_is_refused_with_the_one_that_is_meant() {
    let place = Place::with_book("demo");
    place.file("data/yaoki.toml", "code_prefx = \"9876\"\n");
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("code_prefix is meant?"), "{refused:?}");
    place.file("data/yaoki.toml", "code_prefix = 98765432\n");
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    let said =
        "the setting code_prefix \"98765432\", set in data/yaoki.toml, must be 4 to 6 digits";
    assert!(refused.err.contains(said), "{refused:?}");
    let missing = place.run(&["serve", "--config=gone.toml"]);
    assert_eq!(missing.code, 3);
    assert!(missing.err.contains("the settings file gone.toml must be readable"), "{missing:?}");
}

#[test]
fn a_variable_that_is_no_setting_is_told_by_doctor() {
    let place = Place::with_book("demo");
    let mut command = place.command(&["doctor"]);
    command.env("YAOKI_LANE", "4");
    let doctor = ended(command);
    assert!(doctor.out.contains("no variable YAOKI_LANE; YAOKI_LANES is meant?"), "{doctor:?}");
}

#[test]
fn what_is_made_is_for_its_owner_only() {
    let place = Place::with_book("demo");
    place.done(&["backup", "copy.db"]);
    for name in ["data", "data/keys.json", "data/yaoki.db", "copy.db"] {
        let mode = place.path().join(name).metadata().expect(name).permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[test]
fn a_provider_of_external_ids_is_reached_by_https_and_its_secret_is_for_its_owner_only() {
    let place = Place::with_book("live");
    let named = |issuer: &str, more: &str| {
        let provider = format!(
            "[[provider]]\nname = \"id\"\nissuer = \"{issuer}\"\nclient_id = \"yaoki\"\n\
             client_secret_file = \"id.secret\"\n{more}"
        );
        place.file("openid.toml", &provider);
        let refused = place.run(&["serve", "--openid", "openid.toml"]);
        assert_ne!(refused.code, 0, "{refused:?}");
        assert!(!refused.err.contains("hunter2"), "{refused:?}");
        refused.err
    };
    place.file("id.secret", "hunter2\n");
    let secret = place.path().join("id.secret");
    let is = |mode| std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode));
    is(0o640).expect("it is ours");
    let said = named("https://id.example", "");
    assert!(said.contains("others can read it"), "{said}");
    is(0o600).expect("it is ours");
    let said = named("http://127.0.0.1:9", "");
    assert!(said.contains("issuer must be `https`"), "{said}");
    let said = named("https://id.example", "algorithms = [\"HS256\"]\n");
    assert!(said.contains("no algorithm \"HS256\""), "{said}");
    // A secret in the wrong place is not told.
    let said = named("https://id.example", "client_secret = \"hunter2\"\n");
    assert!(said.contains("client_secret"), "{said}");
}
