//! The operators of C between two operands, with how tightly they bind.

use super::lexer::op;

/// Tightness of `*`, `/` and `%`, the tightest of [`precedence`].
pub const TIGHTEST: u8 = 10;

/// Operators that take two values, as codes of [`op`]. All bind to the left.
const BINARY: [(u32, u8); 18] = [
    (op("||"), 1),
    (op("&&"), 2),
    (op("|"), 3),
    (op("^"), 4),
    (op("&"), 5),
    (op("=="), 6),
    (op("!="), 6),
    (op("<"), 7),
    (op(">"), 7),
    (op("<="), 7),
    (op(">="), 7),
    (op("<<"), 8),
    (op(">>"), 8),
    (op("+"), 9),
    (op("-"), 9),
    (op("*"), TIGHTEST),
    (op("/"), TIGHTEST),
    (op("%"), TIGHTEST),
];

/// Operators that store into what stands before them. They bind to the right, and more loosely than
/// `?:`.
const ASSIGNMENTS: [u32; 11] = [
    op("="),
    op("+="),
    op("-="),
    op("*="),
    op("/="),
    op("%="),
    op("&="),
    op("|="),
    op("^="),
    op("<<="),
    op(">>="),
];

/// How tightly an operator that takes two values binds, from 1 for `||` to [`TIGHTEST`]. `None` for
/// others; `?:`, assignments and `,` bind more loosely than all of these.
pub fn precedence(code: u32) -> Option<u8> {
    let found = BINARY.iter().find(|&&(operator, _)| operator == code);
    found.map(|&(_, tightness)| tightness)
}

/// Whether an operator stores into what stands before it.
pub fn is_assignment(code: u32) -> bool {
    ASSIGNMENTS.contains(&code)
}
