//! What `yaoki demo` prints: what there is, and what to do next.

use yaoki_server::Running;
use yaoki_server::admin::Desk;
use yaoki_server::edge::listener::ListenerName;

use super::reach::Reached;
use super::seed::{self, Seeded};
use crate::exit::Failure;
use crate::settings::Settings;
use crate::{outside, say};

/// What is around the server.
pub(crate) struct Around<'a> {
    /// Where phones reach it.
    pub(crate) reached: Option<&'a Reached>,
    /// Where the demo's acquirer shows its books.
    pub(crate) acquirer: &'a str,
}

/// Prints the guide.
///
/// # Errors
/// When the shop's first terminal is not there.
pub(crate) fn say(
    settings: &Settings,
    running: &Running,
    desk: &Desk,
    seeded: &Seeded,
    around: &Around<'_>,
) -> Result<(), Failure> {
    let reached = around.reached;
    let currency = desk.book.currency();
    say::line(format_args!(
        "Yaoki runs: a demo book in {}, keys in {}.",
        settings.database,
        settings.keys.display()
    ));
    say::space();
    let origins = Origins { running, reached };
    pages(&origins, around.acquirer, desk, seeded)?;
    say::line("Members, each with the one-time link that makes a browser his wallet:");
    for person in &seeded.people {
        let wallet = |token| format!("{}/wallet#{token}", origins.page(ListenerName::Devices));
        let link = person.link.as_deref().map_or_else(|| "has a device".to_owned(), wallet);
        say::line(format_args!(
            "  {}  {:>7} {} {:>6} points  {link}",
            person.member,
            person.money,
            currency.as_str(),
            person.points
        ));
    }
    say::space();
    say::line("Terminals, each with the key that signs its requests, and the key's generation:");
    for till in &seeded.tills {
        let (terminal, generation) = (&till.terminal, till.generation);
        say::line(format_args!("  {terminal}  {}  {generation}  {}", till.key, till.name));
    }
    say::space();
    match reached {
        Some(reached) => phone(running, reached),
        None => device(running, seeded),
    }
    hints(settings, seeded)
}

/// Where the pages are, as a browser reaches them.
struct Origins<'a> {
    running: &'a Running,
    reached: Option<&'a Reached>,
}

impl Origins<'_> {
    /// For programs.
    fn of(&self, name: ListenerName) -> String {
        let address = self.running.address(name);
        self.reached.map_or_else(|| format!("http://{address}"), |one| one.url(address))
    }

    /// For browsers, which make passkeys for names only.
    fn page(&self, name: ListenerName) -> String {
        let address = self.running.address(name);
        match self.reached {
            None if address.ip().is_loopback() => format!("http://localhost:{}", address.port()),
            _ => self.of(name),
        }
    }
}

/// The pages that people use, each with what makes a browser one of theirs.
fn pages(
    origins: &Origins<'_>,
    acquirer: &str,
    desk: &Desk,
    seeded: &Seeded,
) -> Result<(), Failure> {
    say::line("Open in a browser. What stands behind # is a secret; no browser sends it anywhere.");
    let mut rows = vec![("first page", format!("{}/", origins.page(ListenerName::Public)))];
    let link = seeded.people.iter().find_map(|person| person.link.as_deref());
    let wallet =
        link.map(|token| format!("{}/wallet#{token}", origins.page(ListenerName::Devices)));
    rows.extend(wallet.map(|url| ("a wallet, once", url)));
    let till = seeded.tills.first().ok_or_else(|| Failure::fault("the demo has no terminal"))?;
    let registers = origins.page(ListenerName::Registers);
    rows.push(("a register", format!("{registers}{}", till.page)));
    rows.push(("sign up", format!("{}/wallet", origins.page(ListenerName::Devices))));
    let mailbox =
        format!("{}{}", origins.page(ListenerName::Public), yaoki_server::web::mailbox::PATH);
    rows.push(("mail and SMS", mailbox));
    rows.push(("the acquirer", format!("{acquirer}/")));
    let desk = Desk { server: Some(origins.running.app.clone()), ..desk.clone() };
    rows.push(("the console, once", seed::console_link(&desk)?));
    say::columns(&rows);
    say::space();
    say::line("Where each listener is, for programs:");
    say::columns(&ListenerName::ALL.map(|name| (name.text(), origins.of(name))));
    say::space();
    Ok(())
}

