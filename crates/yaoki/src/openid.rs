//! Providers of external ids, from the file that the setting `openid` names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use yaoki_server::identity::openid::{Algorithm, ProviderOptions};

use crate::exit::Failure;

/// No file with a secret is longer, bytes.
const SECRET_BYTES_MAX: u64 = 4096;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// One table a provider.
    #[serde(default)]
    provider: Vec<One>,
}

/// A provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    name: String,
    shown: Option<String>,
    issuer: String,
    client_id: String,
    client_secret_file: PathBuf,
    algorithms: Option<Vec<String>>,
}

/// The providers of a file; none where none is named.
///
/// # Errors
/// When the file, or a secret that it names, cannot be read or is not as it must be.
pub(crate) fn providers(path: Option<&Path>) -> Result<Vec<ProviderOptions>, Failure> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("openid: {}: {error}", path.display())))?;
    // Without the line that is wrong: a secret may have been put there by mistake.
    let named: Named = toml::from_str(&text).map_err(|error| {
        Failure::usage(format!("openid: {}: {}", path.display(), error.message()))
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    named.provider.iter().map(|one| options(one, folder)).collect()
}

fn options(one: &One, folder: &Path) -> Result<ProviderOptions, Failure> {
    let wrong = |what: String| Failure::usage(format!("openid: provider {:?}: {what}", one.name));
    let file = folder.join(&one.client_secret_file);
    let secret = secret(&file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    let secret = secret.lines().next().unwrap_or_default().trim();
    let client = (one.client_id.as_str(), secret);
    let mut options = ProviderOptions::new(&one.name, &one.issuer, client).map_err(wrong)?;
    if let Some(shown) = &one.shown {
        options.shown.clone_from(shown);
    }
    if let Some(names) = &one.algorithms {
        let known = |name: &String| {
            Algorithm::named(name).ok_or_else(|| wrong(format!("there is no algorithm {name:?}")))
        };
        options.algorithms = names.iter().map(known).collect::<Result<_, _>>()?;
    }
    Ok(options)
}

/// The text of a file that its owner alone can read.
pub(crate) fn secret(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other("others can read it; `chmod 600` it"));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
