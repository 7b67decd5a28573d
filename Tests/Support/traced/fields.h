/* Tracepoints with every kind of field that liblttng-ust 2.13 can declare: for comparing readers. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER fields

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "fields.h"

#if !defined(TIDEMARK_FIELDS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define TIDEMARK_FIELDS_H

#include "fields_values.h"

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(fields, integers,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        EVERY_INTEGER(lttng_ust_field_integer, plain)
        EVERY_INTEGER(lttng_ust_field_integer_hex, hex)
        EVERY_INTEGER(lttng_ust_field_integer_network, network)
        EVERY_INTEGER(lttng_ust_field_integer_network_hex, network_hex)
        lttng_ust_field_integer(bool, truth, values->bits & 1)
        lttng_ust_field_integer(char, letter, (char) values->bits)
        lttng_ust_field_integer(long, word, (long) values->bits)
        lttng_ust_field_integer(unsigned long long, wide, values->bits)
        lttng_ust_field_integer_hex(const void *, address, values->pointers[0])
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, integers, LTTNG_UST_TRACEPOINT_LOGLEVEL_EMERG)
LTTNG_UST_TRACEPOINT_MODEL_EMF_URI(fields, integers, "https://example.org/fields.ecore?a=1&b=%20#//ep")

LTTNG_UST_TRACEPOINT_EVENT(fields, reals,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_float(double, real, values->real)
        lttng_ust_field_integer(uint8_t, unaligned, values->number)
        lttng_ust_field_float(float, single, (float) values->real)
        lttng_ust_field_float(double, again, -values->real)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, reals, LTTNG_UST_TRACEPOINT_LOGLEVEL_ALERT)

LTTNG_UST_TRACEPOINT_EVENT(fields, texts,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_string(text, values->text)
        lttng_ust_field_string(null, NULL)
        lttng_ust_field_array_text(char, fixed, values->fixed_text, 8)
        lttng_ust_field_array_text(uint8_t, fixed_bytes, values->fixed_text, 1)
        lttng_ust_field_sequence_text(char, counted, values->counted_text, uint8_t, values->text_length)
        lttng_ust_field_sequence_text(char, counted_16, values->counted_text, uint16_t, values->text_length)
        lttng_ust_field_sequence_text(int8_t, counted_32, values->counted_text, uint32_t, values->text_length)
        lttng_ust_field_sequence_text(char, counted_64, values->counted_text, uint64_t, values->text_length)
        lttng_ust_field_string(_underscore, values->text)
        lttng_ust_field_string(_struct, "a reserved word")
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, texts, LTTNG_UST_TRACEPOINT_LOGLEVEL_CRIT)

LTTNG_UST_TRACEPOINT_EVENT(fields, arrays,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        EVERY_ARRAY(lttng_ust_field_array, plain)
        EVERY_ARRAY(lttng_ust_field_array_hex, hex)
        EVERY_ARRAY(lttng_ust_field_array_network, network)
        EVERY_ARRAY(lttng_ust_field_array_network_hex, network_hex)
        lttng_ust_field_array_hex(const void *, addresses, values->pointers, VALUES)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, arrays, LTTNG_UST_TRACEPOINT_LOGLEVEL_ERR)

LTTNG_UST_TRACEPOINT_EVENT(fields, sequences,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        EVERY_SEQUENCE(lttng_ust_field_sequence, plain)
        EVERY_SEQUENCE(lttng_ust_field_sequence_hex, hex)
        EVERY_SEQUENCE(lttng_ust_field_sequence_network, network)
        EVERY_SEQUENCE(lttng_ust_field_sequence_network_hex, network_hex)
        lttng_ust_field_sequence_hex(const void *, addresses, values->pointers, uint8_t, values->count)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, sequences, LTTNG_UST_TRACEPOINT_LOGLEVEL_WARNING)

/* Negative values, a range, one value with two labels, values without any, labels that need care. */
LTTNG_UST_TRACEPOINT_ENUM(fields, signed_labels,
    LTTNG_UST_TP_ENUM_VALUES(
        lttng_ust_field_enum_range("BELOW", -100, -2)
        lttng_ust_field_enum_value("MINUS ONE", -1)
        lttng_ust_field_enum_auto("ZERO")
        lttng_ust_field_enum_auto("ONE")
        lttng_ust_field_enum_value("one", 1)
        lttng_ust_field_enum_range("FEW", 1, 4)
        lttng_ust_field_enum_auto("a \"quoted\" \\ label")
        lttng_ust_field_enum_value("line\nbreak", 6)
        lttng_ust_field_enum_value("", 7)
    )
)

