#ifndef TIDEMARK_HINTS_H
#define TIDEMARK_HINTS_H

#include <stdbool.h>
#include <stdint.h>

/// Asks for a cache line that will be read soon. Never faults, whatever the address.
static inline void tidemark_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// `first` where the condition holds, else `second`; by a move, not by a branch, for nobody can foresee which.
static inline uint64_t tidemark_select(bool condition, uint64_t first, uint64_t second) {
    return __builtin_unpredictable(condition) ? first : second;
}

#endif
