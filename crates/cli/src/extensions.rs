//! What `serve --enable` lets scripts have beyond the specifications.

use clap::ValueEnum;
use wakeworker_core::Config;
use wakeworker_quickjs::RuntimeConfig;

/// One extension of the sync APIs. Off unless the operator names it (R223).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extension {
    /// The older explainer's options: dictionaries, conditions, registration objects, event.registration
    ExplainerOptions,
    /// `registration.sync.unregister(tag)`
    SyncUnregister,
    /// `minDelay` and `maxDelay` in `registration.sync.register(tag, options)`
    SyncDelays,
    /// `syncdone` events at the registration in pages, when a sync event has ended
    SyncDone,
}

/// The extensions that are on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions(Vec<Extension>);

impl Extensions {
    /// These.
    pub(crate) fn new(enabled: &[Extension]) -> Extensions {
        Extensions(enabled.to_vec())
    }

    /// Whether this one is on.
    pub(crate) fn has(&self, extension: Extension) -> bool {
        self.0.contains(&extension)
    }

    /// Their names with spaces between them, for the page script.
    pub(crate) fn names(&self) -> String {
        let names: Vec<String> = self
            .0
            .iter()
            .filter_map(|extension| Some(extension.to_possible_value()?.get_name().to_owned()))
            .collect();
        names.join(" ")
    }

    /// Switches them on in the engine and in the workers.
    pub(crate) fn apply(&self, config: &mut Config, runtime: &mut RuntimeConfig) {
        let explainer_options = self.has(Extension::ExplainerOptions);
        let sync_unregister = self.has(Extension::SyncUnregister);
        config.explainer_options_enabled = explainer_options;
        // The explainer's registration objects can be unregistered, those of one-off entries too.
        config.script_unregister_one_shot = sync_unregister || explainer_options;
        runtime.script_extensions.explainer_options = explainer_options;
        runtime.script_extensions.sync_unregister = sync_unregister;
        runtime.script_extensions.sync_delays = self.has(Extension::SyncDelays);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R223
    fn nothing_is_on_unless_it_is_named() {
        let (mut config, mut runtime) = (Config::default(), RuntimeConfig::default());
        Extensions::default().apply(&mut config, &mut runtime);
        assert_eq!((config, runtime), (Config::default(), RuntimeConfig::default()));
        assert_eq!(Extensions::default().names(), "");
    }

    #[test] // R224, R246, R247
    fn what_is_named_is_on_in_engine_workers_and_pages() {
        let (mut config, mut runtime) = (Config::default(), RuntimeConfig::default());
        let extensions = Extensions::new(Extension::value_variants());
        extensions.apply(&mut config, &mut runtime);
        assert!(config.explainer_options_enabled && config.script_unregister_one_shot);
        let known = runtime.script_extensions.names();
        let page = extensions.names();
        assert!(known.iter().all(|name| page.split(' ').any(|other| other == *name)), "{known:?} {page}");
        assert_eq!(known.len() + 1, page.split(' ').count(), "`sync-done` is for pages only");
    }
}
