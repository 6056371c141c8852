use super::*;

fn texts(source: &str) -> Vec<String> {
    let lexed = lex(source.as_bytes());
    lexed
        .tokens
        .iter()
        .map(|t| String::from_utf8(lexed.text(t).into_owned()).unwrap())
        .collect()
}

#[test]
fn splits_tokens() {
    assert_eq!(
        texts("p->x+=.5e+3; a\\\nb /* c */ // d\\\n e\n'\\''\"\\\"\" u8\"x\" <% %>"),
        [
            "p", "->", "x", "+=", ".5e+3", ";", "ab", "'\\''", "\"\\\"\"", "u8\"x\"", "<%", "%>"
        ]
    );
}

#[test]
fn keeps_directives_apart() {
    let lexed = lex(b"a\n # define F(x) \\\r\n free(x) /* y\n */ z\nb %:x\n #include <a//b>\n");
    assert_eq!(lexed.tokens.len(), 4);
    assert_eq!(lexed.directives.len(), 2);
    assert_eq!(lexed.inner_of(&lexed.directives[0]).len(), 10);
    let include = lexed.inner_of(&lexed.directives[1]);
    assert_eq!(&*lexed.text(&include[1]), b"<a//b>");
    assert_eq!(lexed.directives[0].before, 1);
    assert_eq!(lex(b"#a\n#b\nc #d\n").directives.len(), 2);
}

#[test]
fn lone_carriage_returns_end_lines() {
    let lexed = lex(b"#define A 1\rfree(p);\r// c\rx");
    assert_eq!(lexed.directives.len(), 1);
    assert_eq!(lexed.tokens.len(), 6);
}

#[test]
fn unterminated_literals_end_with_the_line() {
    assert_eq!(texts("don't\nfree"), ["don", "'t", "free"]);
    assert_eq!(texts("R\"a(x)\" y)a\" z").len(), 2);
}

#[test]
fn any_bytes_are_covered() {
    for byte in 0..=255u8 {
        let source = [byte, b'x', byte, byte, b'\\', byte];
        let lexed = lex(&source);
        assert!(
            lexed
                .tokens
                .iter()
                .all(|t| t.start < t.end && t.end <= source.len())
        );
    }
}
