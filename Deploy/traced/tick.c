/* Writes numbered events at a steady rate: `demo:tick`, and other types of its provider when told so. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "demo.h"

#include "program.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* No text is ever empty: of such a one babeltrace2 2.0.4 may show what an earlier event had there. */
static const char *const words[] = {"e", "ebb", "flood", "slack water", "quote \" and \\ and \t", "f\xc3\xbcnf"};
static const double numbers[] = {0.0, 0.5, -1.25, 1e300, 0.1, INFINITY, -INFINITY, NAN, -0.0, 123456789.0};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void write_types(uint32_t program, uint32_t thread, uint64_t seqno)
{
    /* Odd and spread over all bytes, so that every integer field sees all its bits in time. */
    uint64_t bits = seqno * 0x9e3779b97f4a7c15ull;
    struct demo_values values = {
        .bits = bits,
        .number = numbers[seqno % LENGTH(numbers)],
        .text = words[seqno % LENGTH(words)],
        .counted_text = "counted",
        .text_length = (uint8_t) (1 + seqno % 7),
        .numbers_length = (uint32_t) (seqno % 6),
        .numbers = {(int16_t) seqno, (int16_t) -(int64_t) seqno, (int16_t) (bits >> 16), 0, -1},
        .fixed_numbers = {(uint32_t) seqno, (uint32_t) bits, (uint32_t) (bits >> 32)},
        .colour = (int) (seqno % 9) - 1,
    };
    memcpy(values.fixed_text, "abcdefgh", 1 + seqno % 8);
    lttng_ust_tracepoint(demo, types, program, thread, seqno, &values);
}

/* The type of event `seqno`: the list's words in turn. */
static char kind(const char *kinds, uint64_t seqno)
{
    uint64_t count = 1;
    for (const char *at = kinds; *at != 0; at++)
        count += *at == ',';
    for (uint64_t skip = (seqno - 1) % count; skip > 0; skip--)
        kinds = strchr(kinds, ',') + 1;
    return strncmp(kinds, "types", 5) == 0 ? 'y' : strncmp(kinds, "tock", 4) == 0 ? 'o' :
        strncmp(kinds, "stamp", 5) == 0 ? 's' : 'i';
}

static void event(const struct program *program, uint32_t thread, uint64_t seqno)
{
    char message[32];

    switch (kind(program->kinds, seqno)) {
    case 'y':
        write_types(program->id, thread, seqno);
        break;
    case 'o':
        lttng_ust_tracepoint(demo, tock, program->id, thread, seqno);
        break;
    case 's':
        lttng_ust_tracepoint(demo, stamp, program->id, thread, seqno, program_now_ns());
        break;
    default:
        snprintf(message, sizeof(message), "tide %llu", (unsigned long long) seqno);
        lttng_ust_tracepoint(demo, tick, program->id, thread, seqno, message, (double) (seqno % 100) / 8.0);
    }
}

int main(int argc, char **argv)
{
    struct program defaults = {
        .name = "tick", .id = 1, .threads = 1, .count = 0, .rate = 10, .burst = 1, .linger_ms = 0, .kinds = "tick",
    };
    return program_run(argc, argv, defaults, event);
}
