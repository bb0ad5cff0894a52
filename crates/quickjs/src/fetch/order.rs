//! What is asked of a fetch, in the words of the Fetch standard.

use crate::body::RequestBody;
use url::Url;

/// What a script asks for.
#[derive(Debug)]
pub(crate) struct FetchOrder {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: RequestBody,
    pub(crate) mode: Mode,
    pub(crate) credentials: Credentials,
    pub(crate) redirect: Redirect,
    pub(crate) referrer: String,
    /// The origin that asks, serialised.
    pub(crate) origin: String,
    pub(crate) destination: &'static str,
}

/// The Fetch standard's request mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    SameOrigin,
    NoCors,
    Cors,
    Navigate,
}

/// The Fetch standard's credentials mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Omit,
    SameOrigin,
    Include,
}

/// The Fetch standard's redirect mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    Follow,
    Error,
    Manual,
}

/// Reads the words of the Fetch standard as a script's request gives them.
impl FetchOrder {
    /// `mode` by name; unknown names are refused.
    pub(crate) fn mode(name: &str) -> Result<Mode, String> {
        match name {
            "cors" | "" => Ok(Mode::Cors),
            "no-cors" => Ok(Mode::NoCors),
            "same-origin" => Ok(Mode::SameOrigin),
            "navigate" => Ok(Mode::Navigate),
            other => Err(format!("the request mode `{other}` is not known")),
        }
    }

    /// `credentials` by name.
    pub(crate) fn credentials(name: &str) -> Result<Credentials, String> {
        match name {
            "omit" => Ok(Credentials::Omit),
            "same-origin" | "" => Ok(Credentials::SameOrigin),
            "include" => Ok(Credentials::Include),
            other => Err(format!("the credentials mode `{other}` is not known")),
        }
    }

    /// `redirect` by name.
    pub(crate) fn redirect(name: &str) -> Result<Redirect, String> {
        match name {
            "follow" | "" => Ok(Redirect::Follow),
            "error" => Ok(Redirect::Error),
            "manual" => Ok(Redirect::Manual),
            other => Err(format!("the redirect mode `{other}` is not known")),
        }
    }
}
