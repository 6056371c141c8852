//! Where `#include "dynamic_memory.h"` goes, and which C library headers go with it.

use crate::heap::HEADER_NAME;

/// Whether an include names the allocator's header, under whatever directory.
pub fn is_allocator_header(name: &str) -> bool {
    name.rsplit('/').next() == Some(HEADER_NAME)
}
