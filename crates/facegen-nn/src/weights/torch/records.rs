//! Converts the objects of a pickle to tensors.

use std::collections::BTreeMap;

use candle_core::DType;
use candle_core::pickle::Object;

/// Result of reading a tensor's description in a pickle.
type Parsed<T> = Result<T, String>;

/// A tensor as the pickle describes it: a strided view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TensorRecord {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// Elements between neighbours on each axis.
    pub(super) stride: Vec<usize>,
    /// The first element, counted from the start of the storage.
    pub(super) offset: usize,
    /// Name of the storage's entry in the archive.
    pub(super) storage: String,
}

/// Returns the tensors of a pickle by name, joining those of nested
/// dictionaries with dots. Of a training checkpoint only its `state_dict`
/// counts. A tensor of an unsupported kind comes with the reason.
pub(super) fn tensor_records(root: Object) -> BTreeMap<String, Parsed<TensorRecord>> {
    let mut records = BTreeMap::new();
    walk(state_dict(root), "", &mut records);
    records
}

/// Returns a training checkpoint's `state_dict`, or the object itself.
fn state_dict(root: Object) -> Object {
    let Object::Dict(mut entries) = root else {
        return root;
    };
    let nested = entries.iter().position(|(key, value)| {
        *key == Object::Unicode("state_dict".into()) && matches!(value, Object::Dict(_))
    });
    match nested {
        Some(index) => entries.swap_remove(index).1,
        None => Object::Dict(entries),
    }
}

fn walk(object: Object, name: &str, records: &mut BTreeMap<String, Parsed<TensorRecord>>) {
    if let Object::Dict(entries) = object {
        for (key, value) in entries {
            if let Some(key) = key_name(key).filter(|key| key != "_metadata") {
                walk(value, &join(name, &key), records);
            }
        }
    } else if let Object::List(values) | Object::Tuple(values) = object {
        for (index, value) in values.into_iter().enumerate() {
            walk(value, &join(name, &index.to_string()), records);
        }
    } else if let Object::Reduce { callable, args } = object
        && let Some(record) = tensor(*callable, *args)
    {
        records.insert(name.to_owned(), record);
    }
}

fn key_name(key: Object) -> Option<String> {
    if let Object::Unicode(text) = key {
        return Some(text);
    }
    key.int_or_long().ok().map(|number| number.to_string())
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// Returns the tensor that a call builds, if it builds one.
fn tensor(callable: Object, args: Object) -> Option<Parsed<TensorRecord>> {
    let (module, function) = callable.class().ok()?;
    let args = args.tuple().ok()?;
    match (module.as_str(), function.as_str()) {
        ("torch._utils", "_rebuild_tensor_v2") => Some(strided(args)),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            let (callable, args) = args.into_iter().next()?.reduce().ok()?;
            tensor(callable, args)
        }
        ("torch._tensor", "_rebuild_from_type_v2") => {
            let mut args = args.into_iter();
            let callable = args.next()?;
            tensor(callable, args.nth(1)?)
        }
        ("torch._utils" | "torch._tensor", other) if other.starts_with("_rebuild_") => {
            Some(Err(format!("it is made by {other}")))
        }
        (_, _) => None,
    }
}

/// Parses `_rebuild_tensor_v2(storage, storage_offset, size, stride, …)`.
fn strided(args: Vec<Object>) -> Parsed<TensorRecord> {
    let mut args = args.into_iter();
    let mut next = |what: &str| args.next().ok_or_else(|| format!("it has no {what}"));
    let (dtype, storage) = storage(next("storage")?)?;
    let record = TensorRecord {
        dtype,
        storage,
        offset: number(next("offset")?)?,
        shape: numbers(next("shape")?)?,
        stride: numbers(next("stride")?)?,
    };
    if record.shape.len() == record.stride.len() {
        Ok(record)
    } else {
        Err("its shape and its strides differ in length".into())
    }
}

/// Parses `("storage", class, key, location, elements)`.
fn storage(object: Object) -> Parsed<(DType, String)> {
    let parts = object.persistent_load().and_then(Object::tuple);
    let mut parts = parts
        .map_err(|_| "it has no storage".to_owned())?
        .into_iter();
    let (class, key) = (parts.nth(1), parts.next());
    let class = class.and_then(|class| class.class().ok());
    let (_, class) = class.ok_or("its storage has no type")?;
    let key = key.and_then(|key| key.unicode().ok());
    Ok((dtype(&class)?, key.ok_or("its storage has no name")?))
}

