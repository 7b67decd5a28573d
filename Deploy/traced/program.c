#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull

/* SIGTERM and SIGINT end the writing; the process then still lingers, as a server that shuts down in order. */
static volatile sig_atomic_t stopping;

struct writer {
    pthread_t pthread;
    const struct program *program;
    program_event event;
    uint32_t number;
    uint64_t written;
};

static void stop(int signal_number)
{
    (void) signal_number;
    stopping = 1;
}

uint64_t program_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * SECOND_NS + (uint64_t) now.tv_nsec;
}

/* Ends early when a signal comes: that is what the loops around it look at. */
static void sleep_ns(uint64_t duration_ns)
{
    struct timespec duration = {
        .tv_sec = (time_t) (duration_ns / SECOND_NS),
        .tv_nsec = (long) (duration_ns % SECOND_NS),
    };
    nanosleep(&duration, NULL);
}

static void *write_events(void *argument)
{
    struct writer *writer = argument;
    const struct program *program = writer->program;
    uint64_t start_ns = program_now_ns();

    for (uint64_t seqno = 1; (program->count == 0 || seqno <= program->count) && !stopping; seqno++) {
        if (program->rate > 0 && (seqno - 1) % program->burst == 0) {
            uint64_t due_ns = start_ns + (uint64_t) ((double) (seqno - 1) / program->rate * (double) SECOND_NS);
            for (uint64_t now = program_now_ns(); now < due_ns && !stopping; now = program_now_ns())
                sleep_ns(due_ns - now < SECOND_NS / 10 ? due_ns - now : SECOND_NS / 10);
            if (stopping)
                break;
        }
        writer->event(program, writer->number, seqno);
        writer->written = seqno;
    }
    return NULL;
}

static void usage(const struct program *program, FILE *out)
{
    fprintf(out,
        "usage: %s [options]\n"
        "  --id N          the program's number, in every event (%" PRIu32 ")\n"
        "  --threads N     1 to %d (%" PRIu32 ")\n"
        "  --count N       events per thread, 0 = until a signal (%" PRIu64 ")\n"
        "  --rate HZ       events per second and thread, 0 = as fast as it goes (%g)\n"
        "  --burst N       events between two pauses (%" PRIu64 ")\n"
        "  --linger-ms N   stay that long after the last event (%" PRIu64 ")\n"
        "  --start-file F  wait for this file before the first event\n"
        "  --kinds LIST    tick: event types in turn, of tick,tock,types,stamp\n",
        program->name, program->id, THREADS_MAX, program->threads, program->count, program->rate, program->burst,
        program->linger_ms);
}

static uint64_t number(const char *option, const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || *text == '-') {
        fprintf(stderr, "--%s: not a number: %s\n", option, text);
        exit(64);
    }
    return value;
}

static void parse(int argc, char **argv, struct program *program)
{
    static const struct option options[] = {
        {"id", required_argument, NULL, 'i'}, {"threads", required_argument, NULL, 't'},
        {"count", required_argument, NULL, 'c'}, {"rate", required_argument, NULL, 'r'},
        {"burst", required_argument, NULL, 'b'}, {"linger-ms", required_argument, NULL, 'l'},
        {"start-file", required_argument, NULL, 's'}, {"kinds", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0},
    };
    int which;

    for (int option; (option = getopt_long(argc, argv, "", options, &which)) != -1;) {
        switch (option) {
        case 'i': program->id = (uint32_t) number("id", optarg); break;
        case 't': program->threads = (uint32_t) number("threads", optarg); break;
        case 'c': program->count = number("count", optarg); break;
        case 'r': program->rate = strtod(optarg, NULL); break;
        case 'b': program->burst = number("burst", optarg); break;
        case 'l': program->linger_ms = number("linger-ms", optarg); break;
        case 's': program->start_file = optarg; break;
        case 'k': program->kinds = optarg; break;
        case 'h': usage(program, stdout); exit(0);
        default: usage(program, stderr); exit(64);
        }
    }
    if (optind != argc || program->threads < 1 || program->threads > THREADS_MAX || program->burst < 1) {
        usage(program, stderr);
        exit(64);
    }
}

int program_run(int argc, char **argv, struct program program, program_event event)
{
    static struct writer writers[THREADS_MAX];
    struct sigaction action = {.sa_handler = stop};
    uint64_t written = 0;

    parse(argc, argv, &program);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    while (program.start_file != NULL && access(program.start_file, F_OK) != 0 && !stopping)
        sleep_ns(SECOND_NS / 200);

    for (uint32_t index = 0; index < program.threads; index++) {
        writers[index] = (struct writer) {.program = &program, .event = event, .number = index};
        int error = pthread_create(&writers[index].pthread, NULL, write_events, &writers[index]);
        if (error != 0) {
            fprintf(stderr, "%s: thread %" PRIu32 ": %s\n", program.name, index, strerror(error));
            return 71;
        }
    }
    for (uint32_t index = 0; index < program.threads; index++) {
        pthread_join(writers[index].pthread, NULL);
        written += writers[index].written;
    }
    printf("%" PRIu64 "\n", written);
    fflush(stdout);

    uint64_t end_ns = program_now_ns() + program.linger_ms * 1000000ull;
    for (uint64_t now = program_now_ns(); now < end_ns; now = program_now_ns())
        sleep_ns(end_ns - now);
    return 0;
}
