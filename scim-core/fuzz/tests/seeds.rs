//! The seed corpus keeps the laws on any toolchain. `UPDATE=1` makes it anew from `vectors/`; files
//! whose name begins with `regress-` are inputs that once broke a law, and stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Seeds of one target, at most: evenly chosen of all that there are.
const PER_TARGET: usize = 96;
/// Bytes of a seed.
const SEED_BYTES: usize = 2048;
/// Bytes of the whole corpus.
const CORPUS_BYTES: usize = 300_000;

type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

#[test]
fn seeds_keep_the_laws() {
    if std::env::var_os("UPDATE").is_some() {
        write(&made());
    }
    let (mut files, mut bytes) = (0, 0);
    for (target, law) in scim_core_fuzz::TARGETS {
        let mut paths: Vec<PathBuf> = fs::read_dir(root().join(target))
            .unwrap_or_else(|error| panic!("seeds of {target}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths {
            let input = fs::read(&path).unwrap();
            (files, bytes) = (files + 1, bytes + input.len());
            if std::panic::catch_unwind(|| law(&input)).is_err() {
                panic!("{target}: {}", path.display());
            }
        }
    }
    println!("{files} seeds, {bytes} bytes");
    assert!(bytes <= CORPUS_BYTES);
}

fn made() -> Seeds {
    let mut seeds = Seeds::new();
    filters_and_paths(&mut seeds);
    routes(&mut seeds);
    patches(&mut seeds);
    bodies(&mut seeds);
    services(&mut seeds);
    credentials(&mut seeds);
    seeds
}

fn filters_and_paths(seeds: &mut Seeds) {
    for file in ["valid", "invalid", "semantics"] {
        for case in cases(&format!("filter/{file}.json")) {
            push_text(seeds, "filter", &case["filter"]);
            if let (Some(text), "semantics") = (case["filter"].as_str(), file) {
                let target =
                    format!("filter={}&count=1", text.replace('%', "%25").replace('&', "%26"));
                push(seeds, "query", target.replace('+', "%2B").replace(' ', "+").into_bytes());
            }
        }
    }
    for file in ["attribute", "patch"] {
        for case in cases(&format!("path/{file}.json")) {
            push_text(seeds, "path", &case["path"]);
        }
    }
}

fn routes(seeds: &mut Seeds) {
    for file in ["accepted", "refused"] {
        for case in cases(&format!("route/{file}.json")) {
            push_text(seeds, "query", &case["target"]);
        }
    }
    for text in [
        "attributes=userName,emails.value&sortBy=name.familyName&sortOrder=descending",
        "excludedAttributes=members&startIndex=2&count=0",
        "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        "cursor=&count=10",
    ] {
        push(seeds, "query", text.into());
    }
}

fn patches(seeds: &mut Seeds) {
    for path in files("patch") {
        for case in cases(&path) {
            let mut input = json!({"given": case["given"], "Operations": case["operations"]});
            if case["headers"].to_string().contains("AzureAD")
                || case["headers"]["adscimversion"].is_string()
            {
                input["dialect"] = "entra".into();
            }
            push(seeds, "patch", input.to_string().into_bytes());
            push(seeds, "resource", case["given"].to_string().into_bytes());
            let body = json!({"Operations": case["operations"]});
            push(seeds, "canonicalize", format!("PATCH Users auto\n{body}").into_bytes());
        }
    }
}

fn bodies(seeds: &mut Seeds) {
    for case in cases("canonicalize/bodies.json") {
        let body = case["body"].as_str().map_or_else(|| case["body"].to_string(), Into::into);
        let word = |name: &str| case[name].as_str().unwrap_or("auto").to_owned();
        let line = format!("{} {} {}", word("method"), word("endpoint"), word("dialect"));
        push(seeds, "canonicalize", format!("{line}\n{body}").into_bytes());
    }
}

fn services(seeds: &mut Seeds) {
    let (mut bodies, mut bulks, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for path in files("service").into_iter().chain(files("rfc")) {
        for step in cases(&path)
            .iter()
            .flat_map(|case| case["steps"].as_array().cloned().unwrap_or_default())
        {
            let body = &step["body"];
            let to = step["path"].as_str().unwrap_or_default();
            match step["method"].as_str() {
                Some("POST") if to.starts_with("/Bulk") => bulks.push(body.to_string()),
                Some("POST" | "PUT") if body.is_object() => bodies.push(body.to_string()),
                Some("PATCH") if to.starts_with("/Groups") && body["Operations"].is_array() => {
                    let given = json!({"displayName": "Guides", "members": [{"value": "{{u}}"}]});
                    groups.push(
                        json!({"given": given, "Operations": body["Operations"]}).to_string(),
                    );
                }
                _ => {}
            }
        }
    }
    for body in bodies {
        push(seeds, "canonicalize", format!("POST Users auto\n{body}").into_bytes());
        push(seeds, "resource", body.into_bytes());
    }
    for input in groups {
        push(seeds, "patch", input.into_bytes());
    }
    bulks.extend(made_bulks());
    for body in bulks {
        push(seeds, "bulk", body.into_bytes());
    }
    for text in ["", "0", "AAAA", "eyJhIjoxfQ", "a.b.c", "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_"] {
        push(seeds, "cursor", text.into());
    }
}

fn made_bulks() -> Vec<String> {
    let user = |id: &str| json!({"method": "POST", "path": "/Users", "bulkId": id, "data": {"userName": id}});
    let group = |id: &str, member: &str| {
        let members = json!([{"value": format!("bulkId:{member}")}]);
        let data = json!({"displayName": id, "members": members});
        json!({"method": "POST", "path": "/Groups", "bulkId": id, "data": data})
    };
    let lists = [
        json!([user("q")]),
        json!([user("q"), group("g", "q")]),
        json!([group("g", "q"), user("q")]),
        json!([group("g", "h"), group("h", "g")]),
        json!([group("g", "g")]),
        json!([user("u1")]),
        json!([user("q"), {"method": "PATCH", "path": "/Users/bulkId:q",
            "data": {"Operations": [{"op": "add", "path": "title", "value": "x"}]}}]),
        json!([user("q"), {"method": "DELETE", "path": "/Users/bulkId:q", "version": "W/\"1\""}]),
        json!([{"method": "PUT", "path": "/Users/nobody", "data": {"userName": "x"}}]),
        json!([group("g", "nobody"), user("r")]),
        json!([]),
    ];
    let message = |list: &Value| {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        json!({"schemas": schemas, "failOnErrors": 1, "Operations": list}).to_string()
    };
    lists.iter().map(message).collect()
}

fn credentials(seeds: &mut Seeds) {
    for text in [
        "Bearer fuzz-token-0123456789",
        "bearer  fuzz-token-0123456789 ",
        "Bearer fuzz-token-0123456788",
        "Bearer a, Bearer b",
        "Basic YTpi",
        "scimedge_AAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_000000",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.AAAA",
        "eyJhbGciOiJub25lIn0.e30.",
        "{\"clients\": [{\"name\": \"okta\", \"dialect\": \"okta\", \"tokens\": []}]}",
        "{\"bases\": [\"/scim/v2\", \"/v2/{tenant}\"], \"limits\": {\"body_bytes\": 1}}",
        "[{\"name\": \"okta\", \"tokens\": [{\"sha256\": \"00\", \"expires\": \"2030-01-01T00:00:00Z\"}]}]",
        "{\"keys\": [{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"kid\": \"1\", \"x\": \"AA\"}]}",
        "{\"schemas\": [{\"id\": \"urn:a:b\", \"name\": \"B\", \"attributes\": [{\"name\": \"c\", \"type\": \"string\"}]}], \"resource_types\": [{\"name\": \"B\", \"endpoint\": \"/Bs\", \"schema\": \"urn:a:b\"}]}",
        "application/scim+json; charset=utf-8",
        "x-http-method-override",
    ] {
        push(seeds, "token", text.into());
    }
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

fn files(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(vectors().join(folder)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    names
}

fn cases(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(vectors().join(path)).unwrap();
    match serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")) {
        Value::Array(cases) => cases,
        file => file["cases"].as_array().cloned().unwrap_or_default(),
    }
}

fn push_text(seeds: &mut Seeds, target: &'static str, value: &Value) {
    push(seeds, target, value.as_str().unwrap_or_default().into());
}

fn push(seeds: &mut Seeds, target: &'static str, input: Vec<u8>) {
    if input.len() <= SEED_BYTES {
        seeds.entry(target).or_default().push(input);
    }
}

fn write(seeds: &Seeds) {
    for (target, inputs) in seeds {
        let folder = root().join(target);
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if !entry.file_name().to_string_lossy().starts_with("regress-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        let inputs: Vec<&Vec<u8>> = inputs.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let every = inputs.len().div_ceil(PER_TARGET).max(1);
        for (number, input) in inputs.iter().step_by(every).enumerate() {
            fs::write(folder.join(format!("{number:03}")), input).unwrap();
        }
    }
}
