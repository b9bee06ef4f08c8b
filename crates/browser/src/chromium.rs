//! The one Chromium of a process of tests: headless, with an empty profile, driven over its own
//! debugging protocol (CDP).
//!
//! A static is never dropped, and a process of tests may be killed, so Chromium is on a leash: a
//! shell that started it reads a pipe of ours, and kills it once the pipe ends, however we do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use chromiumoxide::Browser;
use chromiumoxide::handler::HandlerConfig;
use futures_util::StreamExt;
use tokio::runtime::{Builder, Runtime};

use crate::WAIT_SECONDS_MAX;
use crate::tools::Tools;

/// `$1` is the profile, what follows is the browser's command line. Ctrl-C reaches the shell, too:
/// it goes on, to see the pipe end. SIGKILL, because nothing in the profile is worth a goodbye.
const LEASH: &str = "\
trap '' INT HUP
profile=$1
shift
\"$@\" </dev/null >/dev/null 2>\"$profile/log\" &
browser=$!
read -r end
kill -9 \"$browser\"
wait \"$browser\"
rm -rf -- \"$profile\"
";

/// No window, no telemetry, no update, nothing of a first run, no cache shared with anybody.
const FLAGS: [&str; 17] = [
    "--headless=new",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-domain-reliability",
    "--metrics-recording-only",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
];
const POLL: Duration = Duration::from_millis(20);

/// The browser and what drives it.
pub(crate) struct Chromium {
    /// The connection.
    pub(crate) browser: Browser,
    /// As it calls itself.
    pub(crate) user_agent: String,
    runtime: Runtime,
    /// Its standard input is the leash.
    _leash: Child,
}

impl Chromium {
    /// The one of this process, started at the first call.
    pub(crate) fn shared(tools: &Tools) -> &'static Self {
        static SHARED: OnceLock<Chromium> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(tools))
    }

    /// Waits for something.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn start(tools: &Tools) -> Self {
        let profile = tempfile::Builder::new().prefix("yaoki-chromium-").tempdir();
        // The leash removes it.
        let profile = profile.expect("a folder for the profile").keep();
        let leash = launch(&tools.chromium, &profile);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (browser, user_agent) = runtime.block_on(async {
            let url = address(&profile).await;
            let config = HandlerConfig {
                // A certificate that a test does not trust must fail as it does for a member.
                ignore_https_errors: false,
                request_timeout: Duration::from_secs(WAIT_SECONDS_MAX),
                ..HandlerConfig::default()
            };
            let connected = Browser::connect_with_config(url, config).await;
            let (browser, mut handler) = connected.expect("Chromium speaks CDP");
            // What it says that the library does not know is passed over: it knows an older
            // protocol, and whether it knows enough is what our own control tests say.
            tokio::spawn(async move { while handler.next().await.is_some() {} });
            let user_agent = browser.user_agent().await.expect("Chromium tells its version");
            (browser, user_agent)
        });
        Self { browser, user_agent, runtime, _leash: leash }
    }
}

fn launch(chromium: &Path, profile: &Path) -> Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", LEASH, "leash"]).arg(profile).arg(chromium).args(FLAGS);
    command.arg(format!("--user-data-dir={}", profile.display()));
    // Its sandbox refuses root. What it loads are our own pages.
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.arg("--no-sandbox");
    }
    // The shell would say `Killed` at the end.
    command.arg("about:blank").stdin(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("a shell can be started")
}

/// Where it listens, once it says so.
async fn address(profile: &Path) -> String {
    let file = profile.join("DevToolsActivePort");
    let said = async {
        loop {
            // The port, then the path.
            let text = fs::read_to_string(&file).unwrap_or_default();
            if let Some((port, path)) = text.trim_end().split_once('\n') {
                return format!("ws://127.0.0.1:{port}{path}");
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let limit = Duration::from_secs(2 * WAIT_SECONDS_MAX);
    tokio::time::timeout(limit, said).await.unwrap_or_else(|_| {
        let log = fs::read_to_string(profile.join("log")).unwrap_or_default();
        panic!("Chromium did not start:\n{log}")
    })
}
