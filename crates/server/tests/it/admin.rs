//! The operator: orders over the admin socket.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_core::code::CodeRules;
use yaoki_core::money::Currency;
use yaoki_server::admin::{By, Desk, ErrorKind, Message, Order, perform};
use yaoki_server::app::Entropy;
use yaoki_server::edge::admin_socket::{self, SOCKET_NAME};
use yaoki_server::edge::keys::KeyFile;
use yaoki_store::testing::{TestClock, options};
use yaoki_store::{Book, BookKind, create, on_both_storages};

use crate::world::{MONEY, World, credentials, message, text};

fn send(world: &World, message: &Message) -> Value {
    let path = world.folder.join(SOCKET_NAME);
    admin_socket::send(&path, message).expect("the server answers").expect("a server runs")
}

fn by_one(order: Order) -> Message {
    let by = By { actor: "Asa".to_owned(), reason: "a test".to_owned(), ..By::default() };
    Message { by, order }
}

on_both_storages! {
    fn an_operator_on_this_machine_runs_the_book_over_the_socket(db: &mut TestDatabase) {
        let world = World::new(db);
        let mode = world.folder.join(SOCKET_NAME).metadata().expect("a socket").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        let name = "Kazaguruma".to_owned();
        let merchant = send(&world, &message(Order::CreateMerchant { name }));
        let (merchant, name) = (text(&merchant, "merchant"), "Kazaguruma main".to_owned());
        let place = "東京都港区".to_owned();
        let order = Order::CreateStore { merchant, name, place, cutoff_minutes: 0 };
        let store = send(&world, &message(order));
        let (store, name) = (text(&store, "store"), "till 1".to_owned());
        let terminal = send(&world, &message(Order::CreateTerminal { store, name }));
        let mut register = world.register(&credentials(&terminal));
        let payment = world.payment(0, 800);
        assert!(world.run(register.pay(&payment)).expect("an outcome").succeeded());
        let shown = Order::ShowTerminalKey { terminal: text(&terminal, "terminal") };
        assert_eq!(send(&world, &message(shown))["key"], terminal["key"]);
        let status = send(&world, &message(Order::Status));
        assert_eq!((&status["book"], &status["storage_ok"]), (&json!("demo"), &json!(true)));
    }

    fn a_rotated_terminal_key_works_at_once_and_the_old_one_for_its_time(db: &mut TestDatabase) {
        let world = World::new(db);
        let terminal = world.till.terminal.to_string();
        let order = Order::RotateTerminalKey { terminal, keep_seconds: 60 };
        let rotated = credentials(&send(&world, &message(order)));
        assert_eq!(rotated.generation, world.till.generation + 1);
        for credentials in [&rotated, &world.till] {
            let mut register = world.register(credentials);
            assert!(world.run(register.pay(&world.payment(0, 100))).is_ok());
        }
        world.clock.advance_ms(60_000);
        let mut old = world.register(&world.till);
        let refused = world.run(old.pay(&world.payment(0, 100))).expect_err("the key is old");
        assert!(refused.to_string().contains("terminal_key_must_be_current"), "{refused}");
        let listed = world.run(old.recent(5, false)).expect_err("the key is old");
        assert!(listed.to_string().contains("terminal_key_must_be_current"), "{listed}");
    }

    fn closing_takes_one_person_and_opening_two(db: &mut TestDatabase) {
        let world = World::new(db);
        let (capability, scope) = ("payment".to_owned(), "everything".to_owned());
        let close = Order::CloseSwitch {
            capability: capability.clone(),
            scope: scope.clone(),
            subject: None,
            lapse_seconds: None,
        };
        assert_eq!(send(&world, &by_one(close))["done"], "switch_closed");
        let mut register = world.register(&world.till);
        let declined = world.run(register.pay(&world.payment(0, 100))).expect("an outcome");
        assert_eq!(declined.refusal_name(), "payments_are_closed");
        let listed = send(&world, &message(Order::ListSwitches));
        assert_eq!(listed["switches"][0]["actor"], "Asa");
        let open = Order::OpenSwitch { capability, scope, subject: None };
        let refused = send(&world, &by_one(open.clone()));
        assert_eq!(refused["error"]["refusal"], "reopening_takes_two_people");
        assert_eq!(send(&world, &message(open))["done"], "switch_opened");
        assert!(world.run(register.pay(&world.payment(0, 100))).expect("paid").succeeded());
    }

    fn a_restored_book_is_opened_by_two_people_through_its_server(db: &mut TestDatabase) {
        let world = World::new(db);
        db.close_as_restored();
        let mut register = world.register(&world.till);
        let payment = world.payment(0, 100);
        let closed = world.run(register.pay(&payment)).expect_err("it is closed");
        assert!(closed.to_string().contains("book_is_closed"), "{closed}");
        let refused = send(&world, &by_one(Order::OpenRestored));
        assert_eq!(refused["error"]["kind"], "refused", "{refused}");
        assert_eq!(send(&world, &message(Order::OpenRestored))["done"], "book_opened");
        assert!(world.run(register.pay(&payment)).expect("it is open").succeeded());
        let again = send(&world, &message(Order::OpenRestored));
        assert_eq!(again["error"]["message"], "the book is not closed");
    }

    fn an_older_code_key_is_kept_only_while_codes_stay_strong(db: &mut TestDatabase) {
        let clock = TestClock::default();
        create(&db.database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", clock.now())
            .expect("the book can be made");
        let mut node = options(&db.database, &clock, "node");
        // One key is strong enough for this, two are not.
        node.code = CodeRules::new("987654", 180).expect("these are good settings");
        let book = Book::open(node).expect("it can be opened");
        let key_file = db.folder().join("keys");
        KeyFile::generate(&mut |bytes: &mut [u8]| bytes.fill(7)).create(&key_file).expect("a file");
        let entropy: Entropy = Arc::new(|bytes: &mut [u8]| bytes.fill(8));
        let clock = clock.as_clock();
        let (shared, keys) = (Arc::clone(&book), key_file.clone());
        let desk = Desk { book: shared, key_file: keys, clock, entropy, server: None };
        let rotate = |key: &str, keep_seconds| {
            perform(&desk, &message(Order::RotateKey { key: key.to_owned(), keep_seconds }))
        };
        let generation = || KeyFile::load(&key_file).expect("a key file").code.generation;
        let refused = rotate("code", 180).expect_err("a guess would pay too easily");
        assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
        assert!(refused.to_string().contains("keep no older key"), "{refused}");
        assert_eq!(generation(), 1, "the keys are as they were");
        rotate("code", 0).expect("no older key is kept");
        rotate("device_token", 60).expect("other keys make no codes");
        assert_eq!(generation(), 2);
        book.close();
    }

    fn an_order_with_a_request_id_is_carried_out_once(db: &mut TestDatabase) {
        let world = World::new(db);
        let member = world.members[0].0.to_string();
        let credit = Order::Credit { member, asset: "money".to_owned(), amount: 500 };
        let mut twice = message(credit);
        twice.by.request_id = Some(Uuid::now_v7().to_string());
        assert_eq!(send(&world, &twice)["replayed"], false);
        assert_eq!(send(&world, &twice)["replayed"], true);
        assert_eq!(world.member(0).money, MONEY + 500);
    }

    fn what_is_no_order_is_refused_and_changes_nothing(db: &mut TestDatabase) {
        use std::io::{BufRead, BufReader, Write};
        use std::os::unix::net::UnixStream;
        let world = World::new(db);
        let before = world.size();
        let path = world.folder.join(SOCKET_NAME);
        let nobody = "{\"act\":\"create_member\"}";
        let unheard = "{\"act\":\"fly\",\"actor\":\"A\"}";
        for line in ["", "{}", "[]", nobody, unheard] {
            let mut stream = UnixStream::connect(&path).expect("a server runs");
            writeln!(stream, "{line}").expect("the server listens");
            let mut reply = String::new();
            BufReader::new(&stream).read_line(&mut reply).expect("a reply");
            let reply: Value = serde_json::from_str(&reply).expect("the reply is JSON");
            assert!(reply["error"]["message"].is_string(), "{line}: {reply}");
        }
        let long = vec![b' '; 20 * 1024];
        let mut stream = UnixStream::connect(&path).expect("a server runs");
        // The server may have hung up before all of it was sent.
        let _ = stream.write_all(&long);
        let mut reply = String::new();
        let heard = BufReader::new(&stream).read_line(&mut reply);
        assert!(heard.is_err() || reply.contains("error"), "{reply}");
        for wrong in [
            Order::EndDevice { device: "dev_x".to_owned() },
            Order::FreezeMember { member: "0".to_owned() },
            Order::RotateKey { key: "front door".to_owned(), keep_seconds: 0 },
        ] {
            assert!(send(&world, &message(wrong))["error"]["message"].is_string());
        }
        assert_eq!(world.size(), before);
    }

    fn a_second_server_does_not_take_the_socket_and_a_dead_one_is_replaced(db: &mut TestDatabase) {
        let mut world = World::new(db);
        let path = world.folder.join(SOCKET_NAME);
        let app = world.running.app.clone();
        let refused = admin_socket::AdminSocket::open(&path, app.clone());
        assert_eq!(refused.expect_err("taken").kind(), std::io::ErrorKind::AddrInUse);
        world.stop();
        assert!(admin_socket::send(&path, &message(Order::Status)).expect("nobody").is_none());
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a dead server's socket"));
        let socket = admin_socket::AdminSocket::open(&path, app).expect("it is replaced");
        assert!(admin_socket::send(&path, &message(Order::Status)).expect("a reply").is_some());
        socket.close();
    }
}
