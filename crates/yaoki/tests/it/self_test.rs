use crate::process::Place;

#[test]
fn the_self_test_walks_the_whole_path_and_leaves_nothing_behind() {
    let place = Place::new();
    let out = place.done(&["demo", "--self-test"]);
    assert!(out.trim_end().ends_with("steps"), "{out}");
    for sentence in [
        "self-test passed: ",
        "the same request again gives the same bytes",
        "the same code does not pay twice",
        "arriving late it is declined",
        "a withdrawn order cannot be confirmed",
        "money still goes back meanwhile",
        "the book verifies against its anchors",
        "a signed checkpoint covers the payment",
        "ひので駅前店 Hinode Station",
        "\nanchor   ",
    ] {
        assert!(out.contains(sentence), "{sentence}: {out}");
    }
    let left = std::fs::read_dir(place.path()).expect("the folder is there").count();
    assert_eq!(left, 0);
}

#[test]
fn a_database_with_a_book_in_it_is_not_tested_on() {
    let place = Place::with_book("live");
    let ended = place.run(&["demo", "--self-test", "--database=sqlite:data/yaoki.db"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("none is ever overwritten"), "{ended:?}");
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let place = Place::new();
    let full = std::fs::File::create("/dev/full").expect("the system has it");
    let status = place.command(&["demo", "--self-test"]).stdout(full).status();
    assert_eq!(status.expect("it can be started").code(), Some(3));
}
