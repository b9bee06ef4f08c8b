//! The text of a key file. Only the private types here write secrets down.

use super::{
    CheckpointKey, CheckpointPublicKey, FORMAT, GENERATIONS_MAX, KeyFile, KeyFileError, KeyName,
    Retired, RotatingKey, Secret, VERSION, first_seal_key, key_id,
};
use crate::edge::hex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

impl KeyFile {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`KeyFileError`] when it is no key file of this version, or damaged.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let header: Header = serde_json::from_str(text).map_err(|error| form(&error))?;
        if header.format != FORMAT || header.version != VERSION {
            return Err(KeyFileError::Version);
        }
        let file: FileText = serde_json::from_str(text).map_err(|error| form(&error))?;
        let fingerprint = file.fingerprint.open(KeyName::Fingerprint)?;
        let seal = match file.seal {
            Some(seal) => seal.open(KeyName::Seal)?,
            None => first_seal_key(&fingerprint),
        };
        Ok(Self {
            code: file.code.open(KeyName::Code)?,
            terminal_root: file.terminal_root.open(KeyName::TerminalRoot)?,
            device_token: file.device_token.open(KeyName::DeviceToken)?,
            nonce: file.nonce.open(KeyName::Nonce)?,
            fingerprint,
            checkpoint: file.checkpoint.open()?,
            seal,
        })
    }

    /// The text of the key file: it holds every secret, and is wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        let file = FileText {
            format: FORMAT.to_owned(),
            version: VERSION,
            code: KeyText::close(&self.code),
            terminal_root: KeyText::close(&self.terminal_root),
            device_token: KeyText::close(&self.device_token),
            nonce: KeyText::close(&self.nonce),
            fingerprint: KeyText::close(&self.fingerprint),
            checkpoint: CheckpointText::close(&self.checkpoint),
            seal: Some(KeyText::close(&self.seal)),
        };
        let text =
            serde_json::to_string_pretty(&file).expect("strings and numbers are always JSON");
        Zeroizing::new(text + "\n")
    }
}

fn form(error: &serde_json::Error) -> KeyFileError {
    KeyFileError::Form { line: error.line(), column: error.column() }
}

/// Read first, so that a newer file is refused as newer and not as damaged.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    format: String,
    version: u32,
    code: KeyText,
    terminal_root: KeyText,
    device_token: KeyText,
    nonce: KeyText,
    fingerprint: KeyText,
    checkpoint: CheckpointText,
    /// Absent: written before there was one.
    #[serde(default)]
    seal: Option<KeyText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    id: String,
    generation: u32,
    secret: SecretText,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<RetiredText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetiredText {
    id: String,
    generation: u32,
    secret: SecretText,
    /// Absent: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointText {
    seed: SecretText,
    public: PublicText,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<PublicText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicText {
    id: String,
    generation: u32,
    public: String,
}

/// 64 lower-case hex digits.
struct SecretText(Secret<32>);

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::text(self.0.expose())))
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        hex::bytes(text)
            .map(|bytes| Self(Secret::new(bytes)))
            .ok_or_else(|| D::Error::custom("not 64 hex digits"))
    }
}

impl KeyText {
    fn close(key: &RotatingKey) -> Self {
        let retired = key.retired.iter().map(|retired| RetiredText {
            id: retired.id.clone(),
            generation: retired.generation,
            secret: SecretText(retired.secret.clone()),
            until_ms: retired.until_ms,
        });
        Self {
            id: key.id.clone(),
            generation: key.generation,
            secret: SecretText(key.secret.clone()),
            retired: retired.collect(),
        }
    }

    fn open(self, name: KeyName) -> Result<RotatingKey, KeyFileError> {
        let SecretText(secret) = self.secret;
        let mut key = RotatingKey::new(name, self.generation, secret);
        let mut matches = key.id == self.id;
        for RetiredText { id, generation, secret: SecretText(secret), until_ms } in self.retired {
            matches &= id == key_id(name, secret.expose());
            key.retired.push(Retired { id, generation, secret, until_ms });
        }
        if !matches {
            return Err(KeyFileError::IdWrong { name });
        }
        check_generations(
            name,
            key.generation,
            key.retired.iter().map(|retired| retired.generation),
        )?;
        Ok(key)
    }
}

impl CheckpointText {
    fn close(key: &CheckpointKey) -> Self {
        let public = |key: &CheckpointPublicKey| PublicText {
            id: key.id.clone(),
            generation: key.generation,
            public: hex::text(&key.public),
        };
        Self {
            seed: SecretText(key.seed.clone()),
            public: public(&key.public),
            retired: key.retired.iter().map(public).collect(),
        }
    }

