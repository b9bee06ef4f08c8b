//! The demo's own certificate authority: two people try the demo on a phone and a laptop, and the
//! pages of a phone need HTTPS.
//!
//! Its key stays in the data folder, mode 0600, and its certificate lets it vouch for the demo's
//! host alone, as a server and as nothing else: a phone that trusts it loses nothing elsewhere, and
//! a thief of the key gains nothing there: neither another site, nor mail, nor programs. It
//! lasts a year, so that a phone trusts it once; each start makes a new certificate of the server
//! under it.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use yaoki_core::time::{DAY_MS, Instant};
use yaoki_server::edge::listener::TlsFiles;

use crate::exit::Failure;

/// The authority's file in the data folder.
const FILE: &str = "demo-authority.json";
/// The server's certificate and key in the data folder, made at each start.
const SERVER_FILES: (&str, &str) = ("demo-server.crt", "demo-server.key");
/// How long an authority lasts, days.
const AUTHORITY_DAYS: i64 = 365;
/// How long a certificate of the server lasts, days: longer than any demo runs.
const SERVER_DAYS: i64 = 30;
/// A clock that is late by less takes a new certificate, days.
const EARLIER_DAYS: i64 = 1;
/// The name of this machine for itself.
pub(super) const LOCALHOST: &str = "localhost";

/// The form of the authority's certificate. One of another form is made anew.
const FORM: u32 = 2;
/// A name that no mail goes to (RFC 6761, section 6.4).
const NOWHERE: &str = "invalid";

/// What the authority's file holds.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The form of the certificate; those of the first have none.
    #[serde(default)]
    form: u32,
    /// The one host that it vouches for.
    host: String,
    /// When it was made, milliseconds.
    made_at: i64,
    /// DER, Base64.
    certificate: String,
    /// PKCS#8, Base64.
    key: String,
}

/// An authority that the data folder keeps.
pub(crate) struct Authority {
    kept: Kept,
    issuer: Issuer<'static, KeyPair>,
    /// What a phone must trust, DER.
    pub(crate) certificate: Vec<u8>,
}

impl Authority {
    /// The authority of the folder for this host; a new one where there is none, where it is for
    /// another host or of another form, or where less than a server's time is left of it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is none of ours.
    pub(crate) fn open(folder: &Path, host: &str, now: Instant) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        if path.exists() {
            let text = std::fs::read_to_string(&path)?;
            let kept: Kept = serde_json::from_str(&text).map_err(|_| none_of_ours(&path))?;
            let left = kept.made_at + (AUTHORITY_DAYS - SERVER_DAYS) * DAY_MS - now.0;
            if kept.form == FORM && kept.host == host && left > 0 {
                return Self::of(kept).ok_or_else(|| none_of_ours(&path));
            }
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Failure::fault)?;
        let certificate = authority_params(host, now)?.self_signed(&key).map_err(Failure::fault)?;
        let kept = Kept {
            form: FORM,
            host: host.to_owned(),
            made_at: now.0,
            certificate: STANDARD.encode(certificate.der()),
            key: STANDARD.encode(key.serialized_der()),
        };
        let text = serde_json::to_string(&kept).map_err(Failure::fault)?;
        write_for_owner(&path, &text)?;
        Self::of(kept).ok_or_else(|| none_of_ours(&path))
    }

    fn of(kept: Kept) -> Option<Self> {
        let certificate = STANDARD.decode(&kept.certificate).ok()?;
        let key = PrivatePkcs8KeyDer::from(STANDARD.decode(&kept.key).ok()?);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).ok()?;
        // The issuer is its name and its key, and both are as they were in its certificate.
        let params = authority_params(&kept.host, Instant(kept.made_at)).ok()?;
        Some(Self { kept, issuer: Issuer::new(params, key), certificate })
    }

    /// Makes a certificate of the server and its key, and writes both for the listeners.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn issue(&self, folder: &Path, now: Instant) -> Result<TlsFiles, Failure> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Failure::fault)?;
        let certificate = self.sign(&key, now)?;
        let (certificates, private) = SERVER_FILES;
        let files = TlsFiles { certificates: folder.join(certificates), key: folder.join(private) };
        write_for_owner(&files.certificates, &pem("CERTIFICATE", certificate.der()))?;
        write_for_owner(&files.key, &pem("PRIVATE KEY", key.serialized_der()))?;
        Ok(files)
    }

    fn sign(&self, key: &KeyPair, now: Instant) -> Result<Certificate, Failure> {
        let mut names = vec![self.kept.host.clone()];
        let own = [LOCALHOST.to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        names.extend(own.into_iter().filter(|name| *name != self.kept.host));
        let mut params = CertificateParams::new(names).map_err(Failure::fault)?;
        params.distinguished_name.push(DnType::CommonName, self.kept.host.as_str());
        params.not_before = midnight(now, -EARLIER_DAYS)?;
        params.not_after = midnight(now, SERVER_DAYS)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &self.issuer).map_err(Failure::fault)
    }

    /// SHA-256 of the certificate, as phones show it.
    pub(crate) fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, &self.certificate);
        let bytes: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}

