//! What this node lends to components at most, above every manifest. A manifest that asks for more is refused when it is loaded; it is never given less than
//! it asks for, since all operators must stop a component at the same limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_engine::{ChainLimits, Limits, ScratchLimits, StoreLimits};

/// Caps by the names that limits have in manifests. What is not set is the most that any manifest may ask for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Caps {
    /// Fuel of one execution.
    pub fuel: Option<u64>,
    /// Milliseconds of one execution.
    pub time_ms: Option<u64>,
    /// Mebibytes of memory.
    pub memory_mib: Option<u64>,
    /// Bytes of output.
    pub output_bytes: Option<u64>,
    /// HTTP requests.
    pub http_requests: Option<u64>,
    /// Bytes of all HTTP responses.
    pub http_response_bytes: Option<u64>,
    /// Keys of the store that one execution may name.
    pub store_calls: Option<u64>,
    /// Keys that the store may hold.
    pub store_keys: Option<u64>,
    /// Bytes of one key.
    pub store_key_bytes: Option<u64>,
    /// Bytes of one value.
    pub store_value_bytes: Option<u64>,
    /// Bytes that the store may hold.
    pub store_bytes: Option<u64>,
    /// Reads of the chain.
    pub chain_calls: Option<u64>,
    /// Bytes of all reads of the chain.
    pub chain_bytes: Option<u64>,
    /// Gas of one read of the chain.
    pub chain_gas: Option<u64>,
    /// Calls to other components.
    pub component_calls: Option<u64>,
    /// Bytes of the scratch directory.
    pub scratch_bytes: Option<u64>,
    /// Files and directories in the scratch directory.
    pub scratch_files: Option<u64>,
}

impl Caps {
    /// Each cap that is set, with its key in `operator.toml` and the most that it may be.
    pub(crate) fn bounds(&self) -> Vec<(&'static str, u64, u64)> {
        let most = Limits::manifest_max();
        let all = [
            ("components.limits-max.fuel", self.fuel, most.fuel),
            ("components.limits-max.time-ms", self.time_ms, most.time.as_millis() as u64),
            ("components.limits-max.memory-mib", self.memory_mib, most.memory_bytes >> 20),
            ("components.limits-max.output-bytes", self.output_bytes, most.output_bytes),
            ("components.limits-max.http-requests", self.http_requests, most.http_requests),
            ("components.limits-max.http-response-bytes", self.http_response_bytes, most.http_response_bytes),
            ("components.limits-max.store-calls", self.store_calls, most.store.calls),
            ("components.limits-max.store-keys", self.store_keys, most.store.keys),
            ("components.limits-max.store-key-bytes", self.store_key_bytes, most.store.key_bytes),
            ("components.limits-max.store-value-bytes", self.store_value_bytes, most.store.value_bytes),
            ("components.limits-max.store-bytes", self.store_bytes, most.store.bytes),
            ("components.limits-max.chain-calls", self.chain_calls, most.chain.calls),
            ("components.limits-max.chain-bytes", self.chain_bytes, most.chain.bytes),
            ("components.limits-max.chain-gas", self.chain_gas, most.chain.gas),
            ("components.limits-max.component-calls", self.component_calls, most.component_calls),
            ("components.limits-max.scratch-bytes", self.scratch_bytes, most.scratch.bytes),
            ("components.limits-max.scratch-files", self.scratch_files, most.scratch.files),
        ];
        all.into_iter().filter_map(|(key, cap, most)| Some((key, cap?, most))).collect()
    }

    /// What the engine lends.
    pub fn limits(&self) -> Limits {
        let most = Limits::manifest_max();
        Limits {
            fuel: self.fuel.unwrap_or(most.fuel),
            time: self.time_ms.map_or(most.time, Duration::from_millis),
            memory_bytes: self.memory_mib.map_or(most.memory_bytes, |mebibytes| mebibytes << 20),
            output_bytes: self.output_bytes.unwrap_or(most.output_bytes),
            http_requests: self.http_requests.unwrap_or(most.http_requests),
            http_response_bytes: self.http_response_bytes.unwrap_or(most.http_response_bytes),
            store: StoreLimits {
                calls: self.store_calls.unwrap_or(most.store.calls),
                keys: self.store_keys.unwrap_or(most.store.keys),
                key_bytes: self.store_key_bytes.unwrap_or(most.store.key_bytes),
                value_bytes: self.store_value_bytes.unwrap_or(most.store.value_bytes),
                bytes: self.store_bytes.unwrap_or(most.store.bytes),
            },
            chain: ChainLimits {
                calls: self.chain_calls.unwrap_or(most.chain.calls),
                bytes: self.chain_bytes.unwrap_or(most.chain.bytes),
                gas: self.chain_gas.unwrap_or(most.chain.gas),
            },
            component_calls: self.component_calls.unwrap_or(most.component_calls),
            scratch: ScratchLimits {
                bytes: self.scratch_bytes.unwrap_or(most.scratch.bytes),
                files: self.scratch_files.unwrap_or(most.scratch.files),
            },
            ..most
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_the_most() {
        assert_eq!(Caps::default().limits(), Limits::manifest_max());
    }

    /// Every cap has its own place: one less everywhere differs everywhere, and in the same way.
    #[test]
    fn each_cap_lowers_its_own_limit() {
        let text: String = Caps::every_key().iter().map(|(key, most)| format!("{key} = {}\n", most - 1)).collect();
        let caps: Caps = toml::from_str(&text).expect("all keys are known");
        let (lowered, most) = (caps.limits(), Limits::manifest_max());
        for kind in tandem_engine::LimitKind::ALL {
            let step = match kind.name() {
                "memory" => 1 << 20,
                // Not a manifest's to set.
                "table-elements" | "log" | "http-request-bytes" | "http-time" => 0,
                _ => 1,
            };
            assert_eq!(lowered.amount(kind), most.amount(kind).map(|amount| amount - step), "{kind}");
        }
    }

    #[test]
    fn page_shows_every_cap_and_its_default() {
        #[derive(Deserialize)]
        struct File {
            components: Components,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Components {
            limits_max: Caps,
        }
        let page = include_str!("../../../docs/reference/limits.md");
        let text = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).expect("it has a block");
        let caps = toml::from_str::<File>(text).expect("the block is valid").components.limits_max;
        assert_eq!((caps.bounds().len(), caps.limits()), (Caps::every_key().len(), Limits::manifest_max()));
    }

    impl Caps {
        /// Every key, with the most that it may be.
        fn every_key() -> Vec<(&'static str, u64)> {
            let one = Some(1);
            let all = Self {
                fuel: one,
                time_ms: one,
                memory_mib: one,
                output_bytes: one,
                http_requests: one,
                http_response_bytes: one,
                store_calls: one,
                store_keys: one,
                store_key_bytes: one,
                store_value_bytes: one,
                store_bytes: one,
                chain_calls: one,
                chain_bytes: one,
                chain_gas: one,
                component_calls: one,
                scratch_bytes: one,
                scratch_files: one,
            };
            let bounds = all.bounds().into_iter();
            bounds.map(|(key, _, most)| (key.rsplit('.').next().unwrap_or(key), most)).collect()
        }
    }
}
