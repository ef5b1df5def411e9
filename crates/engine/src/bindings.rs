//! The host's side of `wit/`, generated. WASI's own interfaces come from wasmtime's crates and are not generated again.

#![allow(missing_docs, unreachable_pub, reason = "generated; the documentation is in wit/")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "tandem:service/service",
    imports: {
        "tandem:service/store.get": async,
        "tandem:service/store.get-many": async,
        "tandem:service/store.set": async,
        "tandem:service/store.delete": async,
        "tandem:service/store.write-many": async,
        "tandem:service/store.keys": async,
        "tandem:service/store.increment": async,
        "tandem:service/store.compare-and-swap": async,
        "tandem:service/chain.call": async | trappable,
        "tandem:service/chain.balance": async | trappable,
        "tandem:service/chain.storage": async | trappable,
    },
    exports: { default: async },
    with: {
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:random": wasmtime_wasi::p2::bindings::random,
    },
});
