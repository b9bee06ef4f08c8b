//! Rules for pages.

use std::path::Path;

use super::Finding;

/// Checks one page; links are looked up beside it, those that begin with `/` from the top folder.
pub(super) fn check(root: &Path, path: &str, text: &str) -> Vec<Finding> {
    let finding = |rule, line, message| Finding { rule, path: path.to_owned(), line, message };
    let mut findings = Vec::new();
    let mut titles = 0;
    for (line, words) in prose(text) {
        if words.starts_with("# ") {
            titles += 1;
            if titles == 2 {
                let message = "a page has one title: write `## `, or make it a page of its own";
                findings.push(finding("title", line, message.to_owned()));
            }
        }
        for link in links(&words) {
            if !leads_somewhere(root, path, &link) {
                let message = format!(
                    "`{link}` leads nowhere: write the path from this page's folder, \
                     or remove the link"
                );
                findings.push(finding("link", line, message));
            }
        }
    }
    findings
}

/// The lines outside fenced code, with their numbers from 1 and with code spans blanked.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        if let Some(open) = fence {
            if start.starts_with(open) {
                fence = None;
            }
            return None;
        }
        fence = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        fence.is_none().then(|| (index + 1, without_code_spans(line)))
    })
}

fn without_code_spans(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        // An odd part is code, unless its closing mark is missing.
        let code = index % 2 == 1 && index + 1 < parts.len();
        text.push_str(if code { "code" } else { part });
    }
    text
}

/// The targets of `[text](target)` and of `[name]: target`.
fn links(line: &str) -> Vec<String> {
    let after_bracket = line.split("](").skip(1);
    let mut targets: Vec<&str> = after_bracket.filter_map(|rest| rest.split(')').next()).collect();
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        targets.push(target);
    }
    // A target may be followed by a title, and may stand in angle brackets.
    let path = |target: &str| {
        let bare = target.split(" \"").next().unwrap_or_default().trim();
        bare.trim_start_matches('<').trim_end_matches('>').to_owned()
    };
    targets.into_iter().map(path).collect()
}

fn leads_somewhere(root: &Path, page: &str, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or_default();
    let elsewhere = link.contains("://") || link.starts_with("mailto:");
    if elsewhere || (target.is_empty() && link.starts_with('#')) {
        return true;
    }
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = match target.strip_prefix('/') {
        Some(from_top) => root.join(from_top),
        None => root.join(folder).join(target),
    };
    !target.is_empty() && path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, text: &str) -> Vec<(&'static str, usize)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        check(root, page, text).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn a_page_has_one_title_and_links_that_lead_somewhere() {
        let cases: [(&str, &[(&str, usize)]); 14] = [
            ("# One\n## Two\n", &[]),
            ("# One\n\n# Two\n# Three\n", &[("title", 3)]),
            ("# One\n```sh\n# a comment\n[a](gone.md)\n```\n", &[]),
            ("[a](Cargo.toml) and [b](src/tidy)\n", &[]),
            ("[a](/Cargo.toml#package \"title\")\n", &[]),
            ("[a](gone.md)\n", &[("link", 1)]),
            ("[a](Cargo.toml), [b](gone.md#part), ![c](gone.svg)\n", &[("link", 1), ("link", 1)]),
            ("[a](#part) [b](https://example.org/gone) [c](mailto:a@example.org)\n", &[]),
            ("[a]()\n", &[("link", 1)]),
            ("`[a](gone.md)`\n", &[]),
            ("[`a`](gone.md)\n", &[("link", 1)]),
            ("[a]: gone.md\n", &[("link", 1)]),
            ("[a]: Cargo.toml\n", &[]),
            ("[a](<gone.md>)\n", &[("link", 1)]),
        ];
        for (text, expected) in cases {
            assert_eq!(found("README.md", text), expected, "{text}");
        }
    }

    #[test]
    fn links_start_from_the_pages_own_folder() {
        assert_eq!(found("src/a.md", "[a](../Cargo.toml) [b](tidy/mod.rs)"), []);
        assert_eq!(found("src/a.md", "[a](Cargo.toml)"), [("link", 1)]);
    }
}
