/* Writes one event of each type of `fields` and `blank` in turn, with application contexts and with what the tracer's
 * own functions write: for comparing readers. */
#include "blank.h"
#include "fields.h"

#include "app_context.h"
#include "program.h"

#include <float.h>
#include <lttng/tracef.h>
#include <lttng/tracelog.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Quotes, backslashes, controls, all lengths of UTF-8, and bytes that are none. */
static const char *const texts[] = {
    "e", "flood tide", "quote \" and \\ and / and '", "tab\tnewline\nreturn\rbell\a end", "\x01\x02\x1b\x1f\x7f",
    "f\xc3\xbcnf", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a", "\xff\xfe", "cut \xe2\x82", "\xc0\x80 overlong", "\xed\xa0\x80",
    "{ a = 1, b = [ [0] = 2 ] }", "%s %n $HOME",
};
static const double reals[] = {
    0.0, -0.0, 0.5, -1.25, 0.1, 1e300, -1e-300, 123456789.0, 1.0 / 3, INFINITY, -INFINITY, NAN, DBL_MAX, DBL_MIN,
    5e-324, FLT_MAX, FLT_MIN, 1e-45, 16777217.0, 9007199254740993.0, 1e15, 1e16, 1e-5, 100000, 999999.5,
};
static const uint64_t edges[] = {
    0, 1, UINT64_MAX, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0x7fffffffffffffff, 0x8000000000000000,
};
static const uint64_t unsigned_labels[] = {0, 1, 9, 10, 255, 256, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};

static struct field_values values_of(uint64_t number)
{
    uint64_t mixed = number * 0x9e3779b97f4a7c15ull;
    struct field_values values = {
        .number = number,
        .bits = number % 2 == 0 ? edges[number / 2 % LENGTH(edges)] : mixed,
        .real = number % 3 == 0 ? (double) mixed / 1e6 : reals[number % LENGTH(reals)],
        .text = texts[number % LENGTH(texts)],
        .counted_text = "counted",
        .text_length = (uint8_t) (1 + number % 7),
        .count = (uint8_t) (number % (VALUES + 1)),
        .signed_label = (int) (number % 14) - 4,
        .unsigned_label = unsigned_labels[number % LENGTH(unsigned_labels)],
    };
    for (int index = 0; index < VALUES; index++) {
        uint64_t bits = index % 2 == 0 ? mixed >> (8 * index) : edges[(number + (uint64_t) index) % LENGTH(edges)];
        values.int8s[index] = (int8_t) bits;
        values.int16s[index] = (int16_t) bits;
        values.int32s[index] = (int32_t) bits;
        values.int64s[index] = (int64_t) bits;
        values.uint8s[index] = (uint8_t) bits;
        values.uint16s[index] = (uint16_t) bits;
        values.uint32s[index] = (uint32_t) bits;
        values.uint64s[index] = bits;
        values.pointers[index] = (const void *) (uintptr_t) bits;
    }
    memcpy(values.fixed_text, "abcdefgh", 1 + number % 8);
    return values;
}

static void write_instances(const struct field_values *values)
{
    lttng_ust_tracepoint(fields, instance_0, values);
    lttng_ust_tracepoint(fields, instance_1, values);
    lttng_ust_tracepoint(fields, instance_2, values);
    lttng_ust_tracepoint(fields, instance_3, values);
    lttng_ust_tracepoint(fields, instance_4, values);
    lttng_ust_tracepoint(fields, instance_5, values);
    lttng_ust_tracepoint(fields, instance_6, values);
    lttng_ust_tracepoint(fields, instance_7, values);
}

static void event(const struct program *program, uint32_t thread, uint64_t seqno)
{
    struct field_values values = values_of(seqno);
    (void) program;
    (void) thread;

    app_context_set(seqno);
    lttng_ust_tracepoint(fields, integers, &values);
    lttng_ust_tracepoint(fields, reals, &values);
    lttng_ust_tracepoint(fields, texts, &values);
    lttng_ust_tracepoint(fields, arrays, &values);
    lttng_ust_tracepoint(fields, sequences, &values);
    lttng_ust_tracepoint(fields, labels, &values);
    lttng_ust_tracepoint(fields, unseen, &values);
    lttng_ust_tracepoint(fields, nothing, &values);
    lttng_ust_tracepoint(fields, no_arguments);
    write_instances(&values);
    lttng_ust_tracef("formatted %llu", (unsigned long long) seqno);
    lttng_ust_tracelog(LTTNG_UST_TRACEPOINT_LOGLEVEL_WARNING, "logged %llu", (unsigned long long) seqno);
    /* Empty, then not, and empty again. */
    values.text = seqno % 2 == 0 ? "" : "full";
    values.count = seqno % 2 == 0 ? 0 : 4;
    lttng_ust_tracepoint(blank, texts, &values);
}

int main(int argc, char **argv)
{
    struct program defaults = {
        .name = "fields", .id = 1, .threads = 1, .count = 100, .rate = 0, .burst = 1, .linger_ms = 0, .kinds = "",
    };
    if (!app_context_register()) {
        fprintf(stderr, "fields: the application context cannot be registered\n");
        return 70;
    }
    return program_run(argc, argv, defaults, event);
}
