//! The guest's side of `wit/`, generated. Authors use the modules around it; only the [`export!`](crate::export) macro needs it to be public.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; the documentation is in wit/")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "tandem:service/service",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_service",
    default_bindings_module: "tandem_sdk::bindings",
});
