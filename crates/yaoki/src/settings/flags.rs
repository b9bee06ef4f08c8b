//! The table of settings as arguments of commands.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::source::{FILE_NAME, FILE_VARIABLE, Given};
use super::{Group, Setting, TABLE};

/// Where everything is: taken by every command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// What was given.
    pub(crate) given: Given,
    /// The settings file, where it was named.
    pub(crate) config: Option<PathBuf>,
}

/// What a book is born with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Birth(pub(crate) Given);

/// How a server runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serving(pub(crate) Given);

fn arguments(group: Group) -> impl Iterator<Item = Arg> {
    TABLE.iter().filter(move |setting| setting.group == group).map(argument)
}

fn argument(setting: &Setting) -> Arg {
    let doc = plain(setting.doc);
    let first = doc.split_inclusive(". ").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let long = format!("{doc}{default} [env: {}]", setting.variable());
    let argument = Arg::new(setting.name)
        .long(setting.flag())
        .value_name(setting.value)
        .help(format!("{first}{default}"))
        .long_help(long)
        .global(setting.group == Group::Place);
    if setting.is_flag {
        return argument.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    if setting.is_list {
        return argument.action(ArgAction::Append);
    }
    argument
}

/// A setting's text without the marks of Markdown.
fn plain(doc: &str) -> String {
    let mut text = doc.trim().replace('`', "");
    while let Some((before, rest)) = text.split_once('[') {
        let Some((name, rest)) = rest.split_once("](") else { break };
        let Some((_, after)) = rest.split_once(')') else { break };
        text = format!("{before}{name}{after}");
    }
    text
}

fn given(matches: &ArgMatches, group: Group) -> Given {
    let settings = TABLE.iter().filter(|setting| setting.group == group);
    settings
        .filter_map(|setting| {
            let texts: Vec<&str> =
                matches.get_many::<String>(setting.name)?.map(String::as_str).collect();
            Some((setting.name, texts.join(" ")))
        })
        .collect()
}

macro_rules! taken {
    ($type:ty, $arguments:expr, $read:expr) => {
        impl Args for $type {
            fn augment_args(command: Command) -> Command {
                command.args($arguments)
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $type {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                let read: fn(&ArgMatches) -> Self = $read;
                Ok(read(matches))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

taken!(Place, arguments(Group::Place).chain([config()]), |matches| Place {
    given: given(matches, Group::Place),
    config: matches.get_one::<PathBuf>("config").cloned(),
});
taken!(Birth, arguments(Group::Birth), |matches| Birth(given(matches, Group::Birth)));
taken!(Serving, arguments(Group::Serving), |matches| Serving(given(matches, Group::Serving)));

fn config() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .global(true)
        .help(format!("The settings file, TOML [default: DIR/{FILE_NAME} where it is]"))
        .long_help(format!(
            "The settings file, TOML: a line `name = value` for each setting. \
             [default: DIR/{FILE_NAME} where it is] [env: {FILE_VARIABLE}]"
        ))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn help_shows_no_marks() {
        assert_eq!(plain(" A `key`. See [keys](keys.md)."), "A key. See keys.");
    }
}
