//! Messages: they arrive, at least once and never by two nodes at once, within budgets, whatever
//! becomes of the servers on their way; and no secret stays behind.

mod office;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_core::message::{
    Address, Argument, Arguments, Channel, Confirmation, Language, Message, MessageState, Once,
    Recipient, Template,
};
use yaoki_core::money::Currency;
use yaoki_core::time::MINUTE_MS;
use yaoki_server::client::http::Request;
use yaoki_server::edge::keys::{KeyFile, Secret};
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::jobs::messages::breaker::{CODES_MIN, FAILURES_MAX, STOPPED_MS};
use yaoki_server::jobs::messages::mail::MailOptions;
use yaoki_server::jobs::messages::sms::SmsOptions;
use yaoki_server::jobs::messages::{LEASE_MS, MessageOptions};
use yaoki_server::jobs::webhooks::message::secret_text;
use yaoki_server::{ServeError, ServerOptions, serve};
use yaoki_store::outbox::{self, TakeUp};
use yaoki_store::testing::{TestClock, TestDatabase, code_rules, options as node_options};
use yaoki_store::{Book, BookKind, create, on_both_storages};

use self::office::{Mood, Office};
use crate::webhooks::receiver::{self, Stand, wait_until};
use crate::webhooks::{data, tls_of};
use crate::world::World;

const ORIGIN: &str = "https://wallet.example.jp";

fn hurried(options: &mut MessageOptions) {
    "八起 Pay".clone_into(&mut options.sender);
    options.origin = Some(ORIGIN.to_owned());
    options.pause = Duration::from_millis(5);
    options.timeout = Duration::from_secs(2);
}

fn mail_to(server: &str) -> MailOptions {
    MailOptions {
        server: server.parse().expect("a server"),
        credentials: None,
        from: "八起 Pay <no-reply@example.jp>".parse().expect("a sender"),
        authority: None,
    }
}

/// A world whose mail goes to an office, in the clear.
fn mailing(db: &mut TestDatabase, address: SocketAddr) -> World {
    World::with(db, 0, |options| {
        hurried(&mut options.messages);
        options.messages.mail = Some(mail_to(&format!("smtp+plain://{address}")));
    })
}

/// A world whose SMS go to an adapter, and the secret of both.
fn texting(db: &mut TestDatabase, url: &str) -> (World, String) {
    let secret = Secret::new([7; 32]);
    let shown = secret_text(&secret);
    let world = World::with(db, 0, |options| {
        hurried(&mut options.messages);
        let url = url.parse().expect("a URL");
        options.messages.sms = Some(SmsOptions::new(url, secret));
    });
    (world, shown)
}

fn recipient(channel: Channel, address: &str) -> Recipient {
    Recipient {
        member: MemberNumber(7),
        channel,
        address: Address(address.to_owned()),
        address_digest: *blake3::hash(address.as_bytes()).as_bytes(),
        language: Language::Japanese,
    }
}

fn code_to(world: &World, to: &Recipient, request: u8) -> Message {
    let arguments = Arguments::new().with(Argument::Code, &format!("314159{request:02}"));
    let once = Once::Request(RequestId([request; 16]));
    Message::new(Template::SignUpCode, to, once, arguments, world.clock.now())
}

fn notice_to(world: &World, to: &Recipient, request: u8) -> Message {
    let now = world.clock.now();
    let arguments = Arguments::new()
        .with(Argument::Device, "Safari on <b>iPhone</b>")
        .at(Argument::At, now)
        .with(Argument::FreezeToken, "a-token-that-freezes");
    let once = Once::Request(RequestId([request; 16]));
    Message::new(Template::DeviceAdded, to, once, arguments, now)
}

fn put(world: &World, messages: Vec<Message>) {
    let put = world
        .book
        .run_errand(move |conn| conn.insert(&messages.iter().collect::<Vec<_>>()).map(drop));
    put.expect("they are put in");
}

/// A message as it is stored now.
fn stored(world: &World, key: [u8; 32]) -> Message {
    let found = world.book.read_and_wait(move |conn| conn.find::<Message, _>(&[key]));
    found.expect("it can be read").pop().expect("it is there")
}

fn wait_for(world: &World, message: &Message, state: MessageState) -> Message {
    wait_until(|| stored(world, message.key).state == state);
    stored(world, message.key)
}

