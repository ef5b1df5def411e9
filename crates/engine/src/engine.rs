//! The engine: compiles components once per digest and holds what all of them share. It refuses components that do not fit the world
//! `tandem:service/service`, at load and by name, so that nothing is left to find out when a task comes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tandem_types::{CALL_DEPTH_MAX, ComponentDigest, Determinism};
use wasmtime::component::{Component as Code, InstancePre};

use crate::bindings::ServicePre;
use crate::cache::{Cache, CacheConfig};
use crate::capability::http::Client;
use crate::component::{Component, Needs};
use crate::linker::Linkers;
use crate::share::Shares;
use crate::state::State;
use crate::threads::ComputeThreads;
use crate::{Grants, Limits, LoadError, pool, size};

/// What the whole node lends to its components.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Executions at a time, over all components; more wait for their turn. Half of them are kept for services in equal parts. Sets how much address space
    /// is reserved.
    pub concurrent_max: u32,
    /// HTTP connections at a time of one service; requests beyond wait, in their own time.
    pub connections_max: u32,
    /// Addresses of names that are not to be looked up. They are checked like what a lookup finds.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Cap over the limits of every workflow.
    pub limits_max: Limits,
    /// Where compiled code is kept from one start to the next, if anywhere. A cache that cannot be used is said so in the log, and done without.
    pub cache: Option<CacheConfig>,
    /// How many threads of their own the components of a service may keep busy, at a lower priority than the caller's; none computes on the caller's.
    pub compute_threads: Option<NonZeroUsize>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            concurrent_max: 256,
            connections_max: 1024,
            hosts: BTreeMap::new(),
            limits_max: Limits::manifest_max(),
            cache: None,
            compute_threads: None,
        }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The system does not give what the configuration asks for; mostly address space.
    #[error("cannot set up {concurrent_max} slots for components: {reason}")]
    Pool {
        /// Slots asked for.
        concurrent_max: u32,
        /// What failed.
        reason: String,
    },
    /// The system does not give the threads.
    #[error("cannot start threads for components")]
    Threads(#[source] std::io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Compiles and runs components. A handle: clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) client: Client,
    /// As many slots as the pool has, so that it is never found full.
    shares: Arc<Shares>,
    pub(crate) threads: Option<ComputeThreads>,
    linkers: Linkers,
    cache: Option<Cache>,
    limits_max: Limits,
    slots_max: u32,
    /// Compiled components that are still in use. Held while compiling, so that nothing is compiled twice; one compilation uses all cores.
    compiled: Mutex<Loaded>,
}

type Loaded = HashMap<(ComponentDigest, Determinism), Weak<Compiled>>;

/// A compiled, linked and type-checked component, without grants.
pub(crate) struct Compiled {
    pub(crate) digest: ComponentDigest,
    pub(crate) service: ServicePre<State>,
}

