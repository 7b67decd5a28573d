#ifndef TIDEMARK_TIMELINE_PAGE_H
#define TIDEMARK_TIMELINE_PAGE_H

#include <stddef.h>

/// A file of the timeline's page, as it was when the program was built.
struct tidemark_page_file {
    const char *_Nonnull name;
    const unsigned char *_Nonnull bytes;
    size_t count;
};

/// How many files of Sources/Web/Page there are.
extern const size_t tidemark_page_file_count;

/// One of them.
const struct tidemark_page_file *_Nonnull tidemark_page_file_at(size_t number);

#endif
