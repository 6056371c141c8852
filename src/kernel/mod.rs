//! Loading BPF objects into the running kernel.
