//! A preset whose adapter has its LoRA in a file of its own.

use std::path::{Path, PathBuf};

use facegen_core::Preset;

use super::rewrite::rewritten;
use crate::styles::{Presets, image};

const PROMPT: [(&str, &str); 1] = [("prompt", "a man")];

/// Returns the attentions of the random preset's UNet by the adapter's numbers,
/// in kohya's spelling: as in the script that makes `faceid_lora.safetensors`.
fn attentions() -> Vec<String> {
    let down = (0..3).flat_map(|level| (0..2).map(move |index| ("down_blocks", level, index)));
    let up = (1..4).flat_map(|level| (0..3).map(move |index| ("up_blocks", level, index)));
    let blocks = down
        .chain(up)
        .map(|(block, level, index)| format!("{block}_{level}_attentions_{index}"));
    blocks
        .chain(["mid_block_attentions_0".to_owned()])
        .flat_map(|block| [1, 2].map(|n| format!("{block}_transformer_blocks_0_attn{n}")))
        .collect()
}

/// Returns kohya's name for a tensor of an adapter; `None` for others than a LoRA's.
fn of_kohya(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let ["ip_adapter", number, projection, direction, "weight"] = parts[..] else {
        return None;
    };
    let layer = projection
        .strip_suffix("_lora")?
        .replace("to_out", "to_out_0");
    let attention = &attentions()[number.parse::<usize>().unwrap()];
    Some(format!(
        "lora_unet_{attention}_{layer}.lora_{direction}.weight"
    ))
}

/// Returns the adapter that the random preset made for itself.
fn adapter(presets: &Presets) -> PathBuf {
    let directory = presets.data_dir().join("synthetic/random/adapter");
    std::fs::read_dir(directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

fn with_files(presets: &Presets, adapter: &Path, lora: &Path) -> Preset {
    let (adapter, lora) = (adapter.display(), lora.display());
    let lora = format!("[components.lora]\nsource = {{ path = \"{lora}\" }}\nlicence = \"MIT\"\n");
    let adapter = format!("source = {{ path = \"{adapter}\" }}");
    presets
        .write(|random| random.replace("source = { synthetic = 3 }", &adapter) + "\n" + &lora)
        .unwrap()
}

#[test]
fn a_lora_in_a_file_of_its_own_makes_the_same_image() {
    let presets = Presets::new();
    let mut backend = presets.load(&presets.write(|random| random).unwrap());
    let expected = image(&mut backend, &PROMPT);
    let whole = adapter(&presets);
    let without = rewritten(&whole, |tensors| {
        tensors.retain(|name, _| !name.contains("_lora."));
    });
    let lora = rewritten(&whole, |tensors| {
        let all = std::mem::take(tensors).into_iter();
        tensors.extend(all.filter_map(|(name, tensor)| Some((of_kohya(&name)?, tensor))));
        assert_eq!(tensors.len(), 32 * 4 * 2);
    });
    let mut apart = presets.load(&with_files(&presets, &without, &lora));
    assert_eq!(image(&mut apart, &PROMPT), expected);

    let twice = with_files(&presets, &whole, &lora);
    let error = presets.try_load(&twice).unwrap_err().to_string();
    assert!(error.contains("a second time"), "{error}");
}

#[test]
fn plus_face_has_no_lora() {
    let table = "[components.lora]\nsource = { path = \"x\" }\nlicence = \"MIT\"\n";
    let refused = Presets::new().write(|random| {
        let kind = random.replace("dtype =", "adapter_kind = \"plus-face\"\ndtype =");
        format!("{kind}\n{table}")
    });
    let reason = refused.unwrap_err();
    assert!(
        reason.contains("the adapter plus-face has no lora"),
        "{reason}"
    );
}
