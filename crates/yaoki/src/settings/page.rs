//! `docs/reference/settings.md`, from the table.

use std::fmt::Write as _;

use super::{Group, TABLE};

/// The page.
pub(crate) fn markdown() -> String {
    let mut page = String::from(HEADER);
    for group in Group::ALL {
        let (title, words) = about(group);
        let _ = write!(page, "\n## {title}\n\n{words}\n");
        for setting in TABLE.iter().filter(|setting| setting.group == group) {
            let default = match setting.default {
                "" => "not set".to_owned(),
                default => format!("`{default}`"),
            };
            let _ = write!(
                page,
                "\n### `{}`\n\n{}\n\n- flag `--{}`, environment `{}`\n- {}\n- default: {default}\n",
                setting.name,
                setting.doc.trim(),
                setting.flag(),
                setting.variable(),
                (setting.kind)(),
            );
        }
    }
    page
}

const fn about(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Place => ("Where everything is", "Flags of every command."),
        Group::Birth => (
            "What a book is born with",
            "Flags of `yaoki init` and `yaoki demo`. They are in the book from then on.",
        ),
        Group::Serving => (
            "How a server runs",
            "Flags of `yaoki serve`, `yaoki demo` and `yaoki doctor`. Other commands take them \
             from \
             the file and the environment.",
        ),
    }
}

const HEADER: &str = "\
# Settings

Generated from the program (`crates/yaoki/src/settings/mod.rs`).

A setting is given in a file, by the environment, or by a flag; a flag goes before the environment,
and the environment before the file. `DIR` stands for the data folder.

The file is TOML, a line `name = value` for each setting. It is the one of `--config` or
`YAOKI_CONFIG`, else `DIR/yaoki.toml` where that is. A name that is no setting is refused; a
variable `YAOKI_…` that is no setting is told by `yaoki doctor`.
";
