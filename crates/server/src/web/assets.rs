//! Scripts, styles, pictures and texts of the pages: embedded in the program, served as they are.
//!
//! Every path carries a digest of all of them, so a browser keeps each for ever, and a new release
//! is taken up whole: scripts name each other by relative paths and stay inside one version. Text
//! is compressed once a process, for browsers that take gzip.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY,
    X_CONTENT_TYPE_OPTIONS,
};

use super::texts::{Language, PageName, Texts};
use crate::app::App;
use crate::edge::error::EdgeError;
use crate::edge::hex;
use crate::edge::problem::Problem;
use crate::metrics::{Class, Endpoint, Said};

/// One file.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

macro_rules! assets {
    ($($name:literal: $media_type:expr;)+) => {
        /// Every file under `static/` that pages load.
        const ASSETS: &[Asset] = &[$(Asset {
            name: $name,
            media_type: $media_type,
            bytes: include_bytes!(concat!("../../static/", $name)),
        }),+];
    };
}

assets! {
    "page.css": STYLE;
    "wallet.css": STYLE;
    "register.css": STYLE;
    "console.css": STYLE;
    "link.css": STYLE;
    "page.js": SCRIPT;
    "kept.js": SCRIPT;
    "device.js": SCRIPT;
    "terminal.js": SCRIPT;
    "symbols.js": SCRIPT;
    "camera.js": SCRIPT;
    "sound.js": SCRIPT;
    "link.js": SCRIPT;
    "wallet.js": SCRIPT;
    "wallet-account.js": SCRIPT;
    "wallet-money.js": SCRIPT;
    "wallet-acts.js": SCRIPT;
    "wallet-asked.js": SCRIPT;
    "wallet-code.js": SCRIPT;
    "wallet-devices.js": SCRIPT;
    "wallet-enter.js": SCRIPT;
    "wallet-factors.js": SCRIPT;
    "wallet-history.js": SCRIPT;
    "wallet-journal.js": SCRIPT;
    "wallet-member.js": SCRIPT;
    "wallet-pay.js": SCRIPT;
    "wallet-recover.js": SCRIPT;
    "register.js": SCRIPT;
    "register-cash.js": SCRIPT;
    "register-charge.js": SCRIPT;
    "register-clerk.js": SCRIPT;
    "register-journal.js": SCRIPT;
    "register-outcome.js": SCRIPT;
    "register-payments.js": SCRIPT;
    "register-scan.js": SCRIPT;
    "register-shift.js": SCRIPT;
    "register-till.js": SCRIPT;
    "console.js": SCRIPT;
    "console-acts.js": SCRIPT;
    "console-book.js": SCRIPT;
    "console-clerks.js": SCRIPT;
    "console-members.js": SCRIPT;
    "console-operations.js": SCRIPT;
    "console-passkeys.js": SCRIPT;
    "console-payment.js": SCRIPT;
    "console-plots.js": SCRIPT;
    "console-search.js": SCRIPT;
    "console-policy.js": SCRIPT;
    "console-rails.js": SCRIPT;
    "console-shops.js": SCRIPT;
    "console-staff.js": SCRIPT;
    "console-stream.js": SCRIPT;
    "console-today.js": SCRIPT;
    "icon.svg": "image/svg+xml";
    "icon-192.png": "image/png";
    "icon-512.png": "image/png";
    "wallet.webmanifest": "application/manifest+json";
}

/// The digest of every file and text, 16 hex digits: a part of each path.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = blake3::Hasher::new();
        for asset in ASSETS {
            hasher.update(asset.bytes);
        }
        for page in PageName::ALL {
            for language in Language::ALL {
                hasher.update(Texts::of(page, language).to_json().as_bytes());
            }
        }
        hex::text(&hasher.finalize().as_bytes()[..8])
    });
    &VERSION
}

