//! The number of connections that the system's limit on open files allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Limits;

/// The most connections that are open at once.
const MOST_CONNECTIONS: u64 = 1024;

/// How many regular connections there are for each spare one.
const SPARE_SHARE: u64 = 16;

/// Files reserved for everything else: the database, images that are written,
/// photos, webhooks and buckets.
const OTHER_FILES: u64 = 512;

/// The files of a connection: its socket, and an image that its client reads.
const FILES_EACH: u64 = 2;

/// The limit on open files that is requested of the system.
const WANTED_FILES: u64 =
    FILES_EACH * MOST_CONNECTIONS + MOST_CONNECTIONS / SPARE_SHARE + OTHER_FILES;

/// Raises the limit on open files as far as wanted and allowed, and returns how
/// many connections fit. `of_address` is the operator's limit per address.
pub(crate) fn limits(of_address: u16) -> Limits {
    let limit = getrlimit(Resource::Nofile);
    let files = limit.current.unwrap_or(WANTED_FILES);
    let raised = files.max(WANTED_FILES.min(limit.maximum.unwrap_or(WANTED_FILES)));
    let wanted = Rlimit {
        current: Some(raised),
        ..limit
    };
    let files = setrlimit(Resource::Nofile, wanted).map_or(files, |()| raised);
    limits_for(files, of_address)
}

fn limits_for(files: u64, of_address: u16) -> Limits {
    let connections = files.saturating_sub(OTHER_FILES) / FILES_EACH;
    let connections = connections.clamp(1, MOST_CONNECTIONS);
    let spare = (connections / SPARE_SHARE).max(1);
    let all = usize::try_from(connections).unwrap_or(1);
    Limits {
        all,
        of_address: match usize::from(of_address) {
            0 => all,
            wanted => wanted.min(all),
        },
        spare: usize::try_from(spare).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        for (files, of_address, expected) in [
            (32, 256, (1, 1, 1)),
            (1_024, 0, (256, 256, 16)),
            (1_024, 100, (256, 100, 16)),
            (WANTED_FILES, 256, (1_024, 256, 64)),
            (1 << 20, 0, (1_024, 1_024, 64)),
        ] {
            let Limits {
                all,
                of_address,
                spare,
            } = limits_for(files, of_address);
            assert_eq!((all, of_address, spare), expected, "{files}");
        }
    }
}
