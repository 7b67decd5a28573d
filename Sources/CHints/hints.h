#ifndef TIDEMARK_HINTS_H
#define TIDEMARK_HINTS_H

#include <malloc.h>
#include <spawn.h>
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

/// Only where `tidemark_has_crc32c`: the functions that use the instruction.
#if defined(__x86_64__)
#define TIDEMARK_CRC32C __attribute__((target("sse4.2")))
#define TIDEMARK_CRC32C_BYTE(crc, byte) __builtin_ia32_crc32qi(crc, byte)
#define TIDEMARK_CRC32C_WORD(crc, word) ((uint32_t)__builtin_ia32_crc32di(crc, word))
#elif defined(__aarch64__)
#define TIDEMARK_CRC32C __attribute__((target("crc")))
#define TIDEMARK_CRC32C_BYTE(crc, byte) __builtin_arm_crc32cb(crc, byte)
#define TIDEMARK_CRC32C_WORD(crc, word) __builtin_arm_crc32cd(crc, word)
#else
#define TIDEMARK_CRC32C
#define TIDEMARK_CRC32C_BYTE(crc, byte) tidemark_crc32c_portable(crc, &(uint8_t){byte}, 1)
#define TIDEMARK_CRC32C_WORD(crc, word) tidemark_crc32c_portable(crc, &(uint64_t){word}, 8)
#endif

static inline uint64_t tidemark_word(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/// The product of two polynomials modulo the CRC's, bits reflected.
static inline uint32_t tidemark_crc32c_product(uint32_t first, uint32_t second) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (first & bit) product ^= second;
        second = (second >> 1) ^ (second & 1 ? 0x82F63B78 : 0);
    }
    return product;
}

/// Three stretches at a time: the instruction takes three cycles, and can begin in each. What a stretch adds is found by
/// itself, and the checksum before it moved past it by a product with x to the power of its bits.
TIDEMARK_CRC32C
static inline uint32_t tidemark_crc32c_hardware(uint32_t crc, const void *bytes, size_t count) {
    enum { stretch = 4096 };
    const uint8_t *next = bytes;
    if (count >= 3 * stretch) {
        uint32_t past_one = 1u << 30;  // x
        for (unsigned bits = 1; bits < 8 * stretch; bits *= 2) past_one = tidemark_crc32c_product(past_one, past_one);
        uint32_t past_two = tidemark_crc32c_product(past_one, past_one);
        for (; count >= 3 * stretch; count -= 3 * stretch, next += 3 * stretch) {
            uint32_t second = 0, third = 0;
            for (size_t at = 0; at < stretch; at += 8) {
                crc = TIDEMARK_CRC32C_WORD(crc, tidemark_word(next + at));
                second = TIDEMARK_CRC32C_WORD(second, tidemark_word(next + stretch + at));
                third = TIDEMARK_CRC32C_WORD(third, tidemark_word(next + 2 * stretch + at));
            }
            crc = tidemark_crc32c_product(crc, past_two) ^ tidemark_crc32c_product(second, past_one) ^ third;
        }
    }
    for (; count >= 8; count -= 8, next += 8) crc = TIDEMARK_CRC32C_WORD(crc, tidemark_word(next));
    for (; count > 0; count--, next++) crc = TIDEMARK_CRC32C_BYTE(crc, *next);
    return crc;
}

/// Has the C library keep up to `kept` bytes of freed memory a thread instead of giving it back to the kernel, which
/// would clear and map it page by page when it is asked for again; blocks of more than `largest` bytes (at most 32 MiB)
/// go back at once.
static inline void tidemark_keep_freed_memory(int kept, int largest) {
    mallopt(M_TRIM_THRESHOLD, kept);
    mallopt(M_MMAP_THRESHOLD, largest);
}

// The C library declares it for its extensions alone, which the compiler does not ask for.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

/// Has a new process begin without the descriptors from `first` on.
static inline int tidemark_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

#endif
