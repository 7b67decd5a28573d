/* Writes numbered events as fast as given: for measuring, and for filling packets. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "load.h"

#include "program.h"

static void event(const struct program *program, uint32_t thread, uint64_t seqno)
{
    lttng_ust_tracepoint(load, event, program->id, thread, seqno, "GET /index");
}

int main(int argc, char **argv)
{
    struct program defaults = {
        .name = "load", .id = 1, .threads = 1, .count = 100000, .rate = 0, .burst = 100, .linger_ms = 0, .kinds = "",
    };
    return program_run(argc, argv, defaults, event);
}
