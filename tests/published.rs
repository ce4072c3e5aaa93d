//! The drivers are the published crates: nothing in the lock file comes from
//! anywhere but the registry, and nothing is patched.

use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect(name)
}

#[test]
fn every_package_comes_from_the_registry() {
    let lock: toml::Table = read("Cargo.lock").parse().expect("a lock file");
    let packages = lock["package"].as_array().expect("packages");
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let source = package.get("source").and_then(toml::Value::as_str);
        match name {
            "doublebuy" => assert_eq!(source, None),
            _ => assert_eq!(
                source,
                Some("registry+https://github.com/rust-lang/crates.io-index"),
                "{name}"
            ),
        }
    }
    for driver in ["axum", "tokio-postgres", "redis", "hyper", "deadpool"] {
        let found = packages.iter().any(|p| p["name"].as_str() == Some(driver));
        assert!(found, "{driver} is a dependency");
    }
}

#[test]
fn nothing_is_patched() {
    for name in ["Cargo.toml", ".cargo/config.toml"] {
        let manifest: toml::Table = read(name).parse().expect(name);
        for key in ["patch", "replace", "source", "paths"] {
            assert!(!manifest.contains_key(key), "{name} has [{key}]");
        }
    }
}
