use crate::process::{Place, Server};

#[test]
fn a_restored_book_is_closed_until_two_people_open_it() {
    let place = Place::with_book("staging");
    place.done(&["admin", "create-member"]);
    place.done(&["admin", "credit", "1", "700"]);
    place.done(&["backup", "copy.db"]);
    place.done(&["admin", "credit", "1", "300"]);
    let restore = ["restore", "copy.db", "--data=again", "--actor=Asa", "--reason=a test"];
    let without_keys = place.run(&restore);
    assert_eq!(without_keys.code, 3);
    assert!(without_keys.err.contains("bring it from its copy"), "{without_keys:?}");
    let keys = place.path().join("again/keys.json");
    std::fs::copy(place.path().join("data/keys.json"), &keys).expect("the folder was made");
    place.done(&restore);
    let new = std::fs::read_to_string(&keys).expect("it is ours");
    let old = std::fs::read_to_string(place.path().join("data/keys.json")).expect("it is ours");
    assert_ne!(new, old, "the code key is a new one");
    let server = Server::start(&place, &["--data=again"]);
    let admin = |more: &[&str]| place.run(&[&["admin", "--data=again"], more].concat());
    let credit = admin(&["credit", "1", "1"]);
    assert_eq!(credit.code, 4, "the book is closed, so that nothing is known: {credit:?}");
    assert_eq!(admin(&["open-restored"]).code, 1);
    assert_eq!(admin(&["open-restored", "--second=Ben"]).code, 0);
    let credit = admin(&["credit", "1", "1"]);
    assert_eq!(credit.code, 0, "{credit:?}");
    assert_eq!(server.end().0, Some(0));
    let balance = place.reply(&["admin", "balance", "member:1", "--data=again"]);
    assert_eq!(balance["amount"], 701);
    place.done(&["verify", "--data=again"]);
}

#[test]
fn a_restored_book_is_opened_by_the_command_itself_where_no_server_runs() {
    let place = Place::with_book("staging");
    place.done(&["admin", "create-member"]);
    place.done(&["backup", "copy.db"]);
    std::fs::create_dir(place.path().join("again")).expect("a folder");
    let [old, new] = ["data/keys.json", "again/keys.json"].map(|name| place.path().join(name));
    std::fs::copy(old, new).expect("a copy");
    place.done(&["restore", "copy.db", "--data=again", "--actor=Asa", "--reason=a test"]);
    let open = ["admin", "--data=again", "open-restored", "--second=Ben"];
    let lock = std::fs::File::open(place.path().join("again/lock")).expect("the folder's lock");
    lock.lock().expect("nobody holds it");
    let held = place.run(&open);
    assert_eq!(held.code, 3, "somebody works in the folder and does not answer: {held:?}");
    drop(lock);
    place.done(&open);
    let again = place.run(&open);
    assert_eq!(again.code, 1, "{again:?}");
    place.done(&["admin", "--data=again", "credit", "1", "5"]);
}

#[test]
fn the_key_file_of_before_a_restore_is_refused() {
    let place = Place::with_book("staging");
    place.done(&["admin", "create-member"]);
    place.done(&["backup", "copy.db"]);
    std::fs::create_dir(place.path().join("again")).expect("a folder");
    let [old, new] = ["data/keys.json", "again/keys.json"].map(|name| place.path().join(name));
    std::fs::copy(&old, &new).expect("a copy");
    place.done(&["restore", "copy.db", "--data=again", "--actor=Asa", "--reason=a test"]);
    let keys_of_restore = place.path().join("new-keys.json");
    std::fs::copy(&new, &keys_of_restore).expect("a copy");
    std::fs::copy(&old, &new).expect("a copy");
    let serve = place.run(&["serve", "--data=again"]);
    assert_eq!(serve.code, 3, "{serve:?}");
    assert!(serve.err.contains("Bring the newer key file"), "{serve:?}");
    // Nor does a running server take it up.
    std::fs::copy(&keys_of_restore, &new).expect("a copy");
    let server = Server::start(&place, &["--data=again"]);
    std::fs::copy(&old, &new).expect("a copy");
    let reload = place.run(&["admin", "reload-keys", "--data=again"]);
    assert_eq!(reload.code, 3, "{reload:?}");
    assert!(reload.err.contains("Bring the newer key file"), "{reload:?}");
    std::fs::copy(&keys_of_restore, &new).expect("a copy");
    place.done(&["admin", "reload-keys", "--data=again"]);
    assert_eq!(server.end().0, Some(0));
}
