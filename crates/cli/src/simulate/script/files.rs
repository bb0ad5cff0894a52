//! The files of an app, as its server gives them.

use crate::simulate::scenario::WorkerFiles;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use std::path::Path;

/// The file of a URL's path and its MIME type; a folder stands for its `index.html`. `None` if there is no such file in
/// the app's folder.
pub(crate) fn read_file(files: &WorkerFiles, url_path: &str) -> Option<(String, Bytes)> {
    let decoded = percent_decode_str(url_path).decode_utf8().ok()?;
    let mut path = files.dir.canonicalize().ok()?;
    let root = path.clone();
    for part in decoded.split('/').filter(|part| !part.is_empty()) {
        // Whoever wrote the scenario trusts the folder, not the requests of its scripts.
        if matches!(part, "." | "..") || part.contains(['\\', '\0']) {
            return None;
        }
        path.push(part);
    }
    if path.is_dir() {
        path.push("index.html");
    }
    let path = path.canonicalize().ok().filter(|path| path.starts_with(&root))?;
    let bytes = std::fs::read(&path).ok()?;
    Some((mime_type(&path), bytes.into()))
}

fn mime_type(path: &Path) -> String {
    mime_guess::from_path(path).first_or_octet_stream().essence_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_given() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret.txt"), "no").unwrap();
        let app = dir.path().join("app");
        std::fs::create_dir(&app).unwrap();
        std::fs::write(app.join("index.html"), "<p>").unwrap();
        std::fs::write(app.join("sw.js"), "1").unwrap();
        let files = WorkerFiles { dir: app, script: "/sw.js".to_owned() };
        assert_eq!(read_file(&files, "/"), Some(("text/html".to_owned(), Bytes::from("<p>"))));
        assert_eq!(read_file(&files, "/sw%2Ejs"), Some(("text/javascript".to_owned(), Bytes::from("1"))));
        for path in
            ["/../secret.txt", "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/none", "/a%00b", "/%ff"]
        {
            assert_eq!(read_file(&files, path), None, "{path}");
        }
    }
}
