//! Tells the programs which compiler built them, and which libraries: they report it.
use std::process::Command;

fn main() {
    let version = Command::new(std::env::var("RUSTC").unwrap()).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    println!("cargo:rustc-env=CARGO_PKG_RUST_VERSION_USED={}", version.split(' ').nth(1).unwrap());
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    for library in ["tokio", "mio"] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{library} = "))).unwrap();
        let exact = line.split("\"=").nth(1).unwrap().split('"').next().unwrap();
        println!("cargo:rustc-env=VERSION_OF_{}={exact}", library.to_uppercase());
    }
    println!("cargo:rerun-if-changed=Cargo.toml");
}
