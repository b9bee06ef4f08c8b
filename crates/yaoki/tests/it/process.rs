//! The program as a process, in a folder of its own, without the settings of whoever runs the
//! tests.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

/// A folder to run in, gone afterwards.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of this text.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("the folder can be written");
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yaoki"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("YAOKI_") {
                command.env_remove(name);
            }
        }
        command.env("YAOKI_ACTOR", "Asa");
        command
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments))
    }

    /// Runs to the end, which must be exit code 0; what it answered.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.out
    }

    /// As [`done`](Self::done), with `--json`.
    pub(crate) fn reply(&self, arguments: &[&str]) -> Value {
        let out = self.done(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// A new book of this kind in `data`.
    pub(crate) fn with_book(kind: &str) -> Self {
        let place = Self::new();
        place.done(&["init", "--kind", kind]);
        place
    }
}

pub(crate) fn ended(mut command: Command) -> Ended {
    let output = command.output().expect("the program can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    /// Where it serves.
    pub(crate) registers: SocketAddr,
    /// Where it serves.
    pub(crate) devices: SocketAddr,
    /// Where it serves.
    pub(crate) public: SocketAddr,
    /// Where it serves.
    pub(crate) console: SocketAddr,
}

/// Every listener at a port that the system chooses.
pub(crate) const FREE_PORTS: [&str; 4] = [
    "--registers=127.0.0.1:0",
    "--devices=127.0.0.1:0",
    "--public=127.0.0.1:0",
    "--console=127.0.0.1:0",
];

impl Server {
    /// Starts `serve` and waits until it serves.
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        let all = [&["serve", "--log-format", "json"], &FREE_PORTS[..], arguments].concat();
        let mut command = place.command(&all);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it can be started");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let serving = loop {
            let mut line = String::new();
            log.read_line(&mut line).expect("the log can be read");
            assert!(!line.is_empty(), "the server ended: {:?}", child.wait());
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if line["message"] == "serving" {
                break line;
            }
        };
        let address = |name: &str| {
            let text = serving[name].as_str().expect("an address");
            text.parse().expect("an address")
        };
        let [registers, devices, public, console] =
            ["registers", "devices", "public", "console"].map(address);
        Self { child, log, registers, devices, public, console }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(process.expect("a process"), signal).expect("it runs");
    }

    /// Tells it to end; its exit code, and the rest of its log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.signal(rustix::process::Signal::TERM);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.log, &mut rest).expect("the log can be read");
        (self.child.wait().expect("it ends").code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
