//! The `// META:` lines at the beginning of a test file.

/// In which kinds of global scope a test may be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Globals {
    pub(crate) service_worker: bool,
    pub(crate) service_worker_module: bool,
    /// A dedicated or shared worker.
    pub(crate) other_worker: bool,
    /// A dedicated or shared worker whose script is a module.
    pub(crate) other_worker_module: bool,
}

/// What the lines say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Scripts to load before the test, relative to it.
    pub(crate) scripts: Vec<String>,
    /// `timeout=long`.
    pub(crate) is_long: bool,
    /// Queries or fragments, each of which is a test of its own.
    pub(crate) variants: Vec<String>,
    pub(crate) title: Option<String>,
    pub(crate) globals: Globals,
    /// The value of `global`, for people.
    pub(crate) global_text: Option<String>,
}

impl Meta {
    /// Reads the lines; the first other line ends them.
    pub(crate) fn of(source: &str) -> Meta {
        let mut meta = Meta { globals: Globals::of("window,dedicatedworker"), ..Meta::default() };
        for (key, value) in source.lines().map_while(entry) {
            match key {
                "script" => meta.scripts.push(value.to_owned()),
                "timeout" => meta.is_long = value == "long",
                "variant" => meta.variants.push(value.to_owned()),
                "title" => meta.title = Some(value.to_owned()),
                "global" if meta.global_text.is_none() => {
                    meta.globals = Globals::of(value);
                    meta.global_text = Some(value.to_owned());
                }
                _ => {}
            }
        }
        meta
    }
}

impl Globals {
    fn of(list: &str) -> Globals {
        let mut globals = Globals::default();
        for name in list.split(',').map(str::trim) {
            match name {
                "serviceworker" => globals.service_worker = true,
                "serviceworker-module" => globals.service_worker_module = true,
                "dedicatedworker" | "sharedworker" => globals.other_worker = true,
                "dedicatedworker-module" | "sharedworker-module" => globals.other_worker_module = true,
                "worker" => (globals.service_worker, globals.other_worker) = (true, true),
                "worker-module" => {
                    (globals.service_worker_module, globals.other_worker_module) = (true, true);
                }
                // Windows, shells, worklets and shadow realms are not workers.
                _ => {}
            }
        }
        globals
    }
}

/// `// META: key=value`.
fn entry(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("//")?.trim_start().strip_prefix("META:")?;
    let (key, value) = rest.split_once('=')?;
    let key = key.trim_start();
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((key, value.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_end_with_the_first_other_one() {
        let meta = Meta::of(
            "// META: global=window,worker\n//META: script=/common/a.js?x=1\n// META: timeout=long\n\
             // META: variant=?1-10\n// META: variant=?11-last\n// META: title=A, b\n\n// META: script=late.js\n",
        );
        assert_eq!(meta.scripts, ["/common/a.js?x=1"]);
        assert_eq!(meta.variants, ["?1-10", "?11-last"]);
        assert!(meta.is_long);
        assert_eq!(meta.title.as_deref(), Some("A, b"));
        assert_eq!(meta.global_text.as_deref(), Some("window,worker"));
    }

    #[test]
    fn the_globals_of_a_test_are_what_its_first_line_says_or_window_and_dedicated_worker() {
        let globals = |source| {
            let found = Meta::of(source).globals;
            (found.service_worker, found.service_worker_module, found.other_worker, found.other_worker_module)
        };
        assert_eq!(globals("test();"), (false, false, true, false));
        assert_eq!(globals("// META: global=window"), (false, false, false, false));
        assert_eq!(globals("// META: global=window, worker"), (true, false, true, false));
        assert_eq!(globals("// META: global=serviceworker-module"), (false, true, false, false));
        assert_eq!(globals("// META: global=worker-module,jsshell"), (false, true, false, true));
        assert_eq!(
            globals("// META: global=sharedworker\n// META: global=worker"),
            (false, false, true, false)
        );
    }
}
