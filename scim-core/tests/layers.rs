//! Lower layers never name higher ones (`docs/design.md` §2).

#![expect(clippy::expect_used, reason = "a test that cannot read its input must fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// From low to high; folders of one row may name each other.
const LAYERS: [&[&str]; 7] = [
    &["protocol", "port"],
    &["schema"],
    &["resource"],
    &["auth", "dialect", "upstream", "mapping"],
    &["store"],
    &["service"],
    &["sync"],
];

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("a source folder can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn lower_layers_never_name_higher_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files {
        let inner = file.strip_prefix(&root).expect("below the root");
        let first = inner.components().next().expect("a name").as_os_str().to_string_lossy();
        let Some(own) = rank(first.trim_end_matches(".rs")) else { continue };
        let text = fs::read_to_string(&file).expect("a source can be read");
        // Tests may reach up: they look at the whole.
        if inner.to_string_lossy().contains("tests") {
            continue;
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for part in line.split("crate::").skip(1) {
                let name: String =
                    part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                seen += 1;
                if rank(&name).is_some_and(|other| other > own) {
                    wrong.push(format!("{}: {}", inner.display(), line.trim()));
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} names were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
