#![allow(missing_docs)]
use facegen_core::*;
use facegen_engine::*;
use std::path::Path;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let raw = std::fs::read("/tmp/astro.rgb").unwrap();
    let face = Picture::new(512, 512, raw).unwrap();
    let preset = Preset::find(Path::new("/tmp/models"), "demo").unwrap();
    let t = std::time::Instant::now();
    let mut backend = CandleBackend::load(
        &preset,
        &LoadOptions {
            data_dir: "/tmp/fgdata".into(),
            device: Default::default(),
        },
    )
    .unwrap();
    println!("load {:?}", t.elapsed());
    let size: &str = args.get(1).map_or("512", |s| s);
    let mut raw = RawGenerationRequest::default();
    raw.prompt = facegen_core::request::Scalar::Text(
        args.get(2)
            .cloned()
            .unwrap_or("a portrait of a woman in a red scarf".into()),
    );
    raw.width = facegen_core::request::Scalar::Text(size.into());
    raw.height = facegen_core::request::Scalar::Text(size.into());
    raw.seed = facegen_core::request::Scalar::Text(args.get(3).cloned().unwrap_or("1234".into()));
    let request = raw.parse().unwrap().resolve_seed(|| 1);
    let t = std::time::Instant::now();
    backend.admit(&GenerationInput { request, face }).unwrap();
    println!("admit {:?}", t.elapsed());
    loop {
        for event in backend.tick() {
            if let SlotEvent::Finished { output, .. } = event {
                println!("all {:?} {:?}", t.elapsed(), output.timings);
                std::fs::write(
                    args.get(4).map_or("/tmp/demo.png", |s| s),
                    encode_png(&output.pictures[0]).unwrap(),
                )
                .unwrap();
                return;
            } else if let SlotEvent::Failed { error, .. } = event {
                panic!("{error}");
            }
        }
    }
}
