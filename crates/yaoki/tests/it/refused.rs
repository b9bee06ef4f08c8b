use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::process::{FREE_PORTS, Place};

/// Exit code and words of the error.
fn refused(place: &Place, arguments: &[&str], code: i32, words: &str) {
    let ended = place.run(arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
    assert!(ended.err.starts_with("yaoki: "), "{arguments:?}: {ended:?}");
    assert!(ended.err.contains(words), "{arguments:?} should say {words:?}: {ended:?}");
    assert!(!ended.err.contains("panicked"), "{ended:?}");
}

#[test]
fn without_a_book_every_command_says_how_to_make_one() {
    let place = Place::new();
    for command in [&["serve"][..], &["admin", "status"], &["verify"], &["migrate"]] {
        refused(&place, command, 3, "`yaoki init`");
    }
    refused(&place, &["backup", "copy.db"], 3, "`yaoki init`");
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(doctor.out.contains("→ run `yaoki init --kind demo|staging|live`"), "{doctor:?}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let place = Place::with_book("staging");
    let keys = place.path().join("data/keys.json");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o640)).expect("it is ours");
    let serve = [&["serve"], &FREE_PORTS[..]].concat();
    refused(&place, &serve, 3, "run `chmod 600 data/keys.json`");
    refused(&place, &["admin", "create-member"], 3, "mode is 0640");
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("BAD   keys"), "{doctor:?}");
    assert!(doctor.out.contains("→ run `chmod 600 data/keys.json`"), "{doctor:?}");
    assert!(!doctor.out.contains("yaoki init"), "a key file is there: {doctor:?}");
    std::fs::remove_file(&keys).expect("it is ours");
    let doctor = place.run(&["doctor"]);
    assert!(doctor.out.contains("comes from its copy only"), "{doctor:?}");
}

#[test]
fn messages_go_out_only_with_all_that_belongs_to_them() {
    let place = Place::with_book("staging");
    let mail = ["--smtp=smtp://mail.example"];
    let linked = [&mail[..], &["--link-origin=https://pay.example"]].concat();
    let from = [&linked[..], &["--mail-from=Pay <pay@pay.example>"]].concat();
    let sms = ["--sms=https://sms.example/send", "--link-origin=https://pay.example"];
    for (given, words) in [
        (&mail[..], "link_origin must be set"),
        (&linked, "mail_from must be set"),
        (&[&from[..], &["--smtp-user=us"]].concat(), "must be given together"),
        (&sms, "sms_secret must be set"),
        (&["--smtp=smtp+plain://mail.example"], "this machine"),
    ] {
        let serve = [&["serve"], given, &FREE_PORTS[..]].concat();
        refused(&place, &serve, 2, words);
    }
}

#[test]
fn a_live_book_refuses_what_is_for_play() {
    let place = Place::with_book("live");
    refused(&place, &["demo", "--data=data"], 1, "demo parts are for demo books only");
    place.done(&["admin", "create-member"]);
    refused(&place, &["admin", "credit", "1", "100"], 1, "refused on a live book");
    refused(&place, &["admin", "link", "1"], 2, "makes no enrolment links");
    let balance = place.reply(&["admin", "balance", "member:1"]);
    assert_eq!(balance["amount"], 0);
    let serve = [&["serve", "--webhook-loopback"], &FREE_PORTS[..]].concat();
    refused(&place, &serve, 1, "webhook_loopback is refused on a live book");
    let serve = [&["serve", "--mailbox"], &FREE_PORTS[..]].concat();
    refused(&place, &serve, 1, "mailbox is refused on a live book");
    place.done(&["admin", "create-merchant", "Kado"]);
    let here = ["admin", "create-webhook", "1", "http://127.0.0.1:9/"];
    refused(&place, &here, 1, "A webhook's URL must be https");
}

#[test]
fn a_demo_for_others_is_never_served_in_the_clear() {
    let place = Place::new();
    refused(&place, &["demo", "--host", "laptop.test"], 2, "add --tls");
    refused(&place, &["demo", "--host", "https://laptop.test", "--tls"], 2, "without a scheme");
    let two = ["demo", "--tls", "--tls-cert=a.crt", "--tls-key=a.key"];
    refused(&place, &two, 2, "leave out tls_cert");
    refused(&place, &["demo", "--tls", "--proxies", "127.0.0.1"], 2, "leave out tls_cert");
    let left = std::fs::read_dir(place.path()).expect("the folder is there").count();
    assert_eq!(left, 0, "nothing was made");
}

#[test]
fn no_other_book_gets_an_authority_of_its_own() {
    for kind in ["staging", "live"] {
        let place = Place::with_book(kind);
        let demo = ["demo", "--data=data", "--host", "laptop.test", "--tls"];
        refused(&place, &demo, 1, "demo parts are for demo books only");
        assert!(!place.path().join("data/demo-authority.json").exists());
    }
}

#[test]
fn the_doctor_of_a_live_book_asks_by_what_name_registers_call_it() {
    let place = Place::with_book("live");
    let unset = place.run(&["doctor"]);
    assert!(unset.out.contains("look  hosts"), "{unset:?}");
    assert!(unset.out.contains("→ set register_host"), "{unset:?}");
    assert!(unset.out.contains("→ set device_host"), "{unset:?}");
    let hosts = ["--register-host=pay.example.jp", "--device-host=wallet.example.jp"];
    let set = place.run(&[&["doctor"], &hosts[..]].concat());
    assert!(set.out.contains("good  hosts      registers call it pay.example.jp"), "{set:?}");
    assert!(set.out.contains("good  hosts      devices call it wallet.example.jp"), "{set:?}");
}

