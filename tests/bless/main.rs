//! The header's generated block is up to date; with `--write` (`make bless`) it is made so.

use bpf_malloc::heap::emit;

fn main() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/dynamic_memory.h");
    let header = std::fs::read_to_string(path).expect("the header can be read");
    let fresh = emit::refresh(&header).expect("the header has its layout block");
    if std::env::args().any(|argument| argument == "--write") {
        if fresh != header {
            std::fs::write(path, fresh).expect("the header can be written");
            println!("wrote {path}");
        }
    } else {
        assert!(
            fresh == header,
            "include/dynamic_memory.h differs from src/heap/layout.rs: run `make bless`"
        );
        println!("the layout block of dynamic_memory.h is up to date");
    }
}
