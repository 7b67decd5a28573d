/* Empty texts, which some readers get wrong: with a provider of their own, so that they can be left out. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER blank

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "blank.h"

#if !defined(TIDEMARK_BLANK_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define TIDEMARK_BLANK_H

#include "fields_values.h"

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(blank, texts,
    LTTNG_UST_TP_ARGS(const struct field_values *, values),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint64_t, number, values->number)
        lttng_ust_field_string(text, values->text)
        lttng_ust_field_array_text(char, fixed, values->text, 1)
        lttng_ust_field_sequence_text(char, counted, values->text, uint32_t, values->count)
    )
)

#endif

#include <lttng/tracepoint-event.h>
