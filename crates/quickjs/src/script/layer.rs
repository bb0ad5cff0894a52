//! The JavaScript layer (`js/`): its scripts, compiled when this crate is built.
//!
//! Reading bytecode costs each worker time and memory, so what not every worker needs is in parts of its own.

use super::Bytecode;

/// The script that makes the global scope.
pub(crate) fn layer() -> &'static Bytecode {
    &MAIN
}

/// The part of that name, such as `indexeddb`. Its completion value is the function that makes its exports.
pub(crate) fn layer_part(name: &str) -> Option<&'static Bytecode> {
    PARTS.iter().find(|(part, _)| *part == name).map(|(_, code)| code)
}

// `MAIN` and `PARTS`, written by build.rs.
include!(concat!(env!("OUT_DIR"), "/layer.rs"));
