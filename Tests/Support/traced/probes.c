/* The probes of our providers; apart from their use, since those of the tracer's own providers are in its library. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "blank.h"
#include "fields.h"
