#ifndef TIDEMARK_FIELDS_VALUES_H
#define TIDEMARK_FIELDS_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#define VALUES 4

/* What one event of each type gets, all of it from the event's number. */
struct field_values {
    uint64_t number;
    uint64_t bits;              /* all integers are cut from these */
    double real;
    const char *text;           /* never empty but in `blank:*` */
    char fixed_text[8];         /* ends with a NUL, or with its eighth character */
    const char *counted_text;
    uint8_t text_length;        /* 1...7 */
    uint8_t count;              /* 0...VALUES */
    int8_t int8s[VALUES];
    int16_t int16s[VALUES];
    int32_t int32s[VALUES];
    int64_t int64s[VALUES];
    uint8_t uint8s[VALUES];
    uint16_t uint16s[VALUES];
    uint32_t uint32s[VALUES];
    uint64_t uint64s[VALUES];
    const void *pointers[VALUES];
    int signed_label;
    uint64_t unsigned_label;
};

/* A field of a kind for each width; `declare` is one of the tracer's macros. */
#define EVERY_INTEGER(declare, name) \
    declare(int8_t, name##_int8, (int8_t) values->bits) \
    declare(int16_t, name##_int16, (int16_t) values->bits) \
    declare(int32_t, name##_int32, (int32_t) values->bits) \
    declare(int64_t, name##_int64, (int64_t) values->bits) \
    declare(uint8_t, name##_uint8, (uint8_t) values->bits) \
    declare(uint16_t, name##_uint16, (uint16_t) values->bits) \
    declare(uint32_t, name##_uint32, (uint32_t) values->bits) \
    declare(uint64_t, name##_uint64, values->bits)

#define EVERY_ARRAY(declare, name) \
    declare(int8_t, name##_int8, values->int8s, VALUES) \
    declare(int16_t, name##_int16, values->int16s, 3) \
    declare(int32_t, name##_int32, values->int32s, 2) \
    declare(int64_t, name##_int64, values->int64s, 1) \
    declare(uint8_t, name##_uint8, values->uint8s, VALUES) \
    declare(uint16_t, name##_uint16, values->uint16s, 3) \
    declare(uint32_t, name##_uint32, values->uint32s, 2) \
    declare(uint64_t, name##_uint64, values->uint64s, 1)

#define EVERY_SEQUENCE(declare, name) \
    declare(int8_t, name##_int8, values->int8s, uint8_t, values->count) \
    declare(int16_t, name##_int16, values->int16s, uint16_t, values->count) \
    declare(int32_t, name##_int32, values->int32s, uint32_t, values->count) \
    declare(int64_t, name##_int64, values->int64s, uint64_t, values->count) \
    declare(uint8_t, name##_uint8, values->uint8s, unsigned long, values->count) \
    declare(uint16_t, name##_uint16, values->uint16s, size_t, values->count) \
    declare(uint32_t, name##_uint32, values->uint32s, unsigned char, values->count) \
    declare(uint64_t, name##_uint64, values->uint64s, unsigned int, values->count)

#endif
