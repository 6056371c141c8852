/* What linked.bpf.c needs in user space. */
#include <stdint.h>
#include <time.h>
typedef uint32_t __u32;
typedef uint64_t __u64;
struct xdp_md;
#define SEC(name)
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