LTTNG_UST_TRACEPOINT_ENUM(fields, unsigned_labels,
    LTTNG_UST_TP_ENUM_VALUES(
        lttng_ust_field_enum_auto("ZERO")
        lttng_ust_field_enum_range("SMALL", 1U, 9U)
        lttng_ust_field_enum_range("BYTE", 0U, 255U)
        lttng_ust_field_enum_range("HUGE", 0x8000000000000000ULL, 0xffffffffffffffffULL)
        lttng_ust_field_enum_value("MAX", 0xffffffffffffffffULL)
    )
)

LTTNG_UST_TRACEPOINT_EVENT(fields, labels,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_enum(fields, signed_labels, int8_t, signed_8, (int8_t) values->signed_label)
        lttng_ust_field_enum(fields, signed_labels, int16_t, signed_16, (int16_t) values->signed_label)
        lttng_ust_field_enum(fields, signed_labels, int, signed_32, values->signed_label)
        lttng_ust_field_enum(fields, signed_labels, int64_t, signed_64, values->signed_label)
        lttng_ust_field_enum(fields, unsigned_labels, uint8_t, unsigned_8, (uint8_t) values->unsigned_label)
        lttng_ust_field_enum(fields, unsigned_labels, uint16_t, unsigned_16, (uint16_t) values->unsigned_label)
        lttng_ust_field_enum(fields, unsigned_labels, uint32_t, unsigned_32, (uint32_t) values->unsigned_label)
        lttng_ust_field_enum(fields, unsigned_labels, uint64_t, unsigned_64, values->unsigned_label)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, labels, LTTNG_UST_TRACEPOINT_LOGLEVEL_NOTICE)

/* Fields that filters see and traces do not hold, of every kind, around two that they do. */
LTTNG_UST_TRACEPOINT_EVENT(fields, unseen,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint64_t, seen, values->number)
        EVERY_INTEGER(lttng_ust_field_integer_nowrite, hidden)
        lttng_ust_field_integer_nowrite(uint64_t, hidden_number, values->number)
        lttng_ust_field_float_nowrite(double, hidden_real, values->real)
        lttng_ust_field_float_nowrite(float, hidden_single, (float) values->real)
        lttng_ust_field_string_nowrite(hidden_text, values->text)
        EVERY_ARRAY(lttng_ust_field_array_nowrite, hidden_array)
        EVERY_ARRAY(lttng_ust_field_array_nowrite_hex, hidden_array_hex)
        EVERY_ARRAY(lttng_ust_field_array_network_nowrite, hidden_array_network)
        EVERY_ARRAY(lttng_ust_field_array_network_nowrite_hex, hidden_array_network_hex)
        lttng_ust_field_array_text_nowrite(char, hidden_fixed, values->fixed_text, 8)
        EVERY_SEQUENCE(lttng_ust_field_sequence_nowrite, hidden_sequence)
        EVERY_SEQUENCE(lttng_ust_field_sequence_nowrite_hex, hidden_sequence_hex)
        EVERY_SEQUENCE(lttng_ust_field_sequence_network_nowrite, hidden_sequence_network)
        EVERY_SEQUENCE(lttng_ust_field_sequence_network_nowrite_hex, hidden_sequence_network_hex)
        lttng_ust_field_sequence_text_nowrite(char, hidden_counted, values->counted_text, uint8_t, values->text_length)
        lttng_ust_field_enum_nowrite(fields, signed_labels, int, hidden_label, values->signed_label)
        lttng_ust_field_unused(values->real)
        lttng_ust_field_unused_nowrite(values->text)
        lttng_ust_field_string(also_seen, values->text)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, unseen, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

LTTNG_UST_TRACEPOINT_EVENT(fields, nothing,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_unused(values)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, nothing, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_SYSTEM)

LTTNG_UST_TRACEPOINT_EVENT(fields, no_arguments,
    LTTNG_UST_TP_ARGS(),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(int, always, -1)
    )
)

/* Events of one class, with the remaining log levels; `instance_5` has none. */
LTTNG_UST_TRACEPOINT_EVENT_CLASS(fields, instances,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint64_t, number, values->number)
    )
)
#define INSTANCE(name) \
    LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(fields, instances, fields, name, \
        LTTNG_UST_TP_ARGS(const struct field_values *, values))
INSTANCE(instance_0)
INSTANCE(instance_1)
INSTANCE(instance_2)
INSTANCE(instance_3)
INSTANCE(instance_4)
INSTANCE(instance_5)
INSTANCE(instance_6)
INSTANCE(instance_7)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_0, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_PROGRAM)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_1, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_PROCESS)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_2, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_MODULE)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_3, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_UNIT)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_4, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_FUNCTION)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_6, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG_LINE)
LTTNG_UST_TRACEPOINT_LOGLEVEL(fields, instance_7, LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG)

#endif

#include <lttng/tracepoint-event.h>
