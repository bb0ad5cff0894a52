//! The JavaScript layer (`js/`): its scripts, each compiled by the first worker that runs it and shared by all.
//!
//! Reading bytecode costs each worker time and memory, so what not every worker needs is in parts of its own.

use super::{Bytecode, compile_native};
use rquickjs::{Ctx, Error};
use std::sync::OnceLock;

/// A script of the layer.
pub(crate) struct LayerScript {
    name: &'static str,
    source: &'static str,
    compiled: OnceLock<Bytecode>,
}

impl LayerScript {
    const fn new(name: &'static str, source: &'static str) -> LayerScript {
        LayerScript { name, source, compiled: OnceLock::new() }
    }

    /// Its bytecode; compiles it if no worker has done so yet.
    pub(crate) fn bytecode(&self, ctx: &Ctx<'_>) -> Result<&Bytecode, Error> {
        if let Some(code) = self.compiled.get() {
            return Ok(code);
        }
        // One file name for all: stack traces leave out its lines.
        let code = compile_native(ctx, "wakeworker:runtime", self.source)?;
        Ok(self.compiled.get_or_init(|| code))
    }
}

/// The script that makes the global scope.
pub(crate) fn layer() -> &'static LayerScript {
    &MAIN
}

/// The part of that name, such as `indexeddb`. Its completion value is the function that makes its exports.
pub(crate) fn layer_part(name: &str) -> Option<&'static LayerScript> {
    PARTS.iter().find(|part| part.name == name)
}

// `MAIN` and `PARTS`, written by build.rs.
include!(concat!(env!("OUT_DIR"), "/layer.rs"));
