//! Source text as `String` and back, without loss: C sources need not be UTF-8.

/// Bytes that are no UTF-8 become characters from here on, of a plane for private use.
const BASE: u32 = 0x10_fe00;

fn stands_for_byte(c: char) -> Option<u8> {
    u8::try_from((c as u32).checked_sub(BASE)?).ok()
}

/// Text that [`encode`] turns back into the same bytes.
pub fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let private = |byte: u8| char::from_u32(BASE + u32::from(byte)).unwrap_or('?');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match stands_for_byte(c) {
                None => text.push(c),
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(private)),
            }
        }
        text.extend(chunk.invalid().iter().map(|&byte| private(byte)));
    }
    text
}

/// The bytes of a text from [`decode`].
pub fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match stands_for_byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// A text from [`decode`] for people to read.
pub fn shown(text: &str) -> String {
    String::from_utf8_lossy(&encode(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for bytes in [
            &b"plain"[..],
            "caf\u{e9} \u{10fe41} \u{10ff00}".as_bytes(),
            b"caf\xe9\xff\xc3",
            b"\xf4\x8f\xb9",
            b"",
        ] {
            assert_eq!(encode(&decode(bytes)), bytes);
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&decode(&all)), all);
        assert_ne!(decode(b"caf\xe8"), decode(b"caf\xe9"));
        assert_eq!(shown(&decode(b"caf\xe9")), "caf\u{fffd}");
    }
}
