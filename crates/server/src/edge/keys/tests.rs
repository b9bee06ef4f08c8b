use super::*;
use std::collections::BTreeSet;

pub(super) const NOW_MS: i64 = 1_800_000_000_000;

/// Bytes that differ at every call: 1, 2, 3…
pub(super) fn counting() -> impl FnMut(&mut [u8]) {
    let mut count = 0_u8;
    move |bytes: &mut [u8]| {
        count += 1;
        bytes.fill(count);
    }
}

pub(super) fn keys() -> KeyFile {
    KeyFile::generate(&mut counting())
}

#[test]
fn all_secrets_and_ids_differ_and_debug_prints_none() {
    let keys = keys();
    let KeyFile { code, terminal_root, device_token, nonce, fingerprint, checkpoint: _, seal } =
        &keys;
    let rotating = [code, terminal_root, device_token, nonce, fingerprint, seal];
    let mut secrets: BTreeSet<_> = rotating.iter().map(|key| *key.secret.expose()).collect();
    secrets.insert(*keys.checkpoint.seed.expose());
    let mut ids: BTreeSet<_> = rotating.iter().map(|key| key.id.as_str()).collect();
    ids.insert(&keys.checkpoint.public.id);
    assert_eq!((secrets.len(), ids.len()), (KeyName::ALL.len(), KeyName::ALL.len()));
    let debug = format!("{keys:?}");
    assert!(debug.contains("[redacted]"));
    for secret in secrets {
        assert!(!debug.contains(&hex::text(&secret)) && !debug.contains(&format!("{secret:?}")));
    }
}

#[test]
fn an_id_is_of_name_and_value_and_not_the_value() {
    let id = key_id(KeyName::Code, &[7; 32]);
    assert_eq!(id, key_id(KeyName::Code, &[7; 32]));
    assert_ne!(id, key_id(KeyName::Nonce, &[7; 32]));
    assert_ne!(id, hex::text(&[7; 8]));
    assert_eq!(id.len(), 16);
}

#[test]
fn a_terminal_key_is_the_documented_hmac() {
    let mut keys = keys();
    keys.terminal_root = RotatingKey::new(KeyName::TerminalRoot, 1, Secret::new([0x0b; 32]));
    let mut message = b"yaoki terminal key 1".to_vec();
    message.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 3]);
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0x0b; 32]), &message);
    assert_eq!(keys.terminal_key(42, 3).expose().as_slice(), expected.as_ref());
    // Computed with Python's hmac module.
    assert_eq!(
        hex::text(keys.terminal_key(42, 3).expose()),
        "d2202867f4d117324532d7417716ce6ca80dcc720b532b6dda184100937c7011"
    );
    assert_ne!(keys.terminal_key(42, 3), keys.terminal_key(42, 4));
    assert_ne!(keys.terminal_key(42, 3), keys.terminal_key(43, 3));
}

#[test]
fn a_rotated_key_is_accepted_until_its_time_and_only_one_is() {
    let mut keys = keys();
    let mut random = |bytes: &mut [u8]| bytes.fill(0xaa);
    let old = keys.code.secret.clone();
    keys.rotate_code_key(&mut random, NOW_MS, 120_000).expect("a first rotation");
    assert_eq!(keys.code.generation, 2);
    assert_eq!(keys.code.accepted(NOW_MS + 119_999).collect::<Vec<_>>(), [&keys.code.secret, &old]);
    assert_eq!(keys.code.accepted(NOW_MS + 120_000).collect::<Vec<_>>(), [&keys.code.secret]);
    let before = keys.clone();
    let running = keys.rotate_code_key(&mut random, NOW_MS + 1, 120_000);
    assert!(matches!(running, Err(KeyFileError::RotationRunning { name: KeyName::Code, .. })));
    assert_eq!(keys, before, "a refusal changes nothing");
    keys.rotate_code_key(&mut |bytes| bytes.fill(0xbb), NOW_MS + 120_000, 120_000)
        .expect("the last one ended");
    assert_eq!((keys.code.generation, keys.code.retired.len()), (3, 1));
}

#[test]
fn a_lifetime_of_zero_drops_every_older_key_at_once() {
    let mut keys = keys();
    keys.rotate_code_key(&mut |bytes| bytes.fill(0xaa), NOW_MS, 120_000).expect("a first rotation");
    keys.rotate_code_key(&mut |bytes| bytes.fill(0xbb), NOW_MS + 1, 0)
        .expect("an emergency does not wait");
    assert_eq!(keys.code.accepted(NOW_MS + 1).collect::<Vec<_>>(), [&Secret::new([0xbb; 32])]);
    assert_eq!(keys.code.generation, 3);
}