impl Engine {
    /// # Errors
    /// [`EngineError`] when the system does not give enough address space for the slots.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let refused = |error: wasmtime::Error| EngineError::Pool {
            concurrent_max: config.concurrent_max,
            reason: format!("{error:#}"),
        };
        let wasm = wasmtime::Engine::new(&pool::config(&config)).map_err(refused)?;
        Ok(Self(Arc::new(Shared {
            client: Client::new(config.hosts.clone())?,
            shares: shares(&config),
            threads: config.compute_threads.map(ComputeThreads::start).transpose().map_err(EngineError::Threads)?,
            cache: config.cache.and_then(|config| open_cache(&config, &wasm)),
            limits_max: config.limits_max,
            slots_max: config.concurrent_max,
            compiled: Mutex::default(),
            linkers: Linkers::default(),
            wasm,
        })))
    }

    /// Compiles `bytes`, unless a component with the same digest is loaded already or in the cache, and ties it to `grants`.
    ///
    /// Takes seconds of all cores for a large component: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no component of the world `tandem:service/service`, or the limits are above the node's.
    ///
    /// # Panics
    /// When a component that it may call was loaded by another engine.
    pub fn load(&self, bytes: &[u8], grants: Grants) -> Result<Component, LoadError> {
        self.check_limits(&grants.limits)?;
        let needs = self.check_calls(&grants)?;
        let digest = ComponentDigest::of(bytes);
        let compiled = self.compiled((digest, grants.determinism), bytes)?;
        let share = self.0.shares.of(grants.service, needs.slots as usize);
        Ok(Component::new(Arc::clone(&self.0), compiled, share, grants, needs))
    }

    /// What a run of the component takes of the node, those that it calls included.
    fn check_calls(&self, grants: &Grants) -> Result<Needs, LoadError> {
        let ours = |callee: &Component| Arc::ptr_eq(callee.engine(), &self.0);
        assert!(grants.calls.values().all(ours), "components that call each other are of one engine");
        let is_open = |callee: &Component| callee.grants().determinism == Determinism::Open;
        if grants.determinism == Determinism::Strict
            && let Some((callee, _)) = grants.calls.iter().find(|(_, callee)| is_open(callee))
        {
            return Err(LoadError::StrictCalls { callee: callee.clone() });
        }
        let needs = Needs::of(grants);
        let (depth, slots) = (needs.slots - 1, self.0.slots_max);
        let lent = self.0.limits_max.memory_bytes;
        match needs {
            _ if depth as usize > CALL_DEPTH_MAX => Err(LoadError::CallDepth { depth }),
            Needs { slots: needed, .. } if needed > slots => Err(LoadError::CallSlots { depth, slots }),
            Needs { memory_bytes: asked, .. } if asked > lent => Err(LoadError::CallMemory { asked, lent }),
            _ => Ok(needs),
        }
    }

    fn check_limits(&self, limits: &Limits) -> Result<(), LoadError> {
        let amount = |limits: &Limits, kind| limits.amount(kind).unwrap_or(u64::MAX);
        match limits.first_above(&self.0.limits_max) {
            None => Ok(()),
            Some(kind) => Err(LoadError::LimitAboveNode {
                kind,
                asked: amount(limits, kind),
                lent: amount(&self.0.limits_max, kind),
            }),
        }
    }

    fn compiled(&self, key: (ComponentDigest, Determinism), bytes: &[u8]) -> Result<Arc<Compiled>, LoadError> {
        let mut loaded = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = loaded.get(&key).and_then(Weak::upgrade) {
            return Ok(compiled);
        }
        let code = match loaded_code(&loaded, key.0) {
            Some(code) => code,
            None => self.code(key.0, bytes)?,
        };
        let compiled = Arc::new(self.link(key, &code)?);
        loaded.retain(|_, compiled| compiled.strong_count() > 0);
        loaded.insert(key, Arc::downgrade(&compiled));
        Ok(compiled)
    }

    fn link(&self, (digest, profile): (ComponentDigest, Determinism), code: &Code) -> Result<Compiled, LoadError> {
        let linked = self.0.linkers.link(digest, code, profile)?;
        let service = exported(digest, linked)?;
        Ok(Compiled { digest, service })
    }

    fn code(&self, digest: ComponentDigest, bytes: &[u8]) -> Result<Code, LoadError> {
        if bytes.starts_with(b"\0asm\x01\0\0\0") {
            return Err(LoadError::CoreModule { digest });
        }
        let cache = self.0.cache.as_ref();
        if let Some(code) = cache.and_then(|cache| cache.load(&self.0.wasm, digest)) {
            return Ok(code);
        }
        size::check(digest, bytes)?;
        let code = Code::from_binary(&self.0.wasm, bytes)
            .map_err(|error| LoadError::Invalid { digest, reason: format!("{error:#}") })?;
        if let Some(cache) = cache {
            cache.store(digest, &code);
        }
        Ok(code)
    }
}

/// The code of a component that is in use under another profile: profiles differ in what they link, not in what they compile.
fn loaded_code(loaded: &Loaded, digest: ComponentDigest) -> Option<Code> {
    let compiled = loaded.iter().filter(|((of, _), _)| *of == digest).find_map(|(_, compiled)| compiled.upgrade())?;
    Some(compiled.service.instance_pre().component().clone())
}

fn shares(config: &EngineConfig) -> Arc<Shares> {
    let threads = config.compute_threads.or_else(|| std::thread::available_parallelism().ok());
    Shares::new(config.concurrent_max as usize, threads.map_or(1, NonZeroUsize::get), config.connections_max as usize)
}

/// A node without its cache is slow to start and as right as any other.
fn open_cache(config: &CacheConfig, wasm: &wasmtime::Engine) -> Option<Cache> {
    let cache = Cache::open(config, wasm);
    cache
        .inspect_err(|error| {
            tracing::warn!(directory = %config.directory.display(), %error, "the cache of compiled code is not used");
        })
        .ok()
}

fn exported(digest: ComponentDigest, linked: InstancePre<State>) -> Result<ServicePre<State>, LoadError> {
    ServicePre::new(linked).map_err(|error| LoadError::Export { digest, export: "run", reason: format!("{error:#}") })
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
