//! Whether this process may use the tile registers.
#![expect(unsafe_code, reason = "asks the processor and the system")]

use std::{
    arch::{
        asm,
        x86_64::{__cpuid, __cpuid_count, _xgetbv},
    },
    sync::OnceLock,
};

/// Linux: `arch_prctl`.
const SYS_ARCH_PRCTL: i64 = 158;
/// Linux: requests a part of the processor's state that processes do not get by default, because it
/// is large.
const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
/// The state of the tile registers.
const XFEATURE_XTILEDATA: i64 = 18;

/// Returns whether the processor has AMX for bf16, the system saves its registers, and this process
/// may use them. Asked once per process, before any thread uses them.
pub(in super::super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && saves_registers() && is_permitted())
}

fn has_instructions() -> bool {
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    let leaves = __cpuid(0).eax;
    leaves >= 7 && {
        let features = __cpuid_count(7, 0).edx;
        features & AMX_BF16 != 0 && features & AMX_TILE != 0
    }
}

/// Returns whether the system has enabled both the configuration and the data of the tiles.
fn saves_registers() -> bool {
    const XSAVE_ENABLED: u32 = 1 << 27;
    const TILES: u64 = 0b11 << 17;
    if __cpuid(1).ecx & XSAVE_ENABLED == 0 {
        return false;
    }
    #[target_feature(enable = "xsave")]
    fn enabled() -> u64 {
        // SAFETY: register 0 exists wherever the instruction does.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: the system has enabled `xsave`, so the instruction is there.
    let enabled = unsafe { enabled() };
    enabled & TILES == TILES
}

/// Requests the tile registers from Linux; refused by kernels older than 5.16 or by policy.
fn is_permitted() -> bool {
    let result: i64;
    // SAFETY: the call has no effect on memory; `rcx` and `r11` are those a call overwrites.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}
