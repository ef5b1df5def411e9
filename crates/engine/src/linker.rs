//! The host functions that components are linked against, one table per determinism profile, and what a profile forbids. What is forbidden is not in
//! the table; the list of it is there to say why.

use std::sync::OnceLock;

use tandem_types::{ComponentDigest, Determinism};
use wasmtime::component::{Component as Code, HasSelf, InstancePre, Linker};
use wasmtime_wasi::p2::bindings as wasi;
use wasmtime_wasi::{WasiCtxView, WasiView as _};

use crate::LoadError;
use crate::bindings::tandem::service::{chain, config, logging, secrets, store};
use crate::capability::{components, scratch, strict};
use crate::state::State;

/// What `strict` components may not import: the beginning of the name, and why.
const NOT_STRICT: [(&str, &str); 4] = [
    ("wasi:http/", "what a server answers cannot be reproduced"),
    ("wasi:sockets/", "what comes from a network cannot be reproduced"),
    ("tandem:service/store", "what a service has stored differs between operators"),
    ("tandem:service/secrets", "secrets differ between operators"),
];

/// One linker per profile, made for the first component that needs it: a node that has just started is waited for.
#[derive(Default)]
pub(crate) struct Linkers {
    open: OnceLock<Linker<State>>,
    strict: OnceLock<Linker<State>>,
}

impl Linkers {
    fn of(&self, profile: Determinism, engine: &wasmtime::Engine) -> &Linker<State> {
        let (linker, make): (_, fn(&_) -> _) = match profile {
            Determinism::Open => (&self.open, open),
            Determinism::Strict => (&self.strict, strict),
        };
        linker.get_or_init(|| make(engine).expect("the host's own functions do not clash"))
    }

    /// Links `code` with what `profile` offers.
    ///
    /// # Errors
    /// [`LoadError`] that names the first import that the profile forbids or the host does not have.
    pub(crate) fn link(
        &self,
        digest: ComponentDigest,
        code: &Code,
        profile: Determinism,
    ) -> Result<InstancePre<State>, LoadError> {
        if profile == Determinism::Strict {
            refuse_forbidden(digest, code)?;
        }
        self.of(profile, code.engine()).instantiate_pre(code).map_err(|error| bad_import(digest, &error))
    }
}

fn refuse_forbidden(digest: ComponentDigest, code: &Code) -> Result<(), LoadError> {
    let world = code.component_type();
    for (import, _) in world.imports(code.engine()) {
        if let Some((_, reason)) = NOT_STRICT.iter().find(|(forbidden, _)| import.starts_with(forbidden)) {
            return Err(LoadError::Forbidden {
                digest,
                import: import.to_owned(),
                profile: Determinism::Strict,
                reason,
            });
        }
    }
    Ok(())
}

/// The linker names the import only in its text, between the first pair of backquotes.
fn bad_import(digest: ComponentDigest, error: &wasmtime::Error) -> LoadError {
    let text = error.to_string();
    let import = text.split('`').nth(1).unwrap_or("(unnamed)").to_owned();
    LoadError::Import { digest, import, reason: error.root_cause().to_string() }
}

/// Everything that a component may import.
fn open(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = common(engine)?;
    secrets::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    store::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    add_sockets(&mut linker)?;
    Ok(linker)
}

/// What a component may import whose runs are reproducible.
fn strict(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = common(engine)?;
    strict::add_to_linker(&mut linker)?;
    Ok(linker)
}

fn common(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    config::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    logging::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    chain::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    components::add_to_linker(&mut linker)?;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
    add_standard_library(&mut linker)?;
    scratch::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// What standard libraries import whether or not the component uses it. All of it is empty.
fn add_standard_library(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::random::WasiRandom;

    fn random(state: &mut State) -> &mut wasmtime_wasi::random::WasiRandomCtx {
        let WasiCtxView { ctx, .. } = state.ctx();
        ctx.random()
    }
    wasi::cli::environment::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::exit::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_input::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_output::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    wasi::random::insecure::add_to_linker::<_, WasiRandom>(linker, random)?;
    wasi::random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, random)?;
    Ok(())
}

/// Sockets that cannot be made and names that are not looked up: Python's standard library imports them whether or not the component uses them. Who
/// answers is `sealed_wasi`, which refuses.
fn add_sockets(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

    wasi::sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    wasi::sockets::network::add_to_linker::<_, WasiSockets>(linker, &Default::default(), State::sockets)?;
    wasi::sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    wasi::sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    wasi::sockets::tcp::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    wasi::sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    wasi::sockets::udp::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    Ok(())
}
