//! Settings from the manifest. Read-only; a key that is not set is none, never a host's default.

use crate::bindings::tandem::service::config::Host;
use crate::state::State;

impl Host for State {
    fn get(&mut self, key: String) -> Option<String> {
        let value = self.grants.config.get(&key);
        self.work().bytes(key.len() + value.map_or(0, String::len));
        value.cloned()
    }
}
