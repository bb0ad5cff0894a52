//! Which tests a checkout has, and which of them run here.

use crate::WptError;
use crate::meta::{Globals, Meta};
use std::fs;
use std::path::{Path, PathBuf};
use wakeworker_quickjs::WorkerType;

/// One test: a file in one kind of global scope with one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its id in reports, which is its URL in a browser: `/url/a.any.worker.html?1-10`.
    pub id: String,
    /// The URL, from the path on, of the worker's script.
    pub(crate) script: String,
    pub(crate) worker_type: WorkerType,
    /// The subdomain that its name asks for, with a dot, or nothing.
    pub(crate) subdomain: &'static str,
    pub(crate) is_secure: bool,
    pub(crate) is_long: bool,
}

/// A file that cannot run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file, from the checkout's root on.
    pub id: String,
    /// Why not.
    pub reason: String,
}

/// The tests of a checkout, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Those that run.
    pub tests: Vec<Test>,
    /// Test files for scripts that do not run here, with the reason.
    pub skipped: Vec<Skipped>,
}

impl Manifest {
    /// Finds the tests below these paths of a checkout; below its root if there are none.
    pub fn read(root: &Path, includes: &[String]) -> Result<Manifest, WptError> {
        check_root(root)?;
        let mut manifest = Manifest::default();
        if includes.is_empty() {
            manifest.walk(root, Path::new(""))?;
        }
        for include in includes {
            let before = manifest.tests.len() + manifest.skipped.len();
            manifest.include(root, include)?;
            if manifest.tests.len() + manifest.skipped.len() == before {
                return Err(WptError::NoMatch { include: include.clone() });
            }
        }
        manifest.tests.sort_by(|a, b| a.id.cmp(&b.id));
        manifest.tests.dedup_by(|a, b| a.id == b.id);
        manifest.skipped.sort_by(|a, b| a.id.cmp(&b.id));
        manifest.skipped.dedup_by(|a, b| a.id == b.id);
        Ok(manifest)
    }

    fn include(&mut self, root: &Path, include: &str) -> Result<(), WptError> {
        let missing = || WptError::NoMatch { include: include.to_owned() };
        let path = include.strip_prefix("./").unwrap_or(include).trim_start_matches('/');
        let relative = Path::new(path);
        if relative.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(missing());
        }
        let full = root.join(relative);
        if full.is_dir() {
            return self.walk(root, relative);
        }
        if full.is_file() {
            return self.file(root, relative);
        }
        // The id of one test: its file is the one that all ids of the directory are searched for.
        let directory = relative.parent().unwrap_or(Path::new(""));
        if !root.join(directory).is_dir() {
            return Err(missing());
        }
        let mut near = Manifest::default();
        near.files_of(root, directory)?;
        let wanted = format!("/{path}");
        self.tests.extend(
            near.tests.into_iter().filter(|test| test.id == wanted || without_query(&test.id) == wanted),
        );
        Ok(())
    }

    fn walk(&mut self, root: &Path, directory: &Path) -> Result<(), WptError> {
        if is_support(directory) {
            return Ok(());
        }
        for child in self.files_of(root, directory)? {
            self.walk(root, &child)?;
        }
        Ok(())
    }

    /// Takes the test files of one directory; gives its directories.
    fn files_of(&mut self, root: &Path, directory: &Path) -> Result<Vec<PathBuf>, WptError> {
        let full = root.join(directory);
        let entries = fs::read_dir(&full).map_err(|error| WptError::file(&full, &error))?;
        let mut directories = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| WptError::file(&full, &error))?;
            let kind = entry.file_type().map_err(|error| WptError::file(entry.path(), &error))?;
            let path = directory.join(entry.file_name());
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                self.file(root, &path)?;
            }
        }
        Ok(directories)
    }

    fn file(&mut self, root: &Path, path: &Path) -> Result<(), WptError> {
        // A name that is no text is no name of a test.
        let Some(name) = path.to_str() else { return Ok(()) };
        let name = format!("/{}", name.replace('\\', "/"));
        let Some(kind) = Kind::of(&name) else { return Ok(()) };
        let full = root.join(path);
        let bytes = fs::read(&full).map_err(|error| WptError::file(&full, &error))?;
        let meta = Meta::of(&String::from_utf8_lossy(&bytes));
        match kind.reason_to_skip(&name, &meta) {
            Some(reason) => self.skipped.push(Skipped { id: name, reason }),
            None => self.tests.extend(kind.tests(&name, &meta)),
        }
        Ok(())
    }
}

