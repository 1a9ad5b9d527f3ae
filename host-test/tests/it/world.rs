//! The component against Spin: what it imports and exports is in Spin 4.1's `http-trigger` world,
//! and `spin.toml` declares what it opens.

use std::collections::BTreeSet;
use std::fs;

use wasmparser::{Parser, Payload};

use crate::harness::{checkout, shared};

/// The component that the service of the other tests runs.
fn component() -> Vec<u8> {
    shared();
    let target = match std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => checkout(".").join(folder),
        None => checkout("target"),
    };
    fs::read(target.join("wasm32-wasip2/wasm/plugin_spin.wasm")).unwrap()
}

/// `import NAME` and `export NAME` of a component, without those of what is nested in it.
fn world(component: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.insert(format!("import {}", import.unwrap().name.name));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.insert(format!("export {}", export.unwrap().name.name));
                }
            }
            _ => {}
        }
    }
    names
}

#[test]
fn the_component_fits_the_world_of_spin_4_1() {
    let list = fs::read_to_string(checkout("plugin-spin/spin-4.1-world.txt")).unwrap();
    let known: BTreeSet<&str> = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let world = world(&component());
    assert!(world.contains("export wasi:http/handler@0.3.0"), "{world:?}");
    let unknown: Vec<&String> =
        world.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "not in Spin 4.1's world: {unknown:?}");
}

#[test]
fn spin_toml_declares_what_the_component_opens() {
    let text = fs::read_to_string(checkout("plugin-spin/spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let component = &manifest["component"]["scim"];
    let names = |value: &toml::Value| -> BTreeSet<String> {
        let table = value.as_table().into_iter().flat_map(toml::Table::keys).cloned();
        let list = value.as_array().into_iter().flatten();
        table.chain(list.filter_map(|item| item.as_str().map(str::to_owned))).collect()
    };
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();

    let (stores, variables) = opened();
    assert_eq!(stores, set(&["default"]));
    assert_eq!(names(&component["key_value_stores"]), stores);
    assert_eq!(variables, set(&["admin_token", "config", "registry_token", "token"]));
    assert_eq!(names(&component["variables"]), variables);
    assert_eq!(names(&manifest["variables"]), variables);

    let calls_out = world(&self::component()).contains("import wasi:http/client@0.3.0");
    assert_eq!(names(&component["allowed_outbound_hosts"]).is_empty(), !calls_out);
    assert_eq!(manifest["trigger"]["http"][0]["route"].as_str(), Some("/..."));
    let source = component["source"].as_str().unwrap();
    assert!(source.ends_with("target/wasm32-wasip2/wasm/plugin_spin.wasm"), "{source}");
}

/// The stores and the variables that the source names.
fn opened() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut stores, mut variables) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(checkout("plugin-spin/src")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let literals = |before: &str| -> Vec<String> {
            let parts = text.split(before).skip(1);
            parts.filter_map(|rest| rest.split('"').next().map(str::to_owned)).collect()
        };
        stores.extend(literals("LABEL: &str = \""));
        stores.extend(literals("Store::open(\""));
        variables.extend(literals("variable(\""));
        variables.extend(literals("variables::get(\""));
    }
    (stores, variables)
}