/// Waits until it was tried so often and waits again.
fn wait_for_tries(world: &World, message: &Message, tries: i64) {
    wait_until(|| {
        let now = stored(world, message.key);
        let waits_ms = now.next_at.0 - world.clock.now().0;
        // While it is being sent it belongs to its node for the whole lease.
        now.tries == tries && waits_ms > 0 && waits_ms != LEASE_MS
    });
}

fn metric(world: &World, line: &str) -> bool {
    let request = Request { method: "GET", target: "/metrics", headers: &[], body: &[] };
    let answer = world.anonymous(ListenerName::Public, &request);
    String::from_utf8(answer.body).expect("text").lines().any(|found| found == line)
}

on_both_storages! {
    fn a_mail_arrives_in_words_and_leaves_nothing_secret_behind(db: &mut TestDatabase) {
        let office = Office::new(None);
        let world = mailing(db, office.address);
        let to = recipient(Channel::Mail, "someone@example.com");
        let (code, notice) = (code_to(&world, &to, 1), notice_to(&world, &to, 2));
        put(&world, vec![code.clone(), notice.clone()]);
        for message in [&code, &notice] {
            let sent = wait_for(&world, message, MessageState::Sent);
            assert_eq!((sent.arguments, sent.tries), (Arguments::new(), 1));
        }
        let came = office.came();
        assert_eq!(came.len(), 2);
        let with = |words: &str| {
            let found = came.iter().find(|came| came.text().contains(words));
            found.unwrap_or_else(|| panic!("no mail says {words}"))
        };
        let mail = with("31415901");
        assert_eq!(mail.to, "someone@example.com");
        assert_eq!(mail.subject(), "登録の確認コード：31415901");
        assert_eq!(mail.header("auto-submitted"), "auto-generated");
        assert!(mail.header("from").ends_with("<no-reply@example.jp>"));
        assert!(mail.header("date").starts_with("Mon, 05 Jan 2026 03:00"));
        assert!(mail.header("content-type").contains("charset=utf-8"));
        let mail = with("Safari on <b>iPhone</b>");
        assert!(mail.text().contains(&format!("{ORIGIN}/freeze#a-token-that-freezes")));
    }

    fn a_mail_that_is_put_off_is_sent_later_and_one_that_is_refused_is_given_up(
        db: &mut TestDatabase
    ) {
        let office = Office::new(None);
        let world = mailing(db, office.address);
        let to = recipient(Channel::Mail, "grey@example.com");
        office.is_in(Mood::Answer(451));
        let grey = notice_to(&world, &to, 1);
        put(&world, vec![grey.clone()]);
        wait_for_tries(&world, &grey, 1);
        assert!(!stored(&world, grey.key).arguments.all().collect::<Vec<_>>().is_empty());
        office.is_in(Mood::Take);
        world.clock.advance_ms(MINUTE_MS);
        assert_eq!(wait_for(&world, &grey, MessageState::Sent).tries, 2);
        office.is_in(Mood::Answer(550));
        let refused = notice_to(&world, &to, 2);
        put(&world, vec![refused.clone()]);
        let refused = wait_for(&world, &refused, MessageState::GivenUp);
        assert_eq!((refused.arguments, refused.tries), (Arguments::new(), 1));
        // A password that is wrong says nothing about the message.
        office.is_in(Mood::Answer(535));
        let ours = notice_to(&world, &to, 3);
        put(&world, vec![ours.clone()]);
        wait_for_tries(&world, &ours, 1);
        assert_eq!(office.came().len(), 1);
    }

    fn a_server_that_is_not_there_is_tried_again_and_a_code_not_longer_than_it_counts(
        db: &mut TestDatabase
    ) {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let world = mailing(db, address);
        let to = recipient(Channel::Mail, "someone@example.com");
        let (code, notice) = (code_to(&world, &to, 1), notice_to(&world, &to, 2));
        put(&world, vec![code.clone(), notice.clone()]);
        for message in [&code, &notice] {
            wait_for_tries(&world, message, 1);
        }
        world.clock.advance_ms(Template::SignUpCode.valid_ms());
        let over = wait_for(&world, &code, MessageState::GivenUp);
        assert_eq!(over.arguments, Arguments::new());
        wait_for_tries(&world, &notice, 2);
        let office = Office::at(address, None);
        world.clock.advance_ms(10 * MINUTE_MS);
        wait_for(&world, &notice, MessageState::Sent);
        assert_eq!(office.came().len(), 1);
    }

    fn nothing_is_said_to_a_mail_server_without_tls_or_with_the_certificate_of_another(
        db: &mut TestDatabase
    ) {
        let open = Office::new(None);
        let other = Office::new(Some(tls_of("two")));
        let good = Office::new(Some(tls_of("one")));
        let pem = std::fs::read(data("one.crt")).expect("it is there");
        let of = |office: &Office, options: &mut ServerOptions| {
            hurried(&mut options.messages);
            let server = format!("smtp://localhost:{}", office.address.port());
            let mail = MailOptions { authority: Some(pem.clone()), ..mail_to(&server) };
            options.messages.mail = Some(mail);
        };
        let mut saved = None;
        let mut world = World::with(db, 0, |options| {
            of(&open, options);
            saved = Some(options.clone());
        });
        let mut options = saved.expect("it was called");
        options.admin_socket = None;
        let to = recipient(Channel::Mail, "someone@example.com");
        let message = notice_to(&world, &to, 1);
        put(&world, vec![message.clone()]);
        wait_for_tries(&world, &message, 1);
        world.stop();
        of(&other, &mut options);
        let running = serve(&options).expect("it starts");
        world.clock.advance_ms(10 * MINUTE_MS);
        wait_for_tries(&world, &message, 2);
        running.shutdown();
        let heard = [open.heard(), other.heard()].concat();
        assert!(!heard.iter().any(|line| line.starts_with("MAIL")), "{heard:?}");
        of(&good, &mut options);
        let running = serve(&options).expect("it starts");
        world.clock.advance_ms(10 * MINUTE_MS);
        wait_for(&world, &message, MessageState::Sent);
        running.shutdown();
        assert!(good.came()[0].is_encrypted);
    }

    fn a_message_that_a_node_took_with_it_is_sent_again_after_its_lease_and_once(
        db: &mut TestDatabase
    ) {
        let office = Office::new(None);
        let world = mailing(db, office.address);
        let to = recipient(Channel::Mail, "someone@example.com");
        let message = notice_to(&world, &to, 1);
        // Another node takes it up in the commit that brings it, and ends.
        let (now, mine) = (world.clock.now(), message.clone());
        let budgets = MessageOptions::default().mail_budgets;
        let (channel, lease_ms) = (Channel::Mail, LEASE_MS);
        let ask = TakeUp { channel, budgets, without_strangers: false, lease_ms, now };
        let taken = world.book.run_errand(move |conn| {
            conn.insert(&[&mine])?;
            outbox::take_up(conn, &ask)
        });
        assert_eq!(taken.expect("it is taken").messages.len(), 1);
        let later = notice_to(&world, &to, 2);
        put(&world, vec![later.clone()]);
        wait_for(&world, &later, MessageState::Sent);
        assert_eq!(office.came().len(), 1, "it is the other node's");
        world.clock.advance_ms(LEASE_MS);
        assert_eq!(wait_for(&world, &message, MessageState::Sent).tries, 2);
        assert_eq!(office.came().len(), 2);
        // The other server has it, and we never heard so: it goes out again, as the same mail.
        office.is_in(Mood::BreakOff);
        let broken = notice_to(&world, &to, 3);
        put(&world, vec![broken.clone()]);
        wait_for_tries(&world, &broken, 1);
        office.is_in(Mood::Take);
        world.clock.advance_ms(MINUTE_MS);
        wait_for(&world, &broken, MessageState::Sent);
        let ids: Vec<String> =
            office.came()[2..].iter().map(|came| came.header("message-id")).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    }

    fn an_sms_is_posted_with_a_signature_until_the_adapter_takes_it(db: &mut TestDatabase) {
        let stand = Stand::new(None);
        let (world, secret) = texting(db, &stand.url());
        let to = recipient(Channel::Sms, "+819012345678");
        stand.is_in(receiver::Mood::Status(503));
        let code = code_to(&world, &to, 1);
        put(&world, vec![code.clone()]);
        wait_for_tries(&world, &code, 1);
        stand.is_in(receiver::Mood::Take);
        world.clock.advance_ms(MINUTE_MS);
        let sent = wait_for(&world, &code, MessageState::Sent);
        assert_eq!(sent.arguments, Arguments::new());
        let came = stand.came();
        assert!(came.len() == 2 && came[0].id == came[1].id);
        assert!(came.iter().all(|one| one.is_signed_by(&secret)));
        let (json, id) = (came[1].json(), came[1].id.clone());
        assert_eq!((&json["to"], &json["id"]), (&"+819012345678".into(), &id.into()));
        let text = json["text"].as_str().expect("a text");
        assert!(text.ends_with("@wallet.example.jp #31415901"), "{text}");
        stand.is_in(receiver::Mood::Status(422));
        let never = code_to(&world, &to, 2);
        put(&world, vec![never.clone()]);
        let never = wait_for(&world, &never, MessageState::GivenUp);
        assert_eq!((never.arguments, stand.came().len()), (Arguments::new(), 3));
    }

    fn what_strangers_ask_for_has_a_budget_that_takes_nothing_from_members(db: &mut TestDatabase) {
        let office = Office::new(None);
        let world = mailing(db, office.address);
        let to = recipient(Channel::Mail, "flooded@example.com");
        let codes: Vec<Message> = (1..=7).map(|request| code_to(&world, &to, request)).collect();
        put(&world, codes.clone());
        let state = |message: &Message| stored(&world, message.key).state;
        wait_until(|| codes.iter().all(|code| state(code) != MessageState::Waiting));
        let of = |state_is| codes.iter().filter(|code| state(code) == state_is).count();
        assert_eq!((of(MessageState::Sent), of(MessageState::Suppressed)), (5, 2));
        let suppressed = codes.iter().find(|code| state(code) == MessageState::Suppressed);
        let suppressed = stored(&world, suppressed.expect("one").key);
        assert_eq!((suppressed.arguments, suppressed.tries), (Arguments::new(), 0));
        let notice = notice_to(&world, &to, 8);
        put(&world, vec![notice.clone()]);
        wait_for(&world, &notice, MessageState::Sent);
        assert_eq!(office.came().len(), 6);
        let counted = "yaoki_messages_total{channel=\"mail\",end=\"suppressed\"} 2";
        wait_until(|| metric(&world, counted));
    }

    fn a_channel_whose_server_fails_is_stopped_for_a_while_and_goes_on(db: &mut TestDatabase) {
        let stand = Stand::new(None);
        let (world, _) = texting(db, &stand.url());
        stand.is_in(receiver::Mood::Status(500));
        let number = |n: u8| recipient(Channel::Sms, &format!("+8190123456{n:02}"));
        let count = u8::try_from(FAILURES_MAX).expect("few") + 6;
        let all: Vec<Message> =
            (0..count).map(|request| notice_to(&world, &number(request), request)).collect();
        put(&world, all.clone());
        let stopped = "yaoki_messages_stopped{channel=\"sms\",whose=\"everybody\"} 1";
        wait_until(|| metric(&world, stopped));
        let came = stand.came().len();
        let late = notice_to(&world, &number(99), 99);
        put(&world, vec![late.clone()]);
        world.clock.advance_ms(STOPPED_MS / 2);
        world.run(async { tokio::time::sleep(Duration::from_millis(100)).await });
        assert_eq!((stored(&world, late.key).tries, stand.came().len()), (0, came));
        stand.is_in(receiver::Mood::Take);
        world.clock.advance_ms(STOPPED_MS);
        for message in all.iter().chain([&late]) {
            wait_for(&world, message, MessageState::Sent);
        }
        wait_until(|| !metric(&world, stopped));
    }

    fn codes_that_nobody_types_stop_strangers_and_nobody_else(db: &mut TestDatabase) {
        let stand = Stand::new(None);
        let (world, _) = texting(db, &stand.url());
        let now = world.clock.now();
        let pumped = (0..CODES_MIN).map(|n| {
            let to = recipient(Channel::Sms, &format!("+4412345{n:04}"));
            let old = code_to(&world, &to, u8::try_from(n).expect("few"));
            Message {
                state: MessageState::Sent,
                admitted_at: now.plus_ms(-20 * MINUTE_MS),
                confirmation: Confirmation::Awaited,
                arguments: Arguments::new(),
                ..old
            }
        });
        put(&world, pumped.collect());
        world.clock.advance_ms(2 * MINUTE_MS);
        wait_until(|| {
            metric(&world, "yaoki_messages_stopped{channel=\"sms\",whose=\"strangers\"} 1")
        });
        let to = recipient(Channel::Sms, "+819012345678");
        let (code, notice) = (code_to(&world, &to, 201), notice_to(&world, &to, 202));
        put(&world, vec![code.clone(), notice.clone()]);
        wait_for(&world, &code, MessageState::Suppressed);
        wait_for(&world, &notice, MessageState::Sent);
        world.clock.advance_ms(90 * MINUTE_MS);
        wait_until(|| {
            metric(&world, "yaoki_messages_stopped{channel=\"sms\",whose=\"strangers\"} 0")
        });
    }

    fn a_mailbox_shows_what_would_have_been_sent_and_is_not_there_otherwise(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| {
            hurried(&mut options.messages);
            options.messages.mailbox = true;
        });
        let get = |target: &str| {
            let request = Request { method: "GET", target, headers: &[], body: &[] };
            world.anonymous(ListenerName::Public, &request)
        };
        let html = |target: &str| {
            let answer = get(target);
            assert_eq!(answer.status, 200);
            let policy = answer.header("content-security-policy").expect("a policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            String::from_utf8(answer.body).expect("text")
        };
        assert!(html("/mailbox").contains("Nothing was sent yet."));
        let mail = recipient(Channel::Mail, "someone@example.com");
        let sms = recipient(Channel::Sms, "+819012345678");
        let (notice, code) = (notice_to(&world, &mail, 1), code_to(&world, &sms, 2));
        put(&world, vec![notice.clone(), code.clone()]);
        wait_for(&world, &notice, MessageState::Sent);
        wait_for(&world, &code, MessageState::Sent);
        let shown = html("/mailbox?lang=ja");
        let link = format!("{ORIGIN}/freeze#a-token-that-freezes");
        for part in [
            "<html lang=\"ja\">",
            "新しい端末が加わりました",
            "31415902",
            "someone@example.com",
            "+819012345678",
            &format!("<a href=\"{link}\">{link}</a>"),
            "送信済み",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(!shown.contains("<b>") && !shown.contains("<script") && !shown.contains("style="));
    }

    fn a_live_book_refuses_a_mailbox(db: &mut TestDatabase) {
        let clock = TestClock::default();
        create(&db.database, BookKind::Live, Currency::JPY, "Asia/Tokyo", clock.now())
            .expect("it is made");
        let book = Book::open(node_options(&db.database, &clock, "node")).expect("it opens");
        let key_file = db.folder().join("keys");
        let entropy: yaoki_server::app::Entropy = Arc::new(|bytes: &mut [u8]| bytes.fill(7));
        KeyFile::generate(&mut |bytes: &mut [u8]| entropy(bytes))
            .create(&key_file)
            .expect("it is written");
        let (rules, clock) = (code_rules(), clock.as_clock());
        let mut server = ServerOptions::new(Arc::clone(&book), rules, key_file, clock, entropy);
        server.messages.mailbox = true;
        assert!(matches!(serve(&server), Err(ServeError::Mailbox)));
        book.close();
    }
}

/// Two nodes of one book share its outbox.
#[test]
fn two_nodes_send_each_message_once() {
    const COUNT: u8 = 100;
    let Some(mut db) = TestDatabase::postgres("two_postmen") else { return };
    let office = Office::new(None);
    let mut saved = None;
    let world = World::with(&mut db, 0, |options| {
        hurried(&mut options.messages);
        options.messages.mail = Some(mail_to(&format!("smtp+plain://{}", office.address)));
        saved = Some(options.clone());
    });
    let second = Book::open(node_options(&db.database, &world.clock, "second")).expect("it opens");
    let mut options = saved.expect("it was called");
    options.book = Arc::clone(&second);
    options.admin_socket = None;
    options.anchor_file = None;
    let other = serve(&options).expect("the second node starts");
    let all: Vec<Message> = (0..COUNT)
        .map(|n| notice_to(&world, &recipient(Channel::Mail, &format!("{n}@example.com")), n))
        .collect();
    put(&world, all.clone());
    for message in &all {
        assert_eq!(wait_for(&world, message, MessageState::Sent).tries, 1);
    }
    let mut came: Vec<String> = office.came().into_iter().map(|came| came.to).collect();
    came.sort_unstable();
    came.dedup();
    assert_eq!((came.len(), office.came().len()), (usize::from(COUNT), usize::from(COUNT)));
    let sent = "yaoki_messages_total{channel=\"mail\",end=\"sent\"} 0";
    let nothing = |running: &yaoki_server::Running| {
        running.app.metrics.render(&running.app.book).lines().any(|line| line == sent)
    };
    assert!(!nothing(&world.running) && !nothing(&other), "both have sent");
    other.shutdown();
    second.close();
}
