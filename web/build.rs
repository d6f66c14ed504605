//! Embeds the web client: checks that nothing it imports is missing, compresses it, and writes it
//! down as a table. Needs no tool but this compiler.
//!
//! All scripts, styles and pictures live below one folder that is named after their content, so they
//! can be kept for ever and an upgrade is all or nothing. Only the pages, which name that folder, are
//! asked for again each time.

#[path = "build/imports.rs"]
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use imports::{Kind, imports, resolve};
use sha2::{Digest, Sha256};

/// The folders that are embedded, tests excepted.
const FOLDERS: [&str; 3] = ["app", "packages/client", "vendor"];

/// The names by which modules may be imported from anywhere, and what they stand for.
const IMPORT_MAP: [(&str, &str); 3] = [
    ("galene-client", "packages/client/index.js"),
    ("galene-client/admin", "packages/client/admin.js"),
    ("lit", "vendor/lit.js"),
];

/// The pages: the function that returns each, and its source.
const PAGES: [(&str, &str); 5] = [
    ("admin", "app/admin.html"),
    ("change_password", "app/change-password.html"),
    ("group", "app/group.html"),
    ("index", "app/index.html"),
    ("not_found", "app/404.html"),
];

/// Stands in the pages for the folder of this version.
const ASSETS_MARK: &str = "{{assets}}";

/// Stands in the pages for the import map and the list of modules to load.
const MODULES_MARK: &str = "{{modules}}";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");

    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        collect(&root, folder, &mut files)
            .unwrap_or_else(|error| panic!("the web client is incomplete: {folder}: {error}"));
    }
    let graph = module_graph(&files);
    let base = format!("/assets/{}", &hex(&tree_digest(&files))[..16]);
    let import_map = import_map(&files, &base);

    let mut code = Code::new(&out);
    let mut table = String::new();
    for (path, bytes) in &files {
        if path.ends_with(".html") {
            continue;
        }
        let url = format!("{base}/{path}");
        let asset = code.asset(bytes, content_type(path), "Cache::Immutable");
        writeln!(table, "    ({url:?}, {asset}),").expect("a string takes everything");
    }
    let mut pages = String::new();
    for (name, path) in PAGES {
        let html = page(path, &files, &graph, &base, &import_map);
        let asset = code.asset(html.as_bytes(), content_type(path), "Cache::Revalidate");
        writeln!(pages, "pub(crate) static {}: Asset = {asset};", name.to_uppercase())
            .expect("a string takes everything");
    }
    // Nothing inline but the import map, which has to be: browsers refuse to load one from a file.
    let policy = format!(
        "default-src 'none'; script-src 'self' 'sha256-{}'; style-src 'self'; img-src 'self'; \
         media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'",
        base64(&Sha256::digest(&import_map))
    );
    let text = format!(
        "pub(crate) static ASSETS: [(&str, Asset); {}] = [\n{table}];\n{pages}\
         pub(crate) const POLICY: &str = {policy:?};\n",
        files.keys().filter(|path| !path.ends_with(".html")).count()
    );
    write(&out.join("assets.rs"), text.as_bytes());
}

