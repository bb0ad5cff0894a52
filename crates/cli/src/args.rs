//! The command line.

use crate::demo::DemoArgs;
use crate::extensions::Extension;
use crate::simulate::SimulateArgs;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use jiff::SignedDuration;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Background Sync for any browser: runs a web app's service worker on this machine and fires its sync events, even
/// while no page is open.
#[derive(Debug, Parser)]
#[command(
    name = "wakeworker",
    version,
    max_term_width = 100,
    propagate_version = true,
    after_help = "\
Start here:
  wakeworker serve ./my-app           serve a folder, then open the printed address in any browser
  wakeworker serve http://localhost:3000
                                      the same in front of a development server
  wakeworker explain                  why has my sync event not fired?

Exit status: 0 it worked, 1 it did not (the reason is on standard error), 2 wrong usage."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a web app so that any browser's pages get Background Sync
    Serve(ServeArgs),
    /// Watch a message survive the loss of the network, of the page and of the program
    Demo(DemoArgs),
    /// List the sync registrations of a running `serve`
    #[command(after_help = "Example:\n  wakeworker list --json | jq -r .registrations[].tag")]
    List(ControlArgs),
    /// Say for each sync registration why it has not fired yet
    #[command(after_help = "\
Examples:
  wakeworker explain                  every registration, one line each
  wakeworker explain outbox           only those with the tag `outbox`")]
    Explain(ExplainArgs),
    /// Show what happened: registrations, events, retries, network changes
    #[command(after_help = "\
Examples:
  wakeworker log --limit 20           the last 20 activities, oldest first
  wakeworker log --follow             go on printing as things happen
  wakeworker log --follow --json      the same as JSON, one object per line")]
    Log(LogArgs),
    /// Show what each site has done: counts, times and durations of its sync events
    #[command(after_help = "The counts are those since `serve` was started.")]
    Audit(ControlArgs),
    /// Print the counters of a running `serve` as Prometheus text
    #[command(after_help = "\
The same text is at /.wakeworker/api/metrics of the running `serve`, for requests with its token:
  Authorization: Bearer TOKEN, where TOKEN is in the profile's control.json")]
    Metrics(MetricsArgs),
    /// Pretend that there is no network, or stop pretending
    #[command(after_help = "\
While `offline on` lasts, sync events wait and every request of pages and workers fails as it does without a network.
It ends with `offline off` or with the `serve` process.")]
    Offline(OfflineArgs),
    /// Show what sites store on this machine, or delete everything of one
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
A running `serve` is asked; without one, the profile itself is read. What a site has: IndexedDB databases with their
blobs, caches, its workers and its sync registrations. Nothing of it is ever deleted to make room for another.

Examples:
  wakeworker storage
  wakeworker storage --origin http://127.0.0.1:8080 --json
  wakeworker storage clear --origin http://127.0.0.1:8080"
    )]
    Storage(StorageArgs),
    /// Fire a sync event at a worker now, and print how it ended
    #[command(after_help = "\
The event is fired whether or not the tag is registered and changes no registration. The exit status is 0 only if it
succeeded.

Examples:
  wakeworker dispatch outbox
  wakeworker dispatch outbox --last-chance
  wakeworker dispatch news --periodic --scope http://127.0.0.1:8080/")]
    Dispatch(DispatchArgs),
    /// List the notifications that workers have shown, click one, or dismiss it
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
A worker may show notifications if `serve` was started with --grant notifications. They stay, also over restarts, until
somebody or the worker closes them.

Examples:
  wakeworker notifications --json
  wakeworker notifications click 3
  wakeworker notifications click 3 --action reply
  wakeworker notifications close 3"
    )]
    Notifications(NotificationArgs),
    /// Deliver a push message to a worker now, and print how its `push` event ended
    #[command(after_help = "\
The exit status is 0 only if the event succeeded.

Examples:
  wakeworker push --data '{\"unread\": 3}'
  wakeworker push --data-file message.bin --scope http://127.0.0.1:8080/")]
    Push(PushArgs),
    /// Run scripts in a fresh service-worker global scope and print their console
    #[command(after_help = "\
The scripts run in order as classic scripts, with nothing stored before or after; then `install` and `activate` are
dispatched, and the command waits until nothing is left to do. The exit status is 1 if an error was not caught, or if
the time was not enough.

