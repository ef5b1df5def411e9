//! One node per operator and service on a machine, also when the directories were copied.

use crate::journal::Identity;

/// Held while the node runs; the system lets go of it with the process.
#[derive(Debug)]
pub(crate) struct Alone {
    #[cfg(target_os = "linux")]
    _name: std::os::unix::net::UnixListener,
    #[cfg(not(target_os = "linux"))]
    _file: std::fs::File,
}

impl Alone {
    /// Claims the identity for this process; none when another process of this machine has it, or when the system does not let it be claimed.
    /// Linux has names for this that no file system and no private `/tmp` hides; a container with a network of its own is another machine.
    #[cfg(target_os = "linux")]
    pub(crate) fn claim(identity: Identity) -> Option<Self> {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixListener};
        let address = SocketAddr::from_abstract_name(name(identity)).ok()?;
        Some(Self { _name: UnixListener::bind_addr(&address).ok()? })
    }

    /// Elsewhere it is a locked file in the directory of temporary ones.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn claim(identity: Identity) -> Option<Self> {
        let path = std::env::temp_dir().join(name(identity).replace('/', "-"));
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(path).ok()?;
        file.try_lock().ok()?;
        Some(Self { _file: file })
    }
}

fn name(identity: Identity) -> String {
    let Identity { service, operator } = identity;
    format!("tandem/{}/{}/{operator}", service.chain_id, service.manager)
}

#[cfg(test)]
mod tests {
    use tandem_types::{Address, OperatorId, ServiceId};

    use super::*;

    #[test]
    fn identity_is_held_by_one_until_it_lets_go() {
        // Of this process alone, so that tests that run beside it have others.
        let chain_id = u64::from(std::process::id());
        let of = |operator| Identity {
            service: ServiceId { chain_id, manager: Address::repeat_byte(0xa1) },
            operator: OperatorId(Address::repeat_byte(operator)),
        };
        let first = Alone::claim(of(1)).expect("nobody has it");
        assert!(Alone::claim(of(1)).is_none());
        assert!(Alone::claim(of(2)).is_some());
        drop(first);
        assert!(Alone::claim(of(1)).is_some());
    }
}
