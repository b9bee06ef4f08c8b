//! Who said what: file < environment < flag. A setting that nobody set is its default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::kind::Kind;
use super::{Setting, TABLE, find, variable_of};
use crate::exit::Failure;
use crate::outside;

/// The file that is read when none is named and it is there.
pub(crate) const FILE_NAME: &str = "yaoki.toml";
/// The variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "YAOKI_CONFIG";

/// Who set a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody.
    Default,
    /// A line of this file.
    File(PathBuf),
    /// A variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("by default"),
            Self::File(path) => write!(out, "in {}", path.display()),
            Self::Environment(name) => write!(out, "by {name}"),
            Self::Flag(name) => write!(out, "by --{name}"),
        }
    }
}

/// What was given on the command line: names and texts.
pub(crate) type Given = BTreeMap<&'static str, String>;

/// The text of every setting that somebody set, and who did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    set: BTreeMap<&'static str, (String, Origin)>,
    /// Another default of the data folder, for commands that have one.
    data: Option<PathBuf>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
}

impl Values {
    /// Gathers file, environment and flags. `data` is the data folder when nobody says; `file` is
    /// the file of `--config`.
    ///
    /// # Errors
    /// When a file that was named cannot be read, or a key of it is no setting.
    pub(crate) fn gather(
        given: &Given,
        file: Option<&Path>,
        data: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut values = Self { data: data.map(PathBuf::from), ..Self::default() };
        for setting in TABLE {
            let variable = setting.variable();
            if let Some(text) = outside::variable(&variable) {
                values.set.insert(setting.name, (text, Origin::Environment(variable)));
            }
        }
        for (name, text) in given {
            let setting = find(name).expect("flags are made from the table");
            values.set.insert(setting.name, (text.clone(), Origin::Flag(setting.flag())));
        }
        let named = file.map(Path::to_owned);
        let named = named.or_else(|| outside::variable(FILE_VARIABLE).map(PathBuf::from));
        let beside = values.data().join(FILE_NAME);
        if let Some(path) = named.or_else(|| beside.is_file().then_some(beside)) {
            values.take_file(path)?;
        }
        Ok(values)
    }

    fn take_file(&mut self, path: PathBuf) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::fault(format!(
                "the settings file {} must be readable: {error}",
                path.display()
            ))
        })?;
        for (name, text) in parse(&text)
            .map_err(|problem| Failure::usage(format!("{}: {problem}", path.display())))?
        {
            let from_file = (text, Origin::File(path.clone()));
            // What the environment or a flag said stays.
            self.set.entry(name).or_insert(from_file);
        }
        self.file = Some(path);
        Ok(())
    }

    /// The text of a setting, and who set it.
    pub(crate) fn text(&self, setting: &Setting) -> (String, Origin) {
        if let Some((text, origin)) = self.set.get(setting.name) {
            return (text.clone(), origin.clone());
        }
        if setting.name == "data" {
            return (self.data().display().to_string(), Origin::Default);
        }
        let data = self.data().display().to_string();
        (setting.default.replace("DIR", &data), Origin::Default)
    }

    fn data(&self) -> PathBuf {
        let set = self.set.get("data").map(|(text, _)| PathBuf::from(text));
        let default = find("data").expect("it is in the table").default;
        set.or_else(|| self.data.clone()).unwrap_or_else(|| PathBuf::from(default))
    }

    /// Sets a setting where nobody did.
    pub(crate) fn set_default(&mut self, name: &'static str, text: String) {
        assert!(find(name).is_some(), "{name} is no setting");
        self.set.entry(name).or_insert((text, Origin::Default));
    }

    /// Whether somebody set it.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.set.get(name).is_some_and(|(_, origin)| *origin != Origin::Default)
    }

    /// A setting, read.
    ///
    /// # Errors
    /// When it is not what it may be, with who set it.
    pub(crate) fn read<T: Kind>(&self, name: &str) -> Result<T, Failure> {
        let setting = find(name).expect("settings are read by the table");
        let (text, origin) = self.text(setting);
        T::read(&text).map_err(|must| {
            // A database or a witness may hold a password, which belongs on no screen.
            let is_secret = ["database", "witness"].contains(&name);
            let text = if is_secret { String::new() } else { format!(" {text:?}") };
            Failure::usage(format!("the setting {name}{text}, set {origin}, must be {must}"))
        })
    }
}

