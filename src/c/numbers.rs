//! Integer and character constants.

/// An integer of the preprocessor: 64 bits, signed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// The value; of a negative one its two's complement.
    pub bits: u64,
    /// Of an unsigned type.
    pub unsigned: bool,
}

impl Integer {
    /// Of a signed type.
    pub fn signed(value: i64) -> Self {
        Self {
            bits: value.cast_unsigned(),
            unsigned: false,
        }
    }

    /// Whether it is not 0.
    pub fn is_true(self) -> bool {
        self.bits != 0
    }
}

/// An integer constant of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The value.
    pub value: u64,
    /// Its type is unsigned, on a machine with an `int` of 32 bits and a `long` of 64.
    pub unsigned: bool,
    /// Its type has 64 bits rather than 32.
    pub long: bool,
}

/// Reads an integer constant: decimal, octal, hexadecimal or binary, with any suffix and with the
/// digit separators of C23. `None` for what is none, floating constants included, and for what
/// takes more than 64 bits.
pub fn constant(text: &[u8]) -> Option<Constant> {
    let (value, decimal, suffix) = split(text)?;
    let says_unsigned = suffix.iter().any(|b| b.eq_ignore_ascii_case(&b'u'));
    let says_long = suffix.iter().any(|b| b.eq_ignore_ascii_case(&b'l'));
    // C17 6.4.4.1: the first type of a list that the value fits into. Decimal constants without a
    // suffix do not become unsigned; past 63 bits compilers make an exception.
    let fits = |bits: u32| value >> bits == 0;
    let (unsigned, long) = match (says_unsigned, says_long) {
        (true, long) => (true, long || !fits(32)),
        (false, false) if fits(31) => (false, false),
        (false, false) if !decimal && fits(32) => (true, false),
        (false, _) => (!fits(63), true),
    };
    Some(Constant {
        value,
        unsigned,
        long,
    })
}

/// Reads an integer constant as the conditions of `#if` do, where all integers have 64 bits.
pub fn integer(text: &[u8]) -> Option<Integer> {
    let (bits, _, suffix) = split(text)?;
    let unsigned = suffix.iter().any(|b| b.eq_ignore_ascii_case(&b'u'));
    Some(Integer {
        bits,
        unsigned: unsigned || bits.cast_signed() < 0,
    })
}

/// The value, whether the digits are decimal, and the suffix.
fn split(text: &[u8]) -> Option<(u64, bool, &[u8])> {
    let (digits, radix) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (rest, 16),
        [b'0', b'b' | b'B', rest @ ..] => (rest, 2),
        [b'0', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => (rest, 8),
        _ => (text, 10),
    };
    let digit = |byte: u8| char::from(byte).to_digit(radix);
    let separates = |at: usize| {
        let beside = |at: Option<usize>| at.and_then(|at| digits.get(at)).and_then(|&b| digit(b));
        beside(at.checked_sub(1)).is_some() && beside(Some(at + 1)).is_some()
    };
    let mut value = 0u64;
    let mut end = 0;
    for (at, &byte) in digits.iter().enumerate() {
        match digit(byte) {
            Some(digit) => {
                let shifted = value.checked_mul(u64::from(radix))?;
                value = shifted.checked_add(u64::from(digit))?;
            }
            None if byte == b'\'' && separates(at) => {}
            None => break,
        }
        end = at + 1;
    }
    let suffix = &digits[end..];
    let known = match suffix.to_ascii_lowercase().as_slice() {
        b"" | b"u" | b"l" | b"ul" | b"lu" => true,
        // `lL` is none.
        b"ll" | b"ull" | b"llu" => [&b"ll"[..], b"LL"]
            .iter()
            .any(|long| suffix.windows(2).any(|two| two == *long)),
        _ => false,
    };
    (end > 0 && known).then_some((value, radix == 10, suffix))
}