Examples:
  wakeworker eval sw.js
  wakeworker eval polyfill.js test.js --timeout 30s")]
    Eval(EvalArgs),
    /// Play a scenario in virtual time: days of visits, tunnels and retries in a moment
    Simulate(SimulateArgs),
    /// Run web-platform-tests from a checkout in the service-worker runtime
    #[cfg(feature = "wpt")]
    Wpt(crate::wpt::WptArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  wakeworker completions bash > ~/.local/share/bash-completion/completions/wakeworker")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wakeworker serve ./dist
  wakeworker serve ./dist --proxy /api=http://localhost:9000
  wakeworker serve http://localhost:3000 --port 4000 --profile ./profile

The app is reachable from this machine only. Keep the port: it is part of the origin, and an origin's registrations
and data belong to it alone. `localhost` and `127.0.0.1` are two origins as well.")]
pub(crate) struct ServeArgs {
    /// The app: a folder with its files, or the address of the server that has it
    #[arg(value_name = "DIR|URL", value_hint = ValueHint::DirPath)]
    pub(crate) app: String,
    /// Where registrations and the workers' data are kept [default: in the user's data directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) profile: Option<PathBuf>,
    /// The port to listen on; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(crate) port: u16,
    /// A permission to give to the app (may be repeated)
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) grant: Vec<Grant>,
    /// An extension of the sync APIs that scripts may use (may be repeated)
    #[arg(long, value_name = "EXTENSION")]
    pub(crate) enable: Vec<Extension>,
    /// Send requests whose path begins with PREFIX to another server, on the app's origin (may be repeated)
    #[arg(long, value_name = "PREFIX=URL", value_parser = parse_proxy)]
    pub(crate) proxy: Vec<ProxyRule>,
    /// An http: address that proves connectivity: the machine counts as online only while it answers with status 204
    #[arg(long, value_name = "URL", value_parser = parse_http_url)]
    pub(crate) probe: Option<Url>,
    /// Count the machine as online whatever its network interfaces say, for apps whose server is this machine
    #[arg(long, conflicts_with = "probe")]
    pub(crate) assume_online: bool,
    /// Leave pages the browser's own IndexedDB: what they store there, their worker does not find
    #[arg(long)]
    pub(crate) no_shared_storage: bool,
    /// Start as if there were no network; `wakeworker offline off` ends it
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print one JSON object, with address and token, when the gateway is ready
    #[arg(long)]
    pub(crate) json: bool,
    /// How long a server behind the gateway may keep a request waiting
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub(crate) upstream_timeout: Duration,
}

/// What every command that talks to a running `serve` needs.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    /// The profile of the `serve` to talk to [default: the one that `serve` uses by default]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) profile: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `metrics`.
#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// The profile of the `serve` to talk to [default: the one that `serve` uses by default]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) profile: Option<PathBuf>,
}