/// The authority's certificate, before it is signed.
fn authority_params(host: &str, made_at: Instant) -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, format!("Yaoki demo on {host}"));
    params.not_before = midnight(made_at, -EARLIER_DAYS)?;
    params.not_after = midnight(made_at, AUTHORITY_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // What it signs is a server's, whatever it says of itself.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let only = |address: IpAddr| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
    };
    // A kind of name that is not listed would be free: names, addresses and mail are all listed.
    // To permit mail for nowhere excludes all of it; programs differ on what excluding "" means.
    let mut permitted = vec![
        GeneralSubtree::DnsName(LOCALHOST.to_owned()),
        only(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        GeneralSubtree::Rfc822Name(NOWHERE.to_owned()),
    ];
    permitted.push(match host.parse::<IpAddr>() {
        Ok(address) => only(address),
        Err(_) => GeneralSubtree::DnsName(host.to_owned()),
    });
    let excluded = Vec::new();
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded });
    Ok(params)
}

/// The beginning of the day, in UTC, so many days away.
fn midnight(now: Instant, days: i64) -> Result<time::OffsetDateTime, Failure> {
    let at = Timestamp::from_millisecond(now.0 + days * DAY_MS).map_err(Failure::fault)?;
    let date = at.to_zoned(TimeZone::UTC).date();
    let part = |part: i8| u8::try_from(part).expect("months and days are positive");
    Ok(rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day())))
}

/// Bytes as PEM (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        lines.push(line.to_owned());
        rest = after;
    }
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}

/// Writes a file whole, for its owner only.
fn write_for_owner(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().expect("a file lies in a folder");
    // Mode 0600 from its first moment on.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| Failure::fault(error.error))?;
    Ok(())
}