#[test]
fn every_key_rotates_alone() {
    type Rotation = fn(&mut KeyFile, &mut dyn FnMut(&mut [u8])) -> Result<(), KeyFileError>;
    let rotations: [(KeyName, Rotation); 7] = [
        (KeyName::Code, |keys, random| keys.rotate_code_key(random, NOW_MS, 1)),
        (KeyName::TerminalRoot, |keys, random| keys.rotate_terminal_root(random, NOW_MS, 1)),
        (KeyName::DeviceToken, |keys, random| keys.rotate_device_token_key(random, NOW_MS, 1)),
        (KeyName::Nonce, |keys, random| keys.rotate_nonce_key(random, NOW_MS)),
        (KeyName::Fingerprint, |keys, random| keys.rotate_fingerprint_key(random, NOW_MS)),
        (KeyName::Checkpoint, |keys, random| keys.rotate_checkpoint_key(random)),
        (KeyName::Seal, |keys, random| keys.rotate_seal_key(random, NOW_MS)),
    ];
    let ids = |keys: &KeyFile| {
        let KeyFile { code, terminal_root, device_token, nonce, fingerprint, checkpoint, seal } =
            keys.clone();
        let rotating = [code.id, terminal_root.id, device_token.id, nonce.id, fingerprint.id];
        [rotating.as_slice(), &[checkpoint.public.id, seal.id]].concat()
    };
    for (place, (name, rotate)) in rotations.into_iter().enumerate() {
        assert_eq!(name, KeyName::ALL[place], "every key is here");
        let mut keys = keys();
        let before = ids(&keys);
        rotate(&mut keys, &mut |bytes| bytes.fill(0xcc)).expect("a first rotation");
        let after = ids(&keys);
        for other in 0..KeyName::ALL.len() {
            assert_eq!(before[other] == after[other], other != place, "{name}");
        }
    }
}

#[test]
fn terminals_are_accepted_under_both_roots_while_one_is_replaced() {
    let mut keys = keys();
    let old = keys.terminal_key(1, 1);
    keys.rotate_terminal_root(&mut |bytes| bytes.fill(0xdd), NOW_MS, 1000)
        .expect("a first rotation");
    let new = keys.terminal_key(1, 1);
    assert_ne!(old, new);
    assert_eq!(keys.terminal_keys(1, 1, NOW_MS).collect::<Vec<_>>(), [new.clone(), old]);
    assert_eq!(keys.terminal_keys(1, 1, NOW_MS + 1000).collect::<Vec<_>>(), [new]);
}

#[test]
fn the_old_checkpoint_secret_is_gone_and_its_public_half_stays() {
    let mut keys = keys();
    let (seed, public) = (keys.checkpoint.seed.clone(), keys.checkpoint.public.clone());
    let signature = keys.checkpoint.key_pair().expect("a seed").sign(b"heads");
    keys.rotate_checkpoint_key(&mut |bytes| bytes.fill(0xee)).expect("a first rotation");
    assert_eq!(keys.checkpoint.retired, std::slice::from_ref(&public));
    assert!(!keys.to_text().contains(&hex::text(seed.expose())));
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public.public)
        .verify(b"heads", signature.as_ref())
        .expect("an old checkpoint is verified with the public half that stays");
}

#[test]
fn the_checkpoint_public_key_is_that_of_rfc_8032() {
    // RFC 8032, 7.1, test 1.
    let seed = hex::bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        .expect("hex");
    let key = CheckpointKey::new(1, Secret::new(seed)).expect("a seed");
    assert_eq!(
        hex::text(&key.public.public),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
}

#[test]
fn too_many_generations_are_refused() {
    let mut keys = keys();
    let mut random = counting();
    for _ in 0..GENERATIONS_MAX {
        keys.rotate_fingerprint_key(&mut random, NOW_MS).expect("room");
        keys.rotate_checkpoint_key(&mut random).expect("room");
        keys.rotate_seal_key(&mut random, NOW_MS).expect("room");
    }
    let full = keys.rotate_fingerprint_key(&mut random, NOW_MS);
    assert!(matches!(full, Err(KeyFileError::GenerationsFull { name: KeyName::Fingerprint })));
    let full = keys.rotate_checkpoint_key(&mut random);
    assert!(matches!(full, Err(KeyFileError::GenerationsFull { name: KeyName::Checkpoint })));
    let text = keys.to_text();
    assert!(u64::try_from(text.len()).expect("small") <= FILE_BYTES_MAX);
    assert_eq!(KeyFile::parse(&text).expect("the largest file"), keys);
    keys.fingerprint.retired.push(keys.fingerprint.retired[0].clone());
    assert!(matches!(KeyFile::parse(&keys.to_text()), Err(KeyFileError::GenerationsFull { .. })));
}
