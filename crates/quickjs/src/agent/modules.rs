//! ES modules: the static imports of a module worker are fetched while it installs and served from the store ever
//! after, like imported scripts; `import()` is refused (HTML, "HostLoadImportedModule"; service worker specification,
//! "Run Service Worker").

use super::host::{ScriptKind, find_import};
use super::realm::Realm;
use crate::script::{Script, describe_exception};
use ::url::Url;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Error, Exception, Module, Result, Runtime, Value};
use std::rc::{Rc, Weak};

/// Makes the engine ask this realm for modules.
pub(crate) fn install(runtime: &Runtime, realm: &Rc<Realm>) {
    let modules = Modules { realm: Rc::downgrade(realm) };
    runtime.set_loader(modules.clone(), modules);
}

#[derive(Clone)]
struct Modules {
    realm: Weak<Realm>,
}

impl Modules {
    fn realm(&self, ctx: &Ctx<'_>) -> Result<Rc<Realm>> {
        self.realm.upgrade().ok_or_else(|| Exception::throw_type(ctx, "the worker has ended"))
    }
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        // Static imports are resolved while the main module is linked; whatever asks later is `import()`.
        if !self.realm(ctx)?.links_modules.get() {
            let message = format!("import(\"{name}\") is not allowed in a service worker");
            return Err(Exception::throw_type(ctx, &message));
        }
        if let Some(kind) = attributes.map(|found| found.get_type()).transpose()?.flatten() {
            let message =
                format!("the import of \"{name}\" asks for the type \"{kind}\", which is not supported");
            return Err(Exception::throw_type(ctx, &message));
        }
        match resolve(base, name) {
            Some(url) => Ok(url),
            None => Err(Exception::throw_type(
                ctx,
                &format!(
                    "the module specifier \"{name}\" must be a URL, or begin with \"/\", \"./\" or \"../\""
                ),
            )),
        }
    }
}

/// HTML "resolve a module specifier", without import maps, which workers do not have.
fn resolve(base: &str, name: &str) -> Option<String> {
    let relative = ["/", "./", "../"].iter().any(|start| name.starts_with(start));
    let url = if relative { Url::parse(base).ok()?.join(name).ok()? } else { Url::parse(name).ok()? };
    Some(url.into())
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let realm = self.realm(ctx)?;
        let script = find_import(&realm, name, ScriptKind::Module)
            .map_err(|error| Exception::throw_type(ctx, &error.message))?;
        declare(ctx, &script)
    }
}

fn declare<'js>(ctx: &Ctx<'js>, script: &Script) -> Result<Module<'js, Declared>> {
    let module = Module::declare(ctx.clone(), script.url.as_str(), script.source.as_bytes())?;
    module.meta()?.set("url", script.url.as_str())?;
    Ok(module)
}

/// Fetches what the main module imports, and evaluates all of it; the error is the text of what went wrong.
pub(crate) fn evaluate(ctx: &Ctx<'_>, realm: &Realm, script: &Script) -> std::result::Result<(), String> {
    let text = |error: Error| match error {
        Error::Exception => describe_exception(&ctx.catch()),
        other => other.to_string(),
    };
    realm.links_modules.set(true);
    let evaluated = declare(ctx, script).and_then(Module::eval);
    realm.links_modules.set(false);
    let (_, promise) = evaluated.map_err(text)?;
    match promise.state() {
        PromiseState::Resolved => Ok(()),
        PromiseState::Pending => {
            Err("TypeError: top-level await is not allowed in a service worker".to_owned())
        }
        PromiseState::Rejected => match promise.result::<Value<'_>>() {
            Some(Err(error)) => Err(text(error)),
            _ => Err("the module failed for an unknown reason".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_urls_or_begin_like_paths() {
        let base = "https://a.example/app/sw.js";
        let check = |name: &str, expected: Option<&str>| assert_eq!(resolve(base, name).as_deref(), expected);
        check("./lib.js", Some("https://a.example/app/lib.js"));
        check("../x.js?y", Some("https://a.example/x.js?y"));
        check("/x.js", Some("https://a.example/x.js"));
        check("https://b.example/y.js", Some("https://b.example/y.js"));
        check("lib", None);
        check("lib.js", None);
        check("", None);
    }
}