fn none_of_ours(path: &Path) -> Failure {
    Failure::fault(format!(
        "{} must be the authority of a demo, as `yaoki demo --tls` wrote it: remove it, and a new \
         one is made, which the phones must trust anew",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use rcgen::SanType;
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    const NOW: Instant = Instant(1_800_000_000_000);

    /// Whether whoever trusts the authority takes this certificate for this name, so many days on.
    fn trusts(authority: &Authority, certificate: &[u8], name: &str, days: i64) -> bool {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from(authority.certificate.clone());
        roots.add(root).expect("a certificate");
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), ring);
        let verifier = verifier.build().expect("there is a root");
        let name = ServerName::try_from(name).expect("a name");
        let seconds = (NOW.0 + days * DAY_MS) / 1000;
        let now = std::time::Duration::from_secs(seconds.try_into().expect("it is past 1970"));
        let now = UnixTime::since_unix_epoch(now);
        let certificate = CertificateDer::from(certificate);
        verifier.verify_server_cert(&certificate, &[], &name, &[], now).is_ok()
    }

    fn signed(authority: &Authority) -> Certificate {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        authority.sign(&key, NOW).expect("it is signed")
    }

    #[test]
    fn a_server_is_trusted_under_its_names_in_its_time_and_nowhere_else() {
        for (host, other) in [
            ("laptop.test", "phone.test"),
            ("192.168.1.20", "192.168.1.21"),
            ("fd00::1", "fd00::2"),
            ("localhost", "laptop.test"),
        ] {
            let place = tempfile::tempdir().expect("a folder");
            let authority = Authority::open(place.path(), host, NOW).expect("it is made");
            let server = signed(&authority);
            for (name, days, trusted) in [
                (host, 0, true),
                ("localhost", 0, true),
                ("127.0.0.1", 0, true),
                (other, 0, false),
                ("example.com", 0, false),
                (host, SERVER_DAYS - 1, true),
                (host, SERVER_DAYS + 1, false),
                (host, -2, false),
            ] {
                assert_eq!(trusts(&authority, server.der(), name, days), trusted, "{name} {days}");
            }
        }
    }

    #[test]
    fn a_thief_of_the_key_makes_no_certificate_for_another_name() {
        let place = tempfile::tempdir().expect("a folder");
        let own = Authority::open(place.path(), "laptop.test", NOW).expect("it is made");
        for name in ["bank.test", "192.168.1.1", "laptop.test"] {
            let mut stolen = Authority::open(place.path(), "laptop.test", NOW).expect("kept");
            name.clone_into(&mut stolen.kept.host);
            let forged = signed(&stolen);
            let is_own = name == "laptop.test";
            assert_eq!(trusts(&own, forged.der(), name, 0), is_own, "{name}");
        }
    }

    #[test]
    fn a_thief_of_the_key_makes_no_certificate_for_mail_or_programs() {
        let place = tempfile::tempdir().expect("a folder");
        let own = Authority::open(place.path(), "laptop.test", NOW).expect("it is made");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        for (mail, is_own) in [(None, true), (Some("asa@bank.test"), false)] {
            let names = vec!["laptop.test".to_owned()];
            let mut params = CertificateParams::new(names).expect("a name");
            let mail = mail.map(|mail| SanType::Rfc822Name(mail.try_into().expect("ASCII")));
            params.subject_alt_names.extend(mail);
            let forged = params.signed_by(&key, &own.issuer).expect("it is signed");
            assert_eq!(trusts(&own, forged.der(), "laptop.test", 0), is_own);
        }
        // The extension (RFC 5280, section 4.2.1.12): a sequence of id-kp-serverAuth alone.
        let server_alone: [u8; 12] = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
        let mut parts = own.certificate.windows(server_alone.len());
        assert!(parts.any(|part| part == server_alone), "it signs for servers alone");
    }

    #[test]
    fn an_authority_of_another_form_is_made_anew() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join(FILE);
        let open = || Authority::open(place.path(), "laptop.test", NOW).expect("it opens");
        let first = open().fingerprint();
        let text = std::fs::read_to_string(&path).expect("it was written");
        let formless = text.replacen(&format!("\"form\":{FORM},"), "", 1);
        assert_ne!(formless, text);
        std::fs::write(&path, formless).expect("it is ours");
        let second = open().fingerprint();
        assert_ne!(second, first);
        assert_eq!(open().fingerprint(), second);
    }

    #[test]
    fn an_authority_is_kept_for_its_host_and_its_year() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |days: i64| Instant(NOW.0 + days * DAY_MS);
        let open = |host: &str, days: i64| {
            Authority::open(place.path(), host, at(days)).expect("it opens").fingerprint()
        };
        let first = open("laptop.test", 0);
        assert_eq!(first.len(), 32 * 3 - 1);
        assert_eq!(open("laptop.test", 300), first);
        let mode = place.path().join(FILE).metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let renewed = open("laptop.test", AUTHORITY_DAYS - SERVER_DAYS);
        assert_ne!(renewed, first, "the last month is too short for a server");
        assert_ne!(open("phone.test", 300), renewed, "another host has another authority");
        std::fs::write(place.path().join(FILE), "{}").expect("it is ours");
        let broken = Authority::open(place.path(), "phone.test", NOW).err().expect("it is none");
        assert!(broken.to_string().contains("remove it"), "{broken}");
    }
}
