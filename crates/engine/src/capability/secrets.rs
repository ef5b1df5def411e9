//! Values from the operator, by name. A component sees only what its workflow's grants name; nothing here enumerates them or writes them anywhere.

use crate::bindings::tandem::service::secrets::Host;
use crate::state::State;

impl Host for State {
    fn get(&mut self, name: String) -> Option<String> {
        let value = self.grants.secrets.get(&name);
        self.work().bytes(name.len() + value.map_or(0, str::len));
        value.map(str::to_owned)
    }
}
