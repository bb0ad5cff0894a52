//! URLs that need no server (Fetch standard, section 4.2, "scheme fetch"), and ports that no fetch may ask (section 2.9).

use super::ResponseHead;
use bytes::Bytes;
use data_url::DataUrl;
use url::Url;

/// The response of a URL that carries it: `data:`. `None` for URLs of other schemes, also for `about:blank`, which is of
/// another origin than any script.
pub(crate) fn response(url: &Url) -> Option<Result<(ResponseHead, Bytes), String>> {
    match url.scheme() {
        "data" => Some(data(url)),
        "blob" => {
            Some(Err("no object is stored under this blob: URL; a service worker cannot make one".to_owned()))
        }
        _ => None,
    }
}

fn data(url: &Url) -> Result<(ResponseHead, Bytes), String> {
    let parsed =
        DataUrl::process(url.as_str()).map_err(|error| format!("the data: URL cannot be read: {error:?}"))?;
    let (body, _) =
        parsed.decode_to_vec().map_err(|error| format!("the data: URL is not valid base64: {error:?}"))?;
    Ok((head(parsed.mime_type().to_string()), body.into()))
}

fn head(content_type: String) -> ResponseHead {
    ResponseHead {
        status: 200,
        status_text: "OK".to_owned(),
        headers: vec![("Content-Type".to_owned(), content_type)],
    }
}

/// Whether a URL names the port of a service that must not be talked to by HTTP ("port blocking").
pub(crate) fn is_bad_port(url: &Url) -> bool {
    url.port().is_some_and(|port| BAD_PORTS.contains(&port))
}

const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Fetch, 4.2 and 6
    fn data_urls_carry_type_and_bytes() {
        let get = |url: &str| response(&Url::parse(url).unwrap());
        let (found, body) = get("data:text/plain;base64,aGVsbG8=").unwrap().unwrap();
        assert_eq!((found.get("content-type").as_deref(), &body[..]), (Some("text/plain"), &b"hello"[..]));
        let (found, body) = get("data:,a%20b#x").unwrap().unwrap();
        assert_eq!(found.get("content-type").as_deref(), Some("text/plain;charset=US-ASCII"));
        assert_eq!(&body[..], b"a b");
        assert!(get("data:nothing").unwrap().is_err());
        assert!(get("blob:https://a.example/1").unwrap().is_err());
        assert!(get("about:blank").is_none() && get("https://a.example/").is_none());
    }

    #[test] // Fetch, 2.9
    fn ports_of_other_protocols_are_blocked() {
        let bad = |url: &str| is_bad_port(&Url::parse(url).unwrap());
        assert!(bad("https://a.example:25/") && bad("http://localhost:6667/"));
        assert!(!bad("https://a.example/") && !bad("http://localhost:8080/"));
    }
}
