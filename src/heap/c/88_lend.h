/* ---- functions of the kernel ------------------------------------------------------------- */

#if DYNMEM_ARENA
/*
 * `static_assign(place, value)` is `place = value` for a place in the arena and a value of any type that
 * does not lie there, a structure too, which clang would copy without converting the address. The commas of
 * a compound literal are no ends of the value.
 */
#define static_assign(place, ...)                                                                  \
	({                                                                                         \
		__typeof_unqual__(place) dynmem_value = (__VA_ARGS__);                             \
		static_memcpy(&(place), &dynmem_value, sizeof(dynmem_value));                      \
		dynmem_value;                                                                      \
	})

/* A structure in the arena as a value, to return or to pass. */
#define static_value(place)                                                                        \
	({                                                                                         \
		__typeof_unqual__(place) dynmem_value;                                             \
		static_memcpy(&dynmem_value, &(place), sizeof(dynmem_value));                      \
		dynmem_value;                                                                      \
	})

/*
 * Functions of the kernel take no memory of an arena. These copy it through the stack; `size` is a
 * constant, at most 256 bytes or so, since BPF has 512 bytes of stack for all functions of a chain
 * of calls.
 *
 * static_in(from, size) is a copy, for what a function reads:
 *     bpf_ringbuf_output(&events, static_in(e, sizeof(*e)), sizeof(*e), 0);
 * static_out(call) runs a call that fills memory, and copies what it filled to where static_to says:
 *     static_out(bpf_get_current_comm(static_to(t->comm, sizeof(t->comm)), sizeof(t->comm)));
 *
 * The copies are compound literals: they live until the block around them ends.
 */
#define static_in(from, size)                                                                      \
	((const void *)static_memcpy((void *)(dynmem_u64[((size) + 7) / 8]){}, from, size))
#define static_to(to, size)                                                                        \
	(dynmem_filled = (void DYNMEM_SPACE *)(to), dynmem_size = (size),                          \
	 dynmem_buffer = (void *)(dynmem_u64[((size) + 7) / 8]){})
#define static_out(call)                                                                           \
	({                                                                                         \
		void DYNMEM_SPACE *dynmem_filled;                                                  \
		size_t dynmem_size;                                                                \
		void *dynmem_buffer;                                                               \
		__typeof__(call) dynmem_result = (call);                                           \
		static_memcpy(dynmem_filled, dynmem_buffer, dynmem_size);                          \
		dynmem_result;                                                                     \
	})
#else
#define static_assign(place, ...) ((place) = (__VA_ARGS__))
#define static_value(place) (place)
#define static_in(from, size) (from)
#define static_to(to, size) (to)
#define static_out(call) (call)
#endif
