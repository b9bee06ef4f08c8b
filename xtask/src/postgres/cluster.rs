//! A private cluster: start, crash, start again, stop.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};

use super::Binaries;
use super::folder::Folder;
use super::user::User;

/// How long a start may take: recovery after a crash under load included.
const START_SECONDS_MAX: u64 = 60;
/// How long a fast stop may take before the cluster is killed.
const STOP_SECONDS_MAX: u64 = 20;
/// How long killed processes may take to be gone.
const KILL_SECONDS_MAX: u64 = 10;
/// How often a start is tried on another port, when someone took ours in between.
const PORT_ATTEMPTS_MAX: u32 = 5;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The database superuser.
const SUPERUSER: &str = "yaoki";
/// The maintenance database, which every cluster has.
const MAINTENANCE: &str = "postgres";

/// What every cluster runs with; a caller's settings come after these and win.
const SETTINGS: [(&str, &str); 6] = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("log_min_messages", "warning"),
];

/// A running PostgreSQL of our own, stopped and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    binaries: Binaries,
    user: User,
    folder: Folder,
    port: u16,
    settings: Vec<(String, String)>,
    /// None while crashed.
    postmaster: Option<Child>,
}

impl Cluster {
    /// Makes a fresh cluster and waits until it accepts connections. The name shows in the folder's
    /// name only.
    pub fn start(name: &str) -> Result<Self> {
        Self::start_with(name, &[])
    }

