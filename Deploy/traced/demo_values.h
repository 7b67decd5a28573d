#ifndef TIDEMARK_DEMO_VALUES_H
#define TIDEMARK_DEMO_VALUES_H

#include <stdint.h>

/* What `demo:types` gets: made once, values follow from seqno. */
struct demo_values {
    uint64_t bits;               /* all integer fields are cut from these */
    double number;
    const char *text;
    char fixed_text[8];
    uint8_t text_length;
    const char *counted_text;
    uint32_t numbers_length;     /* up to 5 */
    int16_t numbers[5];
    uint32_t fixed_numbers[3];
    int colour;
};

#endif
