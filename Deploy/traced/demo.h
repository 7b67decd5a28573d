/* The tracepoints of our traced programs. Every event carries the number of its program and its own number in it (per
 * thread: see `thread`), so that a reader can tell whether all of them came, once each and in order. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER demo

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "demo.h"

#if !defined(TIDEMARK_DEMO_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define TIDEMARK_DEMO_H

#include "demo_values.h"

#include <lttng/tracepoint.h>
#include <stdint.h>

/* What a small event of a real program looks like. */
LTTNG_UST_TRACEPOINT_EVENT(demo, tick,
    LTTNG_UST_TP_ARGS(uint32_t, program, uint32_t, thread, uint64_t, seqno, const char *, message, double, ratio),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, program, program)
        lttng_ust_field_integer(uint32_t, thread, thread)
        lttng_ust_field_integer(uint64_t, seqno, seqno)
        lttng_ust_field_string(message, message)
        lttng_ust_field_float(double, ratio, ratio)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(demo, tick, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

/* A second event type, for enabling while a reader is attached. */
LTTNG_UST_TRACEPOINT_EVENT(demo, tock,
    LTTNG_UST_TP_ARGS(uint32_t, program, uint32_t, thread, uint64_t, seqno),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, program, program)
        lttng_ust_field_integer(uint32_t, thread, thread)
        lttng_ust_field_integer(uint64_t, seqno, seqno)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(demo, tock, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG)

/* Says when it was written by the program's own reading of a clock, for measuring how long it is on its way. */
LTTNG_UST_TRACEPOINT_EVENT(demo, stamp,
    LTTNG_UST_TP_ARGS(uint32_t, program, uint32_t, thread, uint64_t, seqno, uint64_t, monotonic_ns),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, program, program)
        lttng_ust_field_integer(uint32_t, thread, thread)
        lttng_ust_field_integer(uint64_t, seqno, seqno)
        lttng_ust_field_integer(uint64_t, monotonic_ns, monotonic_ns)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(demo, stamp, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

/* Has a range, a label for a single value, a value with two labels, and values without any. */
LTTNG_UST_TRACEPOINT_ENUM(demo, colour,
    LTTNG_UST_TP_ENUM_VALUES(
        lttng_ust_field_enum_value("NONE", 0)
        lttng_ust_field_enum_value("RED", 1)
        lttng_ust_field_enum_value("ROT", 1)
        lttng_ust_field_enum_range("WARM", 2, 5)
        lttng_ust_field_enum_value("two words", 6)
    )
)

/* Every kind of field that a UST program can declare. */
LTTNG_UST_TRACEPOINT_EVENT(demo, types,
    LTTNG_UST_TP_ARGS(uint32_t, program, uint32_t, thread, uint64_t, seqno, const struct demo_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, program, program)
        lttng_ust_field_integer(uint32_t, thread, thread)
        lttng_ust_field_integer(uint64_t, seqno, seqno)
        lttng_ust_field_integer(int8_t, signed_8, (int8_t) values->bits)
        lttng_ust_field_integer(int16_t, signed_16, (int16_t) values->bits)
        lttng_ust_field_integer(int32_t, signed_32, (int32_t) values->bits)
        lttng_ust_field_integer(int64_t, signed_64, (int64_t) values->bits)
        lttng_ust_field_integer(uint8_t, unsigned_8, (uint8_t) values->bits)
        lttng_ust_field_integer(uint16_t, unsigned_16, (uint16_t) values->bits)
        lttng_ust_field_integer_hex(uint8_t, hex_8, (uint8_t) values->bits)
        lttng_ust_field_integer_hex(int32_t, hex_signed_32, (int32_t) values->bits)
        lttng_ust_field_integer_hex(uint64_t, hex_64, values->bits)
        lttng_ust_field_integer_network(uint16_t, network_16, (uint16_t) values->bits)
        lttng_ust_field_integer_network(int32_t, network_32, (int32_t) values->bits)
        lttng_ust_field_integer_network_hex(uint32_t, network_hex_32, (uint32_t) values->bits)
        lttng_ust_field_float(float, single, (float) values->number)
        lttng_ust_field_float(double, number, values->number)
        lttng_ust_field_string(text, values->text)
        lttng_ust_field_array_text(char, fixed_text, values->fixed_text, 8)
        lttng_ust_field_sequence_text(char, counted_text, values->counted_text, uint8_t, values->text_length)
        lttng_ust_field_array(uint32_t, fixed_numbers, values->fixed_numbers, 3)
        lttng_ust_field_array_hex(uint32_t, fixed_hex, values->fixed_numbers, 3)
        lttng_ust_field_array_network(uint32_t, fixed_network, values->fixed_numbers, 3)
        lttng_ust_field_sequence(int16_t, numbers, values->numbers, uint32_t, values->numbers_length)
        lttng_ust_field_sequence_hex(int16_t, hex_numbers, values->numbers, uint16_t, values->numbers_length)
        lttng_ust_field_sequence_network(int16_t, network_numbers, values->numbers, uint64_t, values->numbers_length)
        lttng_ust_field_enum(demo, colour, int, colour, values->colour)
        lttng_ust_field_enum(demo, colour, uint8_t, small_colour, values->colour)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(demo, types, LTTNG_UST_TRACEPOINT_LOGLEVEL_WARNING)

#endif

#include <lttng/tracepoint-event.h>