fn dtype(class: &str) -> Parsed<DType> {
    match class {
        "FloatStorage" => Ok(DType::F32),
        "HalfStorage" => Ok(DType::F16),
        "BFloat16Storage" => Ok(DType::BF16),
        "DoubleStorage" => Ok(DType::F64),
        "LongStorage" => Ok(DType::I64),
        other => Err(format!("it lies in a {other}")),
    }
}

fn numbers(object: Object) -> Parsed<Vec<usize>> {
    let values = object
        .tuple()
        .map_err(|_| "its shape is no tuple".to_owned())?;
    values.into_iter().map(number).collect()
}

fn number(object: Object) -> Parsed<usize> {
    let value = object.int_or_long().ok();
    value
        .and_then(|value| usize::try_from(value).ok())
        .ok_or_else(|| "a size in it is no natural number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Object {
        Object::Unicode(text.into())
    }

    fn class(module: &str, name: &str) -> Object {
        Object::Class {
            module_name: module.into(),
            class_name: name.into(),
        }
    }

    fn call(module: &str, name: &str, args: Vec<Object>) -> Object {
        Object::Reduce {
            callable: Box::new(class(module, name)),
            args: Box::new(Object::Tuple(args)),
        }
    }

    fn sizes(sizes: &[i32]) -> Object {
        Object::Tuple(sizes.iter().map(|size| Object::Int(*size)).collect())
    }

    fn tensor(storage_class: &str, shape: &[i32]) -> Object {
        let storage = Object::Tuple(vec![
            text("storage"),
            class("torch", storage_class),
            text("7"),
            text("cpu"),
            Object::Int(12),
        ]);
        let storage = Object::PersistentLoad(Box::new(storage));
        let args = vec![storage, Object::Int(2), sizes(shape), sizes(&[3, 1])];
        call("torch._utils", "_rebuild_tensor_v2", args)
    }

    fn dict(entries: Vec<(&str, Object)>) -> Object {
        let entries = entries.into_iter().map(|(key, value)| (text(key), value));
        Object::Dict(entries.collect())
    }

    #[test]
    fn nested_dictionaries_become_dotted_names() {
        let inner = dict(vec![("to_q.weight", tensor("HalfStorage", &[2, 3]))]);
        let records = tensor_records(dict(vec![
            ("ip_adapter", inner),
            (
                "_metadata",
                dict(vec![("x", tensor("HalfStorage", &[1, 1]))]),
            ),
            ("epoch", Object::Int(3)),
        ]));
        let names: Vec<&str> = records.keys().map(String::as_str).collect();
        assert_eq!(names, ["ip_adapter.to_q.weight"]);
        let expected = TensorRecord {
            dtype: DType::F16,
            shape: vec![2, 3],
            stride: vec![3, 1],
            offset: 2,
            storage: "7".into(),
        };
        assert_eq!(records["ip_adapter.to_q.weight"], Ok(expected));
    }

    #[test]
    fn the_state_dict_of_a_training_checkpoint_counts() {
        let optimizer = dict(vec![("state", tensor("FloatStorage", &[1, 1]))]);
        let weights = dict(vec![("conv.weight", tensor("FloatStorage", &[1, 1]))]);
        let records = tensor_records(dict(vec![
            ("optimizer_states", optimizer),
            ("state_dict", weights),
        ]));
        assert_eq!(records.keys().collect::<Vec<_>>(), ["conv.weight"]);
    }

    #[test]
    fn parameters_are_tensors() {
        let tensor = || tensor("BFloat16Storage", &[2, 2]);
        let parameter = call(
            "torch._utils",
            "_rebuild_parameter",
            vec![tensor(), Object::Bool(true)],
        );
        let records = tensor_records(dict(vec![("a", parameter), ("b", tensor())]));
        assert_eq!(records["a"], records["b"]);
        assert_eq!(records["a"].as_ref().unwrap().dtype, DType::BF16);
    }

    #[test]
    fn unreadable_tensors_are_still_named() {
        let quantized = call("torch._utils", "_rebuild_qtensor", vec![]);
        let short = call("torch._utils", "_rebuild_tensor_v2", vec![]);
        let records = tensor_records(dict(vec![
            ("bool", tensor("BoolStorage", &[1, 1])),
            ("negative", tensor("FloatStorage", &[-1, 1])),
            ("flat", tensor("FloatStorage", &[1])),
            ("quantized", quantized),
            ("short", short),
        ]));
        let reason = |name: &str| records[name].clone().unwrap_err();
        assert_eq!(reason("bool"), "it lies in a BoolStorage");
        assert_eq!(reason("negative"), "a size in it is no natural number");
        assert_eq!(reason("flat"), "its shape and its strides differ in length");
        assert_eq!(reason("quantized"), "it is made by _rebuild_qtensor");
        assert_eq!(reason("short"), "it has no storage");
    }
}
