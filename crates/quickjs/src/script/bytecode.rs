//! Classic scripts as bytecode: compiled once per process, then run in any worker's global scope.

#![allow(unsafe_code)]

use rquickjs::{Ctx, Error, Value, qjs};
use std::ffi::CString;
use std::sync::Arc;

/// A compiled classic script.
///
/// The engine's bytecode reader trusts its input, so a value of this type can only be made by [`compile`], lives in
/// memory only, and is never written to or read from a disk.
#[derive(Clone)]
pub(crate) struct Bytecode(Arc<[u8]>);

impl Bytecode {
    /// Its size in memory.
    pub(crate) fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

/// Compiles a classic script; gives the engine's SyntaxError as the pending exception if it cannot be parsed.
pub(crate) fn compile(ctx: &Ctx<'_>, file_name: &str, source: &str) -> Result<Bytecode, Error> {
    compile_with(ctx, file_name, source, 0)
}

/// Like [`compile`], but functions forget their source text and print as native code, as a browser's own functions do.
/// The code is a quarter of the size, and so is what each worker reads.
pub(crate) fn compile_native(ctx: &Ctx<'_>, file_name: &str, source: &str) -> Result<Bytecode, Error> {
    compile_with(ctx, file_name, source, qjs::JS_WRITE_OBJ_STRIP_SOURCE)
}

fn compile_with(ctx: &Ctx<'_>, file_name: &str, source: &str, options: u32) -> Result<Bytecode, Error> {
    let file_name = CString::new(file_name.replace('\0', "%00"))?;
    // The engine wants a NUL after the text, beyond the length that it is told. NULs inside the text are allowed.
    let mut text = Vec::with_capacity(source.len() + 1);
    text.extend_from_slice(source.as_bytes());
    text.push(0);
    let flags = (qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY) as i32;
    // SAFETY: the context is alive and locked by this thread (a `Ctx` exists only inside `Context::with`); `text` has
    // `source.len()` bytes followed by a NUL; `file_name` is NUL-terminated. The value is owned by `function`.
    let function = unsafe {
        let raw = qjs::JS_Eval(
            ctx.as_raw().as_ptr(),
            text.as_ptr().cast(),
            source.len() as qjs::size_t,
            file_name.as_ptr(),
            flags,
        );
        Value::from_raw(ctx.clone(), raw)
    };
    if function.is_exception() {
        return Err(Error::Exception);
    }
    let mut size: qjs::size_t = 0;
    // SAFETY: `function` is alive; the writer gives a block of `size` bytes that must be freed with `js_free`.
    unsafe {
        let block = qjs::JS_WriteObject(
            ctx.as_raw().as_ptr(),
            &mut size,
            function.as_raw(),
            (qjs::JS_WRITE_OBJ_BYTECODE | options) as i32,
        );
        if block.is_null() {
            return Err(Error::Exception);
        }
        let bytes: Arc<[u8]> = std::slice::from_raw_parts(block, size as usize).into();
        qjs::js_free(ctx.as_raw().as_ptr(), block.cast());
        Ok(Bytecode(bytes))
    }
}

/// Runs a compiled script in the global scope, as if its source were evaluated there. `var`s and functions become
/// properties of the global object.
pub(crate) fn run<'js>(ctx: &Ctx<'js>, bytecode: &Bytecode) -> Result<Value<'js>, Error> {
    // SAFETY: the bytes come from `compile` of this same process and engine version (the field is private and nothing
    // else makes a `Bytecode`), so they are well-formed. The reader copies what it keeps. `JS_EvalFunction` takes
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
