//! The real program as a child process, and a page that speaks its protocol.

#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

pub(crate) mod cookie_server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wakeworker_structured_clone::{Token, Writer, describe};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_wakeworker");
/// Ends a test that has failed anyway.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A value as the page script sends it.
pub(crate) fn clone_of(token: &Token<'_>) -> String {
    let mut writer = Writer::new(1 << 20);
    writer.write(token).unwrap();
    STANDARD.encode(writer.finish())
}

/// The data of a message as people read it.
pub(crate) fn shown(data: &Value) -> String {
    describe(&STANDARD.decode(data.as_str().unwrap()).unwrap(), 10_000)
}

/// Runs a command to its end.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Runs a command that must fail with status 1, and gives its one message.
pub(crate) fn failure<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let output = run(args);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    message
}

/// Standard output of a command that must succeed.
pub(crate) fn success<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let output = run(args);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with an app in it, and a profile beside it.
pub(crate) struct Site {
    dir: TempDir,
}

impl Site {
    /// An app of these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Site {
        let site = Site { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(site.app()).unwrap();
        files.iter().for_each(|(name, content)| site.put(name, content));
        site
    }

    /// Writes a file of the app.
    pub(crate) fn put(&self, name: &str, content: &str) {
        let path = self.app().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The app's folder.
    pub(crate) fn app(&self) -> PathBuf {
        self.dir.path().join("app")
    }

    /// The profile.
    pub(crate) fn profile(&self) -> PathBuf {
        self.dir.path().join("profile")
    }

    /// Starts `serve` on a free port.
    pub(crate) fn serve(&self, more: &[&str]) -> Serve {
        self.serve_app(self.app().to_str().unwrap(), 0, more)
    }

    /// Starts `serve` for something else than the folder.
    pub(crate) fn serve_app(&self, app: &str, port: u16, more: &[&str]) -> Serve {
        Serve::start(app, &self.profile(), port, more)
    }
}

/// A running `serve`; killed when dropped.
pub(crate) struct Serve {
    child: Child,
    profile: PathBuf,
    /// Its address without the final slash.
    pub origin: String,
    /// What the control API wants to see.
    pub token: String,
}

impl Serve {
    fn start(app: &str, profile: &Path, port: u16, more: &[&str]) -> Serve {
        let mut child = Command::new(PROGRAM)
            .args(["serve", app, "--json", "--port", &port.to_string(), "--profile"])
            .arg(profile)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = Vec::new();
        let mut stdout = child.stdout.take().unwrap();
        let mut byte = [0];
        while stdout.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let Ok(ready) = serde_json::from_slice::<Value>(&line) else {
            let mut message = String::new();
            child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
            panic!("serve did not start: {message}");
        };
        Serve {
            child,
            profile: profile.to_owned(),
            origin: ready["url"].as_str().unwrap().trim_end_matches('/').to_owned(),
            token: ready["token"].as_str().unwrap().to_owned(),
        }
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.origin.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The same gateway under another of its names. Does not own the process.
    pub(crate) fn renamed(&self, name: &str) -> String {
        self.origin.replace("127.0.0.1", name)
    }

    /// Asks it to stop; gives its status and what it said on standard error.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.end(Signal::TERM)
    }

    /// Kills it without a chance to tidy up.
    pub(crate) fn kill(self) {
        self.end(Signal::KILL);
    }

    fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }

    /// The most memory that it has had so far.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Runs a control command on its profile.
    pub(crate) fn control(&self, args: &[&str]) -> Output {
        let profile = self.profile.to_str().unwrap();
        run(args.iter().copied().chain(["--profile", profile]))
    }

