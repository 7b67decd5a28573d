/* The tracer's interface for application contexts is part of its binary interface, but in no header that is installed:
 * what is needed of it is declared here. */
#include "app_context.h"

#include <lttng/ust-events.h>
#include <lttng/ust-ringbuffer-context.h>
#include <stddef.h>
#include <string.h>

/* In the tracer's order: the tag that stands before the value. */
enum type { NONE, S8, S16, S32, S64, U8, U16, U32, U64, FLOAT, DOUBLE, STRING, TYPES };
static const char *const names[TYPES] = {
    "none", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "float", "double", "string",
};

/* What filters are given. */
struct filter_value {
    int type;
    union {
        int64_t as_signed;
        uint64_t as_unsigned;
        const char *as_text;
        double as_real;
    } value;
};

/* One `$app.tide:NAME` that a session has asked for: what the callbacks are passed. */
struct context {
    uint32_t struct_size;
    void *event_field;
    const char *name;
};

struct provider {
    uint32_t struct_size;
    const char *name;
    size_t (*size)(struct context *context, struct lttng_ust_probe_ctx *probe, size_t offset);
    void (*record)(struct context *context, struct lttng_ust_probe_ctx *probe, struct lttng_ust_ring_buffer_ctx *ring,
        struct lttng_ust_channel_buffer *channel);
    void (*filter_value)(struct context *context, struct lttng_ust_probe_ctx *probe, struct filter_value *value);
    void *unused;
};

void *lttng_ust_context_provider_register(struct provider *provider);

/* The values of the calling thread's next event. */
static __thread struct {
    uint64_t number;
    char text[24];
} now;

void app_context_set(uint64_t number)
{
    now.number = number;
    memset(now.text, 0, sizeof(now.text));
    memset(now.text, 'a' + (int) (number % 26), 1 + number % 20);
}

/* Calls `take` with the bytes of the context's value, tag first. */
static void each_part(struct context *context, void (*take)(void *to, const void *part, size_t size), void *to)
{
    const char *name = strrchr(context->name, ':') + 1;
    unsigned char type = NONE;
    uint64_t bits = now.number * 0x9e3779b97f4a7c15ull;
    float single = (float) now.number / 8;
    double real = -(double) now.number / 3;

    while (type < TYPES && strcmp(name, names[type]) != 0)
        type++;
    if (strcmp(name, "any") == 0)
        type = (unsigned char) (now.number % TYPES);
    if (type == TYPES)
        type = NONE;
    take(to, &type, 1);
    switch (type) {
    case S8: case U8: take(to, &bits, 1); break;
    case S16: case U16: take(to, &bits, 2); break;
    case S32: case U32: take(to, &bits, 4); break;
    case S64: case U64: take(to, &bits, 8); break;
    case FLOAT: take(to, &single, sizeof(single)); break;
    case DOUBLE: take(to, &real, sizeof(real)); break;
    case STRING: take(to, now.text, strlen(now.text) + 1); break;
    default: break;
    }
}

static void add_size(void *to, const void *part, size_t size)
{
    (void) part;
    *(size_t *) to += size;
}

/* Nothing is aligned on this architecture, so the offset does not matter. */
static size_t size(struct context *context, struct lttng_ust_probe_ctx *probe, size_t offset)
{
    size_t sum = 0;
    (void) probe;
    (void) offset;
    each_part(context, add_size, &sum);
    return sum;
}

struct destination {
    struct lttng_ust_ring_buffer_ctx *ring;
    struct lttng_ust_channel_buffer *channel;
};

static void write_part(void *to, const void *part, size_t size)
{
    struct destination *destination = to;
    destination->channel->ops->event_write(destination->ring, part, size, 1);
}

static void record(struct context *context, struct lttng_ust_probe_ctx *probe, struct lttng_ust_ring_buffer_ctx *ring,
    struct lttng_ust_channel_buffer *channel)
{
    struct destination destination = {.ring = ring, .channel = channel};
    (void) probe;
    each_part(context, write_part, &destination);
}

/* No filter of ours asks for one. */
static void filter_value(struct context *context, struct lttng_ust_probe_ctx *probe, struct filter_value *value)
{
    (void) context;
    (void) probe;
    value->type = NONE;
}

int app_context_register(void)
{
    static struct provider provider = {
        .struct_size = sizeof(provider), .name = "$app.tide", .size = size, .record = record,
        .filter_value = filter_value,
    };
    _Static_assert(lttng_ust_rb_alignof(uint64_t) == 1, "values are aligned here: their sizes depend on the offset");
    return lttng_ust_context_provider_register(&provider) != NULL;
}
