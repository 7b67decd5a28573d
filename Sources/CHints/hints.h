#ifndef TIDEMARK_HINTS_H
#define TIDEMARK_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/// Asks for a cache line that will be read soon. Never faults, whatever the address.
static inline void tidemark_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// `first` where the condition holds, else `second`; by a move, not by a branch, for nobody can foresee which.
static inline uint64_t tidemark_select(bool condition, uint64_t first, uint64_t second) {
    return __builtin_unpredictable(condition) ? first : second;
}

// The Castagnoli CRC (reflected, polynomial 0x1EDC6F41), without the inversions at the start and at the end: by the
// processor's own instruction where it has one.

/// Whether the processor has the instruction; asking takes long, so it is asked once.
static inline bool tidemark_has_crc32c(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2);
#elif defined(__aarch64__)
    return getauxval(AT_HWCAP) & (1u << 7);
#else
    return false;
#endif
}

/// For processors without the instruction: a table for half a byte.
static inline uint32_t tidemark_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    static const uint32_t table[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
        0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    const uint8_t *next = bytes;
    for (const uint8_t *end = next + count; next < end; next++) {
        crc ^= *next;
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return crc;
}

/// Only where `tidemark_has_crc32c`.
#if defined(__x86_64__)
__attribute__((target("sse4.2")))
#elif defined(__aarch64__)
__attribute__((target("crc")))
#endif
static inline uint32_t tidemark_crc32c_hardware(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__) || defined(__aarch64__)
    const uint8_t *next = bytes;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
#if defined(__x86_64__)
        crc = (uint32_t)__builtin_ia32_crc32di(crc, word);
#else
        crc = __builtin_arm_crc32cd(crc, word);
#endif
    }
    for (; count > 0; count--, next++) {
#if defined(__x86_64__)
        crc = __builtin_ia32_crc32qi(crc, *next);
#else
        crc = __builtin_arm_crc32cb(crc, *next);
#endif
    }
    return crc;
#else
    return tidemark_crc32c_portable(crc, bytes, count);
#endif
}

#endif
