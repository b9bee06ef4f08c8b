//! What `yaoki demo` prints: what there is, and what to do next.

use yaoki_server::Running;
use yaoki_server::admin::Desk;

use super::seed::Seeded;
use crate::exit::Failure;
use crate::say;
use crate::settings::Settings;

/// Prints the guide.
///
/// # Errors
/// When the shop's first terminal is not there.
pub(crate) fn say(
    settings: &Settings,
    running: &Running,
    desk: &Desk,
    seeded: &Seeded,
) -> Result<(), Failure> {
    let data = settings.data.display();
    let currency = desk.book.currency();
    say::line(format_args!(
        "Yaoki runs: a demo book in {}, keys in {}.",
        settings.database,
        settings.keys.display()
    ));
    say::space();
    say::columns(&[
        (
            "public",
            format!("http://{}/  (first page, API document, health, metrics)", running.public),
        ),
        ("registers", format!("http://{}", running.registers)),
        ("devices", format!("http://{}", running.devices)),
    ]);
    say::space();
    say::line("Members, each with a one-time link that enrols a device:");
    for person in &seeded.people {
        let link =
            person.link.as_deref().unwrap_or("has a device (`yaoki admin link` makes a new link)");
        say::line(format_args!(
            "  {}  {:>7} {} {:>6} points  {link}",
            person.member,
            person.money,
            currency.as_str(),
            person.points
        ));
    }
    say::space();
    say::line("Terminals, each with the key that signs its requests:");
    for till in &seeded.tills {
        say::line(format_args!("  {}  {}  {}", till.terminal, till.key, till.name));
    }
    say::space();
    say::line("Become a member's phone, and show a code:");
    let token = seeded.people.iter().find_map(|person| person.link.as_deref()).unwrap_or("TOKEN");
    let server = format!("--server {}", running.devices);
    say::line(format_args!("  yaoki device enrol {server} {token}"));
    say::line(format_args!("  yaoki device code {server}"));
    say::line(format_args!("  yaoki device wallet {server}"));
    say::line(
        "Charge it at a register: docs/start.md signs the request with curl and openssl. The signature is",
    );
    say::line("HMAC-SHA256 under the terminal's key over eight lines:");
    let till = seeded.tills.first().ok_or_else(|| Failure::fault("the demo has no terminal"))?;
    say::line(
        "  yaoki register 1 / method / path / query / host / generation / Unix seconds / SHA-256 of the body",
    );
    say::line(format_args!(
        "  Authorization: Yaoki-HMAC-SHA256 terminal={}, generation={}, timestamp=…, signature=…",
        till.terminal, till.generation
    ));
    say::line("Be the operator:");
    let admin = format!("yaoki admin --data {data}");
    say::line(format_args!("  {admin} status"));
    say::line(format_args!("  {admin} close-switch payment --reason 'to see it' --by me"));
    say::line(format_args!("  {admin} open-switch payment --by me --second you"));
    say::line(format_args!(
        "  {admin} statement {}",
        seeded.people.first().map_or("mem_…", |person| &person.member)
    ));
    say::line(format_args!("  yaoki verify --data {data}"));
    say::space();
    say::line("Ctrl-C ends it; started again over the same folder it goes on.");
    Ok(())
}
