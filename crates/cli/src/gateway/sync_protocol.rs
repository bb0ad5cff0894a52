//! What the messages of the page protocol carry about sync registrations, as `page/protocol.d.ts` defines it.

use serde::{Deserialize, Serialize};
use wakeworker_core::{Conditions, NetworkCondition, PowerCondition, SyncRegistration};

/// Conditions of a registration, from the older explainer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConditionParams {
    #[serde(default)]
    power_state: PowerState,
    #[serde(default)]
    network_state: NetworkState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum PowerState {
    #[default]
    Auto,
    AvoidDraining,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum NetworkState {
    #[default]
    Online,
    AvoidCellular,
    Any,
}

/// What `sync.register` asks for beyond the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneShotParams {
    /// The explainer's conditions.
    #[serde(flatten)]
    pub(crate) conditions: ConditionParams,
    /// Milliseconds before which it must not fire.
    #[serde(default)]
    pub(crate) min_delay: u64,
    /// Milliseconds after which it must not fire.
    pub(crate) max_delay: Option<u64>,
}

/// What `periodicSync.register` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeriodicParams {
    /// The explainer's conditions.
    #[serde(flatten)]
    pub(crate) conditions: ConditionParams,
    /// Smallest time between two events in milliseconds; absent means 0 (R100).
    #[serde(default)]
    pub(crate) min_interval: u64,
}

/// An entry as the explainer's registration objects show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncRecordInfo {
    tag: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_interval: Option<u64>,
    #[serde(flatten)]
    conditions: ConditionParams,
}

impl From<&ConditionParams> for Conditions {
    fn from(params: &ConditionParams) -> Conditions {
        Conditions {
            network: match params.network_state {
                NetworkState::Online => NetworkCondition::Online,
                NetworkState::AvoidCellular => NetworkCondition::AvoidCellular,
                NetworkState::Any => NetworkCondition::Any,
            },
            power: match params.power_state {
                PowerState::Auto => PowerCondition::Auto,
                PowerState::AvoidDraining => PowerCondition::AvoidDraining,
            },
        }
    }
}

impl From<&SyncRegistration> for SyncRecordInfo {
    fn from(record: &SyncRegistration) -> SyncRecordInfo {
        SyncRecordInfo {
            tag: record.tag.to_utf16(),
            min_interval: u64::try_from(record.min_interval_ms()).ok(),
            conditions: ConditionParams {
                network_state: match record.conditions.network {
                    NetworkCondition::Online => NetworkState::Online,
                    NetworkCondition::AvoidCellular => NetworkState::AvoidCellular,
                    NetworkCondition::Any => NetworkState::Any,
                },
                power_state: match record.conditions.power {
                    PowerCondition::Auto => PowerState::Auto,
                    PowerCondition::AvoidDraining => PowerState::AvoidDraining,
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R13, R235
    fn options_are_read_as_the_page_writes_them_and_nothing_else_is() {
        let text = r#"{"minInterval":86400000,"powerState":"avoid-draining","networkState":"any"}"#;
        let params: PeriodicParams = serde_json::from_str(text).unwrap();
        let conditions = Conditions::from(&params.conditions);
        assert_eq!(params.min_interval, 86_400_000);
        let wanted = Conditions { network: NetworkCondition::Any, power: PowerCondition::AvoidDraining };
        assert_eq!(conditions, wanted);
        let plain: OneShotParams = serde_json::from_str("{}").unwrap();
        assert_eq!(Conditions::from(&plain.conditions), Conditions::default());
        assert_eq!((plain.min_delay, plain.max_delay), (0, None));
        for wrong in [
            r#"{"minInterval":-1}"#,
            r#"{"minInterval":1.5}"#,
            r#"{"minInterval":"1"}"#,
            r#"{"powerState":"full"}"#,
            r#"{"networkState":null}"#,
        ] {
            assert!(serde_json::from_str::<PeriodicParams>(wrong).is_err(), "{wrong}");
        }
    }
}
