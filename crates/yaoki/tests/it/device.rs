//! `yaoki device`: what a phone says of itself.

use crate::process::{Ended, Place, Server};

struct Phones<'a> {
    place: &'a Place,
    server: String,
}

impl Phones<'_> {
    fn run(&self, file: &str, act: &[&str]) -> Ended {
        let device = format!("--device={file}");
        self.place.run(&[&["device", &device, "--server", &self.server], act].concat())
    }

    fn link(&self, member: &str) -> String {
        let reply = self.place.reply(&["admin", "link", member]);
        reply["link_token"].as_str().expect("a token").to_owned()
    }
}

#[test]
fn a_file_that_holds_a_device_is_no_other_members_until_it_is_replaced() {
    let place = Place::with_book("demo");
    place.done(&["admin", "create-member", "--count=2"]);
    let server = Server::start(&place, &[]);
    let phones = Phones { place: &place, server: server.devices.to_string() };
    let first = phones.link("1");
    let enrolled = phones.run("phone.json", &["enrol", &first]);
    assert_eq!(enrolled.code, 0, "{enrolled:?}");
    assert!(enrolled.out.starts_with("done     enrolled\n"), "{enrolled:?}");
    // The answer may have been lost: the same link with the same key is the same device.
    let again = phones.run("phone.json", &["enrol", &first]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.out.contains("enrolled before by this link"), "{again:?}");
    let device = |ended: &Ended| {
        let line = ended.out.lines().find(|line| line.starts_with("device"));
        line.expect("a line").to_owned()
    };
    assert_eq!(device(&again), device(&enrolled));
    let other = phones.link("2");
    let refused = phones.run("phone.json", &["enrol", &other]);
    assert_eq!(refused.code, 3, "{refused:?}");
    for said in ["holds an enrolled device already, dev_", "--replace", "still good"] {
        assert!(refused.err.contains(said), "{said}: {refused:?}");
    }
    let replaced = phones.run("phone.json", &["enrol", &other, "--replace"]);
    assert_eq!(replaced.code, 0, "{replaced:?}");
    assert!(replaced.out.contains(".old"), "{replaced:?}");
    for file in ["phone.json", "phone.json.old"] {
        assert_eq!(phones.run(file, &["wallet"]).code, 0, "{file}");
    }
}

#[test]
fn the_phone_of_a_frozen_member_and_an_ended_device_say_why_and_whom_to_ask() {
    let place = Place::with_book("demo");
    place.done(&["admin", "create-member"]);
    let server = Server::start(&place, &[]);
    let phones = Phones { place: &place, server: server.devices.to_string() };
    let said = |file: &str, words: [&str; 2]| {
        let ended = phones.run(file, &["code"]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(words.iter().all(|word| ended.err.contains(word)), "{words:?}: {ended:?}");
    };
    for file in ["old.json", "new.json"] {
        assert_eq!(phones.run(file, &["enrol", &phones.link("1")]).code, 0);
    }
    said("old.json", ["another device of the account pays now", "Ask the operator"]);
    place.done(&["admin", "freeze-member", "1", "--reason=a test"]);
    said("new.json", ["the account is frozen or closed", "Ask the operator"]);
    assert_eq!(phones.run("new.json", &["wallet"]).code, 0, "its owner still sees the money");
}