/// How a phone comes to trust the demo, in both languages.
fn phone(running: &Running, reached: &Reached) {
    let url = reached.url(running.public);
    let fingerprint = reached.authority.fingerprint();
    say::line(format_args!(
        "On a phone, once: trust this demo's own authority, which vouches for this host alone.\n  \
         1. Open {url}/demo/ca.crt and go on past the warning.\n  \
         2. iPhone: Settings › Profile Downloaded › Install, then General › About ›\n     \
         Certificate Trust Settings. Android: search the settings for “CA certificate”.\n     \
         Desktop: import it among the authorities of the browser or the system.\n  \
         3. Before you confirm, compare the SHA-256 fingerprint with the one below.\n  \
         4. Open {url}/"
    ));
    say::line(format_args!(
        "スマートフォンで一度だけ、このホスト専用の認証局を信頼させます。\n  \
         1. {url}/demo/ca.crt を開き、警告の先へ進みます。\n  \
         2. iPhone：設定 › プロファイルがダウンロード済み › インストール。続けて 一般 › 情報 ›\n     \
         証明書信頼設定。Android：設定で「CA 証明書」を検索。パソコン：ブラウザーか OS の\n     \
         認証局の一覧に読み込みます。\n  \
         3. 確定する前に、SHA-256 のフィンガープリントを下のものと見比べます。\n  \
         4. {url}/ を開きます。"
    ));
    say::line(format_args!("  SHA-256 {fingerprint}"));
    say::line("More / 詳しくは: docs/guides/demo-on-a-phone.md");
    say::space();
}

/// How to be a phone on the command line.
fn device(running: &Running, seeded: &Seeded) {
    let device = format!("  {} device --server {}", outside::program(), running.devices);
    let link = seeded.people.iter().find_map(|person| person.link.as_deref()).unwrap_or("TOKEN");
    say::line("Be a member's phone:");
    say::line(format_args!("{device} enrol {link}"));
    say::line(format_args!("{device} code"));
    say::line(format_args!("{device} wallet"));
}

/// Commands to go on with, as they can be copied.
fn hints(settings: &Settings, seeded: &Seeded) -> Result<(), Failure> {
    let yaoki = outside::program();
    let data = settings.data.display();
    let till = seeded.tills.first().ok_or_else(|| Failure::fault("the demo has no terminal"))?;
    say::line(format_args!(
        "Be a register: docs/start.md signs requests with curl and openssl. Each carries\n  \
         Authorization: Yaoki-HMAC-SHA256 terminal={}, generation={}, timestamp=…, signature=…\n\
         with HMAC-SHA256 under the terminal's key over eight lines: `yaoki register 1`, method, \
         path,\n\
         query, host, generation, Unix seconds, SHA-256 of the body in hex.",
        till.terminal, till.generation
    ));
    let admin = format!("  {yaoki} admin --data {data}");
    say::line("Be the operator:");
    say::line(format_args!("{admin} status"));
    say::line(format_args!("{admin} console-link --actor me"));
    say::line(format_args!("{admin} close-switch payment --actor me --reason 'to see it'"));
    say::line(format_args!("{admin} open-switch payment --actor me --second you"));
    let member = seeded.people.first().map_or("mem_…", |person| &person.member);
    say::line(format_args!("{admin} statement {member}"));
    say::line(format_args!(
        "  {yaoki} verify --data {data} --anchor {}",
        settings.anchor_file.display()
    ));
    say::space();
    say::line("Ctrl-C ends it; started again over the same folder it goes on.");
    Ok(())
}
