//! The stage: the finished program as a process, over a fresh demo book in a folder of its own. It
//! can be killed in the middle of anything and started again at the same ports.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use yaoki_core::time::Instant;
use yaoki_server::admin::{By, Message, Order};
use yaoki_server::client::DeviceClient;
use yaoki_server::edge::admin_socket::{SOCKET_NAME, send};
use yaoki_server::edge::listener::ListenerName;
use yaoki_store::Clock;

use crate::chromium::Chromium;
use crate::codes;
use crate::tab::Tab;
use crate::tools::Tools;
use crate::visitor::Visitor;

/// How long the program may take to serve: a debug build on a busy machine.
const START: Duration = Duration::from_mins(1);

/// A server with a browser before it.
pub struct Stage {
    tools: Tools,
    chromium: &'static Chromium,
    folder: tempfile::TempDir,
    options: Vec<String>,
    /// Where it serves, in the order of [`ListenerName::ALL`]; the same after a restart.
    addresses: Vec<SocketAddr>,
    /// None while it is killed.
    server: Option<Child>,
    /// How far the server's clock is ahead of ours, seconds.
    ahead_seconds: u64,
    log: Arc<Mutex<Vec<String>>>,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Makes a demo book and serves it on free ports of loopback. None, said out loud, where the
    /// tools are missing.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with other settings, as flags of `yaoki serve`.
    pub fn start_with(options: &[&str]) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());

        let tools = Tools::find()?;
        // A test that failed left nothing behind that the next would meet.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let chromium = Chromium::shared(&tools);
        let mut stage = Self {
            chromium,
            folder: tempfile::tempdir().expect("a folder for the book"),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0)); ListenerName::ALL.len()],
            server: None,
            ahead_seconds: 0,
            log: Arc::default(),
            tools,
            _turn: turn,
        };
        let made = stage.program("init").args(["--kind", "demo"]).output();
        let made = made.expect("the program can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        stage.restart();
        Some(stage)
    }

    /// Kills the server as a power cut does: nothing under way is answered.
    pub fn kill_server(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        server.kill().expect("it runs");
        server.wait().expect("it ends");
    }

    /// Starts it again over the same book at the same ports, and waits until it serves. One that
    /// runs is killed first.
    pub fn restart(&mut self) {
        self.kill_server();
        let mut command = self.program("serve");
        command.args(["--log-format", "json"]);
        for (name, address) in ListenerName::ALL.iter().zip(&self.addresses) {
            command.arg(format!("--{}={address}", name.text()));
        }
        if self.ahead_seconds > 0 {
            command.env("LD_PRELOAD", &self.tools.shim);
            command.env("YAOKI_SHIM_AHEAD", self.ahead_seconds.to_string());
        }
        command.args(&self.options).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = command.spawn().expect("the program can be started");
        let stderr = server.stderr.take().expect("a pipe");
        self.server = Some(server);
        let (says, said) = channel();
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || read_log(stderr, &log, &says));
        let serving = said.recv_timeout(START);
        let serving = serving.unwrap_or_else(|_| panic!("it does not serve:\n{}", self.log()));
        for (name, address) in ListenerName::ALL.iter().zip(&mut self.addresses) {
            let text = serving[name.text()].as_str();
            let text = text.unwrap_or_else(|| panic!("no {} in {serving}", name.text()));
            *address = text.parse().expect("an address");
        }
    }

    /// Lets so many seconds pass for the server, which is killed and started again. Nobody else's
    /// clock is set: pages and what runs beside them see a server of another time.
    pub fn pass_seconds(&mut self, seconds: u64) {
        self.ahead_seconds += seconds;
        self.restart();
    }

    /// What the server logged, over all its starts.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Where a listener is.
    pub fn address(&self, name: ListenerName) -> SocketAddr {
        let place = ListenerName::ALL.iter().position(|other| *other == name);
        self.addresses[place.expect("every listener is in the list")]
    }

    /// The URL of a path of a listener: a secure context, because it is loopback.
    pub fn url(&self, name: ListenerName, path: &str) -> String {
        format!("http://{}{path}", self.address(name))
    }

    /// The folder of the book.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The clock of the server and of whoever talks to it.
    pub fn clock() -> Clock {
        Arc::new(now)
    }

    /// Carries out an operator's order by two people at the running server; the reply.
    pub fn order(&self, order: Order) -> Value {
        let by = By {
            actor: "Asa".to_owned(),
            second: "Ben".to_owned(),
            reason: "a test".to_owned(),
            ..By::default()
        };
        let told = format!("{order:?}");
        let reply = send(&self.data().join(SOCKET_NAME), &Message { by, order });
        let reply = reply.expect("the server answers").expect("the server runs");
        assert!(reply["error"].is_null(), "{told}: {reply}");
        reply
    }

    /// A member with so much money: the identifier, and the token of a link that enrols a device.
    pub fn member(&self, money: i64) -> (String, String) {
        let member = text(&self.order(Order::CreateMember), "member");
        if money > 0 {
            let (member, asset) = (member.clone(), "money".to_owned());
            self.order(Order::Credit { member, asset, amount: money });
        }
        let order = Order::CreateLink { member: member.clone(), lifetime_seconds: None };
        let link = text(&self.order(order), "link_token");
        (member, link)
    }

    /// A member with so much money, and a device of hers: the identifier, and the device.
    pub fn device(&self, money: i64) -> (String, DeviceClient) {
        let (member, link) = self.member(money);
        let address = self.address(ListenerName::Devices);
        let mut device = DeviceClient::new(address, Self::clock()).expect("a key can be made");
        self.run(device.enrol(&link)).expect("it can be enrolled");
        (member, device)
    }

    /// Runs something that waits: a device, a register.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.chromium.run(work)
    }

    /// A person with a browser of their own: no cookie and no storage is shared with another.
    pub fn browser(&self) -> Visitor {
        Visitor::new(self.chromium, self.tools.clone())
    }

    /// A tab of a new person, of the size of a desk.
    pub fn tab(&self) -> Tab {
        self.browser().tab()
    }

    /// What a scanner reads off an image: every code on it, in no order.
    pub fn decode_codes(&self, png: &[u8]) -> Vec<String> {
        codes::decode(&self.tools.zbarimg, png)
    }

    /// The program over the book, without the settings of whoever runs the tests.
    fn program(&self, command: &str) -> Command {
        let mut program = Command::new(&self.tools.program);
        program.arg(command).arg("--data").arg(self.data());
        program.current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("YAOKI_") {
                program.env_remove(name);
            }
        }
        program.env("YAOKI_ACTOR", "Asa");
        program
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Where a page failed, the server often knows why. The test harness shows it.
            let said = writeln!(std::io::stderr(), "the server's log:\n{}", self.log());
            drop(said);
        }
        self.kill_server();
    }
}

/// Reads a log to its end, so that the server never waits for room in the pipe.
fn read_log(stderr: ChildStderr, log: &Mutex<Vec<String>>, says: &Sender<Value>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let json: Value = serde_json::from_str(&line).unwrap_or_default();
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        if json["message"] == "serving" {
            // Nobody waits any more where it took too long.
            drop(says.send(json));
        }
    }
}

/// A text of a reply.
fn text(reply: &Value, name: &str) -> String {
    reply[name].as_str().unwrap_or_else(|| panic!("no {name} in {reply}")).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the finished program reads the same clock")]
fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    Instant(i64::try_from(since.as_millis()).expect("the clock is before the year 292278994"))
}
