//! HTTPS by certificate files, and what is not listened on without. The keys in `tests/data` are
//! for these tests and protect nothing.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use yaoki_core::money::Currency;
use yaoki_server::client::http::Request;
use yaoki_server::edge::keys::KeyFile;
use yaoki_server::edge::listener::{ListenerName, TlsFiles};
use yaoki_server::edge::proxies::Proxies;
use yaoki_server::edge::tls::Certificates;
use yaoki_server::{ServeError, ServerOptions, serve};
use yaoki_store::testing::{TestClock, code_rules, options};
use yaoki_store::{Book, BookKind, create, on_both_storages};

use crate::world::World;

const FIRST_PAGE: Request<'static> =
    Request { method: "GET", target: "/", headers: &[], body: b"" };

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Puts certificate and key `name` where the server reads them.
fn install(folder: &Path, name: &str) -> TlsFiles {
    let files = TlsFiles { certificates: folder.join("tls.crt"), key: folder.join("tls.key") };
    std::fs::copy(data(&format!("{name}.key")), &files.key).expect("it is written");
    std::fs::copy(data(&format!("{name}.crt")), &files.certificates).expect("it is written");
    files
}

/// A client that trusts certificate `name` alone.
fn connector(name: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(data(&format!("{name}.crt"))).expect("PEM");
    roots.add(certificate).expect("a certificate");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The first line of the answer to a client that trusts `name`; none when there is no handshake.
async fn status(world: &World, name: &str) -> Option<String> {
    let stream = TcpStream::connect(world.running.public).await.expect("the server listens");
    let server = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector(name).connect(server, stream).await.ok()?;
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it is answered");
    String::from_utf8(answer).ok()?.lines().next().map(str::to_owned)
}

on_both_storages! {
    fn a_listed_proxy_is_nobody_of_this_machine_and_everybody_else_here_is(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| {
            options.public.proxies = Proxies(vec!["127.0.0.1".parse().expect("a network")]);
        });
        let status_from = |own: [u8; 4]| {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind((own, 0).into()).expect("an address of this machine");
            let asked = async {
                let mut stream = socket.connect(world.running.public).await.expect("it listens");
                stream.write_all(b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                    .await
                    .expect("it is sent");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.expect("it is answered");
                answer.split(' ').nth(1).expect("a status").to_owned()
            };
            world.run(asked)
        };
        assert_eq!(status_from([127, 0, 0, 1]), "404", "it speaks for anybody");
        assert_eq!(status_from([127, 0, 0, 2]), "200");
        let page = world.anonymous(ListenerName::Public, &FIRST_PAGE);
        assert_eq!(page.status, 200);
        let html = String::from_utf8(page.body).expect("text");
        assert!(html.contains(&format!("→ {}", world.running.public)), "its own name is unknown");
    }

    fn https_is_served_by_certificate_files(db: &mut TestDatabase) {
        let files = install(&db.folder(), "one");
        let world = World::with(db, 0, |options| options.public.tls = Some(files));
        let answered = Some("HTTP/1.1 200 OK".to_owned());
        assert_eq!(world.run(status(&world, "one")), answered);
        assert_eq!(world.run(status(&world, "two")), None, "it is not the other's certificate");
        let plain = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let heard = crate::raw::exchange(world.running.public, plain);
        assert!(!heard.contains("HTTP/1.1"), "{heard}");
    }

    fn plain_http_is_listened_on_loopback_only(db: &mut TestDatabase) {
        let world = World::new(db);
        let mut options = ServerOptions::new(
            Arc::clone(&world.book),
            code_rules(),
            world.desk.key_file.clone(),
            Arc::clone(&world.desk.clock),
            Arc::clone(&world.desk.entropy),
        );
        options.registers.address = ([0, 0, 0, 0], 0).into();
        match serve(&options) {
            Err(ServeError::Socket { what, .. }) => assert!(what.contains("registers"), "{what}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it listens in the clear"),
        }
    }

    fn a_demos_authority_is_downloaded_as_it_is(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| options.demo_authority = Some(vec![0x30, 0x00]));
        let request = Request { method: "GET", target: "/demo/ca.crt", headers: &[], body: &[] };
        let answer = world.anonymous(ListenerName::Public, &request);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &[0x30, 0x00][..]));
        assert_eq!(answer.content_type, "application/x-x509-ca-cert");
        let elsewhere = world.anonymous(ListenerName::Devices, &request);
        assert_eq!(elsewhere.status, 404);
    }

    fn no_other_book_than_a_demo_serves_an_authority_of_its_own(db: &mut TestDatabase) {
        let clock = TestClock::default();
        create(&db.database, BookKind::Staging, Currency::JPY, "Asia/Tokyo", clock.now())
            .expect("the book can be made");
        let book = Book::open(options(&db.database, &clock, "node")).expect("it can be opened");
        let key_file = db.folder().join("keys");
        let fill = |bytes: &mut [u8]| bytes.fill(7);
        KeyFile::generate(&mut |bytes: &mut [u8]| fill(bytes)).create(&key_file).expect("keys");
        let mut server = ServerOptions::new(
            Arc::clone(&book),
            code_rules(),
            key_file,
            clock.as_clock(),
            Arc::new(fill),
        );
        server.demo_authority = Some(vec![0x30, 0x00]);
        assert!(matches!(serve(&server), Err(ServeError::DemoPart)));
        book.close();
    }
}

#[test]
fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = install(folder.path(), "one");
    let certificates = Certificates::load(&files).expect("a certificate");
    let in_use = || Arc::as_ptr(certificates.acceptor().config());
    let first = in_use();
    certificates.renew();
    assert_eq!(in_use(), first, "nothing was changed");
    let later = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(1);
    let touch = |path: &Path| {
        let file = std::fs::File::options().append(true).open(path).expect("it is there");
        file.set_modified(later).expect("its time can be set");
    };
    std::fs::copy(data("two.crt"), &files.certificates).expect("it is written");
    touch(&files.certificates);
    certificates.renew();
    assert_eq!(in_use(), first, "certificate and key do not fit: the old ones stay");
    std::fs::copy(data("two.key"), &files.key).expect("it is written");
    touch(&files.key);
    certificates.renew();
    assert_ne!(in_use(), first, "both are renewed");
}
