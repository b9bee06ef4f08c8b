//! `yaoki admin`: what is listed, what is refused, and how it ends, whether a server runs or not.

use serde_json::Value;

use crate::process::{FREE_PORTS, Place, Server, ended};

/// One of these, in each row of a list.
fn column(page: &Value, name: &str) -> Vec<String> {
    let listed = page["listed"].as_str().expect("what is listed");
    let rows = page[listed].as_array().expect("rows").iter();
    rows.map(|row| row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned))
        .collect()
}

fn looks_through_the_book(place: &Place, with_server: bool) {
    let list = |more: &[&str]| place.reply(&[&["admin", "list"], more].concat());
    assert_eq!(column(&list(&["merchants"]), "name"), ["Hinode"]);
    assert_eq!(column(&list(&["stores"]), "cutoff"), ["05:00", "00:00"]);
    assert_eq!(column(&list(&["terminals"]), "state"), ["suspended"]);
    assert_eq!(column(&list(&["switches"]), "capability"), ["enrolment"]);
    let page = list(&["members", "--limit=2"]);
    assert_eq!(column(&page, "number"), ["1", "2"]);
    assert_eq!(column(&page, "money"), ["700", "0"]);
    let next = page["next"].as_str().expect("there are more");
    let page = list(&["members", "--limit=2", "--after", next]);
    assert_eq!((column(&page, "number"), page["next"].is_null()), (vec!["3".to_owned()], true));
    assert_eq!(column(&list(&["members", "--after=2"]), "number"), ["3"]);
    let devices = list(&["devices"]);
    assert_eq!(column(&devices, "state"), ["active"]);
    let after = column(&devices, "device").remove(0);
    assert!(column(&list(&["devices", "--after", &after]), "device").is_empty());
    let table = place.done(&["admin", "list", "terminals"]);
    assert!(table.starts_with("terminal "), "{table}");
    assert_eq!(place.done(&["admin", "list", "devices", "--after", &after]), "No devices.\n");
    for (wrong, code) in [
        (&["list", "members", "--after=mem_0"][..], 2),
        (&["list", "switches", "--after=x"], 2),
        (&["list", "coins"], 2),
        (&["list", "members", "--limit=0"], 2),
        (&["list", "members", "--limit=201"], 2),
        (&["end-device", "dev_0"], 2),
        (&["freeze-member", "mem_x", "--reason=a test"], 2),
        (&["create-store", "nobody", "a store"], 2),
        (&["create-member", "--request-id=7"], 2),
        (&["freeze-member", "9", "--reason=a test"], 1),
        (&["balance", "member:9"], 1),
        (&["balance", "points:9"], 1),
        (&["statement", "store:9"], 1),
        (&["balance", "mem_0"], 2),
    ] {
        let ended = place.run(&[&["admin"], wrong].concat());
        assert_eq!(ended.code, code, "{wrong:?}, with a server: {with_server}: {ended:?}");
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{wrong:?}: {ended:?}");
    }
    let nobody = place.run(&["admin", "balance", "member:9"]);
    assert!(nobody.err.contains("There is no such member"), "{nobody:?}");
    let balance = place.reply(&["admin", "balance", "store:1"]);
    assert_eq!(balance["amount"], 0, "a store that is there may have nothing");
}

#[test]
fn lists_and_exit_codes_are_the_same_with_a_server_and_without() {
    let place = Place::with_book("demo");
    place.done(&["admin", "create-merchant", "Hinode"]);
    place.done(&["admin", "create-store", "1", "Station", "--cutoff=05:00"]);
    place.done(&["admin", "create-store", "1", "Harbour"]);
    place.done(&["admin", "create-terminal", "1", "till 1"]);
    place.done(&["admin", "suspend-terminal", "1", "--reason=a test"]);
    place.done(&["admin", "create-member", "--count=3"]);
    place.done(&["admin", "credit", "1", "700"]);
    let link = place.reply(&["admin", "link", "3"])["link_token"].clone();
    let server = Server::start(&place, &[]);
    let devices = server.devices.to_string();
    place.done(&["device", "--server", &devices, "enrol", link.as_str().expect("a token")]);
    place.done(&["admin", "close-switch", "enrolment", "--reason=a test"]);
    looks_through_the_book(&place, true);
    assert_eq!(server.end().0, Some(0));
    looks_through_the_book(&place, false);
}

