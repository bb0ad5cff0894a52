//! Referrers (Referrer Policy, section 8) and the `Origin` header that follows them (Fetch standard, section 3.2).

use super::is_potentially_trustworthy;
use url::Url;

/// How much of the referrer a request tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReferrerPolicy {
    NoReferrer,
    NoReferrerWhenDowngrade,
    SameOrigin,
    Origin,
    StrictOrigin,
    OriginWhenCrossOrigin,
    #[default]
    StrictOriginWhenCrossOrigin,
    UnsafeUrl,
}

/// Longer referrers are cut to their origin (Referrer Policy, 8.3).
const REFERRER_BYTES_MAX: usize = 4096;

impl ReferrerPolicy {
    /// A policy by its name; `None` for the empty and for unknown names.
    pub(crate) fn from_name(name: &str) -> Option<ReferrerPolicy> {
        Some(match name {
            "no-referrer" => ReferrerPolicy::NoReferrer,
            "no-referrer-when-downgrade" => ReferrerPolicy::NoReferrerWhenDowngrade,
            "same-origin" => ReferrerPolicy::SameOrigin,
            "origin" => ReferrerPolicy::Origin,
            "strict-origin" => ReferrerPolicy::StrictOrigin,
            "origin-when-cross-origin" => ReferrerPolicy::OriginWhenCrossOrigin,
            "strict-origin-when-cross-origin" => ReferrerPolicy::StrictOriginWhenCrossOrigin,
            "unsafe-url" => ReferrerPolicy::UnsafeUrl,
            _ => return None,
        })
    }

    /// The policy of a `Referrer-Policy` header: the last name in it that is known.
    pub(crate) fn from_header(value: &str) -> Option<ReferrerPolicy> {
        value.split(',').filter_map(|name| ReferrerPolicy::from_name(name.trim())).next_back()
    }

    /// The `Referer` header for a request to `url` ("determine request's referrer").
    pub(crate) fn referrer(self, referrer: &str, url: &Url) -> Option<String> {
        let mut full = Url::parse(referrer).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        full.set_fragment(None);
        let _ = full.set_username("");
        let _ = full.set_password(None);
        let origin = || Some(full.origin().ascii_serialization() + "/");
        let whole =
            || if full.as_str().len() > REFERRER_BYTES_MAX { origin() } else { Some(full.to_string()) };
        let same = full.origin() == url.origin();
        let downgrade = is_potentially_trustworthy(&full) && !is_potentially_trustworthy(url);
        match self {
            ReferrerPolicy::NoReferrer => None,
            ReferrerPolicy::Origin => origin(),
            ReferrerPolicy::UnsafeUrl => whole(),
            ReferrerPolicy::StrictOrigin => (!downgrade).then(origin)?,
            ReferrerPolicy::StrictOriginWhenCrossOrigin if same => whole(),
            ReferrerPolicy::StrictOriginWhenCrossOrigin => (!downgrade).then(origin)?,
            ReferrerPolicy::SameOrigin => same.then(whole)?,
            ReferrerPolicy::OriginWhenCrossOrigin if same => whole(),
            ReferrerPolicy::OriginWhenCrossOrigin => origin(),
            ReferrerPolicy::NoReferrerWhenDowngrade => (!downgrade).then(whole)?,
        }
    }

    /// The `Origin` header of a request that is neither GET nor HEAD nor CORS ("append a request Origin header").
    pub(crate) fn origin(self, origin: &str, url: &Url) -> String {
        let own = Url::parse(origin).ok();
        let same = own.as_ref().is_some_and(|own| own.origin() == url.origin());
        let downgrade = own.as_ref().is_some_and(|own| own.scheme() == "https") && url.scheme() != "https";
        let hidden = match self {
            ReferrerPolicy::NoReferrer => true,
            ReferrerPolicy::NoReferrerWhenDowngrade
            | ReferrerPolicy::StrictOrigin
            | ReferrerPolicy::StrictOriginWhenCrossOrigin => downgrade,
            ReferrerPolicy::SameOrigin => !same,
            ReferrerPolicy::Origin | ReferrerPolicy::OriginWhenCrossOrigin | ReferrerPolicy::UnsafeUrl => {
                false
            }
        };
        if hidden { "null".to_owned() } else { origin.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Referrer Policy, 8.3
    fn each_policy_tells_as_much_as_it_says() {
        let page = "https://user:secret@a.example/dir/page?q#part";
        let full = Some("https://a.example/dir/page?q");
        let origin = Some("https://a.example/");
        for (name, same, cross, downgrade) in [
            ("no-referrer", None, None, None),
            ("no-referrer-when-downgrade", full, full, None),
            ("same-origin", full, None, None),
            ("origin", origin, origin, origin),
            ("strict-origin", origin, origin, None),
            ("origin-when-cross-origin", full, origin, origin),
            ("strict-origin-when-cross-origin", full, origin, None),
            ("unsafe-url", full, full, full),
        ] {
            let policy = ReferrerPolicy::from_name(name).unwrap();
            let told = |url: &str| policy.referrer(page, &Url::parse(url).unwrap());
            assert_eq!(told("https://a.example/x").as_deref(), same, "{name}, same origin");
            assert_eq!(told("https://b.example/x").as_deref(), cross, "{name}, cross origin");
            assert_eq!(told("http://b.example/x").as_deref(), downgrade, "{name}, downgrade");
        }
        let long = format!("https://a.example/{}", "x".repeat(5000));
        let url = Url::parse("https://a.example/").unwrap();
        assert_eq!(ReferrerPolicy::UnsafeUrl.referrer(&long, &url).as_deref(), origin);
        assert_eq!(ReferrerPolicy::default().referrer("about:client", &url), None);
        assert_eq!(
            ReferrerPolicy::from_header("origin, what, no-referrer, "),
            Some(ReferrerPolicy::NoReferrer)
        );
        assert_eq!(ReferrerPolicy::from_header("what"), None);
        assert_eq!(ReferrerPolicy::NoReferrer.origin("https://a.example", &url), "null");
        assert_eq!(ReferrerPolicy::default().origin("https://a.example", &url), "https://a.example");
    }
}