/// Collects the files below a folder, by their path from `root`, and tells Cargo to watch them.
fn collect(root: &Path, folder: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    println!("cargo:rerun-if-changed={folder}");
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().into_string().expect("our file names are ASCII");
        let path = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            if name != "node_modules" {
                collect(root, &path, files)?;
            }
        } else if is_embedded(&name) {
            println!("cargo:rerun-if-changed={path}");
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn is_embedded(name: &str) -> bool {
    let endings = [".css", ".html", ".js", ".svg", ".webmanifest"];
    let wanted = endings.iter().any(|end| name.ends_with(end));
    wanted && !name.ends_with(".test.js")
}

/// What each module imports statically. Fails if anything that is imported is missing.
fn module_graph(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, Vec<String>> {
    let mut graph = BTreeMap::new();
    // What is vendored is bundled, and written in one line.
    let modules = files.iter().filter(|(p, _)| p.ends_with(".js") && !p.starts_with("vendor/"));
    for (path, bytes) in modules {
        let source = std::str::from_utf8(bytes).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut needed = Vec::new();
        for import in imports(source) {
            let name = &import.specifier;
            let mapped = IMPORT_MAP.iter().find(|(from, _)| from == name);
            let target = mapped.map(|(_, to)| (*to).to_owned()).or_else(|| resolve(path, name));
            match target {
                Some(target) if files.contains_key(&target) => {
                    if import.kind == Kind::Static {
                        needed.push(target);
                    }
                }
                Some(_) | None => panic!("{path} imports {name:?}, which does not exist"),
            }
        }
        graph.insert(path.as_str(), needed);
    }
    graph
}

fn tree_digest(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut digest = Sha256::new();
    for (path, bytes) in files {
        digest.update(format!("{path}\0{}\0", bytes.len()));
        digest.update(bytes);
    }
    digest.finalize().to_vec()
}

fn import_map(files: &BTreeMap<String, Vec<u8>>, base: &str) -> String {
    let entries = IMPORT_MAP.map(|(name, path)| {
        assert!(files.contains_key(path), "{path} does not exist");
        format!("\"{name}\":\"{base}/{path}\"")
    });
    format!("{{\"imports\":{{{}}}}}", entries.join(","))
}

/// Fills in the marks of a page, and checks what it refers to.
fn page(
    path: &str,
    files: &BTreeMap<String, Vec<u8>>,
    graph: &BTreeMap<&str, Vec<String>>,
    base: &str,
    import_map: &str,
) -> String {
    let bytes = files.get(path).unwrap_or_else(|| panic!("{path} does not exist"));
    let source = std::str::from_utf8(bytes).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut modules = BTreeSet::new();
    let mut open: Vec<String> = Vec::new();
    for (start, _) in source.match_indices(ASSETS_MARK) {
        let rest = &source[start + ASSETS_MARK.len()..];
        let (name, _) = rest.split_once('"').expect("our pages quote their URLs");
        let name = name.trim_start_matches('/').split('#').next().expect("never empty");
        assert!(files.contains_key(name), "{path} refers to {name}, which does not exist");
        if name.ends_with(".js") {
            open.push(name.to_owned());
        }
    }
    while let Some(module) = open.pop() {
        if !modules.contains(&module) {
            open.extend(graph.get(module.as_str()).into_iter().flatten().cloned());
            modules.insert(module);
        }
    }
    // The import map must come before anything that loads a module, and a preload does.
    let mut head = format!("<script type=\"importmap\">{import_map}</script>");
    for module in &modules {
        write!(head, "\n    <link rel=\"modulepreload\" href=\"{base}/{module}\" />")
            .expect("a string takes everything");
    }
    source.replace(MODULES_MARK, &head).replace(ASSETS_MARK, base)
}

/// Writes bodies to files, and the Rust expressions that include them.
struct Code<'a> {
    out: &'a Path,
    bodies: usize,
    compress: bool,
}

impl<'a> Code<'a> {
    fn new(out: &'a Path) -> Self {
        // Compression takes seconds: it pays in a binary that is shipped, not in one being worked on.
        let compress = env::var("PROFILE").is_ok_and(|profile| profile == "release");
        Self { out, bodies: 0, compress }
    }

    fn asset(&mut self, bytes: &[u8], content_type: &str, cache: &str) -> String {
        let body = self.include(bytes);
        let brotli = if self.compress { compress(bytes) } else { None };
        let brotli = match brotli {
            Some(bytes) => format!("Some({})", self.include(&bytes)),
            None => "None".to_owned(),
        };
        // Weak, since the compressed form has the same one (RFC 9110 §8.8.3.3).
        let etag = format!("W/\"{}\"", &hex(&Sha256::digest(bytes))[..16]);
        format!(
            "Asset {{ bytes: {body}, brotli: {brotli}, content_type: {content_type:?}, \
             etag: {etag:?}, cache: {cache} }}"
        )
    }

    fn include(&mut self, bytes: &[u8]) -> String {
        let path = self.out.join(format!("body-{}", self.bodies));
        self.bodies += 1;
        write(&path, bytes);
        format!("include_bytes!({:?})", path.to_str().expect("OUT_DIR is Unicode"))
    }
}

/// Compresses, unless that saves nothing.
fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: 9,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)
        .expect("memory to memory does not fail");
    (compressed.len() < bytes.len()).then_some(compressed)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().expect("never empty") {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        other => panic!("{path}: files of type {other} are not embedded"),
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let index = (bits >> (18 - 6 * i) & 63) as usize;
            text.push(if i <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}
