/* Counts the calling thread's memory allocations in a program that this is linked into. */
#ifndef TIDEMARK_ALLOCATION_COUNTER_H
#define TIDEMARK_ALLOCATION_COUNTER_H

#include <stdint.h>

/* Blocks that the calling thread has taken from the heap so far, by whatever call. Never goes back. */
uint64_t tidemark_allocation_count(void);

#endif
