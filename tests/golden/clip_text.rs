use candle_core::Tensor;
use facegen_engine::sd15::prompt::PromptTokenizer;

use crate::support::{Golden, clip_text, data, gpu_path, native, root};

fn input_ids(golden: &Golden) -> Vec<Vec<u32>> {
    let rows: Vec<Vec<i64>> = golden.input("input_ids").to_vec2().unwrap();
    rows.into_iter()
        .map(|row| row.into_iter().map(|id| id as u32).collect())
        .collect()
}

#[test]
fn hidden_states_are_those_of_transformers() {
    let golden = Golden::load("clip_text");
    for compute in [native(), gpu_path()] {
        let model = clip_text(&compute);
        for (index, ids) in input_ids(&golden).iter().enumerate() {
            let state: Tensor = model.forward(ids).unwrap().squeeze(0).unwrap();
            golden.check(&format!("last_hidden_state.{index}"), &state);
        }
    }
}

#[test]
fn prompts_become_the_tokens_of_transformers() {
    let golden = Golden::load("clip_text");
    let tokenizer = root().join("models/demo/tokenizer/tokenizer.json");
    let tokenizer = PromptTokenizer::load(&tokenizer).unwrap();
    let prompts = std::fs::read_to_string(data("clip_text.prompts.json")).unwrap();
    let prompts: Vec<String> = serde_json::from_str(&prompts).unwrap();
    for (prompt, expected) in prompts.iter().zip(input_ids(&golden)) {
        assert_eq!(tokenizer.encode(prompt).unwrap().ids, expected, "{prompt}");
    }
    let truncated = prompts
        .iter()
        .map(|prompt| tokenizer.encode(prompt).unwrap().truncated)
        .collect::<Vec<_>>();
    assert!(truncated[2] > 0 && truncated[0] == 0, "{truncated:?}");
}