/// A file of the pages, or what a page says: `PAGE.LANGUAGE.json`.
#[utoipa::path(
    get,
    path = "/static/{version}/{file}",
    operation_id = "asset",
    tag = "public",
    params(
        ("version" = String, Path, description = "As the page names it"),
        ("file" = String, Path, description = "As the page names it"),
    ),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/javascript"),
            (String = "text/css"),
            (String = "application/json"),
            (String = "application/manifest+json"),
            (String = "image/svg+xml"),
            (String = "image/png"),
        ))
    )
)]
pub async fn asset(
    State(app): State<App>,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    let work = async {
        let Ok(Path((asked, file))) = path else { return Err(EdgeError::NotFound.into()) };
        let found = files().get(&file).ok_or(EdgeError::NotFound)?;
        let small = found.compressed.as_ref().filter(|_| takes_gzip(&headers));
        let mut response = Response::new(Body::from(small.unwrap_or(&found.bytes).clone()));
        // During an upgrade one node may be asked for another's version: it gives what it has, and
        // nobody keeps that.
        let is_ours = asked == version();
        let cache = if is_ours { "public, max-age=31536000, immutable" } else { "no-store" };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(found.media_type));
        if small.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok::<_, Problem>(Said { response, class: Class::Answered })
    };
    app.answer(Endpoint::Public, work).await
}

/// A file as it is served.
struct Served {
    media_type: &'static str,
    bytes: Bytes,
    /// The same, gzip; none of pictures, which are compressed as they are.
    compressed: Option<Bytes>,
}

impl Served {
    fn new(media_type: &'static str, bytes: Bytes) -> Self {
        let is_text = media_type != "image/png";
        Self { media_type, compressed: is_text.then(|| compress(&bytes)), bytes }
    }
}

/// Every file, and what every page says (`PAGE.LANGUAGE.json`), by name.
fn files() -> &'static BTreeMap<String, Served> {
    static FILES: LazyLock<BTreeMap<String, Served>> = LazyLock::new(|| {
        let files = ASSETS.iter().map(|asset| {
            let served = Served::new(asset.media_type, Bytes::from_static(asset.bytes));
            (asset.name.to_owned(), served)
        });
        let texts = PageName::ALL.into_iter().flat_map(|page| {
            Language::ALL.map(|language| {
                let name = format!("{}.{}.json", page.text(), language.tag());
                let json = Bytes::from(Texts::of(page, language).to_json());
                (name, Served::new(JSON, json))
            })
        });
        files.chain(texts).collect()
    });
    &FILES
}

fn compress(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("a Vec takes all");
    Bytes::from(encoder.finish().expect("a Vec takes all"))
}