    /// The same with settings, as in `[("shared_buffers", "512MB")]`.
    pub fn start_with(name: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let binaries = Binaries::find()?;
        let user = User::unprivileged()?;
        let folder = Folder::fresh(name, user)?;
        let all = SETTINGS.iter().chain(settings);
        let settings = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        // From here on a failure drops the cluster, and so removes the folder.
        let mut cluster = Self { binaries, user, folder, port: 0, settings, postmaster: None };
        cluster.initialise()?;
        let mut attempt = 1;
        loop {
            cluster.port = free_port()?;
            match cluster.launch() {
                Ok(()) => return Ok(cluster),
                Err(error) if attempt == PORT_ATTEMPTS_MAX => return Err(error),
                Err(_) if cluster.log().contains("could not bind") => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The maintenance database over TCP: `postgres://yaoki@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        self.database_url(MAINTENANCE)
    }

    /// The maintenance database over the Unix socket.
    pub fn socket_url(&self) -> String {
        let folder =
            self.folder.path().display().to_string().replace('%', "%25").replace('/', "%2F");
        format!("postgres://{SUPERUSER}@{folder}:{}/{MAINTENANCE}", self.port)
    }

    /// The port on 127.0.0.1, the same after [`Cluster::restart`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds the data, the log (`log`) and the socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The programs that the cluster runs on.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Makes an empty database and returns its URL. The name is a plain identifier.
    pub fn create_database(&self, name: &str) -> Result<String> {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        ensure!(plain && !name.is_empty(), "{name:?} must be of a-z, 0-9 and _");
        let output = self.psql(&format!("CREATE DATABASE \"{name}\"")).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(self.database_url(name))
    }

    /// Crashes it: SIGKILL to the postmaster and every process it started, and waits until all are
    /// gone.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut postmaster) = self.postmaster.take() else { return Ok(()) };
        let main = postmaster.id();
        // Stopped, the postmaster starts nobody new, so the list stays complete; and its unreaped
        // children keep their ids.
        signal("STOP", &[main])?;
        let mut all = children_of(main)?;
        all.push(main);
        signal("KILL", &all)?;
        postmaster.wait().context("cannot wait for the killed postmaster")?;
        let deadline = Instant::now() + Duration::from_secs(KILL_SECONDS_MAX);
        while all.iter().any(|id| is_running(*id)) {
            ensure!(Instant::now() < deadline, "killed processes are still there: {all:?}");
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Starts a killed cluster again, on the same data and port, and waits until it accepts. A
    /// running one is killed first.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        // All of its processes are gone, so its lock files are stale; by now their ids may be
        // someone else's, which would make PostgreSQL refuse.
        let socket = format!(".s.PGSQL.{}", self.port);
        let socket_lock = format!("{socket}.lock");
        for stale in ["data/postmaster.pid", &socket, &socket_lock] {
            let path = self.folder.path().join(stale);
            if path.symlink_metadata().is_ok() {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        self.launch()
    }

    fn database_url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn initialise(&self) -> Result<()> {
        let mut command = self.binaries.command("initdb");
        // Not synced: a crash of the machine while a test begins loses nothing that anyone waits
        // for.
        command.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]);
        command.arg(self.folder.path().join("data")).args(["--username", SUPERUSER]);
        command.current_dir(self.folder.path());
        self.user.run(&mut command)?;
        let output = command.output().context("cannot run `initdb`")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`initdb` failed: {said}");
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        assert!(self.postmaster.is_none(), "a cluster is launched once until it is killed");
        let log =
            fs::File::create(self.folder.path().join("log")).context("cannot write the log")?;
        let mut command = self.binaries.command("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        command.arg("-c").arg(format!("unix_socket_directories={}", self.folder.path().display()));
        for (key, value) in &self.settings {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        command.current_dir(self.folder.path()).stdout(Stdio::null()).stderr(log);
        self.user.run(&mut command)?;
        self.postmaster = Some(command.spawn().context("cannot run `postgres`")?);
        self.wait_until_it_accepts()
    }

    fn wait_until_it_accepts(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            // Asked over TCP: once the port answers, the socket does too. The child is looked at
            // first, so that another server on a port that was taken from us is never mistaken for
            // ours.
            let postmaster = self.postmaster.as_mut().expect("just launched");
            if let Some(status) = postmaster.try_wait()? {
                self.postmaster = None;
                bail!("PostgreSQL ended while starting ({status}):\n{}", self.log());
            }
            let ready = self.folder.path().join("data/postmaster.pid");
            let ready = fs::read_to_string(ready).is_ok_and(|text| is_ready(&text));
            if ready && self.psql(";").output()?.status.success() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("no connection within {START_SECONDS_MAX} s:\n{}", self.log());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn psql(&self, statement: &str) -> Command {
        let mut command = self.binaries.command("psql");
        command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        command.args(["--command", statement, &self.url()]);
        command
    }

    /// Fast stop: open connections are ended, what is committed is checkpointed.
    fn stop(&mut self) -> Result<()> {
        let Some(postmaster) = self.postmaster.as_mut() else { return Ok(()) };
        signal("INT", &[postmaster.id()])?;
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
        while postmaster.try_wait()?.is_none() {
            if Instant::now() >= deadline {
                return self.kill();
            }
            thread::sleep(POLL_INTERVAL);
        }
        self.postmaster = None;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("PostgreSQL in {} may still run: {error:#}", self.folder.path().display());
            return;
        }
        self.folder.remove();
    }
}

/// The eighth line of postmaster.pid is the postmaster's state.
fn is_ready(pid_file: &str) -> bool {
    pid_file.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}

/// Sends a signal through the shell's own `kill`: a clean container has no other.
fn signal(name: &str, ids: &[u32]) -> Result<()> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "for id; do kill -s \"$0\" \"$id\"; done", name]);
    command.args(ids.iter().map(ToString::to_string));
    // One that ended by itself in between is no failure: the caller waits until all are gone.
    command.stderr(Stdio::null()).status().context("cannot run /bin/sh")?;
    Ok(())
}

fn children_of(parent: u32) -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("cannot list /proc")?;
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.filter(|id| process_state(*id).is_some_and(|(_, of)| of == parent)).collect())
}

/// A process counts as gone once it is a zombie: by then it holds no memory, socket or file.
fn is_running(id: u32) -> bool {
    process_state(id).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// The state letter and the parent, from `/proc/ID/stat`: "12 (any (name)) S 1 …".
fn process_state(id: u32) -> Option<(char, u32)> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = line[line.rfind(')')? + 1..].split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
