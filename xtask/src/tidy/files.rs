//! The files that are checked: all of the checkout but what is built or hidden.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders at the top that hold no source of ours.
const NOT_OURS: [&str; 2] = ["target", "data"];

/// Every file to check, as paths from the top folder, in order.
pub(super) fn list(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder))
            .with_context(|| format!("cannot list {}", root.join(&folder).display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.');
            if hidden || (folder.is_empty() && NOT_OURS.contains(&name.as_str())) {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() && !path.ends_with("/target") {
                folders.push(path);
            } else if kind.is_file() && ["rs", "md", "toml"].contains(&extension(&path)) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}
