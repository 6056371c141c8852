/* Names the allocator's functions, and calls them through pointers only. */
#include "stack.h"

#include <stdlib.h>

struct cell {
	struct cell *below;
	void *item;
};

struct stack {
	struct cell *top;
	struct stack_memory memory;
};

void stack_memory_init(struct stack_memory *memory)
{
	memory->alloc = malloc;
	memory->release = free;
}

struct stack *stack_new(const struct stack_memory *memory)
{
	struct stack *stack = memory->alloc(sizeof(*stack));

	if (!stack)
		return NULL;
	stack->top = NULL;
	stack->memory = *memory;
	return stack;
}

int stack_push(struct stack *stack, void *item)
{
	struct cell *cell = stack->memory.alloc(sizeof(*cell));

	if (!cell)
		return -1;
	cell->item = item;
	cell->below = stack->top;
	stack->top = cell;
	return 0;
}

void *stack_pop(struct stack *stack)
{
	struct cell *cell = stack->top;
	void *item;

	if (!cell)
		return NULL;
	item = cell->item;
	stack->top = cell->below;
	stack->memory.release(cell);
	return item;
}

/* Nobody gives it a function. */
int stack_count_if(const struct stack *stack, int (*wanted)(const void *item, long key), long key)
{
	int count = 0;

	for (const struct cell *cell = stack->top; cell; cell = cell->below)
		count += wanted(cell->item, key);
	return count;
}

void stack_visit(const struct stack *stack, const struct visitor *visitor)
{
	for (const struct cell *cell = stack->top; cell; cell = cell->below)
		if (visitor->wanted(*(const int *)cell->item, visitor->key))
			stack_push(visitor->found, cell->item);
}

void stack_free(struct stack *stack)
{
	while (stack->top)
		stack_pop(stack);
	stack->memory.release(stack);
}
