//! Addresses of databases: what is wrong is said, a password never.

use yaoki_store::Database;

// one storage: addresses are read before any storage is opened.
#[test]
fn a_bad_address_is_refused_with_the_reason() {
    let cases = [
        ("", "kind"),
        ("book.db", "kind"),
        ("mysql://u:secret@h/b", "kind"),
        ("sqlite:", "path"),
        ("postgres://u:secret@h:port/b", "malformed"),
        ("postgres://u:secret@h/b?keepalives=perhaps", "malformed"),
    ];
    for (text, reason) in cases {
        let said = text.parse::<Database>().expect_err(text).to_string();
        assert!(said.contains(reason), "{text}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

// one storage: addresses are read before any storage is opened.
#[test]
fn a_good_address_is_shown_without_its_password() {
    let cases = [
        ("sqlite:/var/lib/yaoki/book.db", "sqlite:/var/lib/yaoki/book.db"),
        ("postgres://yaoki@a,b,c/book", "postgres://a,b,c/book"),
        ("postgres://yaoki:secret@a:5433/book?connect_timeout=3", "postgres://a:5433/book"),
        ("postgresql://a/book?user=yaoki&password=secret", "postgres://a/book"),
        ("postgres://yaoki:sec%40secret@a/book", "postgres://a/book"),
    ];
    for (text, shown) in cases {
        let database: Database = text.parse().expect(text);
        assert_eq!(database.to_string(), shown);
        assert!(!format!("{database:?}").contains("secret"), "{database:?}");
    }
}