/// What a file's name says about it.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    Worker,
    ServiceWorker,
    Window,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        let kinds = [
            (".any.js", Kind::Any),
            (".worker.js", Kind::Worker),
            (".serviceworker.js", Kind::ServiceWorker),
            (".window.js", Kind::Window),
        ];
        kinds.into_iter().find_map(|(suffix, kind)| name.ends_with(suffix).then_some(kind))
    }

    fn reason_to_skip(self, name: &str, meta: &Meta) -> Option<String> {
        if flags(name).any(|flag| flag == "h2") {
            return Some("its server must speak HTTP/2".to_owned());
        }
        match self {
            Kind::Window => Some("it is for windows".to_owned()),
            Kind::Any if meta.globals == Globals::default() => {
                let globals = meta.global_text.as_deref().unwrap_or_default();
                Some(format!("it is for no worker (global={globals})"))
            }
            _ => None,
        }
    }

    fn tests(self, name: &str, meta: &Meta) -> Vec<Test> {
        let stem = without_suffix(name);
        let globals = meta.globals;
        let mut scopes = Vec::new();
        match self {
            Kind::Any => {
                // A service worker stands in for the other workers, so a test that names both is run once.
                if globals.service_worker {
                    scopes.push(("any.serviceworker.html", "any.worker.js", WorkerType::Classic));
                } else if globals.other_worker {
                    scopes.push(("any.worker.html", "any.worker.js", WorkerType::Classic));
                }
                if globals.service_worker_module {
                    scopes.push((
                        "any.serviceworker-module.html",
                        "any.worker-module.js",
                        WorkerType::Module,
                    ));
                } else if globals.other_worker_module {
                    scopes.push(("any.worker-module.html", "any.worker-module.js", WorkerType::Module));
                }
            }
            Kind::Worker => scopes.push(("worker.html", "worker.js", WorkerType::Classic)),
            Kind::ServiceWorker => {
                scopes.push(("serviceworker.html", "serviceworker.js", WorkerType::Classic))
            }
            Kind::Window => {}
        }
        let none = [String::new()];
        let variants = if meta.variants.is_empty() { &none[..] } else { &meta.variants };
        let mut tests = Vec::new();
        for (page, script, worker_type) in scopes {
            tests.extend(variants.iter().map(|variant| Test {
                id: format!("{stem}.{page}{variant}"),
                // A fragment is the page's own: it is not in the URL of a worker's script.
                script: format!("{stem}.{script}{}", variant.split('#').next().unwrap_or_default()),
                worker_type,
                subdomain: if flags(name).any(|flag| flag == "www") { "www." } else { "" },
                is_secure: flags(name).any(|flag| flag == "https"),
                is_long: meta.is_long,
            }));
        }
        tests
    }
}

/// The words between the dots of a file's name.
fn flags(name: &str) -> impl Iterator<Item = &str> {
    name.rsplit('/').next().unwrap_or_default().split('.').skip(1)
}

/// The path without `.any.js` and its like.
fn without_suffix(name: &str) -> &str {
    let stem = name.strip_suffix(".js").unwrap_or(name);
    stem.rsplit_once('.').map_or(stem, |(stem, _)| stem)
}

fn without_query(id: &str) -> &str {
    id.split(['?', '#']).next().unwrap_or(id)
}

/// Directories with files for tests, not with tests.
fn is_support(directory: &Path) -> bool {
    directory.components().enumerate().any(|(depth, part)| {
        let part = part.as_os_str().to_string_lossy();
        part.starts_with('.')
            || matches!(&*part, "resources" | "support" | "tools" | "node_modules")
            || (depth == 0 && part == "common")
    })
}

