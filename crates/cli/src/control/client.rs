//! The commands' side of the control API.

use super::shapes::ApiError;
use crate::failure::{Failure, with_causes};
use crate::profile::{ControlFile, Profile};
use futures_util::{Stream, StreamExt};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::time::Duration;

/// How long finding `serve` may take. It is on this machine: it is there at once, or not at all.
const CONNECT_DURATION_MAX: Duration = Duration::from_secs(5);

/// A connection to a running `serve`.
#[derive(Debug)]
pub(crate) struct ControlClient {
    profile: Profile,
    control: ControlFile,
    http: reqwest::Client,
}

impl ControlClient {
    /// The `serve` that runs on a profile.
    pub(crate) fn for_profile(dir: Option<PathBuf>) -> Result<ControlClient, Failure> {
        let profile = Profile::locate(dir)?;
        let control = profile.read_control()?.ok_or_else(|| not_running(&profile))?;
        // Installing fails only if some part of the program has done it already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_DURATION_MAX)
            .build()
            .map_err(|e| Failure::new(format!("cannot make an HTTP client: {}", with_causes(&e))))?;
        Ok(ControlClient { profile, control, http })
    }

    /// The `serve` that runs on a profile, if one answers.
    pub(crate) async fn find(dir: Option<PathBuf>) -> Result<Option<ControlClient>, Failure> {
        if Profile::locate(dir.clone())?.read_control()?.is_none() {
            return Ok(None);
        }
        let client = ControlClient::for_profile(dir)?;
        match client.request(Method::GET, "offline").send().await {
            // A leftover of a process that was killed.
            Err(error) if error.is_connect() => Ok(None),
            // Whatever else is wrong is said when the question itself is asked.
            _ => Ok(Some(client)),
        }
    }

    /// Asks for something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(self.send(self.request(Method::GET, path)).await?).await
    }

    /// Asks for a text.
    pub(crate) async fn text(&self, path: &str) -> Result<String, Failure> {
        let response = self.send(self.request(Method::GET, path)).await?;
        response.text().await.map_err(|error| self.broken(&error))
    }

    /// Sends something and reads the answer.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.read(self.send(self.request(method, path).json(body)).await?).await
    }

    /// Asks for lines that come as things happen. The stream ends when `serve` does.
    pub(crate) async fn lines(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<String, Failure>> + use<>, Failure> {
        let response = self.send(self.request(Method::GET, path)).await?;
        let chunks = response.bytes_stream().boxed();
        Ok(futures_util::stream::unfold((chunks, Vec::new()), |(mut chunks, mut held)| async move {
            loop {
                if let Some(end) = held.iter().position(|&byte| byte == b'\n') {
                    let rest = held.split_off(end + 1);
                    let line = String::from_utf8_lossy(&held[..end]).into_owned();
                    return Some((Ok(line), (chunks, rest)));
                }
                match chunks.next().await {
                    Some(Ok(bytes)) => held.extend_from_slice(&bytes),
                    // A `serve` that was killed cuts its answer off: for the reader that is an end like any other.
                    Some(Err(_)) | None => return None,
                }
            }
        }))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = self.control.url.trim_end_matches('/');
        self.http.request(method, format!("{base}/.wakeworker/api/{path}")).bearer_auth(&self.control.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| {
            // A leftover of a process that was killed.
            if error.is_connect() { not_running(&self.profile) } else { self.broken(&error) }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(Failure::new(match response.json::<ApiError>().await {
            Ok(ApiError { error }) => error,
            Err(_) => format!("`serve` at {} answered with status {status}", self.control.url),
        }))
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        response.json().await.map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        Failure::new(format!(
            "the connection to `serve` at {} broke: {}",
            self.control.url,
            with_causes(error)
        ))
    }
}

fn not_running(profile: &Profile) -> Failure {
    Failure::new(format!(
        "no `wakeworker serve` is running on the profile {}; start one, or name its profile with --profile DIR",
        profile.dir().display()
    ))
}
