/* An application context, `$app.tide`, whose values are of every type that one can have. */
#ifndef TIDEMARK_APP_CONTEXT_H
#define TIDEMARK_APP_CONTEXT_H

#include <stdint.h>

/* Registers the provider; for the whole life of the process. Returns nonzero on success. */
int app_context_register(void);

/* The calling thread's next event has these values: each context `$app.tide:TYPE` one of its type, `$app.tide:any` one
 * of the types in turn. TYPE is none, s8, s16, s32, s64, u8, u16, u32, u64, float, double or string. */
void app_context_set(uint64_t number);

#endif
