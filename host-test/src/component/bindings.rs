//! Bindings of the imports in `host-test/wit`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "host",
    imports: { default: async | trappable },
    with: {
        "spin:key-value/key-value.store": super::keyvalue::OpenStore,
        "wasi:keyvalue/store.bucket": super::keyvalue::OpenStore,
        "wasi:keyvalue/atomics.cas": super::keyvalue::Cas,
    },
    require_store_data_send: true,
});
