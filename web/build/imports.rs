//! Finds what a JavaScript module imports, so that a missing module fails the build and not the
//! visitor, and so that pages can name all modules that they will need.
//!
//! Our modules are formatted: a static import begins a line, or ends one with `} from "…";`. That
//! is what is looked for, not the whole of ECMAScript's grammar.

/// How a module is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By an `import` or `export … from` declaration: needed before the first line runs.
    Static,
    /// By `import("…")` or `new URL("…", import.meta.url)`: needed later, or never.
    Lazy,
}

/// One module that another one asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// As written: `./tile.js`, or a bare name that the import map resolves.
    pub(crate) specifier: String,
    /// How it is asked for.
    pub(crate) kind: Kind,
}

/// Returns what `source` imports, in the order in which it is written.
pub(crate) fn imports(source: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for line in source.lines() {
        let line = line.trim_start();
        if line.starts_with("//") || line.starts_with('*') || line.starts_with("/*") {
            continue;
        }
        if let Some(specifier) = static_import(line) {
            found.push(Import { specifier: specifier.to_owned(), kind: Kind::Static });
            continue;
        }
        for opening in ["import(\"", "new URL(\""] {
            for (start, _) in line.match_indices(opening) {
                let rest = &line[start + opening.len()..];
                let Some((specifier, after)) = rest.split_once('"') else { continue };
                // Other URLs than those of our own files are not our concern here.
                if opening == "new URL(\"" && !after.starts_with(", import.meta.url") {
                    continue;
                }
                found.push(Import { specifier: specifier.to_owned(), kind: Kind::Lazy });
            }
        }
    }
    found
}

/// Resolves a relative specifier against the module that has it. Returns `None` for a bare name and
/// for one that leaves the tree.
pub(crate) fn resolve(importer: &str, specifier: &str) -> Option<String> {
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        return None;
    }
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn static_import(line: &str) -> Option<&str> {
    let declares = line.starts_with("import \"")
        || ((line.starts_with("import ") || line.starts_with("export ") || line.starts_with('}'))
            && line.contains(" from \""));
    if !declares {
        return None;
    }
    let (_, rest) = line.split_once('"')?;
    let (specifier, _) = rest.split_once('"')?;
    Some(specifier)
}

#[cfg(test)]
mod tests {
    use super::{Import, Kind, imports, resolve};

    fn import(specifier: &str, kind: Kind) -> Import {
        Import { specifier: specifier.to_owned(), kind }
    }

    #[test]
    fn every_form_of_declaration_is_found() {
        let source = r#"
import "./effects.js";
import { html, render } from "lit";
import {
  a,
  b,
} from "./b.js";
export { c } from "./c.js";
export * from "./d.js";
"#;
        let expected = ["./effects.js", "lit", "./b.js", "./c.js", "./d.js"];
        assert_eq!(imports(source), expected.map(|s| import(s, Kind::Static)));
    }

    #[test]
    fn lazy_modules_and_files_are_told_apart_from_declarations() {
        let source = r#"
const page = await import("./page.js");
const icons = new URL("../vendor/icons.svg", import.meta.url);
const link = new URL("https://example.org/");
"#;
        let expected = ["./page.js", "../vendor/icons.svg"];
        assert_eq!(imports(source), expected.map(|s| import(s, Kind::Lazy)));
    }

    #[test]
    fn comments_and_ordinary_code_import_nothing() {
        let source = r#"
/**
 * @import { A } from "./types.js"
 */
// import "./old.js";
export const from = "a";
const important = " from ";
"#;
        assert_eq!(imports(source), []);
    }

    #[test]
    fn relative_names_are_resolved_within_the_tree() {
        let resolved = |specifier| resolve("app/views/tile.js", specifier);
        assert_eq!(resolved("./grid.js").as_deref(), Some("app/views/grid.js"));
        assert_eq!(resolved("../icons.js").as_deref(), Some("app/icons.js"));
        assert_eq!(resolved("../../vendor/lit.js").as_deref(), Some("vendor/lit.js"));
        assert_eq!(resolved("../../../etc/passwd"), None);
        assert_eq!(resolved("lit"), None);
    }
}
