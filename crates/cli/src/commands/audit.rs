//! The commands that look at the counters of a running `serve`: `audit` and `metrics`.

use crate::args::{ControlArgs, MetricsArgs};
use crate::control::audit::{AuditLine, AuditList};
use crate::control::client::ControlClient;
use crate::failure::Failure;
use crate::output::{self, printable};
use crate::simulate::units::about;

/// `audit`
pub(crate) async fn audit(args: ControlArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.profile)?;
    let list: AuditList = client.get("audit").await?;
    if args.json {
        return output::json(&list);
    }
    if list.origins.is_empty() {
        return output::line("no site has used background sync since `serve` was started");
    }
    let rows: Vec<[String; 9]> = list.origins.iter().map(row).collect();
    let headings =
        ["SITE", "EVENT", "REGISTERED", "EVENTS", "NO PAGE", "FAILED", "TIME", "LONGEST", "LAST EVENT"];
    output::table(headings, &rows)
}

/// `metrics`
pub(crate) async fn metrics(args: MetricsArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.profile)?;
    output::line(client.text("metrics").await?.trim_end())
}

fn row(line: &AuditLine) -> [String; 9] {
    [
        printable(&line.storage_key),
        line.kind.clone(),
        line.registrations.to_string(),
        (line.events_in_foreground + line.events_in_background).to_string(),
        line.events_in_background.to_string(),
        line.failed.to_string(),
        about(line.duration_total_ms),
        about(line.duration_max_ms),
        line.last_event.clone().unwrap_or_else(|| "-".into()),
    ]
}
