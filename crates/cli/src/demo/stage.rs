//! Where the story plays: a folder of its own with the page's files, the profile and the inbox, and the processes in it.

use super::DemoError;
use super::child::{self, ChildError, Process};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The built files of examples/outbox.
const OUTBOX: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/outbox.rs"));

/// The folder and what is needed to start processes in it.
#[derive(Debug)]
pub(super) struct Stage {
    dir: TempDir,
    program: PathBuf,
    /// The inbox's address: the same each time, because the host is told only once where it is.
    inbox_url: Option<String>,
    /// The host's port: the same each time, because it is part of the origin.
    host_port: u16,
    inbox: Option<Process>,
    host: Option<Process>,
}

impl Stage {
    /// Makes the folder.
    pub(super) fn build() -> Result<Stage, DemoError> {
        let dir = tempfile::Builder::new().prefix("wakeworker-demo-").tempdir().map_err(|e| {
            DemoError::File(format!(
                "no folder can be made in {}: {e}; name another place with TMPDIR",
                std::env::temp_dir().display()
            ))
        })?;
        let program = std::env::current_exe()
            .map_err(|e| DemoError::File(format!("the path of this program cannot be found: {e}")))?;
        let stage = Stage { dir, program, inbox_url: None, host_port: 0, inbox: None, host: None };
        let site = stage.site();
        fs::create_dir(&site).map_err(|e| DemoError::File(format!("{}: {e}", site.display())))?;
        for (name, bytes) in OUTBOX {
            let file = site.join(name);
            fs::write(&file, bytes).map_err(|e| DemoError::File(format!("{}: {e}", file.display())))?;
        }
        Ok(stage)
    }

    /// The whole folder.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Leaves the folder where it is.
    pub(super) fn keep(&mut self) {
        self.dir.disable_cleanup(true);
    }

    /// Starts the inbox and waits until it listens. The file and, after the first time, the port stay the same.
    pub(super) async fn start_inbox(&mut self) -> Result<(), DemoError> {
        let port = self.inbox_url.as_deref().and_then(|url| url.rsplit(':').next()).unwrap_or("0");
        let file = self.inbox_file();
        let args = ["demo", "inbox", "--json", "--port", port, "--file"].map(OsString::from);
        let mut inbox =
            Process::spawn("inbox", &self.program, args.into_iter().chain([file.into_os_string()]))?;
        let url = inbox.line("its address", |line| Some(line["url"].as_str()?.to_owned())).await?;
        self.inbox_url = Some(url);
        self.inbox = Some(inbox);
        Ok(())
    }

    /// Waits for the next message that arrives; gives its id.
    pub(super) async fn arrival(&mut self) -> Result<String, DemoError> {
        let Some(inbox) = &mut self.inbox else {
            return Err(DemoError::Part("the inbox is stopped, so nothing can arrive".into()));
        };
        let id = |line: &Value| {
            (line["event"] == "received").then(|| line["id"].as_str().unwrap_or("").to_owned())
        };
        Ok(inbox.line("a message", id).await?)
    }

    /// Ends the inbox.
    pub(super) async fn stop_inbox(&mut self) -> Result<(), DemoError> {
        if let Some(inbox) = self.inbox.take() {
            inbox.kill().await?;
        }
        Ok(())
    }

    /// Starts `serve` and waits until it listens; gives the page's address. Profile and port stay the same.
    pub(super) async fn start_host(&mut self, offline: bool) -> Result<String, DemoError> {
        let inbox = self.inbox_url.clone().unwrap_or_default();
        let mut args: Vec<OsString> =
            vec!["serve".into(), self.site().into_os_string(), "--json".into(), "--assume-online".into()];
        args.extend(["--profile".into(), self.profile().into_os_string()]);
        args.extend(["--port".into(), self.host_port.to_string().into()]);
        args.extend(["--proxy".into(), format!("/inbox={inbox}").into()]);
        if offline {
            args.push("--offline".into());
        }
        let mut host = Process::spawn("host", &self.program, args)?;
        let url = host.line("its address", |line| Some(line["url"].as_str()?.to_owned())).await?;
        self.host_port = url::Url::parse(&url).ok().and_then(|url| url.port()).unwrap_or(0);
        self.host = Some(host);
        Ok(url)
    }

    /// The process number of the host.
    pub(super) fn host_pid(&self) -> u32 {
        self.host.as_ref().and_then(Process::pid).unwrap_or(0)
    }

    /// Kills the host without warning; says how it ended.
    pub(super) async fn kill_host(&mut self) -> Result<String, DemoError> {
        match self.host.take() {
            Some(host) => Ok(host.kill().await?.to_string()),
            None => Ok("it was not running".into()),
        }
    }

    /// Ends whatever still runs, so that no process outlives the demo.
    pub(super) async fn clear(&mut self) {
        for process in [self.host.take(), self.inbox.take()].into_iter().flatten() {
            // It may have ended by itself, which is as good.
            let _ = process.kill().await;
        }
    }

    /// Runs a command that talks to the host, such as `list`, and gives what it prints.
    pub(super) async fn ask(&self, name: &'static str, args: &[&str]) -> Result<Vec<Value>, ChildError> {
        child::ask(name, &self.program, self.control(args)).await
    }

    /// Starts a command that talks to the host and goes on, such as `log --follow`.
    pub(super) fn follow(&self, name: &'static str, args: &[&str]) -> Result<Process, ChildError> {
        Process::spawn(name, &self.program, self.control(args))
    }

    /// What the inbox holds, read from its file: this is what would survive the inbox, too.
    pub(super) fn arrivals(&self) -> Result<Vec<Value>, DemoError> {
        let file = self.inbox_file();
        let text =
            fs::read_to_string(&file).map_err(|e| DemoError::File(format!("{}: {e}", file.display())))?;
        let lines: Result<_, _> = text.lines().map(serde_json::from_str).collect();
        lines.map_err(|e| DemoError::File(format!("{}: {e}", file.display())))
    }

    fn control(&self, args: &[&str]) -> Vec<OsString> {
        let mut all: Vec<OsString> = args.iter().map(Into::into).collect();
        all.extend(["--json".into(), "--profile".into(), self.profile().into_os_string()]);
        all
    }

    fn inbox_file(&self) -> PathBuf {
        self.dir().join("inbox.jsonl")
    }

    fn site(&self) -> PathBuf {
        self.dir().join("outbox")
    }

    fn profile(&self) -> PathBuf {
        self.dir().join("profile")
    }
}
