/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions that call themselves, and the same with a stack written by hand: plain C, as one writes it for
 * user space. recursion.rs has it rewritten, and runs it in the kernel and in user space.
 */
#ifdef native_executable
#define SEC(name)
#else
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#endif
#include <stdlib.h>

/* How much there is to do; recursion.rs knows how many calls that makes. */
int numbers = 15;
int nodes = 127;
int disks = 8;
int items = 128;
int choices = 9;

/* ---- two calls in one expression ---- */

static int fibonacci(int n)
{
	if (n < 2)
		return n;
	return fibonacci(n - 1) + fibonacci(n - 2);
}

SEC("tc") int fibonacci_recursive(struct __sk_buff *skb)
{
	return fibonacci(numbers);
}

SEC("tc") int fibonacci_by_hand(struct __sk_buff *skb)
{
	int *stack = malloc(64 * sizeof(int));
	int top = 0, sum = 0;

	if (!stack)
		return -1;
	stack[top++] = numbers;
	while (top > 0) {
		int n = stack[--top];

		while (n >= 2) {
			stack[top++] = n - 2;
			n--;
		}
		sum += n;
	}
	free(stack);
	return sum;
}

/* ---- a tree ---- */

struct node {
	struct node *left, *right;
	int value;
};

static struct node *root;

/* A tree of the numbers from `low` to below `high`. */
static struct node *tree(int low, int high)
{
	int middle = (low + high) / 2;
	struct node *node;

	if (low >= high)
		return NULL;
	node = malloc(sizeof(*node));
	if (!node)
		return NULL;
	node->value = middle;
	node->left = tree(low, middle);
	node->right = tree(middle + 1, high);
	return node;
}

SEC("tc") int prepare(struct __sk_buff *skb)
{
	root = tree(0, nodes);
	return root ? root->value : -1;
}

static int sum(struct node *node)
{
	if (!node)
		return 0;
	return sum(node->left) + node->value + sum(node->right);
}

SEC("tc") int tree_recursive(struct __sk_buff *skb)
{
	return sum(root);
}

SEC("tc") int tree_by_hand(struct __sk_buff *skb)
{
	struct node **stack = malloc(64 * sizeof(*stack));
	int top = 0, total = 0;

	if (!stack)
		return -1;
	stack[top++] = root;
	while (top > 0) {
		struct node *node = stack[--top];

		while (node) {
			total += node->value;
			stack[top++] = node->right;
			node = node->left;
		}
	}
	free(stack);
	return total;
}

/* ---- no result, four parameters ---- */

static int moves, weight;

static void move(int n, int from, int to, int over)
{
	if (n == 0)
		return;
	move(n - 1, from, over, to);
	moves++;
	weight += n * (to - from);
	move(n - 1, over, to, from);
}

SEC("tc") int hanoi_recursive(struct __sk_buff *skb)
{
	moves = weight = 0;
	move(disks, 0, 2, 1);
	return moves * 100 + weight;
}

struct step {
	int n, from, to, over;
	int moved;
};

SEC("tc") int hanoi_by_hand(struct __sk_buff *skb)
{
	struct step *stack = malloc(64 * sizeof(*stack));
	int top = 0;

	if (!stack)
		return -1;
	moves = weight = 0;
	stack[top++] = (struct step){ disks, 0, 2, 1, 0 };
	while (top > 0) {
		struct step *step = &stack[top - 1];

		if (step->n == 0) {
			top--;
		} else if (!step->moved) {
			step->moved = 1;
			stack[top++] = (struct step){ step->n - 1, step->from, step->over, step->to, 0 };
		} else {
			struct step done = *step;

			moves++;
			weight += done.n * (done.to - done.from);
			stack[top - 1] = (struct step){ done.n - 1, done.over, done.to, done.from, 0 };
		}
	}
	free(stack);
	return moves * 100 + weight;
}

/* ---- an array, work between and behind the calls ---- */

static void fill(int *array, int count)
{
	unsigned int state = 12345;

	for (int i = 0; i < count; i++) {
		state = state * 1103515245 + 12345;
		array[i] = (int)(state >> 16 & 1023);
	}
}

static void merge(int *array, int *room, int from, int middle, int to)
{
	int left = from, right = middle;

	for (int at = from; at < to; at++) {
		if (left < middle && (right >= to || array[left] <= array[right]))
			room[at] = array[left++];
		else
			room[at] = array[right++];
	}
	for (int at = from; at < to; at++)
		array[at] = room[at];
}

static int check(const int *array, int count)
{
	for (int i = 1; i < count; i++)
		if (array[i - 1] > array[i])
			return -1;
	return array[0] + array[count / 2] * 3 + array[count - 1];
}

static void sort(int *array, int *room, int from, int to)
{
	int middle = from + (to - from) / 2;

	if (to - from < 2)
		return;
	sort(array, room, from, middle);
	sort(array, room, middle, to);
	merge(array, room, from, middle, to);
}

SEC("tc") int sort_recursive(struct __sk_buff *skb)
{
	int *array = malloc(items * sizeof(int));
	int *room = malloc(items * sizeof(int));
	int result = -1;

	if (array && room) {
		fill(array, items);
		sort(array, room, 0, items);
		result = check(array, items);
	}
	free(room);
	free(array);
	return result;
}

struct part {
	int from, to, done;
};

static int sort_parts(int *array, int *room, int count)
{
	struct part *stack = malloc(64 * sizeof(*stack));
	int top = 0;

	if (!stack)
		return -1;
	stack[top++] = (struct part){ 0, count, 0 };
	while (top > 0) {
		struct part *part = &stack[top - 1];
		int from = part->from, to = part->to;
		int middle = from + (to - from) / 2;

		if (to - from < 2 || part->done == 2) {
			if (part->done == 2)
				merge(array, room, from, middle, to);
			top--;
		} else if (part->done == 0) {
			part->done = 1;
			stack[top++] = (struct part){ from, middle, 0 };
		} else {
			part->done = 2;
			stack[top++] = (struct part){ middle, to, 0 };
		}
	}
	free(stack);
	return 0;
}

SEC("tc") int sort_by_hand(struct __sk_buff *skb)
{
	int *array = malloc(items * sizeof(int));
	int *room = malloc(items * sizeof(int));
	int result = -1;

	if (array && room) {
		fill(array, items);
		if (sort_parts(array, room, items) == 0)
			result = check(array, items);
	}
	free(room);
	free(array);
	return result;
}

/* ---- a call in a loop ---- */

static int subsets(int first, int sum)
{
	int found = sum % 7 == 0;

	for (int i = first; i < choices; i++)
		found += subsets(i + 1, sum + i * i);
	return found;
}

SEC("tc") int subsets_recursive(struct __sk_buff *skb)
{
	return subsets(0, 0);
}

struct chosen {
	int next, sum;
};

SEC("tc") int subsets_by_hand(struct __sk_buff *skb)
{
	struct chosen *stack = malloc(64 * sizeof(*stack));
	int top = 0, found = 1; /* the empty one */

	if (!stack)
		return -1;
	stack[top++] = (struct chosen){ 0, 0 };
	while (top > 0) {
		struct chosen *chosen = &stack[top - 1];
		int i = chosen->next;

		if (i >= choices) {
			top--;
			continue;
		}
		chosen->next = i + 1;
		stack[top++] = (struct chosen){ i + 1, chosen->sum + i * i };
		found += (chosen->sum + i * i) % 7 == 0;
	}
	free(stack);
	return found;
}

char LICENSE[] SEC("license") = "GPL";
