//! `include/dynamic_memory.h` is what its parts in `src/heap/c`, the layout in `src/heap/layout.rs` and
//! the limits in `src/heap/limits.rs` make; with `--write` (`make bless`) it is made so.

mod emit;

use std::fs;
use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("include/dynamic_memory.h");
    let fresh = emit::header(&root.join("src/heap/c"));
    let header = fs::read_to_string(&path).unwrap_or_default();
    if std::env::args().any(|argument| argument == "--write") {
        if fresh != header {
            fs::write(&path, fresh).expect("the header can be written");
            println!("wrote {}", path.display());
        }
    } else {
        assert!(
            fresh == header,
            "include/dynamic_memory.h differs from src/heap/c, layout.rs and limits.rs: change those \
             and run `make bless`"
        );
        println!("dynamic_memory.h is what its parts make");
    }
}