/// Reads a character constant. Several characters make one number, as in clang.
pub fn character(text: &[u8]) -> Integer {
    let open = text.iter().position(|&b| b == b'\'').unwrap_or(0);
    let wide = open > 0;
    let end = text.len() - usize::from(text.len() > open + 1 && text.ends_with(b"'"));
    let content = text.get(open + 1..end).unwrap_or_default();
    if wide
        && let Ok(text) = std::str::from_utf8(content)
        && !text.contains('\\')
    {
        let value = text
            .chars()
            .next_back()
            .map_or(0, |c| i64::from(u32::from(c)));
        return Integer::signed(value);
    }
    let mut value = 0u32;
    let mut count = 0;
    let mut at = 0;
    while at < content.len() {
        let (unit, length) = match content[at] {
            b'\\' => escape(&content[at + 1..]),
            byte => (u32::from(byte), 0),
        };
        at += 1 + length;
        count += 1;
        value = if wide { unit } else { value << 8 | unit & 0xff };
    }
    let value = value.cast_signed();
    // A single plain character has the sign of `char`.
    Integer::signed(match count == 1 && !wide {
        true => i64::from(value as u8 as i8),
        false => i64::from(value),
    })
}

/// The value of an escape sequence and its length, both without the backslash.
pub fn escape(text: &[u8]) -> (u32, usize) {
    let digits = |from: usize, most: usize, radix: u32| {
        let mut value = 0u32;
        let rest = text.iter().skip(from).take(most);
        let mut length = 0;
        for digit in rest.map_while(|&b| char::from(b).to_digit(radix)) {
            value = value.wrapping_mul(radix).wrapping_add(digit);
            length += 1;
        }
        (value, from + length)
    };
    match text.first() {
        None => (u32::from(b'\\'), 0),
        Some(b'0'..=b'7') => digits(0, 3, 8),
        Some(b'x') => digits(1, usize::MAX, 16),
        Some(b'u') => digits(1, 4, 16),
        Some(b'U') => digits(1, 8, 16),
        Some(b'a') => (7, 1),
        Some(b'b') => (8, 1),
        Some(b't') => (9, 1),
        Some(b'n') => (10, 1),
        Some(b'v') => (11, 1),
        Some(b'f') => (12, 1),
        Some(b'r') => (13, 1),
        Some(b'e' | b'E') => (27, 1),
        Some(&other) => (u32::from(other), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_base_and_suffix() {
        let value = |text: &str| integer(text.as_bytes()).map(|i| (i.bits, i.unsigned));
        assert_eq!(value("10"), Some((10, false)));
        assert_eq!(value("010"), Some((8, false)));
        assert_eq!(value("0"), Some((0, false)));
        assert_eq!(value("0x1Fu"), Some((31, true)));
        assert_eq!(value("0b101LL"), Some((5, false)));
        assert_eq!(value("1'000'000uLL"), Some((1_000_000, true)));
        assert_eq!(value("0xffffffffffffffff"), Some((u64::MAX, true)));
        for none in [
            "",
            "0x",
            "08",
            "1.5",
            "1e3",
            "0x1p3",
            "1lL",
            "1uu",
            "18446744073709551616",
            "1''0",
            "'1",
        ] {
            assert_eq!(value(none), None, "{none}");
        }
    }

    #[test]
    fn constants_have_the_types_of_c17() {
        let ty = |text: &str| constant(text.as_bytes()).map(|c| (c.unsigned, c.long));
        assert_eq!(ty("2147483647"), Some((false, false)));
        assert_eq!(ty("2147483648"), Some((false, true)));
        assert_eq!(ty("0x80000000"), Some((true, false)));
        assert_eq!(ty("0x100000000"), Some((false, true)));
        assert_eq!(ty("0xffffffffffffffff"), Some((true, true)));
        assert_eq!(ty("1u"), Some((true, false)));
        assert_eq!(ty("4294967296U"), Some((true, true)));
        assert_eq!(ty("1L"), Some((false, true)));
        assert_eq!(ty("1ull"), Some((true, true)));
    }

    #[test]
    fn characters_are_integers() {
        assert_eq!(character(b"'a'"), Integer::signed(97));
        assert_eq!(character(b"'\\xff'"), Integer::signed(-1));
        assert_eq!(character(b"L'\\xff'"), Integer::signed(255));
        assert_eq!(character(b"'ab'"), Integer::signed(0x6162));
    }
}
