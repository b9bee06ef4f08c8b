//! What `yaoki demo` prints: what there is, and what to do next.

use yaoki_server::Running;
use yaoki_server::admin::Desk;

use super::seed::Seeded;
use crate::exit::Failure;
use crate::settings::Settings;
use crate::{outside, say};

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
        ("console", format!("http://{}", running.console)),
    ]);
    say::space();
    say::line("Members, each with a one-time link that enrols a device:");
    for person in &seeded.people {
        let link = person.link.as_deref().unwrap_or("has a device");
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
    hints(settings, running, seeded)
}

/// Commands to go on with, as they can be copied.
fn hints(settings: &Settings, running: &Running, seeded: &Seeded) -> Result<(), Failure> {
    let yaoki = outside::program();
    let data = settings.data.display();
    let device = format!("  {yaoki} device --server {}", running.devices);
    let link = seeded.people.iter().find_map(|person| person.link.as_deref()).unwrap_or("TOKEN");
    say::line("Be a member's phone:");
    say::line(format_args!("{device} enrol {link}"));
    say::line(format_args!("{device} code"));
    say::line(format_args!("{device} wallet"));
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
    say::line(format_args!("{admin} console-link"));
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
