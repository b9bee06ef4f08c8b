//! `yaoki admin leaked-passwords`: a filter of leaked passwords, made of a list.
//!
//! Works on two files and nothing else: no book, no server, no key. The filter is written beside
//! its place and renamed, so a server that starts meanwhile reads the older one whole.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use yaoki_server::identity::leaked::build;

use crate::bench::progress::Progress;
use crate::exit::Failure;
use crate::say;

#[derive(Debug, Subcommand)]
pub(super) enum LeakedPasswords {
    /// Make the filter that the setting `leaked_passwords` names
    ///
    /// The list has a line for each password: SHA-1 and count, as Have I Been Pwned gives them, or
    /// the password itself; the first line says which. The server reads the filter when it starts.
    Build {
        /// The list
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Where the filter is put
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Take the passwords that were seen at least so often; for a list that is too long
        #[arg(long, value_name = "COUNT", default_value_t = 1)]
        count_min: u64,
    },
}

/// Makes the filter.
pub(super) fn run(act: &LeakedPasswords) -> Result<(), Failure> {
    let LeakedPasswords::Build { from, out, count_min } = act;
    let list = File::open(from).map_err(|error| named(from, &error))?;
    let bytes = list.metadata().map_err(|error| named(from, &error))?.len();
    let bar = Progress::counted("reading the list", usize::try_from(bytes).unwrap_or(usize::MAX));
    let filter = build(&mut BufReader::new(list), *count_min, &mut |read| bar.set_position(read));
    bar.finish_and_clear();
    let filter = filter.map_err(|error| {
        Failure::from(anyhow::Error::new(error)).after(format_args!("{}", from.display()))
    })?;
    put(out, |file| filter.write(file)).map_err(|error| named(out, &error))?;
    say::line(format_args!("{}: {} passwords", out.display(), filter.passwords()));
    Ok(())
}

/// Writes a file beside its place, and puts it there whole.
fn put(
    out: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    let mut buffer = BufWriter::new(beside.as_file_mut());
    write(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    beside.as_file().sync_all()?;
    beside.persist(out)?;
    Ok(())
}

fn named(path: &Path, error: &std::io::Error) -> Failure {
    Failure::fault(format_args!("{}: {error}", path.display()))
}
