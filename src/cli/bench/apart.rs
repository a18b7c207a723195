//! Workloads whose memory is measured run in a process of their own: what an earlier one has left
//! to the allocator would be theirs.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use super::{Failure, Scale};

/// Names and values of a workload's figures, from a second process.
pub(super) fn apart(
    workload: &str,
    scale: Scale,
    setting: Option<(&str, &OsStr)>,
) -> Result<Vec<(String, f64)>, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "--tsv", "--scale", &scale.0.to_string(), workload])
        .envs(setting)
        .stderr(Stdio::inherit())
        .output()?;
    let figures: Vec<_> = String::from_utf8(output.stdout)?.lines().filter_map(figure).collect();
    if !output.status.success() || figures.is_empty() {
        return Err(format!("the process of {workload} failed").into());
    }
    Ok(figures)
}

/// The last two fields of `laneq<TAB>workload<TAB>metric<TAB>value`.
fn figure(line: &str) -> Option<(String, f64)> {
    let mut fields = line.split('\t').skip(2);
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
