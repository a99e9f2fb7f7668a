//! The grid of files: every sampling, in every order of its components, with
//! and without restarts, by every process, at odd sizes.

use super::bits::Shape;
use super::image::{Coefficients, Factors};
use super::scans::Scan;
use super::writer::Layout;

/// The sampling factors of the components.
const SAMPLINGS: [(&str, &[Factors]); 20] = [
    ("grey", &[(1, 1)]),
    ("grey 2x2", &[(2, 2)]),
    ("grey 1x2", &[(1, 2)]),
    ("4:4:4", &[(1, 1), (1, 1), (1, 1)]),
    ("4:2:2", &[(2, 1), (1, 1), (1, 1)]),
    ("4:4:0", &[(1, 2), (1, 1), (1, 1)]),
    ("4:2:0", &[(2, 2), (1, 1), (1, 1)]),
    ("4:1:1", &[(4, 1), (1, 1), (1, 1)]),
    ("4:1:0", &[(4, 2), (1, 1), (1, 1)]),
    ("1x4", &[(1, 4), (1, 1), (1, 1)]),
    ("3x1", &[(3, 1), (1, 1), (1, 1)]),
    ("1x3", &[(1, 3), (1, 1), (1, 1)]),
    ("all 2x1", &[(2, 1), (2, 1), (2, 1)]),
    ("all 1x3", &[(1, 3), (1, 3), (1, 3)]),
    ("4:2:2 of 2x2", &[(2, 2), (1, 2), (1, 2)]),
    ("4:4:0 of 2x2", &[(2, 2), (2, 1), (2, 1)]),
    ("blue wide, red high", &[(2, 2), (2, 1), (1, 2)]),
    ("luma smaller", &[(1, 1), (2, 2), (2, 2)]),
    ("blue larger", &[(1, 1), (2, 2), (1, 1)]),
    ("luma narrower, red smallest", &[(2, 2), (4, 1), (1, 1)]),
];

/// Which components share a scan, in what order.
const ORDERS: [(&str, &[&[usize]]); 7] = [
    ("all at once", &[&[0, 1, 2]]),
    ("one by one", &[&[0], &[1], &[2]]),
    ("blue first", &[&[1], &[0], &[2]]),
    ("backwards", &[&[2], &[1], &[0]]),
    ("colours together", &[&[0], &[1, 2]]),
    ("colours together first", &[&[1, 2], &[0]]),
    ("luma with red", &[&[0, 2], &[1]]),
];

const ALONE: [(&str, &[&[usize]]); 1] = [("alone", &[&[0]])];

const PROCESSES: [(&str, u8); 4] = [
    ("baseline", 0xC0),
    ("extended", 0xC1),
    ("spectral", 0xC2),
    ("progressive", 0xC2),
];

const SIZES: [(usize, usize); 6] = [(33, 35), (40, 33), (64, 65), (88, 88), (47, 32), (81, 50)];

/// Restart intervals in groups: none, one, a few, and a row in some files.
const RESTARTS: [usize; 4] = [0, 1, 2, 7];

/// One file of the grid.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) file: Vec<u8>,
}

/// Returns every image with the files that hold it.
pub(crate) fn images() -> impl Iterator<Item = (Coefficients, Vec<Case>)> {
    SAMPLINGS.iter().flat_map(|(sampling, factors)| {
        SIZES.iter().map(move |size| {
            let image = Coefficients::new(*size, factors);
            let name = format!("{sampling} {}x{}", size.0, size.1);
            let cases = cases(&image, &name);
            (image, cases)
        })
    })
}

fn cases(image: &Coefficients, name: &str) -> Vec<Case> {
    let components = image.components.len();
    let orders: &[(&str, &[&[usize]])] = if components == 1 { &ALONE } else { &ORDERS };
    let mut cases = Vec::new();
    for (order, groups) in orders {
        if !groups.iter().all(|group| fits(image, group)) {
            continue;
        }
        for (number, (process, frame)) in PROCESSES.into_iter().enumerate() {
            for restart in RESTARTS {
                let layout = Layout {
                    frame,
                    scans: scans(groups, process),
                    restart,
                    shape: if (number + restart).is_multiple_of(2) {
                        Shape::Flat
                    } else {
                        Shape::Steep
                    },
                    first: Vec::new(),
                    names: [1, 2, 3, 4],
                };
                cases.push(Case {
                    name: format!("{name} {order} {process} restart {restart}"),
                    file: layout.write(image),
                });
            }
        }
    }
    cases
}

/// Checks that a group holds ten blocks at most (ITU-T T.81, B.2.3).
fn fits(image: &Coefficients, group: &[usize]) -> bool {
    let blocks = group.iter().map(|number| {
        let (h, v) = image.components[*number].factors;
        h * v
    });
    group.len() == 1 || blocks.sum::<usize>() <= 10
}

fn scans(groups: &[&[usize]], process: &str) -> Vec<Scan> {
    let groups: Vec<Vec<usize>> = groups.iter().map(|group| group.to_vec()).collect();
    match process {
        "spectral" => Scan::progressive(&groups, false),
        "progressive" => Scan::progressive(&groups, true),
        _ => groups.iter().map(|group| Scan::whole(group)).collect(),
    }
}
