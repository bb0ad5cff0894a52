//! URLs as scopes and scripts are compared: absolute and canonical (R212, R214).

use url::Url;

/// The canonical text of an absolute `http:` or `https:` URL: lower-case scheme and host, host in punycode, no default
/// port, no fragment. What is wrong with the text, if it is none.
pub(crate) fn canonical(text: &str) -> Result<String, String> {
    let mut url = Url::parse(text).map_err(|error| match text {
        "" => "it is empty".to_owned(),
        _ => error.to_string(),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "its scheme is `{}:`; service workers have `https:` or `http:` URLs",
            url.scheme()
        ));
    }
    url.set_fragment(None);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test] // R214
    fn scheme_host_port_and_fragment_are_canonical() {
        for (text, expected) in [
            ("HTTPS://Chat.Example", "https://chat.example/"),
            ("https://chat.example:443/a/../app/#top", "https://chat.example/app/"),
            ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
            ("http://127.0.0.1:8080/app", "http://127.0.0.1:8080/app"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected));
        }
    }

    #[test] // R213
    fn what_is_no_url_of_a_worker_is_refused_with_the_reason() {
        assert_eq!(canonical(""), Err("it is empty".to_owned()));
        for text in ["/app/", "chat.example", "https://", "file:///sw.js", "data:text/plain,", "about:blank"]
        {
            assert!(canonical(text).is_err(), "{text}");
        }
    }
}
