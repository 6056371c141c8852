/* What programs use of libbpf's header, where that is not installed. */
#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__
#define ___bpf_count(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, count, ...) count
#define ___bpf_number(names...) ___bpf_count(_, ##names, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define ___bpf_join(a, b) a##b
#define ___bpf_way(name, number) ___bpf_join(name, number)
#define ___bpf_way1(a) a
#define ___bpf_way2(a, rest...) a->___bpf_way1(rest)
#define ___bpf_way3(a, rest...) a->___bpf_way2(rest)
#define ___bpf_way4(a, rest...) a->___bpf_way3(rest)
#define ___bpf_way5(a, rest...) a->___bpf_way4(rest)
#define ___bpf_way6(a, rest...) a->___bpf_way5(rest)
#define ___bpf_way7(a, rest...) a->___bpf_way6(rest)
#define ___bpf_way8(a, rest...) a->___bpf_way7(rest)
#define ___bpf_way9(a, rest...) a->___bpf_way8(rest)
#define BPF_CORE_READ(from, names...) \
	((from)->___bpf_way(___bpf_way, ___bpf_number(names))(names))
#define BPF_PROBE_READ BPF_CORE_READ
#define BPF_CORE_READ_USER BPF_CORE_READ
#define BPF_PROBE_READ_USER BPF_CORE_READ
#define BPF_CORE_READ_INTO(to, from, names...) \
	bpf_core_read(to, sizeof(*(to)), &BPF_CORE_READ(from, names))
#define BPF_CORE_READ_STR_INTO(to, from, names...) \
	bpf_core_read_str(to, sizeof(*(to)), &BPF_CORE_READ(from, names))
#define BPF_CORE_READ_BITFIELD(from, name) ((unsigned long long)(from)->name)
#define BPF_CORE_READ_BITFIELD_PROBED(from, name) ((unsigned long long)(from)->name)
#define bpf_core_read(to, size, from) bpf_probe_read_kernel(to, size, from)
#define bpf_core_read_user(to, size, from) bpf_probe_read_user(to, size, from)
#define bpf_core_read_str(to, size, from) bpf_probe_read_kernel_str(to, size, from)
#define bpf_core_read_user_str(to, size, from) bpf_probe_read_user_str(to, size, from)
#define bpf_core_cast(from, type) ((typeof(type) *)(from))
#define bpf_core_field_exists(field...) 1
#define bpf_core_field_size(field...) 8
#define bpf_core_field_offset(field...) 0
#define bpf_core_type_exists(type) 1
#define bpf_core_type_matches(type) 1
#define bpf_core_type_size(type) sizeof(type)
#define bpf_core_enum_value_exists(type, value) 1
#define bpf_core_enum_value(type, value) value
#endif
