//! LZF, as RDB has long strings.

/// The text of `length` bytes that was compressed; none if it was not.
pub(super) fn decompress(mut input: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((control, rest)) = input.split_first() {
        let control = usize::from(*control);
        if control < 32 {
            let (text, rest) = rest.split_at_checked(control + 1)?;
            out.extend(text);
            input = rest;
        } else {
            input = copy(control, rest, &mut out)?;
        }
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

/// Repeats what came before, and gives what follows.
fn copy<'a>(control: usize, input: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (mut count, mut rest) = (control >> 5, input);
    if count == 7 {
        let (more, after) = rest.split_first()?;
        count += usize::from(*more);
        rest = after;
    }
    let (low, rest) = rest.split_first()?;
    let back = ((control & 0x1F) << 8) + usize::from(*low) + 1;
    let start = out.len().checked_sub(back)?;
    for index in start..start + count + 2 {
        out.push(out[index]);
    }
    Some(rest)
}
