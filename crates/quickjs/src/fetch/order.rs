//! What is asked of a fetch, in the words of the Fetch standard.

use super::{Integrity, ReferrerPolicy};
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
    pub(crate) referrer_policy: ReferrerPolicy,
    pub(crate) integrity: Option<Integrity>,
    /// What the cache mode says to caches on the way; this program has no HTTP cache of its own.
    pub(crate) cache_headers: &'static [(&'static str, &'static str)],
    /// The cache mode `only-if-cached`, which nothing can answer.
    pub(crate) only_if_cached: bool,
    /// The standard's unsafe-request flag: a script chose method and headers, so another origin is asked before they are sent.
    pub(crate) unsafe_request: bool,
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

impl Mode {
    /// The standard's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::SameOrigin => "same-origin",
            Mode::NoCors => "no-cors",
            Mode::Cors => "cors",
            Mode::Navigate => "navigate",
        }
    }
}

impl FetchOrder {
    /// A GET of `url` for `origin`, with the defaults of `fetch`.
    pub(crate) fn get(url: Url, origin: &str) -> FetchOrder {
        FetchOrder {
            method: "GET".to_owned(),
            url,
            headers: Vec::new(),
            body: RequestBody::default(),
            mode: Mode::Cors,
            credentials: Credentials::SameOrigin,
            redirect: Redirect::Follow,
            referrer: String::new(),
            referrer_policy: ReferrerPolicy::default(),
            integrity: None,
            cache_headers: &[],
            only_if_cached: false,
            unsafe_request: true,
            origin: origin.to_owned(),
            destination: "",
        }
    }

    /// The cache mode `no-cache`: whoever has a stored answer on the way must ask again.
    pub(crate) fn bypass_caches(&mut self) {
        self.cache_headers = &[("cache-control", "max-age=0")];
    }

    /// Sets the cache mode by its name (Fetch standard, "HTTP-network-or-cache fetch", steps 16 to 18). With no HTTP cache
    /// `default` and `force-cache` ask the server, `no-store` and `reload` also pass by the caches on the way, `no-cache`
    /// makes these ask again, and `only-if-cached` finds nothing.
    pub(crate) fn set_cache(&mut self, name: &str) -> Result<(), String> {
        // A script that makes a request conditional is a cache of its own.
        let conditional =
            ["if-modified-since", "if-none-match", "if-unmodified-since", "if-match", "if-range"];
        let own = self
            .headers
            .iter()
            .any(|(name, _)| conditional.iter().any(|header| name.eq_ignore_ascii_case(header)));
        self.cache_headers = match name {
            "default" | "" if own => &[("pragma", "no-cache"), ("cache-control", "no-cache")],
            "default" | "" | "force-cache" => &[],
            "no-store" | "reload" => &[("pragma", "no-cache"), ("cache-control", "no-cache")],
            "no-cache" => {
                self.bypass_caches();
                return Ok(());
            }
            "only-if-cached" => {
                self.only_if_cached = true;
                &[]
            }
            other => return Err(format!("the cache mode `{other}` is not known")),
        };
        Ok(())
    }

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

    /// `destination` by name: one of the standard's, or the empty one.
    pub(crate) fn destination(name: &str) -> &'static str {
        const KNOWN: [&str; 18] = [
            "audio",
            "audioworklet",
            "document",
            "embed",
            "font",
            "frame",
            "iframe",
            "image",
            "json",
            "manifest",
            "object",
            "report",
            "script",
            "style",
            "track",
            "video",
            "worker",
            "xslt",
        ];
        KNOWN.into_iter().find(|known| *known == name).unwrap_or_default()
    }
}
