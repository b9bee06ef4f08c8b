use yaoki_store::Database;
use yaoki_store::testing::TestDatabase;

use crate::process::{Place, Server, ended};

fn url(database: &TestDatabase) -> String {
    match &database.database {
        Database::Postgres(url) => url.clone(),
        Database::Sqlite(_) => unreachable!("it was asked for on PostgreSQL"),
    }
}

#[test]
fn the_self_test_walks_the_whole_path_on_postgresql() {
    let Some(database) = TestDatabase::postgres("self_test") else { return };
    let place = Place::new();
    let mut command = place.command(&["demo", "--self-test"]);
    command.env("YAOKI_DATABASE", url(&database)).env("YAOKI_LANES", "2");
    command.arg("--accept-losing-payments-on-failover");
    let ended = ended(command);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("self-test passed: "), "{ended:?}");
}

#[test]
fn a_book_on_postgresql_is_made_served_and_verified() {
    let Some(database) = TestDatabase::postgres("served") else { return };
    let place = Place::new();
    let url = format!("--database={}", url(&database));
    place.done(&["init", "--kind", "staging", &url]);
    place.done(&["admin", "create-member", &url]);
    let accept = "--accept-losing-payments-on-failover";
    let server = Server::start(&place, &[&url, accept, "--lanes=2"]);
    place.done(&["admin", "credit", "1", "500", &url]);
    let balance = place.reply(&["admin", "balance", "member:1", &url]);
    let status = place.reply(&["admin", "status", &url]);
    assert_eq!((status["book"].as_str(), status["lanes"].as_u64()), (Some("staging"), Some(2)));
    assert!(balance["amount"].as_i64() <= Some(500), "{balance}");
    let doctor = place.run(&["doctor", &url]);
    assert!(doctor.out.contains("good  database   postgres://"), "{doctor:?}");
    assert_eq!(server.end().0, Some(0));
    place.done(&["verify", &url, "--anchor", "data/anchors.jsonl"]);
    let balance = place.reply(&["admin", "balance", "member:1", &url]);
    assert_eq!(balance["amount"], 500);
}

#[test]
fn the_bench_measures_the_api_on_postgresql_too() {
    let Some(database) = TestDatabase::postgres("bench") else { return };
    let place = Place::new();
    let url = format!("--postgres={}", url(&database));
    let rows = "--rows=postgres http payments 1,postgres http codes";
    let few = ["--seconds=1", "--members=200", "--in-flight=1", "--folder=.", &url];
    let out = place.done(&[&["bench", "--json", rows], &few[..]].concat());
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let rows = report["rows"].as_array().expect("a list");
    assert_eq!(rows.len(), 2, "{out}");
    for row in rows {
        assert!(row["storage"] == "postgres" && row["failed"] == 0, "{row}");
        assert!(row["per_second"].as_u64() > Some(0), "{row}");
    }
}
