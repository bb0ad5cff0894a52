//! Which entries a request finds ("request matches cached item" of the service worker specification).

use super::{StorageFailure, StoredBody};
use rusqlite::{Connection, Row, ToSql};
use serde::Deserialize;

/// What matching needs of a request.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RequestHead {
    pub(super) url: String,
    pub(super) method: String,
    pub(super) headers: Vec<(String, String)>,
}

/// What storing needs of a response.
#[derive(Debug, Deserialize)]
pub(super) struct ResponseHead {
    #[serde(rename = "type")]
    pub(super) kind: String,
    headers: Vec<(String, String)>,
}

impl ResponseHead {
    /// Whether a script may not see what is in it, so that it may not learn its size either.
    pub(super) fn is_opaque(&self) -> bool {
        matches!(self.kind.as_str(), "opaque" | "opaqueredirect")
    }

    /// The combined `Vary` header, or `None`. An opaque response shows no headers, so it varies by none.
    pub(super) fn vary(&self) -> Option<String> {
        if self.is_opaque() { None } else { combined(&self.headers, "vary") }
    }
}

/// What a script looks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Query {
    /// `None` is everything.
    pub(crate) request: Option<RequestHead>,
    pub(crate) ignore_search: bool,
    pub(crate) ignore_method: bool,
    pub(crate) ignore_vary: bool,
    /// The first match is enough.
    pub(crate) first: bool,
    /// No response is wanted.
    pub(crate) keys_only: bool,
}

impl Query {
    /// What a new entry for this request replaces.
    pub(super) fn exactly(request: &RequestHead) -> Query {
        Query { request: Some(request.clone()), ..Query::default() }
    }
}

/// An entry of the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) id: i64,
    pub(super) body: Option<StoredBody>,
    pub(super) charge: u64,
}

impl Candidate {
    /// From the columns id, body, body_bytes, charge.
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Candidate> {
        let body: Option<i64> = row.get(1)?;
        let bytes: Option<i64> = row.get(2)?;
        Ok(Candidate {
            id: row.get(0)?,
            body: body.map(|id| StoredBody { id: id as u64, bytes: bytes.unwrap_or(0) as u64 }),
            charge: row.get::<_, i64>(3)? as u64,
        })
    }
}

/// A URL without its fragment, and without its fragment and query.
pub(super) fn keys(url: &str) -> (&str, &str) {
    let url = url.split('#').next().unwrap_or_default();
    (url, url.split('?').next().unwrap_or_default())
}

/// The entries of a cache that a query matches, in insertion order.
pub(super) fn find(
    connection: &Connection,
    cache: i64,
    query: &Query,
) -> Result<Vec<Candidate>, StorageFailure> {
    let mut sql =
        String::from("SELECT id, body, body_bytes, charge, vary, request FROM entry WHERE cache = ?1");
    let mut parameters: Vec<&dyn ToSql> = vec![&cache];
    let wanted;
    if let Some(request) = &query.request {
        // Only GET requests are ever stored.
        if !query.ignore_method && request.method != "GET" {
            return Ok(Vec::new());
        }
        let (url, path) = keys(&request.url);
        wanted = if query.ignore_search { path } else { url };
        sql.push_str(if query.ignore_search { " AND path = ?2" } else { " AND url = ?2" });
        parameters.push(&wanted);
    }
    sql.push_str(" ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&*parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(request) = &query.request
            && !query.ignore_vary
            && let Some(vary) = row.get_ref(4)?.as_str_or_null()?
            && !varies_alike(vary, request, row.get_ref(5)?.as_str()?)?
        {
            continue;
        }
        found.push(Candidate::from_row(row)?);
        if query.first {
            break;
        }
    }
    Ok(found)
}

/// Whether two requests have the same values in all headers that a response varies by.
fn varies_alike(vary: &str, wanted: &RequestHead, stored: &str) -> Result<bool, StorageFailure> {
    let stored: RequestHead = serde_json::from_str(stored).map_err(|error| StorageFailure {
        name: "UnknownError",
        message: format!("a cached request cannot be read: {error}"),
    })?;
    Ok(vary
        .split(',')
        .map(|field| field.trim().to_ascii_lowercase())
        .filter(|field| !field.is_empty())
        .all(|field| field != "*" && combined(&wanted.headers, &field) == combined(&stored.headers, &field)))
}

fn combined(headers: &[(String, String)], name: &str) -> Option<String> {
    let values: Vec<&str> = headers
        .iter()
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> RequestHead {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RequestHead { url: "https://a.example/".to_owned(), method: "GET".to_owned(), headers }
    }

    #[test]
    fn urls_are_compared_without_fragment_and_on_wish_without_query() {
        assert_eq!(keys("https://a/b?c#d"), ("https://a/b?c", "https://a/b"));
        assert_eq!(keys("https://a/b#d?c"), ("https://a/b", "https://a/b"));
        assert_eq!(keys("https://a/b?"), ("https://a/b?", "https://a/b"));
    }

    #[test]
    fn vary_compares_combined_values_of_named_headers() {
        let stored = r#"{"url":"x","method":"GET","headers":[["A","1"],["a","2"],["b","3"]]}"#;
        let alike =
            |vary: &str, headers: &[(&str, &str)]| varies_alike(vary, &request(headers), stored).unwrap();
        assert!(alike("a", &[("A", "1, 2")]));
        assert!(!alike("a", &[("a", "1")]));
        assert!(alike("A , B", &[("a", "1"), ("a", "2"), ("B", "3"), ("c", "4")]));
        assert!(!alike("a,b", &[("a", "1, 2")]));
        assert!(alike("c", &[]));
        assert!(!alike("c", &[("c", "")]));
        assert!(alike("", &[]));
        assert!(!alike("*", &[]));
        assert_eq!(varies_alike("a", &request(&[]), "{").unwrap_err().name, "UnknownError");
    }
}
