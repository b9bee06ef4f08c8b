use crate::process::Place;

#[test]
fn the_short_help_names_every_command() {
    let place = Place::new();
    insta::assert_snapshot!("yaoki", place.done(&["-h"]));
    insta::assert_snapshot!("admin", place.done(&["admin", "-h"]));
}

#[test]
fn hidden_commands_are_not_in_the_help() {
    let help = Place::new().done(&["--help"]);
    assert!(!help.contains("healthcheck") && !help.contains("docs"), "{help}");
}

#[test]
fn what_is_misspelt_is_exit_code_2_and_says_what_is_meant() {
    let place = Place::new();
    for (wrong, said) in [
        (&["sreve"][..], "'serve'"),
        (&["serve", "--code-lifetime-second", "60"], "'--code-lifetime-seconds'"),
        (&["init"], "--kind"),
        (&["init", "--kind", "real"], "[possible values: demo, staging, live]"),
        (&["admin", "balance", "bank:7"], "mem_…, sto_…, member:N"),
        (&["admin", "close-switch", "everything"], "code-issue"),
        (&["admin", "close-switch", "payment", "--store=1", "--member=1"], "cannot be used with"),
        (&["admin", "rotate", "code-secrets"], "--all"),
    ] {
        let ended = place.run(wrong);
        assert_eq!(ended.code, 2, "{wrong:?}: {ended:?}");
        assert!(ended.err.contains(said), "{wrong:?}: {ended:?}");
        assert_eq!(ended.out, "", "{wrong:?}");
    }
}

#[test]
fn a_link_token_may_begin_with_a_hyphen() {
    let place = Place::new();
    let token = "-oMSXpq_3tZXZeMzcFp4MTmkrubxc2_kdOg-CJ5nI1c";
    // Nothing listens there, so that what is refused is the connection and not the token.
    let ended = place.run(&["device", "--server", "127.0.0.1:9", "enrol", token]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(!ended.err.contains(token), "{ended:?}");
    assert!(place.done(&["device", "enrol", "--help"]).contains("LINK_TOKEN"));
}
