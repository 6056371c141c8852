/* A stack of anything, whose memory comes from where its user says. */
#ifndef STACK_H
#define STACK_H

#include <stddef.h>

struct stack_memory {
	void *(*alloc)(size_t size);
	void (*release)(void *block);
};

struct stack;

/* Where what it wants goes. */
struct visitor {
	int (*wanted)(int number, long key);
	long key;
	struct stack *found;
};

void stack_memory_init(struct stack_memory *memory);
struct stack *stack_new(const struct stack_memory *memory);
int stack_push(struct stack *stack, void *item);
void *stack_pop(struct stack *stack);
int stack_count_if(const struct stack *stack, int (*wanted)(const void *item, long key), long key);
void stack_visit(const struct stack *stack, const struct visitor *visitor);
void stack_free(struct stack *stack);

#endif
