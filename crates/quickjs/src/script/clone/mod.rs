//! Structured clones of JavaScript values: the walk over values on one side, the bytes of `wakeworker-structured-clone`
//! on the other.
//!
//! Plain objects, arrays, strings and numbers are read and made here; what only a class's own methods can tell is asked
//! of the tools that the JavaScript layer gives (`js/src/clone-tools.ts`). Both directions keep their own stack, so
//! that nesting ends at the limit of the format and not at the end of the thread's stack.

mod deserialize;
mod native;
mod serialize;

pub(crate) use deserialize::{BlobSource, deserialize};
pub(crate) use serialize::serialize;

use native::Classes;
use rquickjs::function::IntoArgs;
use rquickjs::{Array, Ctx, Error, FromJs, Function, Object, Persistent, Result, Value};
use std::sync::OnceLock;
use wakeworker_structured_clone::CloneError;

/// The numbers of the engine's own classes, which are the same in every worker.
static CLASSES: OnceLock<Classes> = OnceLock::new();

/// What the JavaScript layer does for a walk.
pub(crate) struct CloneTools {
    object: Persistent<Object<'static>>,
    classes: &'static Classes,
}

/// The same, for the length of one call.
struct Tools<'js> {
    ctx: Ctx<'js>,
    object: Object<'js>,
    object_prototype: Object<'js>,
    classes: &'static Classes,
}

impl CloneTools {
    /// Takes the tools; `samples()` among them gives one object of each class that the walk tells apart.
    pub(crate) fn new(object: Object<'_>) -> Result<CloneTools> {
        let classes = match CLASSES.get() {
            Some(classes) => classes,
            None => {
                let samples: Array<'_> = object.get::<_, Function<'_>>("samples")?.call(())?;
                let learnt = Classes::learn(&samples)?;
                CLASSES.get_or_init(|| learnt)
            }
        };
        let ctx = object.ctx().clone();
        Ok(CloneTools { object: Persistent::save(&ctx, object), classes })
    }

    fn restore<'js>(&self, ctx: &Ctx<'js>) -> Result<Tools<'js>> {
        let object = self.object.clone().restore(ctx)?;
        let object_prototype = object.get("objectPrototype")?;
        Ok(Tools { ctx: ctx.clone(), object, object_prototype, classes: self.classes })
    }
}

impl<'js> Tools<'js> {
    fn call<A: IntoArgs<'js>, R: FromJs<'js>>(&self, name: &str, args: A) -> Result<R> {
        self.object.get::<_, Function<'_>>(name)?.call(args)
    }

    /// Throws the DataCloneError for a value that cannot be cloned.
    fn refuse<T>(&self, value: Value<'js>) -> Result<T> {
        let error: Value<'js> = if value.is_proxy() {
            // Even to describe it would run its traps.
            self.call("failure", ("DataCloneError", "a Proxy could not be cloned"))?
        } else {
            self.call("cloneError", (value,))?
        };
        Err(self.ctx.throw(error))
    }

    /// Throws what a limit or damaged bytes cause.
    fn fail<T>(&self, error: &CloneError) -> Result<T> {
        Err(self.failure(error))
    }

    fn failure(&self, error: &CloneError) -> Error {
        let name = match error {
            CloneError::TooDeep | CloneError::TooLarge { .. } => "DataCloneError",
            _ => "UnknownError",
        };
        match self.call::<_, Value<'js>>("failure", (name, error.to_string())) {
            Ok(thrown) => self.ctx.throw(thrown),
            Err(error) => error,
        }
    }
}