/// Whether the caller takes gzip (RFC 9110, 12.5.3): named, and not with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|range| {
        let (coding, weight) = range.split_once(';').unwrap_or((range, ""));
        let refused =
            matches!(weight.trim().strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000"));
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The sources in which texts are named: a page's own script and template, or those of all.
#[cfg(test)]
pub(super) fn scripts_of(page: Option<PageName>) -> Vec<&'static str> {
    let template = match page {
        None => include_str!("../../templates/page.html"),
        Some(PageName::Wallet) => include_str!("../../templates/wallet.html"),
        Some(PageName::Register) => include_str!("../../templates/register.html"),
        Some(PageName::Console) => include_str!("../../templates/console.html"),
        Some(PageName::Link) => include_str!("../../templates/link.html"),
    };
    let pages = PageName::ALL.map(PageName::text);
    let owner = |name: &str| pages.into_iter().find(|page| name.starts_with(page));
    let scripts = ASSETS.iter().filter(|asset| asset.media_type == SCRIPT);
    let ours = scripts.filter(|asset| owner(asset.name) == page.map(PageName::text));
    let sources = ours.map(|asset| std::str::from_utf8(asset.bytes).expect("a script is text"));
    std::iter::once(template).chain(sources).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What one page loads of scripts, bytes.
    const SCRIPTS_BYTES_MAX: usize = 100_000;
    /// What all pages together send of them, compressed, bytes: nobody loads all.
    const SENT_BYTES_MAX: usize = 120_000;
    /// What the member's page loads only when somebody needs it: before the browser is a device,
    /// and once it is one.
    const LATER: [&[&str]; 5] = [
        &["wallet-enter.js", "wallet-recover.js", "wallet-acts.js"],
        &["wallet-account.js", "wallet-devices.js", "wallet-factors.js", "wallet-acts.js"],
        &["wallet-money.js", "wallet-acts.js"],
        &["wallet-asked.js", "wallet-acts.js"],
        &["camera.js", "wallet-asked.js", "wallet-acts.js"],
    ];

    #[test]
    fn every_file_of_the_folder_is_served_and_no_other() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("it can be listed").file_name().into_string())
            .map(|name| name.expect("a name is text"))
            // The style of the documents has a route of its own.
            .filter(|name| name != "style.css")
            .collect();
        let served: BTreeSet<String> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
        assert_eq!(files, served);
    }

    #[test]
    fn the_scripts_of_a_page_are_under_100_kilobytes() {
        // The first source is a template.
        let bytes = |page| scripts_of(page).into_iter().skip(1).map(str::len).sum::<usize>();
        for page in PageName::ALL {
            let all = bytes(None) + bytes(Some(page));
            for later in LATER {
                // The other visit's parts are not loaded, nor what registers share.
                let others = LATER.iter().flat_map(|part| part.iter());
                let others: Vec<&str> = match page {
                    PageName::Wallet => {
                        others.chain(&["terminal.js", "sound.js"]).copied().collect()
                    }
                    PageName::Console => {
                        // The last only by who is about to change limits.
                        vec![
                            "terminal.js",
                            "sound.js",
                            "camera.js",
                            "symbols.js",
                            "console-policy.js",
                        ]
                    }
                    PageName::Register => vec!["device.js"],
                    PageName::Link => Vec::new(),
                };
                let loaded = |name: &&str| page == PageName::Wallet && later.contains(name);
                let others: BTreeSet<&str> =
                    others.into_iter().filter(|name| !loaded(name)).collect();
                let others: usize = others.iter().map(|name| files()[*name].bytes.len()).sum();
                let bytes = all - others;
                assert!(bytes < SCRIPTS_BYTES_MAX, "{page:?}: {bytes} bytes");
            }
        }
        let sent = files().values().filter(|file| file.media_type == SCRIPT);
        let sent: usize = sent.filter_map(|file| Some(file.compressed.as_ref()?.len())).sum();
        assert!((1..SENT_BYTES_MAX).contains(&sent), "{sent} bytes");
    }

    #[test]
    fn text_is_compressed_for_those_who_take_it() {
        for (accepted, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("deflate, gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(takes_gzip(&headers), takes, "{accepted}");
        }
        let script = &files()["page.js"];
        assert!(script.compressed.as_ref().is_some_and(|small| small.len() < script.bytes.len()));
        assert!(files()["icon-192.png"].compressed.is_none());
    }

    #[test]
    fn no_file_loads_anything_from_elsewhere_or_makes_markup_of_text() {
        let banned = ["https://", "http://", "innerHTML", "outerHTML", "insertAdjacentHTML"];
        for asset in ASSETS.iter().filter(|asset| !asset.media_type.starts_with("image")) {
            let text = std::str::from_utf8(asset.bytes).expect("it is text");
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for word in banned {
                assert!(!text.contains(word), "{}: {word}", asset.name);
            }
        }
    }

    #[test]
    fn texts_are_served_by_page_and_language() {
        for known in ["wallet.ja.json", "console.en.json", "page.js"] {
            assert!(files().contains_key(known), "{known}");
        }
        for unknown in ["wallet.json", "wallet.fr.json", "purse.ja.json", "../page.js", ""] {
            assert!(!files().contains_key(unknown), "{unknown}");
        }
    }
}
