//! Parentheses, square brackets and braces.

use super::lexer::{Lexeme, op};

/// What a bracket does to the nesting: 1 where one opens, -1 where one closes, 0 for other tokens.
pub fn turn(code: u32) -> isize {
    const OPEN: [u32; 3] = [op("("), op("["), op("{")];
    const CLOSE: [u32; 3] = [op(")"), op("]"), op("}")];
    isize::from(OPEN.contains(&code)) - isize::from(CLOSE.contains(&code))
}

/// The `)` of the `(` at `open`. Only parentheses count, as in the arguments of macros.
pub fn closing<T: Lexeme>(tokens: &[T], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    let length = tokens[open..].iter().position(|token| {
        depth += usize::from(token.is(op("(")));
        depth -= usize::from(token.is(op(")")));
        depth == 0
    });
    length.map(|length| open + length)
}

/// For each token the index of its partner, if it is a bracket that has one. A bracket that closes
/// nothing is passed over; what is left open inside of a pair has no partner. Linear.
pub fn partners<T: Lexeme>(tokens: &[T]) -> Vec<Option<usize>> {
    let mut partner = vec![None; tokens.len()];
    let mut open: Vec<(usize, u32)> = Vec::new();
    // How many of each kind are open, so that a stray bracket need not look through all.
    let mut counts = [0usize; 3];
    for (at, token) in tokens.iter().enumerate() {
        let code = token.code();
        let kind = [op(")"), op("]"), op("}")];
        match turn(code) {
            1 => {
                let closes = [op("("), op("["), op("{")].iter().position(|c| *c == code);
                let index = closes.unwrap_or(0);
                counts[index] += 1;
                open.push((at, kind[index]));
            }
            -1 => {
                let index = kind.iter().position(|c| *c == code).unwrap_or(0);
                while counts[index] > 0
                    && let Some((from, wanted)) = open.pop()
                {
                    let of = kind.iter().position(|c| *c == wanted).unwrap_or(0);
                    counts[of] -= 1;
                    if wanted == code {
                        partner[at] = Some(from);
                        partner[from] = Some(at);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    partner
}

#[cfg(test)]
mod tests {
    use super::super::lexer::lex;
    use super::*;

    #[test]
    fn partners_of_brackets() {
        let found = |text: &str| partners(&lex(text.as_bytes()).tokens);
        assert_eq!(found("(a[1]"), [None, None, Some(4), None, Some(2)]);
        assert_eq!(found("{(})"), [Some(2), None, Some(0), None]);
        assert_eq!(found(")({})"), [None, Some(4), Some(3), Some(2), Some(1)]);
        assert_eq!(closing(&lex(b"f((]), g)").tokens, 1), Some(7));
        assert_eq!(closing(&lex(b"f((x)").tokens, 1), None);
    }
}