/// Arguments of `storage`.
#[derive(Debug, Args)]
pub(crate) struct StorageArgs {
    /// What to do instead of showing
    #[command(subcommand)]
    pub(crate) action: Option<StorageAction>,
    /// Only the data of this site
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// What `storage` does besides showing.
#[derive(Debug, Subcommand)]
pub(crate) enum StorageAction {
    /// Delete everything of a site: databases, caches, workers, sync registrations
    Clear(StorageClearArgs),
}

/// Arguments of `storage clear`.
#[derive(Debug, Args)]
pub(crate) struct StorageClearArgs {
    /// The site
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: String,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Only registrations with this tag
    pub(crate) tag: Option<String>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `log`.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Go on until interrupted
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// How many of the latest activities to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `offline`.
#[derive(Debug, Args)]
pub(crate) struct OfflineArgs {
    /// `on` pretends that there is no network, `off` stops that
    pub(crate) state: Switch,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `dispatch`.
#[derive(Debug, Args)]
pub(crate) struct DispatchArgs {
    /// The tag of the event
    pub(crate) tag: String,
    /// Tell the worker that there will be no further attempt
    #[arg(long, conflicts_with = "periodic")]
    pub(crate) last_chance: bool,
    /// Fire `periodicsync` instead of `sync`
    #[arg(long)]
    pub(crate) periodic: bool,
    /// The scope of the worker, needed if there are several
    #[arg(long, value_name = "URL")]
    pub(crate) scope: Option<String>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `notifications`.
#[derive(Debug, Args)]
pub(crate) struct NotificationArgs {
    /// What to do instead of listing
    #[command(subcommand)]
    pub(crate) action: Option<NotificationAction>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// What `notifications` does besides listing.
#[derive(Debug, Subcommand)]
pub(crate) enum NotificationAction {
    /// Do what a person does who clicks the notification: fire `notificationclick`
    Click(NotificationClickArgs),
    /// Dismiss the notification: remove it, and fire `notificationclose`
    Close(NotificationCloseArgs),
}

/// Arguments of `notifications click`.
#[derive(Debug, Args)]
pub(crate) struct NotificationClickArgs {
    /// The number of the notification
    pub(crate) id: u64,
    /// The name of the button that is clicked, instead of the notification itself
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) action: String,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `notifications close`.
#[derive(Debug, Args)]
pub(crate) struct NotificationCloseArgs {
    /// The number of the notification
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `push`.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The message [default: a message without data]
    #[arg(long, value_name = "TEXT")]
    pub(crate) data: Option<String>,
    /// A file with the message, for bytes that are no text
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "data")]
    pub(crate) data_file: Option<PathBuf>,
    /// The scope of the worker, needed if there are several
    #[arg(long, value_name = "URL")]
    pub(crate) scope: Option<String>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The scripts
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// How long everything may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// A permission that `--grant` can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grant {
    /// Events at intervals (`registration.periodicSync`)
    PeriodicBackgroundSync,
    /// Notifications
    Notifications,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On
    On,
    /// Off
    Off,
}

/// One `--proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyRule {
    /// A path without its final slash: `/api` stands for `/api` and everything below `/api/`.
    pub(crate) prefix: String,
    /// The server, without a path: requests keep theirs.
    pub(crate) server: Url,
}

/// The address of a server: http or https, a host, no path.
pub(crate) fn parse_server_url(text: &str) -> Result<Url, String> {
    let url = parse_http_url(text)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "`{text}` has a path; give only the server, such as {}",
            url.origin().ascii_serialization()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "`{text}` has a user name or password, which would be sent to everybody; leave it out"
        ));
    }
    Ok(url)
}

fn parse_http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|e| format!("`{text}` is not a URL ({e}); write it like http://localhost:3000"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        scheme => Err(format!("`{text}` has the scheme `{scheme}`; only http and https can be used")),
    }
}

fn parse_proxy(text: &str) -> Result<ProxyRule, String> {
    let (prefix, server) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` has no `=`; write it like /api=http://localhost:9000"))?;
    if !prefix.starts_with('/') || prefix.contains(['?', '#']) {
        return Err(format!("the prefix `{prefix}` must be a path that begins with `/`, such as /api"));
    }
    if prefix.trim_end_matches('/').is_empty() {
        return Err(format!(
            "the prefix `{prefix}` is the whole site; give the server itself as the app instead"
        ));
    }
    Ok(ProxyRule { prefix: prefix.trim_end_matches('/').to_owned(), server: parse_server_url(server)? })
}

/// A length of time such as `500ms`, `10s` or `2m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time above 0; write it like 500ms, 10s or 2m");
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).ok().filter(|d| !d.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_need_a_unit_and_a_positive_value() {
        assert_eq!(parse_duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "0s", "-1s", "soon"] {
            assert!(parse_duration(wrong).unwrap_err().contains("500ms"), "{wrong}");
        }
    }

    #[test]
    fn proxy_rules_are_checked_when_they_are_read() {
        let rule = parse_proxy("/api/=http://localhost:9000").unwrap();
        assert_eq!((rule.prefix.as_str(), rule.server.as_str()), ("/api", "http://localhost:9000/"));
        for (wrong, word) in [
            ("/api", "no `=`"),
            ("api=http://h", "begins with `/`"),
            ("/=http://h", "whole site"),
            ("/api=http://h/v1", "has a path"),
            ("/api=ftp://h", "scheme `ftp`"),
            ("/api=http://u:p@h", "password"),
            ("/api=nothing", "not a URL"),
        ] {
            let message = parse_proxy(wrong).unwrap_err();
            assert!(message.contains(word), "{wrong}: {message}");
        }
    }
}