/// The settings of a file's text.
fn parse(text: &str) -> Result<Vec<(&'static str, String)>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    table.into_iter().map(|(name, value)| parse_one(&name, value)).collect()
}

fn parse_one(name: &str, value: toml::Value) -> Result<(&'static str, String), String> {
    let setting = find(name).ok_or_else(|| unknown("setting", name))?;
    let text = match value {
        toml::Value::String(text) => text,
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Array(list) if setting.is_list => {
            let texts: Option<Vec<&str>> = list.iter().map(toml::Value::as_str).collect();
            texts.ok_or_else(|| format!("the setting {name} must be a list of texts"))?.join(" ")
        }
        _ => return Err(format!("the setting {name} must be a text, a number, true or false")),
    };
    Ok((setting.name, text))
}

/// The variables `YAOKI_…` that are no setting: slips of the pen, mostly.
pub(crate) fn unknown_variables() -> Vec<String> {
    // Those of our own tests and of the command line's other arguments.
    let others = ["YAOKI_TEST_", "YAOKI_CRASH_", FILE_VARIABLE, "YAOKI_ACTOR"];
    let is_known = |name: &String| {
        TABLE.iter().any(|setting| setting.variable() == *name)
            || others.iter().any(|other| name.starts_with(other))
    };
    let mut names = outside::variables("YAOKI_");
    names.retain(|name| !is_known(name));
    names.into_iter().map(|name| unknown("variable", &name)).collect()
}

/// Says that there is no such name, and which one comes closest.
fn unknown(what: &str, name: &str) -> String {
    let names = TABLE.iter().map(|setting| match what {
        "variable" => variable_of(setting.name),
        _ => setting.name.to_owned(),
    });
    let nearest = names.min_by_key(|known| distance(known, name)).unwrap_or_default();
    if distance(&nearest, name) <= 3 {
        return format!("there is no {what} {name}; {nearest} is meant?");
    }
    format!("there is no {what} {name}; docs/reference/settings.md lists them all")
}

/// How many letters must be changed, put in or left out to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut corner = line;
        row[0] = line + 1;
        for (place, &second) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != second);
            corner = row[place + 1];
            row[place + 1] = changed.min(corner + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_numbers_and_flags_of_a_file_are_taken_and_nothing_else() {
        let file = "code_prefix = \"9999\"\nlanes = 2\noperations_for_all = true\n";
        let read = parse(file).expect("settings");
        let of =
            |name| read.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str());
        assert_eq!(of("code_prefix"), Some("9999"));
        assert_eq!(of("lanes"), Some("2"));
        assert_eq!(of("operations_for_all"), Some("true"));
        assert!(parse("lanes = [2]").is_err());
        let two = parse("witness = [\"https://a/\", \"https://b/\"]").expect("a list");
        assert_eq!(two, [("witness", "https://a/ https://b/".to_owned())]);
        assert!(parse("witness = [2]").is_err());
        assert!(parse("[lanes]\ncount = 2").is_err());
        let slip = parse("code_prefx = \"1\"").expect_err("no such setting");
        assert!(slip.contains("code_prefix is meant?"), "{slip}");
        let far = parse("colour = \"red\"").expect_err("no such setting");
        assert!(far.contains("settings.md"), "{far}");
    }

    #[test]
    fn what_was_set_wrongly_is_said_with_who_set_it_but_without_a_password() {
        let mut values = Values::default();
        let flag = Origin::Flag("lanes".to_owned());
        values.set.insert("lanes", ("0".to_owned(), flag));
        let secret = ("mysql://root:hunter2@db/x".to_owned(), Origin::Default);
        values.set.insert("database", secret);
        let refused = values.read::<super::super::kind::Number<1, 64>>("lanes");
        let text = refused.expect_err("none is too few").to_string();
        let expected =
            "the setting lanes \"0\", set by --lanes, must be a whole number from 1 to 64";
        assert_eq!(text, expected);
        let refused =
            values.read::<yaoki_store::Database>("database").expect_err("no kind of ours");
        assert!(!refused.to_string().contains("hunter2"));
    }

    #[test]
    fn a_distance_counts_letters() {
        for (one, other, letters) in [("", "", 0), ("lanes", "lane", 1), ("abc", "xbz", 2)] {
            assert_eq!(distance(one, other), letters);
        }
    }
}
