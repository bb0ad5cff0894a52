//! `notifications` and `push`: what workers have shown, what a person does with it, and what wakes them from afar.

use super::control::finish_event;
use crate::args::{NotificationAction, NotificationArgs, PushArgs};
use crate::control::client::ControlClient;
use crate::control::notifications::{ClickOrder, NotificationLine, NotificationList, PushOrder};
use crate::control::shapes::DispatchResult;
use crate::failure::Failure;
use crate::output::{self, printable, shortened};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

/// Longest text of a notification that the table shows.
const TEXT_CHARS_MAX: usize = 60;

/// `notifications`, `notifications click` and `notifications close`
pub(crate) async fn notifications(args: NotificationArgs) -> Result<(), Failure> {
    match args.action {
        None => {
            let list: NotificationList =
                ControlClient::for_profile(args.control.profile)?.get("notifications").await?;
            if args.control.json {
                return output::json(&list);
            }
            print(&list)
        }
        Some(NotificationAction::Click(click)) => {
            let client = ControlClient::for_profile(click.control.profile)?;
            let order = ClickOrder { action: click.action };
            let path = format!("notifications/{}/click", click.id);
            let result: DispatchResult = client.send_json(Method::POST, &path, &order).await?;
            finish_event(&result, click.control.json)
        }
        Some(NotificationAction::Close(close)) => {
            let client = ControlClient::for_profile(close.control.profile)?;
            let path = format!("notifications/{}", close.id);
            let result: DispatchResult = client.send_json(Method::DELETE, &path, &()).await?;
            finish_event(&result, close.control.json)
        }
    }
}

/// `push`
pub(crate) async fn push(args: PushArgs) -> Result<(), Failure> {
    let client = ControlClient::for_profile(args.control.profile)?;
    let data_base64 = match &args.data_file {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                Failure::new(format!("the file {} cannot be read: {error}", path.display()))
            })?;
            Some(STANDARD.encode(bytes))
        }
        None => None,
    };
    let order = PushOrder { data: args.data, data_base64, scope: args.scope };
    let result: DispatchResult = client.send_json(Method::POST, "push", &order).await?;
    finish_event(&result, args.control.json)
}

fn print(list: &NotificationList) -> Result<(), Failure> {
    if list.notifications.is_empty() {
        return output::line("no notifications");
    }
    let rows: Vec<[String; 6]> = list.notifications.iter().map(row).collect();
    output::table(["ID", "TITLE", "BODY", "TAG", "ACTIONS", "SCOPE"], &rows)
}

fn row(line: &NotificationLine) -> [String; 6] {
    let text = |text: &str| shortened(&printable(text), TEXT_CHARS_MAX);
    let actions: Vec<String> = line.actions.iter().map(|found| text(&found.action)).collect();
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        line.id.to_string(),
        or_dash(text(&line.title)),
        or_dash(text(&line.body)),
        or_dash(text(&line.tag)),
        or_dash(actions.join(",")),
        line.scope.clone(),
    ]
}
