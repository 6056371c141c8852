//! Rewriting C sources: from the C library's allocator to `static_malloc` and its family.