    fn open(self) -> Result<CheckpointKey, KeyFileError> {
        let name = KeyName::Checkpoint;
        let wrong = || KeyFileError::IdWrong { name };
        let open = |text: PublicText| {
            let key = CheckpointPublicKey::new(
                text.generation,
                hex::bytes(&text.public).ok_or_else(wrong)?,
            );
            if key.id == text.id { Ok(key) } else { Err(wrong()) }
        };
        let SecretText(seed) = self.seed;
        let mut key = CheckpointKey::new(self.public.generation, seed)?;
        if open(self.public)? != key.public {
            return Err(wrong());
        }
        key.retired = self.retired.into_iter().map(open).collect::<Result<_, _>>()?;
        check_generations(
            name,
            key.public.generation,
            key.retired.iter().map(|retired| retired.generation),
        )?;
        Ok(key)
    }
}

fn check_generations(
    name: KeyName,
    current: u32,
    retired: impl ExactSizeIterator<Item = u32>,
) -> Result<(), KeyFileError> {
    if retired.len() > GENERATIONS_MAX {
        return Err(KeyFileError::GenerationsFull { name });
    }
    let mut newer = current;
    for generation in retired {
        if generation >= newer {
            return Err(KeyFileError::GenerationsDisordered { name });
        }
        newer = generation;
    }
    if newer == 0 { Err(KeyFileError::GenerationsDisordered { name }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW_MS, counting, keys};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_with_every_generation() {
        let mut keys = keys();
        let mut random = counting();
        for _ in 0..6 {
            random(&mut [0]);
        }
        keys.rotate_code_key(&mut random, NOW_MS, 120_000).expect("a first rotation");
        keys.rotate_fingerprint_key(&mut random, NOW_MS).expect("a first rotation");
        keys.rotate_fingerprint_key(&mut random, NOW_MS).expect("a second rotation");
        keys.rotate_checkpoint_key(&mut random).expect("a first rotation");
        keys.rotate_seal_key(&mut random, NOW_MS).expect("a first rotation");
        let text = keys.to_text();
        assert_eq!(KeyFile::parse(&text).expect("its own text"), keys);
        assert_eq!(KeyFile::parse(&text).expect("its own text").to_text(), text);
    }

    #[test]
    fn a_file_of_before_the_seal_key_is_read_with_the_same_one_each_time() {
        let without_seal = |keys: &KeyFile| {
            let mut value: serde_json::Value =
                serde_json::from_str(&keys.to_text()).expect("its own text");
            value.as_object_mut().expect("an object").remove("seal").expect("a seal key");
            value.to_string()
        };
        let mut keys = keys();
        let first = KeyFile::parse(&without_seal(&keys)).expect("an older file");
        assert_eq!((first.seal.generation, first.seal.retired.len()), (1, 0));
        assert_ne!(first.seal.secret, keys.seal.secret);
        assert_ne!(first.seal.secret, first.fingerprint.secret);
        keys.rotate_fingerprint_key(&mut |bytes| bytes.fill(0xaa), NOW_MS).expect("a rotation");
        let later = KeyFile::parse(&without_seal(&keys)).expect("an older file");
        assert_eq!(later.seal, first.seal);
        let written = KeyFile::parse(&later.to_text()).expect("its own text");
        assert_eq!(written.seal, first.seal, "from then on it is in the file");
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused_without_quoting_it() {
        let keys = keys();
        let text = keys.to_text();
        let code = hex::text(keys.code.secret.expose());
        let public = hex::text(&keys.checkpoint.public.public);
        let refused = |text: &str| KeyFile::parse(text).expect_err("damaged");
        assert!(matches!(refused(""), KeyFileError::Form { .. }));
        assert!(matches!(
            refused(&text.replace("\"version\": 1", "\"version\": 2")),
            KeyFileError::Version
        ));
        assert!(matches!(refused(&text.replace(FORMAT, "other keys")), KeyFileError::Version));
        assert!(matches!(
            refused(&text.replace("\"nonce\"", "\"nonsense\"")),
            KeyFileError::Form { .. }
        ));
        assert!(matches!(refused(&text.replace(&code, &code[2..])), KeyFileError::Form { .. }));
        let flipped = format!("ff{}", &code[2..]);
        let wrong = refused(&text.replace(&code, &flipped));
        assert!(matches!(wrong, KeyFileError::IdWrong { name: KeyName::Code }));
        assert!(!format!("{wrong}{wrong:?}").contains(&flipped));
        let wrong = refused(&text.replace(&public, &format!("ff{}", &public[2..])));
        assert!(matches!(wrong, KeyFileError::IdWrong { name: KeyName::Checkpoint }));
        let wrong = refused(&text.replacen("\"generation\": 1", "\"generation\": 0", 1));
        assert!(matches!(wrong, KeyFileError::GenerationsDisordered { name: KeyName::Code }));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            prop_assert!(KeyFile::parse(&text).is_err());
        }

        #[test]
        fn no_changed_byte_is_read_as_another_secret(place in 0_usize..2000, byte in b' '..=b'~') {
            let keys = keys();
            let mut text = keys.to_text().as_bytes().to_vec();
            let place = place % text.len();
            text[place] = byte;
            if let Ok(read) = KeyFile::parse(std::str::from_utf8(&text).expect("ASCII")) {
                prop_assert_eq!(read.code.secret, keys.code.secret);
                prop_assert_eq!(read.checkpoint.seed, keys.checkpoint.seed);
            }
        }
    }
}
