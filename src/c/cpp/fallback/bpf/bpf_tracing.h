/* What programs use of libbpf's header, where that is not installed. */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__
struct pt_regs;
#define BPF_PROG(name, parameters...) name(unsigned long long *ctx, ##parameters)
#define BPF_PROG2(name, parameters...) name(unsigned long long *ctx, ##parameters)
#define BPF_KPROBE(name, parameters...) name(struct pt_regs *ctx, ##parameters)
#define BPF_KRETPROBE(name, parameters...) name(struct pt_regs *ctx, ##parameters)
#define BPF_UPROBE(name, parameters...) name(struct pt_regs *ctx, ##parameters)
#define BPF_URETPROBE(name, parameters...) name(struct pt_regs *ctx, ##parameters)
#define BPF_KSYSCALL(name, parameters...) name(struct pt_regs *ctx, ##parameters)
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL
extern unsigned long __bpf_register(const void *registers, int number);
#define PT_REGS_PARM1(registers) __bpf_register(registers, 1)
#define PT_REGS_PARM2(registers) __bpf_register(registers, 2)
#define PT_REGS_PARM3(registers) __bpf_register(registers, 3)
#define PT_REGS_PARM4(registers) __bpf_register(registers, 4)
#define PT_REGS_PARM5(registers) __bpf_register(registers, 5)
#define PT_REGS_PARM6(registers) __bpf_register(registers, 6)
#define PT_REGS_RET(registers) __bpf_register(registers, -1)
#define PT_REGS_FP(registers) __bpf_register(registers, -2)
#define PT_REGS_RC(registers) __bpf_register(registers, 0)
#define PT_REGS_SP(registers) __bpf_register(registers, -3)
#define PT_REGS_IP(registers) __bpf_register(registers, -4)
#define PT_REGS_PARM1_CORE PT_REGS_PARM1
#define PT_REGS_PARM2_CORE PT_REGS_PARM2
#define PT_REGS_PARM3_CORE PT_REGS_PARM3
#define PT_REGS_PARM4_CORE PT_REGS_PARM4
#define PT_REGS_PARM5_CORE PT_REGS_PARM5
#define PT_REGS_RC_CORE PT_REGS_RC
#define PT_REGS_IP_CORE PT_REGS_IP
#define PT_REGS_SYSCALL_REGS(context) ((struct pt_regs *)PT_REGS_PARM1(context))
#endif
