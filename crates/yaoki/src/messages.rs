//! How messages go out, as the settings say.

use std::path::Path;

use yaoki_server::jobs::messages::mail::{MailOptions, Password};
use yaoki_server::jobs::messages::sms::SmsOptions;
use yaoki_server::jobs::messages::{MessageOptions, budgets};
use yaoki_server::jobs::webhooks::message::secret_from_text;
use yaoki_store::BookKind;

use crate::exit::Failure;
use crate::open::must_not_be_live;
use crate::settings::Settings;

/// The options of messages for a book of this kind.
///
/// # Errors
/// When something is missing that goes with what is set, a file cannot be read, or a live book is
/// to have a mailbox.
pub(crate) fn options(settings: &Settings, kind: BookKind) -> Result<MessageOptions, Failure> {
    if settings.mailbox {
        must_not_be_live(kind, "mailbox")?;
    }
    let sends = settings.smtp.is_some() || settings.sms.is_some();
    if sends && settings.link_origin.is_none() {
        return Err(Failure::usage(
            "link_origin must be set where mail or SMS go out: links in messages begin with it",
        ));
    }
    let mut options = MessageOptions {
        sender: settings.sender_name.clone(),
        origin: settings.link_origin.as_ref().map(|origin| origin.0.clone()),
        mail: mail(settings)?,
        sms: sms(settings)?,
        mailbox: settings.mailbox,
        mail_budgets: budgets(
            settings.mail_strangers_per_day.get(),
            settings.mail_members_per_day.get(),
        ),
        sms_budgets: budgets(
            settings.sms_strangers_per_day.get(),
            settings.sms_members_per_day.get(),
        ),
        ..MessageOptions::default()
    };
    let per_prefix = settings.sms_strangers_per_prefix_per_day.get();
    options.sms_budgets.strangers.prefix_per_day = per_prefix;
    Ok(options)
}

fn mail(settings: &Settings) -> Result<Option<MailOptions>, Failure> {
    let Some(server) = settings.smtp.clone() else { return Ok(None) };
    let from = settings.mail_from.clone();
    let from = from.ok_or_else(|| Failure::usage("mail_from must be set where smtp is"))?;
    let credentials = match (&settings.smtp_user, &settings.smtp_password) {
        (None, None) => None,
        (Some(user), Some(file)) => {
            Some((user.clone(), Password(first_line(file, "smtp_password")?)))
        }
        _ => return Err(Failure::usage("smtp_user and smtp_password must be given together")),
    };
    let authority = settings.smtp_authority.as_deref();
    let authority = authority.map(|file| read(file, "smtp_authority")).transpose()?;
    let authority = authority.map(String::into_bytes);
    Ok(Some(MailOptions { server, credentials, from, authority }))
}

fn sms(settings: &Settings) -> Result<Option<SmsOptions>, Failure> {
    let Some(adapter) = settings.sms.clone() else { return Ok(None) };
    let file = settings.sms_secret.as_deref();
    let file = file.ok_or_else(|| Failure::usage("sms_secret must be set where sms is"))?;
    let secret = secret_from_text(&first_line(file, "sms_secret")?).ok_or_else(|| {
        Failure::usage(format!(
            "{} must begin with `whsec_` and the base64 of 32 random bytes",
            file.display()
        ))
    })?;
    Ok(Some(SmsOptions::new(adapter.0, secret)))
}

fn first_line(file: &Path, setting: &str) -> Result<String, Failure> {
    let text = read(file, setting)?;
    Ok(text.lines().next().unwrap_or_default().trim_end().to_owned())
}

fn read(file: &Path, setting: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        Failure::fault(format!("{setting}: {} cannot be read: {error}", file.display()))
    })
}