#[test]
fn a_folder_that_others_can_write_into_is_not_served() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_book("demo");
    let rights = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.path().join("data"), rights).expect("it is ours");
    let serve = [&["serve"], &FREE_PORTS[..]].concat();
    refused(&place, &serve, 3, "others can write into the data folder");
    refused(&place, &["admin", "status"], 3, "others can write into the data folder");
}

#[test]
fn a_book_is_made_once() {
    let place = Place::with_book("demo");
    refused(&place, &["init", "--kind=live"], 1, "none is ever overwritten");
    assert_eq!(place.reply(&["admin", "status"])["book"], "demo");
}

#[test]
fn a_server_that_could_not_keep_its_promises_does_not_start() {
    let place = Place::with_book("staging");
    let serve = |more: &[&'static str]| [&["serve"], &FREE_PORTS[..], more].concat();
    for (more, code, words) in [
        (&["--public=0.0.0.0:0"][..], 3, "plain HTTP is served on loopback only"),
        (&["--code-prefix=987654", "--code-lifetime-seconds=300"], 3, "a shorter prefix"),
        (&["--code-prefix=12"], 2, "must be 4 to 6 digits"),
        (&["--code-prefix=9000"], 2, "must overlap no other issuer's"),
        (&["--code-lifetime-seconds=45"], 2, "a multiple of 30"),
        (&["--tls-cert=cert.pem"], 2, "given together"),
        (&["--tls-cert=cert.pem", "--tls-key=key.pem"], 3, "cert.pem must be readable PEM"),
        (&["--log=nonsense=loud"], 2, "the setting log must be"),
        (&["--keys=gone.json"], 3, "the key file gone.json could not be opened"),
    ] {
        // A flag that is given twice counts for the last time only where clap is told so.
        let arguments: Vec<&str> = serve(more)
            .into_iter()
            .filter(|flag| {
                let name = flag.split('=').next();
                more.contains(flag) || !more.iter().any(|other| other.split('=').next() == name)
            })
            .collect();
        refused(&place, &arguments, code, words);
    }
    // Nothing is left behind: the folder is free, and no lane is held.
    assert_eq!(place.reply(&["admin", "status"])["book"], "staging");
}

#[test]
fn the_doctor_finds_a_prefix_that_is_another_issuers() {
    let place = Place::with_book("staging");
    let doctor = place.run(&["doctor", "--code-prefix=3158"]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("BAD   codes"), "{doctor:?}");
    assert!(doctor.out.contains("Merpay has it"), "{doctor:?}");
}

#[test]
fn the_doctor_calls_nothing_good_that_it_could_not_read() {
    let place = Place::with_book("staging");
    std::fs::create_dir(place.path().join("data/anchors.jsonl")).expect("a folder in its place");
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(doctor.out.contains("BAD   anchors"), "{doctor:?}");
    let elsewhere = place.run(&["doctor", "--database=sqlite:nowhere/book.db"]);
    assert!(elsewhere.out.contains("BAD   disk"), "{elsewhere:?}");
    assert!(elsewhere.out.contains("what is free in nowhere cannot be told"), "{elsewhere:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let place = Place::with_book("demo");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let registers = format!("--registers={address}");
    let arguments = ["serve", FREE_PORTS[1], FREE_PORTS[2], FREE_PORTS[3], &registers];
    refused(&place, &arguments, 3, &format!("the listener registers at {address}"));
    let doctor = place.run(&["doctor", FREE_PORTS[1], FREE_PORTS[2], FREE_PORTS[3], &registers]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("or choose another with --registers"), "{doctor:?}");
}

#[test]
fn orders_that_the_rules_refuse_are_exit_code_1_and_say_the_cure() {
    let place = Place::with_book("demo");
    place.done(&["admin", "create-member"]);
    refused(&place, &["admin", "freeze-member", "1"], 1, "--actor and --reason");
    refused(&place, &["admin", "create-store", "7", "a store"], 1, "no such merchant");
    refused(&place, &["admin", "link", "9"], 1, "no such member");
    refused(&place, &["admin", "end-device", "dev_0"], 2, "\"dev_0\"");
    refused(&place, &["admin", "open-restored", "--second=Ben"], 1, "not closed");
    place.done(&["admin", "freeze-member", "1", "--reason=a test"]);
    refused(&place, &["admin", "unfreeze-member", "1"], 1, "two different ones");
    refused(&place, &["admin", "unfreeze-member", "1", "--second=ASA"], 1, "two different ones");
    place.done(&["admin", "unfreeze-member", "1", "--second=Ben"]);
}

#[test]
fn a_password_in_a_database_is_never_printed() {
    let place = Place::new();
    for url in ["postgres://yaoki:hunter2@127.0.0.1:1/book", "postgres://yaoki:hunter2@[::"] {
        let flag = format!("--database={url}");
        for command in ["serve", "doctor", "verify", "migrate"] {
            let ended = place.run(&[command, &flag]);
            assert_ne!(ended.code, 0);
            let said = format!("{}{}", ended.out, ended.err);
            assert!(!said.contains("hunter2"), "{command}: {said}");
        }
    }
}