    /// The JSON that a control command prints.
    pub(crate) fn control_json(&self, args: &[&str]) -> Value {
        let output = self.control(&[args, &["--json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Follows the log until an activity is as wanted.
    pub(crate) fn wait_for_activity(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut follower = Command::new(PROGRAM)
            .args(["log", "--follow", "--json", "--profile"])
            .arg(&self.profile)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(follower.stdout.take().unwrap());
        let found = std::io::BufRead::lines(lines)
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .find(|activity| wanted(activity));
        follower.kill().unwrap();
        follower.wait().unwrap();
        found.expect("serve ended before that happened")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP client that does nothing by itself.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A page, as the page script would make one.
pub(crate) struct Page {
    socket: Socket,
    waiting: VecDeque<Value>,
    next_call: u64,
    /// What the gateway welcomed it with.
    pub welcome: Value,
}

impl Page {
    /// Navigates to a path and connects, as a browser does.
    pub(crate) async fn open(serve: &Serve, path: &str) -> Page {
        Page::open_at(&serve.origin, path).await
    }

    /// The same at one of the gateway's origins.
    pub(crate) async fn open_at(origin: &str, path: &str) -> Page {
        let request = http()
            .get(format!("{origin}{path}"))
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document");
        let html = request.send().await.unwrap().text().await.unwrap();
        let client = attribute(&html, "data-client");
        let controller: Value = serde_json::from_str(&attribute(&html, "data-controller")).unwrap();
        Page::connect_at(origin, path, &client, controller["registration"].clone()).await
    }

    /// Connects with this identity.
    pub(crate) async fn connect(serve: &Serve, path: &str, client: &str, controller: Value) -> Page {
        Page::connect_at(&serve.origin, path, client, controller).await
    }

    /// Connects a frame: of a page of the same origin, or of one at `top`.
    pub(crate) async fn connect_frame(serve: &Serve, path: &str, top: Option<&str>) -> Page {
        Page::hello(&serve.origin, path, "none", Value::Null, "nested", json!(top)).await
    }

    async fn connect_at(origin: &str, path: &str, client: &str, controller: Value) -> Page {
        Page::hello(origin, path, client, controller, "top-level", Value::Null).await
    }

    async fn hello(
        origin: &str,
        path: &str,
        client: &str,
        controller: Value,
        frame_type: &str,
        top: Value,
    ) -> Page {
        let mut page = Page {
            socket: socket_at(origin, Some(origin)).await.unwrap(),
            waiting: VecDeque::new(),
            next_call: 1,
            welcome: Value::Null,
        };
        let hello = json!({
            "type": "hello", "protocol": 1, "client": client, "url": format!("{origin}{path}"), "frameType": frame_type,
            "topOrigin": top, "visibilityState": "visible", "focused": true, "controller": controller,
        });
        page.send(&hello).await;
        page.welcome = page.next().await.unwrap();
        assert_eq!(page.welcome["type"], "welcome");
        page
    }

    /// Says something.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.socket.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// Says something to a gateway that may have disconnected this page.
    pub(crate) async fn try_send(
        &mut self,
        message: &Value,
    ) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.socket.send(Message::Text(message.to_string().into())).await
    }

    /// Asks, without waiting for the answer.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_call;
        self.next_call += 1;
        self.send(&json!({ "type": "call", "id": id, "method": method, "params": params })).await;
        id
    }

    /// Asks and waits: the value, or the error as `name: message`.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        let id = self.ask(method, params).await;
        let answer =
            self.wait_for(|m| m["id"] == id && (m["type"] == "result" || m["type"] == "failure")).await;
        match answer["type"].as_str() {
            Some("result") => Ok(answer["value"].clone()),
            _ => {
                Err(format!("{}: {}", answer["name"].as_str().unwrap(), answer["message"].as_str().unwrap()))
            }
        }
    }

    /// Registers a worker and waits until it is activated.
    pub(crate) async fn activate(&mut self, script: &str) -> u64 {
        let params = json!({ "scriptUrl": script, "scope": null, "updateViaCache": "imports" });
        let registration = self.call("register", params).await.unwrap();
        let id = registration["id"].as_u64().unwrap();
        if registration["active"]["state"] != "activated" {
            self.wait_for(|m| {
                m["registration"]["id"] == id && m["registration"]["active"]["state"] == "activated"
            })
            .await;
        }
        id
    }

    /// The next message that is as wanted; the others stay for later.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(at).unwrap();
        }
        loop {
            let message = self.next().await.expect("the connection ended before that came");
            if wanted(&message) {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    /// What has come and nobody waited for.
    pub(crate) fn received(&self) -> Vec<Value> {
        self.waiting.iter().cloned().collect()
    }

    /// The next message; `None` when the gateway has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}

/// A page's connection.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a WebSocket as a page of this origin.
pub(crate) async fn open_socket(
    serve: &Serve,
    origin: Option<&str>,
) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
    socket_at(&serve.origin, origin).await
}

async fn socket_at(at: &str, origin: Option<&str>) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
    let url = format!("{}/.wakeworker/socket", at.replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

/// The value of an attribute of the script tag.
pub(crate) fn attribute(html: &str, name: &str) -> String {
    let start = html.find(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {html}"));
    let value = html[start..].split('"').nth(1).unwrap();
    value.replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
}
