/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calls a program of fixtures/linked in user space as BPF_PROG_TEST_RUN does in the kernel.
 * PROGRAM is the source, RUNS its calls: RUN(name, argument) for each; PACKET the packet's bytes.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include PROGRAM
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const unsigned char shim_packet[] = { PACKET };
static __u64 shim_arguments[16];
static struct xdp_md shim_xdp;
static struct __sk_buff shim_skb;

#define RUN(program, argument)                                                                 \
	do {                                                                                   \
		void *context = _Generic(&program,                                             \
			int (*)(struct xdp_md *): (void *)&shim_xdp,                           \
			int (*)(struct __sk_buff *): (void *)&shim_skb,                        \
			default: (void *)shim_arguments);                                      \
		shim_arguments[0] = argument;                                                  \
		printf("%d\n", program(context));                                              \
	} while (0);

int main(void)
{
	/* The context gives addresses in 32 bits. */
	char *packet = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (packet == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memcpy(packet, shim_packet, sizeof(shim_packet));
	shim_xdp.data = shim_skb.data = (__u32)(unsigned long)packet;
	shim_xdp.data_end = shim_skb.data_end = shim_xdp.data + sizeof(shim_packet);
	shim_skb.len = sizeof(shim_packet);
	RUNS
	return 0;
}
