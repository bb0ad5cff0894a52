//! Classic scripts as bytecode: compiled once, then run in any worker's global scope.

#![allow(unsafe_code)]

use super::compile::compile_script;
use bytes::Bytes;
use rquickjs::{Ctx, Error, Value, qjs};

/// A compiled classic script.
///
/// The engine's bytecode reader trusts its input, so a value of this type is made by [`compile`] or is a part of this
/// program, and is never written to or read from a file.
#[derive(Clone)]
pub(crate) struct Bytecode(Bytes);

impl Bytecode {
    /// What build.rs has compiled with the same engine: as trustworthy as the machine code beside it.
    pub(super) const fn built_in(code: &'static [u8]) -> Bytecode {
        Bytecode(Bytes::from_static(code))
    }

    /// Its size in memory.
    pub(crate) fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

/// Compiles a classic script; gives the engine's SyntaxError as the pending exception if it cannot be parsed.
pub(crate) fn compile(ctx: &Ctx<'_>, file_name: &str, source: &str) -> Result<Bytecode, Error> {
    compile_script(ctx, file_name, source, 0).map(|code| Bytecode(code.into()))
}

/// Runs a compiled script in the global scope, as if its source were evaluated there. `var`s and functions become
/// properties of the global object.
pub(crate) fn run<'js>(ctx: &Ctx<'js>, bytecode: &Bytecode) -> Result<Value<'js>, Error> {
    // SAFETY: the bytes come from `compile_script` of this same engine version, in this process or when it was built
    // (the field is private and nothing else makes a `Bytecode`), so they are well-formed. The reader copies what it keeps. `JS_EvalFunction` takes
    // ownership of the function value.
    let result = unsafe {
        let context = ctx.as_raw().as_ptr();
        let function = qjs::JS_ReadObject(
            context,
            bytecode.0.as_ptr(),
            bytecode.0.len() as qjs::size_t,
            qjs::JS_READ_OBJ_BYTECODE as i32,
        );
        if qjs::JS_IsException(function) {
            return Err(Error::Exception);
        }
        Value::from_raw(ctx.clone(), qjs::JS_EvalFunction(context, function))
    };
    if result.is_exception() { Err(Error::Exception) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rquickjs::{Context, Runtime};

    #[test]
    fn a_compiled_script_has_the_global_semantics_of_a_classic_script() {
        let runtime = Runtime::new().unwrap();
        let first = Context::full(&runtime).unwrap();
        let code = first.with(|ctx| {
            compile(&ctx, "a.js", "var a = 1; function f() { return this === globalThis } let l = a + 1;")
        });
        let code = code.unwrap();
        let other = Runtime::new().unwrap();
        let second = Context::full(&other).unwrap();
        second.with(|ctx| {
            run(&ctx, &code).unwrap();
            assert!(
                ctx.eval::<bool, _>(
                    "globalThis.a === 1 && globalThis.f() && l === 2 && !('l' in globalThis)"
                )
                .unwrap()
            );
            assert!(matches!(compile(&ctx, "b.js", "let let = 1"), Err(Error::Exception)));
            assert!(ctx.catch().as_exception().is_some());
            let thrower = compile(&ctx, "https://a.example/sw.js", "\n\nthrow new Error('boom\0')").unwrap();
            assert!(matches!(run(&ctx, &thrower), Err(Error::Exception)));
            let error = ctx.catch();
            let stack = error.as_exception().unwrap().stack().unwrap();
            assert!(stack.contains("https://a.example/sw.js:3"), "{stack}");
        });
    }
}
