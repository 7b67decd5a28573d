/* What our traced programs share: their command line, their pace, and how they start and end. */
#ifndef TIDEMARK_PROGRAM_H
#define TIDEMARK_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define THREADS_MAX 64

struct program {
    const char *name;
    uint32_t id;               /* the `program` field of every event */
    uint32_t threads;          /* 1...THREADS_MAX */
    uint64_t count;            /* events per thread; 0 = until SIGTERM or SIGINT */
    double rate;               /* events per second and thread; 0 = as fast as it goes */
    uint64_t burst;            /* events between two looks at the clock */
    uint64_t linger_ms;        /* how long the process stays after its last event */
    const char *start_file;    /* the first event waits until this file is there; NULL = at once */
    const char *kinds;         /* `tick` only: which event types, in turn */
};

/* Writes event `seqno` (from 1) of a thread (from 0). */
typedef void (*program_event)(const struct program *program, uint32_t thread, uint64_t seqno);

/* Nanoseconds of CLOCK_MONOTONIC, which the tracer reads as well. */
uint64_t program_now_ns(void);

/* Reads the command line, writes the events, lingers. Returns the exit status. */
int program_run(int argc, char **argv, struct program defaults, program_event event);

#endif
