//! Compiles the CUDA kernels to PTX, which the driver compiles for its GPU.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=cuda");
    #[cfg(feature = "cudnn")]
    {
        let directory = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
        cudaforge::KernelBuilder::new()
            .source_files(
                [
                    "attention",
                    "group_norm",
                    "layer_norm",
                    "pointwise",
                    "softmax",
                    "upsample_conv",
                ]
                .map(|name| format!("cuda/{name}.cu")),
            )
            .arg("-std=c++17")
            .arg("-O3")
            .build_ptx()?
            .write(directory.join("ptx.rs"))?;
    }
    Ok(())
}