fn check_root(root: &Path) -> Result<(), WptError> {
    let harness = root.join("resources/testharness.js");
    if harness.is_file() {
        return Ok(());
    }
    let problem =
        if root.is_dir() { "it has no resources/testharness.js" } else { "there is no such directory" };
    Err(WptError::NoCheckout { root: root.to_owned(), problem: problem.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with these files; each has its line of META.
    fn checkout(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, source) in files.iter().chain(&[("resources/testharness.js", "")]) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, source).unwrap();
        }
        root
    }

    fn ids(manifest: &Manifest) -> Vec<&str> {
        manifest.tests.iter().map(|test| test.id.as_str()).collect()
    }

    #[test]
    fn each_file_is_run_once_in_each_kind_of_script_and_variant() {
        let root = checkout(&[
            ("url/both.any.js", "// META: global=window,worker"),
            ("url/default.any.js", ""),
            ("url/module.any.js", "// META: global=worker,worker-module"),
            ("url/parts.any.js", "// META: variant=?1-2\n// META: variant=?3-last"),
            ("url/old.worker.js", "importScripts('/resources/testharness.js');"),
            ("url/own.serviceworker.js", ""),
            ("url/resources/not.any.js", ""),
            ("common/not.any.js", ""),
            ("tools/not.any.js", ""),
        ]);
        let manifest = Manifest::read(root.path(), &[]).unwrap();
        assert_eq!(
            ids(&manifest),
            [
                "/url/both.any.serviceworker.html",
                "/url/default.any.worker.html",
                "/url/module.any.serviceworker-module.html",
                "/url/module.any.serviceworker.html",
                "/url/old.worker.html",
                "/url/own.serviceworker.html",
                "/url/parts.any.worker.html?1-2",
                "/url/parts.any.worker.html?3-last",
            ]
        );
        assert_eq!(manifest.tests[7].script, "/url/parts.any.worker.js?3-last");
        assert_eq!(manifest.tests[2].worker_type, WorkerType::Module);
    }

    #[test]
    fn what_does_not_run_is_listed_with_its_reason() {
        let root = checkout(&[
            ("dom/a.any.js", "// META: global=window,shadowrealm"),
            ("dom/b.window.js", ""),
            ("dom/c.h2.any.js", ""),
        ]);
        let manifest = Manifest::read(root.path(), &[]).unwrap();
        assert_eq!(ids(&manifest), Vec::<&str>::new());
        let reasons: Vec<_> = manifest.skipped.iter().map(|file| (&*file.id, &*file.reason)).collect();
        assert_eq!(
            reasons,
            [
                ("/dom/a.any.js", "it is for no worker (global=window,shadowrealm)"),
                ("/dom/b.window.js", "it is for windows"),
                ("/dom/c.h2.any.js", "its server must speak HTTP/2"),
            ]
        );
    }

    #[test]
    fn names_say_which_origin_a_test_has() {
        let root = checkout(&[("a/x.https.any.js", ""), ("a/y.www.sub.any.js", "")]);
        let manifest = Manifest::read(root.path(), &[]).unwrap();
        let origins: Vec<_> = manifest.tests.iter().map(|test| (test.is_secure, test.subdomain)).collect();
        assert_eq!(origins, [(true, ""), (false, "www.")]);
    }

    #[test]
    fn includes_are_directories_files_or_ids() {
        let root = checkout(&[
            ("url/a.any.js", "// META: variant=?1\n// META: variant=?2"),
            ("url/b.any.js", ""),
            ("dom/c.any.js", ""),
        ]);
        let found = |include: &str| {
            Manifest::read(root.path(), &[include.to_owned()]).map(|found| ids(&found).join(" "))
        };
        assert_eq!(found("dom"), Ok("/dom/c.any.worker.html".to_owned()));
        assert_eq!(found("/url/b.any.js"), Ok("/url/b.any.worker.html".to_owned()));
        assert_eq!(found("/url/a.any.worker.html?2"), Ok("/url/a.any.worker.html?2".to_owned()));
        assert_eq!(
            found("/url/a.any.worker.html"),
            Ok("/url/a.any.worker.html?1 /url/a.any.worker.html?2".to_owned())
        );
        for wrong in ["nothing", "/url/none.any.js", "../etc"] {
            assert_eq!(found(wrong), Err(WptError::NoMatch { include: wrong.to_owned() }));
        }
    }

    #[test]
    fn a_directory_without_the_harness_is_no_checkout() {
        let empty = tempfile::tempdir().unwrap();
        let problem = |root: &Path| Manifest::read(root, &[]).unwrap_err().to_string();
        assert!(problem(empty.path()).contains("resources/testharness.js"));
        assert!(problem(&empty.path().join("gone")).contains("no such directory"));
    }
}
