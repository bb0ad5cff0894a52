//! What a registration may ask for, and the facts about device and origin that such wishes are held against.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// Conditions of an entry, beside the rules that hold for all (R227–R230, R236). All of them must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conditions {
    /// What the network must be like.
    pub network: NetworkCondition,
    /// What the power supply must be like.
    pub power: PowerCondition,
}

/// The older explainer's `networkState`. The order is that of strictness: of two conditions the greater one wins (R237).
/// Complete: the explainer's three values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkCondition {
    /// `'any'`: events also run while offline (R229).
    Any,
    /// `'online'`: there must be a connection (R230).
    #[default]
    Online,
    /// `'avoid-cellular'`: there must be a connection that is not a mobile network (R228).
    AvoidCellular,
}

/// The older explainer's `powerState`, ordered as [`NetworkCondition`] is. Complete: the explainer's two values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PowerCondition {
    /// `'auto'`: events may drain a battery.
    #[default]
    Auto,
    /// `'avoid-draining'`: a device with a battery must be charging (R227).
    AvoidDraining,
}

impl Conditions {
    /// No condition at all: the neutral element of [`Conditions::stricter`].
    pub const NONE: Conditions = Conditions { network: NetworkCondition::Any, power: PowerCondition::Auto };

    /// Both: in each respect the stricter one (R237).
    pub fn stricter(self, other: Conditions) -> Conditions {
        Conditions { network: self.network.max(other.network), power: self.power.max(other.power) }
    }
}

/// The second argument of `periodicSync.register`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PeriodicOptions {
    /// `minInterval` in milliseconds: 0 to 2^53 − 1 from a script (R13); absent means 0 (R100).
    pub min_interval_ms: u64,
    /// The older explainer's conditions, if the host lets scripts state them (R224).
    pub conditions: Conditions,
}

/// What a one-off registration may ask for beyond the specification (R236, R247). The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OneShotOptions {
    /// Conditions (R236).
    pub conditions: Conditions,
    /// Not before this many milliseconds have passed since the registration (R247).
    pub earliest_ms: u64,
    /// No event starts later than this many milliseconds after the registration; the entry is then dropped (R247).
    pub latest_ms: Option<u64>,
}

/// The power supply and the saving modes of the device. The default is a machine without a battery that saves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Power {
    /// False only while a battery is being drained: a device without one counts as charging (R227).
    pub charging: bool,
    /// The user wants the battery to last: no periodic event (R117).
    pub battery_saver: bool,
    /// The user wants little data to be used: no periodic event (R117).
    pub data_saver: bool,
}

impl Default for Power {
    fn default() -> Power {
        Power { charging: true, battery_saver: false, data_saver: false }
    }
}

/// What the host adds to the smallest interval of one origin (R112), for instance by how much the user cares for it.
/// Complete: the specification's number of milliseconds, or Infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtraInterval {
    /// This many milliseconds more.
    Ms(u64),
    /// Infinity: the periodic entries of the origin are suspended until it gets a finite value (R113).
    Never,
}

impl Default for ExtraInterval {
    fn default() -> ExtraInterval {
        ExtraInterval::Ms(0)
    }
}

/// Which network the device is on, as far as the host can tell networks apart (R121). Opaque, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(Arc<String>);

impl NetworkId {
    /// The text that the host gave.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NetworkId {
    fn from(text: &str) -> NetworkId {
        NetworkId(Arc::new(String::from(text)))
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R237
    fn of_two_conditions_the_stricter_one_wins_in_each_respect() {
        let script = Conditions { network: NetworkCondition::AvoidCellular, power: PowerCondition::Auto };
        let host = Conditions { network: NetworkCondition::Online, power: PowerCondition::AvoidDraining };
        let both =
            Conditions { network: NetworkCondition::AvoidCellular, power: PowerCondition::AvoidDraining };
        assert_eq!(script.stricter(host), both);
        assert_eq!(host.stricter(script), both);
        assert_eq!(script.stricter(Conditions::NONE), script);
    }
}
