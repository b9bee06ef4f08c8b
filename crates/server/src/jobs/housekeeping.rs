//! Housekeeping: certificates that were changed, keys whose time is over, metrics moved into
//! buckets.

use std::sync::Arc;

use crate::app::{App, Keyring};
use crate::edge::tls::Certificates;

/// Looks after what changes beside the book. Cheap enough for every few seconds.
pub fn tidy(app: &App, certificates: &[Arc<Certificates>]) {
    app.metrics.upkeep();
    for certificate in certificates {
        certificate.renew();
    }
    let keyring = app.keyring();
    // Ready-made keys hold what was accepted when they were made; an old key's time may have ended.
    let renewed = Keyring::new(keyring.file.clone(), &app.code, app.now());
    let mut current = app.keyring.write().expect("no holder panics");
    if Arc::ptr_eq(&current, &keyring) {
        *current = Arc::new(renewed);
    }
}
