//! The end of a file of lines, read backwards, a block at a time: however long the file is, no more
//! than a block of it is in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are read at once.
const BLOCK: usize = 16 * 1024;
/// Bytes from the start of a line that say what it is.
const LOOK: usize = 128;

/// What became of the end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Mended {
    /// It was the end of a line.
    Whole,
    /// So many bytes of a line without its end were cut off.
    Cut(u64),
}

/// Cuts a torn last line off: a crash or a full disk may have left one.
pub(super) fn mend(file: &File) -> io::Result<Mended> {
    let len = file.metadata()?.len();
    let mut whole = 0;
    backwards(file, 0, |at, bytes| {
        let end = bytes.iter().rposition(|byte| *byte == b'\n')?;
        whole = at + end as u64 + 1;
        Some(())
    })?;
    if whole == len {
        return Ok(Mended::Whole);
    }
    file.set_len(whole)?;
    Ok(Mended::Cut(len - whole))
}

/// Whether the beginning of some line is like this; the newest line is asked first.
pub(super) fn any_line(file: &File, like: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
    let found = backwards(file, LOOK, |at, bytes| {
        let ends = bytes[..bytes.len().min(BLOCK)].iter().enumerate().rev();
        let starts = ends.filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end + 1);
        let first = (at == 0).then_some(0);
        let begins = |start: usize| &bytes[start..bytes.len().min(start + LOOK)];
        starts.chain(first).any(|start| like(begins(start))).then_some(())
    })?;
    Ok(found.is_some())
}

/// Shows the blocks of a file from its end on, each with up to `more` bytes that follow it, until
/// one is what was looked for.
fn backwards<R>(
    file: &File,
    more: usize,
    mut look: impl FnMut(u64, &[u8]) -> Option<R>,
) -> io::Result<Option<R>> {
    let len = file.metadata()?.len();
    let mut block = vec![0; BLOCK + more];
    let mut end = len;
    while end > 0 {
        let begin = (end - 1) / BLOCK as u64 * BLOCK as u64;
        let wanted = usize::try_from(len - begin).unwrap_or(usize::MAX).min(BLOCK + more);
        file.read_exact_at(&mut block[..wanted], begin)?;
        if let Some(found) = look(begin, &block[..wanted]) {
            return Ok(Some(found));
        }
        end = begin;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn a_line_that_is_torn_at_any_byte_is_cut_back_to_the_last_whole_one() {
        let whole = "{\"transcript\":1}\n{\"run\":1}\n";
        let torn = "{\"run\":2,\"text\":\"abc\"}";
        for cut in 0..=torn.len() {
            let file = file(format!("{whole}{}", &torn[..cut]).as_bytes());
            let mended = mend(&file).expect("a file");
            let expected = if cut == 0 { Mended::Whole } else { Mended::Cut(cut as u64) };
            assert_eq!(mended, expected);
            assert_eq!(file.metadata().expect("a file").len(), whole.len() as u64);
        }
    }

    #[test]
    fn a_torn_line_may_be_longer_than_a_block_or_the_only_one() {
        for (whole, torn) in
            [(0, 1), (1, BLOCK), (1, BLOCK + 1), (BLOCK, 3 * BLOCK), (0, 2 * BLOCK)]
        {
            let mut bytes = vec![b'w'; whole];
            bytes.last_mut().into_iter().for_each(|last| *last = b'\n');
            bytes.resize(whole + torn, b't');
            let file = file(&bytes);
            assert_eq!(mend(&file).expect("a file"), Mended::Cut(torn as u64));
            assert_eq!(file.metadata().expect("a file").len(), whole as u64);
        }
        assert_eq!(mend(&file(b"")).expect("a file"), Mended::Whole);
    }

    #[test]
    fn a_line_is_found_wherever_blocks_meet() {
        let like = |line: &[u8]| line.starts_with(b"here is the line");
        for before in (BLOCK - 40..BLOCK + 40).chain([0, 1, 3 * BLOCK]) {
            let mut bytes = vec![b'x'; before];
            bytes.last_mut().into_iter().for_each(|last| *last = b'\n');
            bytes.extend(b"here is the line\n");
            bytes.extend(vec![b'y'; 2 * BLOCK]);
            assert!(any_line(&file(&bytes), like).expect("a file"), "after {before} bytes");
        }
        let middle = file(b"not here is the line\n here is the line");
        assert!(!any_line(&middle, like).expect("a file"));
    }
}
