//! Values from the operator, by name. A component sees only what its workflow's grants name; nothing here enumerates them or writes them anywhere.

use crate::bindings::tandem::service::secrets::Host;
use crate::state::State;

impl Host for State {
    fn get(&mut self, name: String) -> Option<String> {
        self.grants.secrets.get(&name).map(str::to_owned)
    }
}
