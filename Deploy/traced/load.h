/* The tracepoint of `load`: fourteen fields, 89 bytes of payload, as a busy server's events have them. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER load

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "load.h"

#if !defined(TIDEMARK_LOAD_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define TIDEMARK_LOAD_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(load, event,
    LTTNG_UST_TP_ARGS(uint32_t, program, uint32_t, thread, uint64_t, seqno, const char *, text),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, program, program)
        lttng_ust_field_integer(uint32_t, thread, thread)
        lttng_ust_field_integer(uint64_t, seqno, seqno)
        lttng_ust_field_integer_hex(uint64_t, address, 0xffff800000000000u + 64u * seqno)
        lttng_ust_field_integer(int32_t, status, (int32_t) (seqno % 7) - 3)
        lttng_ust_field_integer(uint16_t, port, (uint16_t) seqno)
        lttng_ust_field_integer(uint8_t, kind, (uint8_t) (seqno % 5))
        lttng_ust_field_integer(uint64_t, bytes, seqno * 1500u)
        lttng_ust_field_float(double, ratio, (double) seqno / 1024.0)
        lttng_ust_field_float(float, share, (float) (seqno % 100) / 100.0f)
        lttng_ust_field_string(text, text)
        lttng_ust_field_array_text(char, tag, "load-tag", 8)
        lttng_ust_field_integer(int64_t, started, (int64_t) seqno * -1000)
        lttng_ust_field_integer_network(uint32_t, peer, 0x7f000001u)
    )
)
LTTNG_UST_TRACEPOINT_LOGLEVEL(load, event, LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO)

#endif

#include <lttng/tracepoint-event.h>
