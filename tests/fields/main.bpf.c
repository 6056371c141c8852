// expect: 36410
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdlib.h>
#include "fields.h"

SEC("tc")
int prog(struct __sk_buff *ctx)
{
	int sum = 0, count;
	char **fields = split("pear,apple,,fig,kiwi,banana", ',', &count);

	if (!fields)
		return -1;
	for (int i = 0; i < count; i++) {
		sum = sum * 3 + fields[i][0];
		free(fields[i]);
	}
	free(fields);
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
