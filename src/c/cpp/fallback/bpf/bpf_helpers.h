/* What programs use of libbpf's header, where that is not installed. */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__
#define SEC(name) __attribute__((section(name), used))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#define __hidden __attribute__((visibility("hidden")))
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]
#define __ulong(name, value) enum { name##__value = value } name
#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif
#ifndef offsetof
#define offsetof(type, member) ((unsigned long)&((type *)0)->member)
#endif
#ifndef container_of
#define container_of(pointer, type, member)                                     \
	({                                                                      \
		void *__member = (void *)(pointer);                             \
		((type *)(__member - offsetof(type, member)));                  \
	})
#endif
#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif
#ifndef barrier_var
#define barrier_var(variable) asm volatile("" : "+r"(variable))
#endif
#define bpf_ksym_exists(symbol) (!!(symbol))
#define bpf_for(i, from, to) for (int i = (from); i < (to); i++)
#define bpf_repeat(count) for (int __repeated = 0; __repeated < (count); __repeated++)
#define bpf_printk(format, values...) bpf_trace_printk(format, sizeof(format), ##values)
#define __bpf_printk bpf_printk
#define __bpf_vprintk bpf_printk
enum libbpf_pin_type { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };
enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };
extern void *bpf_map_lookup_elem(void *map, const void *key);
extern long bpf_map_update_elem(void *map, const void *key, const void *value,
				unsigned long long flags);
extern long bpf_map_delete_elem(void *map, const void *key);
extern long bpf_map_push_elem(void *map, const void *value, unsigned long long flags);
extern long bpf_map_pop_elem(void *map, void *value);
extern long bpf_map_peek_elem(void *map, void *value);
extern void *bpf_map_lookup_percpu_elem(void *map, const void *key, unsigned int cpu);
extern long bpf_for_each_map_elem(void *map, void *callback, void *context,
				  unsigned long long flags);
extern long bpf_loop(unsigned int count, void *callback, void *context, unsigned long long flags);
extern long bpf_tail_call(void *context, void *map, unsigned int index);
extern long bpf_trace_printk(const char *format, unsigned int size, ...);
extern long bpf_probe_read(void *to, unsigned int size, const void *from);
extern long bpf_probe_read_kernel(void *to, unsigned int size, const void *from);
extern long bpf_probe_read_user(void *to, unsigned int size, const void *from);
extern long bpf_probe_read_str(void *to, unsigned int size, const void *from);
extern long bpf_probe_read_kernel_str(void *to, unsigned int size, const void *from);
extern long bpf_probe_read_user_str(void *to, unsigned int size, const void *from);
extern unsigned long long bpf_ktime_get_ns(void);
extern unsigned long long bpf_ktime_get_boot_ns(void);
extern unsigned long long bpf_get_current_pid_tgid(void);
extern unsigned long long bpf_get_current_uid_gid(void);
extern unsigned long long bpf_get_current_cgroup_id(void);
extern unsigned long long bpf_get_current_task(void);
extern long bpf_get_current_comm(void *to, unsigned int size);
extern unsigned int bpf_get_prandom_u32(void);
extern unsigned int bpf_get_smp_processor_id(void);
extern long bpf_perf_event_output(void *context, void *map, unsigned long long flags, void *data,
				  unsigned long long size);
extern void *bpf_ringbuf_reserve(void *map, unsigned long long size, unsigned long long flags);
extern void bpf_ringbuf_submit(void *data, unsigned long long flags);
extern void bpf_ringbuf_discard(void *data, unsigned long long flags);
extern long bpf_ringbuf_output(void *map, void *data, unsigned long long size,
			       unsigned long long flags);
#endif
