/*
 * One operation of a trace, for the executors that run the header: the native one and the one in
 * the kernel.
 */
enum {
	OP_MALLOC,   /* slot = malloc(a) */
	OP_FREE,     /* free(slot + a); the slot is emptied if it was taken */
	OP_CALLOC,   /* slot = calloc(a, b) */
	OP_REALLOC,  /* slot = realloc(slot, a) */
	OP_ALIGNED,  /* slot = aligned_alloc(a, b) */
	OP_USABLE,   /* malloc_usable_size(slot + a) */
	OP_MEMALIGN, /* posix_memalign(&slot, a, b) */
	OP_ARRAY,    /* slot = reallocarray(slot, a, b) */
	OP_RESET,    /* everything */
};

#define SLOTS 256

struct operation {
	unsigned int op;
	unsigned int slot;
	unsigned long long a;
	unsigned long long b;
	unsigned long long result; /* address, bytes or error; what the operation gives */
};

/* `slot` holds an address, which outlives the program's run. */
static inline __attribute__((always_inline)) void perform(struct operation *o,
							   unsigned long long *slot)
{
	void __arena *pointer = (void __arena *)(unsigned long)*slot;

	switch (o->op) {
	case OP_MALLOC:
		pointer = static_malloc(o->a);
		break;
	case OP_FREE:
		static_free(pointer ? (char __arena *)pointer + o->a : pointer);
		o->result = 0;
		if (!o->a)
			*slot = 0;
		return;
	case OP_CALLOC:
		pointer = static_calloc(o->a, o->b);
		break;
	case OP_REALLOC:
		pointer = static_realloc(pointer, o->a);
		break;
	case OP_ALIGNED:
		pointer = static_aligned_alloc(o->a, o->b);
		break;
	case OP_USABLE:
		o->result = static_malloc_usable_size(pointer ? (char __arena *)pointer + o->a : pointer);
		return;
	case OP_MEMALIGN:
		o->result = static_posix_memalign(&pointer, o->a, o->b);
		if (!o->result)
			*slot = dynmem_number(pointer);
		return;
	case OP_ARRAY:
		pointer = static_reallocarray(pointer, o->a, o->b);
		break;
	case OP_RESET:
		o->result = static_reset();
		return;
	default:
		return;
	}
	o->result = dynmem_number(pointer);
	/* A realloc that fails leaves the block as it is; one to 0 bytes frees it. */
	if (o->result || (o->op != OP_REALLOC && o->op != OP_ARRAY) || !o->a ||
	    (o->op == OP_ARRAY && !o->b))
		*slot = o->result;
}
