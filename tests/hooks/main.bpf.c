// expect: 45543
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "stack.h"

static int above(int number, long key)
{
	return number > key;
}

SEC("tc")
int prog(struct __sk_buff *skb)
{
	struct stack_memory memory;
	struct stack *stack;
	static int numbers[] = { 1, 2, 3, 4, 5 };
	struct visitor visitor = { above, 3, NULL };
	int result = 0;

	stack_memory_init(&memory);
	stack = stack_new(&memory);
	if (!stack)
		return -1;
	for (int i = 0; i < 5; i++)
		stack_push(stack, &numbers[i]);
	visitor.found = stack_new(&memory);
	if (visitor.found) {
		stack_visit(stack, &visitor);
		for (int i = 0; i < 2; i++)
			result = result * 10 + *(int *)stack_pop(visitor.found);
		stack_free(visitor.found);
	}
	for (int i = 0; i < 3; i++)
		result = result * 10 + *(int *)stack_pop(stack);
	stack_free(stack);
	return result;
}

char LICENSE[] SEC("license") = "GPL";
