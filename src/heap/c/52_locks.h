/* ---- locks and atomics ------------------------------------------------------------------- */

#if DYNMEM_NATIVE
#define DYNMEM_EXCHANGE(at, value) __atomic_exchange_n(at, value, __ATOMIC_ACQUIRE)
#define DYNMEM_RELEASE(at) __atomic_store_n(at, 0, __ATOMIC_RELEASE)
#define DYNMEM_FETCH_ADD(at, value) __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST)
#define DYNMEM_FETCH_OR(at, value) __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST)
#define DYNMEM_FETCH_AND(at, value) __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST)
/* Whether `at` held `old`, and holds `value` now. */
#define DYNMEM_SWAP(at, old, value)                                             \
	({                                                                      \
		__typeof__(*(at)) old_ = old;                                   \
		__atomic_compare_exchange_n(at, &old_, value, 0, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                  \
	})
#define DYNMEM_COUNT(at) ((void)__atomic_fetch_add(at, 1, __ATOMIC_RELAXED))
/* Read or written by a thread that does not hold the lock. */
#define DYNMEM_LOAD(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define DYNMEM_STORE(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)
/* The same, and what the thread that wrote it did before is done. */
#define DYNMEM_LOAD_ACQUIRE(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#else
#define DYNMEM_EXCHANGE(at, value) __sync_lock_test_and_set(at, value)
/*
 * x86 and s390 keep the order of stores, so a plain one gives a lock back. Elsewhere an exchange
 * does: BPF has a store-release from Linux 6.15 only.
 */
#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_s390) || \
	defined(_ASM_X86_POSIX_TYPES_64_H)
#define DYNMEM_RELEASE(at)                                    \
	do {                                                  \
		__asm__ volatile("" ::: "memory");                \
		*(volatile __typeof__(*(at)) *)(at) = 0;      \
	} while (0)
#else
#define DYNMEM_RELEASE(at) ((void)__sync_lock_test_and_set(at, 0))
#endif
#define DYNMEM_FETCH_ADD(at, value) __sync_fetch_and_add(at, value)
/* The result is used, or clang drops the fetch and with it the order of the accesses. */
#define DYNMEM_FETCH_OR(at, value)                                     \
	({                                                             \
		__typeof__(*(at)) old_ = __sync_fetch_and_or(at, value); \
		DYNMEM_HIDE(old_);                                     \
		old_;                                                  \
	})
#define DYNMEM_FETCH_AND(at, value)                                     \
	({                                                              \
		__typeof__(*(at)) old_ = __sync_fetch_and_and(at, value); \
		DYNMEM_HIDE(old_);                                      \
		old_;                                                   \
	})
#define DYNMEM_SWAP(at, old, value) __sync_bool_compare_and_swap(at, old, value)
#define DYNMEM_COUNT(at) ((void)__sync_fetch_and_add(at, 1))
#define DYNMEM_LOAD(at) (*(volatile __typeof__(*(at)) *)(at))
#define DYNMEM_STORE(at, value) (*(volatile __typeof__(*(at)) *)(at) = (value))
/*
 * What comes behind it are stores that depend on a branch on the value: no processor makes them before
 * it has that. BPF has a load-acquire from Linux 6.15 only.
 */
#define DYNMEM_LOAD_ACQUIRE(at) DYNMEM_LOAD(at)
#endif

/*
 * Programs interrupt one another on a CPU, so whoever finds a heap locked may stand on top of the
 * holder and must not wait for it: malloc goes to another heap, free hands the block over.
 * A bpf_spin_lock keeps interrupts away instead, which is why tracing programs may not use it.
 */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_TRY_LOCK(heap) (dynmem_bpf_spin_lock(&(heap)->lock), 1)
#define DYNMEM_UNLOCK(heap) dynmem_bpf_spin_unlock(&(heap)->lock)
/* A reset gives the lock back while it empties the tables: no helper may be called with it held. */
#define DYNMEM_OR_RESETTING(heap) || (heap)->version != DYNMEM_VERSION
#else
#define DYNMEM_OR_RESETTING(heap)
#define DYNMEM_TRY_LOCK(heap) (!DYNMEM_EXCHANGE(&(heap)->lock, 1U))
#define DYNMEM_UNLOCK(heap) DYNMEM_RELEASE(&(heap)->lock)
#endif
