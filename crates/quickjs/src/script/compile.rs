//! The engine's compiler. Used by the runtime for the scripts of workers, and by build.rs for those of the JavaScript layer.

#![allow(unsafe_code)]

use rquickjs::{Ctx, Error, Value, qjs};
use std::ffi::CString;

/// Compiles a classic script to bytecode, written with these options beside `JS_WRITE_OBJ_BYTECODE`; gives the engine's
/// SyntaxError as the pending exception if it cannot be parsed.
pub(crate) fn compile_script(
    ctx: &Ctx<'_>,
    file_name: &str,
    source: &str,
    options: u32,
) -> Result<Vec<u8>, Error> {
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
        let bytes = std::slice::from_raw_parts(block, size as usize).to_vec();
        qjs::js_free(ctx.as_raw().as_ptr(), block.cast());
        Ok(bytes)
    }
}
