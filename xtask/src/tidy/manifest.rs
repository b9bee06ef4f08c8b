//! Rules for the crates' manifests.

use super::Finding;

/// What the rules may stand on: arithmetic of codes and chains, and the text of a policy; nothing
/// that acts.
const CORE_DEPENDENCIES: [&str; 5] = ["aes", "blake3", "fpe", "serde", "toml"];

/// Checks one manifest; other TOML files are free.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some(folder) = path.strip_suffix("/Cargo.toml") else { return Vec::new() };
    let mut findings = Vec::new();
    // Fuzz targets are a workspace of their own, and their generated main can't keep our lints.
    if folder != "fuzz" && !folder.ends_with("/fuzz") && !inherits_lints(text) {
        findings.push(Finding {
            rule: "lints",
            path: path.to_owned(),
            line: 1,
            message: "the crate has lints of its own: write `workspace = true` under `[lints]`"
                .into(),
        });
    }
    if folder == "crates/core" {
        let strange = dependencies(text).filter(|(_, name)| !CORE_DEPENDENCIES.contains(name));
        findings.extend(strange.map(|(line, name)| Finding {
            rule: "core_dependencies",
            path: path.to_owned(),
            line,
            message: format!(
                "the rules are pure and stand on {CORE_DEPENDENCIES:?} only: take what \
                 `{name}` would give as an argument, or do it in the crate that calls"
            ),
        }));
    }
    findings
}

fn inherits_lints(text: &str) -> bool {
    let mut section = "";
    text.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let plain: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        section == "[lints]" && plain == "workspace=true"
    })
}

/// Line and name of each dependency that ends up in the build: not those of tests.
fn dependencies(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default();
            let (parent, name) = match section.rsplit_once("dependencies.") {
                Some((before, name)) => (before, Some(name)),
                None => (section.strip_suffix("dependencies").unwrap_or("none"), None),
            };
            let counts = parent != "none" && !parent.ends_with("dev-");
            inside = counts && name.is_none();
            return name.filter(|_| counts).map(|name| (index + 1, name));
        }
        let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
        let named = inside && !name.is_empty() && !line.starts_with('#');
        named.then(|| (index + 1, name.trim_matches('"')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn found(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(path, text).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn every_crate_takes_its_lints_from_the_workspace() {
        assert_eq!(found("crates/a/Cargo.toml", LINTS), []);
        assert_eq!(found("crates/a/Cargo.toml", "[lints]\nworkspace=true # all\n"), []);
        assert_eq!(found("crates/a/Cargo.toml", "[package]\nworkspace = true\n"), [("lints", 1)]);
        assert_eq!(
            found("crates/a/Cargo.toml", "[lints.clippy]\nall = \"allow\"\n"),
            [("lints", 1)]
        );
        assert_eq!(found("Cargo.toml", "[workspace]\n"), []);
        assert_eq!(found("crates/core/fuzz/Cargo.toml", "[workspace]\n"), []);
        assert_eq!(found("crates/a/other.toml", ""), []);
    }

    #[test]
    fn core_stands_on_the_allowed_crates_only() {
        let cases: [(&str, &[usize]); 8] = [
            (
                "[dependencies]\naes.workspace = true\nblake3 = \"1\"\nfpe = { version = \"0\" }\n",
                &[],
            ),
            ("[dependencies]\n# tokio\n\nserde_json = \"1\"\n", &[6]),
            ("[dependencies.rand]\nversion = \"1\"\n", &[3]),
            ("[build-dependencies]\ncc = \"1\"\n", &[4]),
            ("[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n", &[4]),
            ("[dev-dependencies]\nproptest = \"1\"\n", &[]),
            ("[dev-dependencies.proptest]\nversion = \"1\"\n", &[]),
            ("[dependencies]\n[features]\nfast = []\n", &[]),
        ];
        for (text, expected) in cases {
            let found = check("crates/core/Cargo.toml", &format!("{LINTS}{text}"));
            let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
            assert_eq!(lines, expected, "{text}");
        }
        assert_eq!(
            found("crates/store/Cargo.toml", &format!("{LINTS}[dependencies]\nserde = \"1\"\n")),
            []
        );
    }
}