#[test]
fn a_link_to_the_console_is_made_by_the_server_that_runs() {
    let place = Place::with_book("demo");
    for order in ["console-link", "end-console-sessions"] {
        let ended = place.run(&["admin", order]);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.err.contains("Start it with `yaoki serve`"), "{ended:?}");
    }
    let server = Server::start(&place, &[]);
    let link = place.reply(&["admin", "console-link"]);
    let url = link["url"].as_str().expect("a link");
    assert!(url.starts_with(&format!("http://{}/console#", server.console)), "{url}");
    assert_eq!(link["actor"], "Asa");
    let ended = place.reply(&["admin", "end-console-sessions"]);
    assert_eq!(ended["done"], "console_sessions_ended");
}

#[test]
fn an_amount_that_is_none_is_refused_with_what_an_amount_is() {
    let place = Place::with_book("demo");
    place.done(&["admin", "create-member"]);
    for wrong in ["-5", "0", "12.5", "1000000001", "ten"] {
        let ended = place.run(&["admin", "credit", "1", wrong]);
        assert_eq!(ended.code, 2, "{wrong}: {ended:?}");
        let must = "an amount must be an integer of minor units, from 1 to 1000000000";
        assert!(ended.err.contains(must), "{wrong}: {ended:?}");
    }
}

#[test]
fn who_does_something_must_be_said_and_who_looks_need_not() {
    let place = Place::with_book("demo");
    let nobody = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env_remove("YAOKI_ACTOR").env_remove("LOGNAME").env("USER", "");
        command
    };
    let refused = ended(nobody(&["admin", "create-member"]));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("give --actor NAME, or set YAOKI_ACTOR"), "{refused:?}");
    assert_eq!(ended(nobody(&["admin", "status"])).code, 0);
    assert_eq!(ended(nobody(&["admin", "list", "members"])).code, 0);
    assert_eq!(ended(nobody(&["admin", "create-member", "--actor=Asa"])).code, 0);
    let mut known = nobody(&["admin", "create-member"]);
    known.env("USER", "asa");
    assert_eq!(ended(known).code, 0);
}

#[test]
fn a_filter_of_leaked_passwords_is_made_without_a_book_and_must_be_whole() {
    let place = Place::new();
    let file = |name: &str| place.path().join(name);
    std::fs::write(file("list.txt"), "kiwa mizu sorano\nsorano mizu kiwa\n").expect("ours");
    let build = ["admin", "leaked-passwords", "build", "--from=list.txt", "--out=leaked.bin"];
    assert_eq!(place.done(&build), "leaked.bin: 2 passwords\n");
    std::fs::write(file("hashes.txt"), format!("{}:1\nkiwa\n", "0".repeat(40))).expect("ours");
    let build = ["admin", "leaked-passwords", "build", "--from=hashes.txt", "--out=leaked.bin"];
    let ended = place.run(&build);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("hashes.txt: line 2 must be 40 hex digits"), "{ended:?}");
    let mut bytes = std::fs::read(file("leaked.bin")).expect("the first one stays");
    bytes[40] ^= 1;
    std::fs::write(file("leaked.bin"), bytes).expect("ours");
    place.done(&["init", "--kind=staging"]);
    let ended = place.run(&[&["serve", "--leaked-passwords=leaked.bin"], &FREE_PORTS[..]].concat());
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("this one is damaged: make it again"), "{ended:?}");
}
