//! The acquirer of cards, from the file that the setting `acquirer` names.

use std::path::Path;

use serde::Deserialize;
use yaoki_server::rails::options::AcquirerOptions;

use crate::exit::Failure;
use crate::openid::secret;

/// The file. It has secrets, so its owner alone may read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Where its API is.
    #[serde(default = "stripe")]
    api: String,
    /// The secret key of our account.
    secret_key: String,
    /// The secret that signs its events.
    webhook_secret: String,
}

fn stripe() -> String {
    "https://api.stripe.com".to_owned()
}

/// The acquirer of a file; none where none is named.
///
/// # Errors
/// When the file cannot be read, can be read by others, or is not as it must be.
pub(crate) fn acquirer(path: Option<&Path>) -> Result<Option<AcquirerOptions>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let wrong = |what: &str| Failure::usage(format!("acquirer: {}: {what}", path.display()));
    let text = secret(path).map_err(|error| wrong(&error.to_string()))?;
    // Without the line that is wrong: it may be the secret's.
    let named: Named = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
    let Named { api, secret_key, webhook_secret } = named;
    AcquirerOptions::new(&api, secret_key, webhook_secret).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read(text: &str, mode: u32) -> Result<Option<AcquirerOptions>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("acquirer.toml");
        std::fs::write(&path, text).expect("it is written");
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).expect("they are set");
        acquirer(Some(&path)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_file_is_read_or_what_is_wrong_is_said_without_its_secrets() {
        let good = "secret_key = \"sk_1\"\nwebhook_secret = \"whsec_1\"\n";
        let options = read(good, 0o600).expect("it is right").expect("there is one");
        assert_eq!(options.api.to_string(), "https://api.stripe.com/");
        assert!(!format!("{options:?}").contains("sk_1"));
        assert!(acquirer(None).expect("nothing is fine").is_none());
        // What moves no real money is known as such, and a live book refuses it.
        assert!(!options.is_for_play());
        for play in [
            good.replace("sk_1", "sk_test_1"),
            good.replace("sk_1", "rk_test_1"),
            format!("api = \"http://127.0.0.1:8420\"\n{good}"),
        ] {
            let options = read(&play, 0o600).expect("it is right").expect("there is one");
            assert!(options.is_for_play(), "{play}");
        }
        let refused = |text: &str, mode| read(text, mode).expect_err("it is wrong");
        assert!(refused(good, 0o644).contains("others can read it"));
        assert!(refused("secret_key = \"sk_1\"", 0o600).contains("webhook_secret"));
        let plain = format!("api = \"http://acquirer.example\"\n{good}");
        let said = refused(&plain, 0o600);
        assert!(said.contains("https") && !said.contains("sk_1"), "{said}");
    }
}
