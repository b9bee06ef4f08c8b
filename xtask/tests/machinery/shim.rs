//! The power cut loses exactly what wasn't synced, and a failing disk fails from the chosen call
//! on.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use xtask::shim::{self, CUT, CUT_FILE, FAIL, ROOT};

/// The shim and the program that the tests run under it, built once.
static BUILT: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let shim = shim::build().expect("the C compiler builds the shim");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machinery/writer.c");
    let writer = Path::new(env!("CARGO_TARGET_TMPDIR")).join("writer");
    let status = Command::new("cc").arg("-o").args([&writer, Path::new(source)]).status();
    assert!(status.expect("cc runs").success());
    (shim, writer)
});

/// A folder of a test's own. The file `old` is there, with the text "old-old-old".
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("the target folder is ours");
        fs::write(folder.join("old"), "old-old-old").expect("the disk has room");
        Self { folder }
    }

    /// Runs the script under the shim.
    fn run(&self, settings: &[(&str, &str)], script: &str) -> Output {
        let (shim, writer) = &*BUILT;
        let mut command = Command::new(writer);
        command.args(script.split_whitespace()).current_dir(&self.folder);
        command.env("LD_PRELOAD", shim).env(ROOT, &self.folder).envs(settings.iter().copied());
        command.output().expect("the writer runs")
    }

    /// Runs the script with the power cut at its end, before the file `off` is made.
    fn run_and_cut(&self, script: &str) {
        let output = self.run(&[(CUT_FILE, "off")], &format!("{script} touch off write never"));
        assert_eq!(output.status.signal(), Some(9), "the power was cut: {output:?}");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("the file is there")
    }
}

#[test]
fn a_power_cut_leaves_what_was_synced_and_nothing_after() {
    // name, script, what the file named last holds afterwards
    let cases = [
        ("nothing_synced", "open old at 0 new at 4 NEW", "old", "old-old-old"),
        ("synced", "open old at 0 new sync at 4 NEW", "old", "new-old-old"),
        ("overlapping", "open old at 0 aaaa at 2 bbbb at 0 cc", "old", "old-old-old"),
        ("grown", "open old at 11 -more sync at 9 zzzzzzzzzzz", "old", "old-old-old-more"),
        ("beyond_the_end", "open old at 50 far", "old", "old-old-old"),
        ("shortened", "open old cut 3 at 3 ABCDEFGHIJKL cut 1", "old", "old-old-old"),
        ("shortened_synced", "open old cut 3 sync at 3 ABC", "old", "old"),
        ("lengthened", "open old cut 4000 at 3999 A cut 5", "old", "old-old-old"),
        ("truncated_by_open", "create old write A", "old", "old-old-old"),
        ("truncated_by_open_synced", "create old write A sync write B", "old", "A"),
        ("new_never_synced", "open fresh write A write B", "fresh", ""),
        ("new_synced", "open fresh write A sync write B", "fresh", "A"),
        ("appended", "append old write -A sync write -B", "old", "old-old-old-A"),
        ("through_another_descriptor", "open old dup at 0 new", "old", "old-old-old"),
        ("synced_through_another", "open old at 0 new dup sync at 4 NEW", "old", "new-old-old"),
        ("opened_twice", "open old at 0 new open old at 0 NEW sync at 4 NEW", "old", "NEW-old-old"),
        ("renamed_unsynced", "open fresh write A rename fresh old", "old", ""),
        ("renamed_synced", "open fresh write A sync rename fresh old", "old", "A"),
        ("shared_memory_is_ignored", "open a-shm write A", "a-shm", "A"),
    ];
    for (name, script, file, expected) in cases {
        let disk = Disk::new(name);
        disk.run_and_cut(script);
        assert_eq!(disk.read(file), expected, "{name}: {script}");
    }
}

#[test]
fn the_power_is_cut_in_place_of_the_nth_write_or_sync() {
    let script = "open old at 0 new sync at 4 NEW sync";
    let cases = [
        ("1", "old-old-old"),
        ("2", "old-old-old"),
        ("3", "new-old-old"),
        ("4", "new-old-old"),
        ("5", "new-NEW-old"),
    ];
    for (at, expected) in cases {
        let disk = Disk::new(&format!("cut_at_{at}"));
        let output = disk.run(&[(CUT, at)], script);
        assert_eq!(output.status.signal(), (at != "5").then_some(9), "cut at {at}");
        assert_eq!(disk.read("old"), expected, "cut at {at}");
    }
}

#[test]
fn the_nth_call_and_every_later_one_fails() {
    let script = "open old at 0 A sync at 1 B sync cut 2 write C sync";
    let cases = [
        ("sync:1:EIO", "sync EIO\nsync EIO\nsync EIO\n", "CB"),
        ("sync:3:ENOSPC", "sync ENOSPC\n", "CB"),
        ("write:2:ENOSPC", "at ENOSPC\ncut ENOSPC\nwrite ENOSPC\n", "Ald-old-old"),
        ("write:4:EIO", "write EIO\n", "AB"),
        ("write:9:EIO", "", "CB"),
    ];
    for (setting, said, expected) in cases {
        let disk = Disk::new(&setting.replace(':', "_"));
        let output = disk.run(&[(FAIL, setting)], script);
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{setting}");
        assert!(output.status.success(), "{setting}");
        assert_eq!(disk.read("old"), expected, "{setting}");
    }
}

#[test]
fn a_failed_sync_saves_nothing() {
    let disk = Disk::new("failed_sync");
    let settings = [(FAIL, "sync:2:EIO"), (CUT, "5")];
    let output = disk.run(&settings, "open old at 0 A sync at 1 B sync at 2 C");
    assert_eq!(output.status.signal(), Some(9));
    assert_eq!(disk.read("old"), "Ald-old-old");
}

#[test]
fn files_outside_the_root_are_left_alone() {
    let disk = Disk::new("outside");
    let root = disk.folder.join("data").display().to_string();
    let settings = [(ROOT, root.as_str()), (CUT, "3")];
    let output = disk.run(&settings, "open old at 0 new open data-a write A sync write B write C");
    assert_eq!(output.status.signal(), Some(9), "the third on a tracked file: {output:?}");
    assert_eq!((disk.read("old"), disk.read("data-a")), ("new-old-old".into(), "A".into()));
}

#[test]
fn a_setting_that_cannot_be_read_is_said_out_loud() {
    for (key, value) in
        [(CUT, "soon"), (FAIL, "sync:1:EPERM"), (FAIL, "read:1:EIO"), (FAIL, "sync")]
    {
        let output = Disk::new("unreadable").run(&[(key, value)], "open old");
        assert_eq!(output.status.signal(), Some(6), "{key}={value} aborts");
        assert!(String::from_utf8_lossy(&output.stderr).contains(key), "{key}={value} is named");
    }
}
