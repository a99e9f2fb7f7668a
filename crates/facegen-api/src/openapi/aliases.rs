//! Paths of the same operation: one is described, and the others are listed with
//! it and described in a group of their own.

use utoipa::openapi::path::{Operation, Paths};

/// The group of operations that are another under another path.
pub(crate) const TAG: &str = "aliases";

/// Groups the paths of each set of operations. To be called while two paths of
/// one handler are still described alike.
pub(super) fn fold(paths: &mut Paths) {
    let mut described: Vec<(String, [Option<Operation>; 3])> = Vec::new();
    let mut aliases: Vec<(String, String)> = Vec::new();
    let mut all: Vec<_> = paths.paths.iter().collect();
    // Clients call `update` what is documented as `update_server`.
    all.sort_by_key(|(path, _)| (path.ends_with("/update"), *path));
    for (path, item) in all {
        let own = [&item.get, &item.post, &item.delete].map(Clone::clone);
        match described.iter().find(|(_, other)| *other == own) {
            Some((documented, _)) => aliases.push((path.clone(), documented.clone())),
            None => described.push((path.clone(), own)),
        }
    }
    for (documented, _) in described {
        let own = aliases.iter().filter(|(_, other)| *other == documented);
        let own: Vec<String> = own.map(|(alias, _)| format!("`{alias}`")).collect();
        if own.is_empty() {
            continue;
        }
        for operation in operations(paths, &documented) {
            let described = operation.description.take().unwrap_or_default();
            let text = format!("{described}\n\nThe same at {}.", own.join(", "));
            operation.description = Some(text.trim().to_owned());
        }
    }
    for (alias, documented) in aliases {
        for operation in operations(paths, &alias) {
            operation.tags = Some(vec![TAG.to_owned()]);
            operation.summary = Some(format!("The same as {documented}"));
        }
    }
}

/// Returns the operations of a path.
fn operations<'a>(paths: &'a mut Paths, path: &str) -> impl Iterator<Item = &'a mut Operation> {
    let item = paths.paths.get_mut(path);
    let operations = item.map(|item| [&mut item.get, &mut item.post, &mut item.delete]);
    operations.into_iter().flatten().flatten()
}
