//! Operators and punctuators.

use super::op;

/// The longest operator at the start of `text`: its code and its length in bytes. Splices inside
/// an operator are not looked for; nobody writes them.
pub fn punct(text: &[u8]) -> (u32, usize) {
    const DIGRAPHS: [(&[u8], &str); 6] = [
        (b"%:%:", "##"),
        (b"%:", "#"),
        (b"<%", "{"),
        (b"%>", "}"),
        (b"<:", "["),
        (b":>", "]"),
    ];
    const LONG: [&str; 22] = [
        "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
        "*=", "/=", "%=", "+=", "-=", "&=", "^=", "|=",
    ];
    // These begin nothing longer, and are nearly all.
    if let b';' | b',' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'~' | b'?' = text[0] {
        return (u32::from(text[0]), 1);
    }
    if text.len() < 2 || !text[1].is_ascii_punctuation() {
        return (u32::from(text[0]), 1);
    }
    for (spelling, meaning) in DIGRAPHS {
        if text.starts_with(spelling) {
            return (op(meaning), spelling.len());
        }
    }
    for long in LONG.iter().chain(&["##"]) {
        if text.starts_with(long.as_bytes()) {
            return (op(long), long.len());
        }
    }
    (u32::from(text[0]), 1)
}
