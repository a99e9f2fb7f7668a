//! Resolution of paths to files.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Path, paths};

/// The imports of one crate: the names that each file uses from each other file.
pub(super) type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The modules of a crate, by their paths from its root.
pub(super) struct Modules {
    files: BTreeMap<Vec<String>, File>,
}

struct File {
    path: String,
    paths: Vec<Path>,
}

impl Modules {
    pub(super) fn new(files: &[(String, String)]) -> Self {
        let mut modules = BTreeMap::new();
        for (path, content) in files {
            if let Some(module) = module_of(path) {
                let file = File {
                    path: path.clone(),
                    paths: paths(content),
                };
                modules.insert(module, file);
            }
        }
        Self { files: modules }
    }

    /// Returns the names that each file uses from each other file.
    pub(super) fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (module, file) in &self.files {
            let own = imports.entry(file.path.clone()).or_default();
            for path in file.paths.iter().filter(|path| !path.is_public) {
                let Some(target) = self.target(module, &path.segments, &mut BTreeSet::new()) else {
                    continue;
                };
                let target = &self.files[&target].path;
                if *target != file.path {
                    let names: &mut BTreeSet<String> = own.entry(target.clone()).or_default();
                    names.extend(path.segments.last().cloned());
                }
            }
        }
        imports
    }

    /// Returns the module that defines what a path in `module` names.
    fn target(
        &self,
        module: &[String],
        segments: &[String],
        seen: &mut BTreeSet<(Vec<String>, String)>,
    ) -> Option<Vec<String>> {
        let (mut place, mut rest) = self.start(module, segments)?;
        while let [first, others @ ..] = rest {
            let child = [&place[..], std::slice::from_ref(first)].concat();
            if !self.files.contains_key(&child) {
                break;
            }
            (place, rest) = (child, others);
        }
        let Some(name) = rest.first() else {
            return Some(place);
        };
        if !seen.insert((place.clone(), name.clone())) {
            return None;
        }
        let handed_on = self.handed_on(&place, name, &rest[1..], seen);
        Some(handed_on.unwrap_or(place))
    }

    /// Returns the module at which a path begins, and the rest of the path.
    fn start<'p>(
        &self,
        module: &[String],
        segments: &'p [String],
    ) -> Option<(Vec<String>, &'p [String])> {
        let (first, mut rest) = segments.split_first()?;
        let mut place = module.to_vec();
        match first.as_str() {
            "crate" => place.clear(),
            "self" => {}
            "super" => {
                place.pop()?;
                while let [next, others @ ..] = rest {
                    if next != "super" {
                        break;
                    }
                    place.pop()?;
                    rest = others;
                }
            }
            child => {
                place.push(child.to_owned());
                if !self.files.contains_key(&place) {
                    return None;
                }
            }
        }
        self.files.contains_key(&place).then_some((place, rest))
    }

    /// Returns the module that a `use` in `place` takes `name` from, if there is one.
    fn handed_on(
        &self,
        place: &[String],
        name: &str,
        after: &[String],
        seen: &mut BTreeSet<(Vec<String>, String)>,
    ) -> Option<Vec<String>> {
        let uses = &self.files[place].paths;
        let named = uses.iter().find(|path| path.name.as_deref() == Some(name));
        if let Some(path) = named {
            let segments = [&path.segments[..], after].concat();
            return self.target(place, &segments, seen);
        }
        let globs = uses.iter().filter(|path| path.name.as_deref() == Some("*"));
        globs.filter(|path| path.is_public).find_map(|path| {
            let segments = [&path.segments[..], &[name.to_owned()], after].concat();
            let target = self.target(place, &segments, seen)?;
            // The first glob counts, as the names that a module defines are not known.
            (target != place).then_some(target)
        })
    }
}

/// Returns the module of a file below `src`; `None` for tests.
fn module_of(path: &str) -> Option<Vec<String>> {
    let (_, inside) = path.split_once("/src/")?;
    let inside = inside.strip_suffix(".rs")?;
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.iter().any(|name| name == "tests" || name == "bin") {
        return None;
    }
    match module.last().map(String::as_str) {
        Some("mod") => {
            module.pop();
        }
        Some("lib" | "main") if module.len() == 1 => module.clear(),
        _ => {}
    }
    Some(module)
}
