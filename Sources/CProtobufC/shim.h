// The system's libprotobuf-c: packing, unpacking, descriptors, allocators.
#ifndef TIDEMARK_CPROTOBUFC_SHIM_H
#define TIDEMARK_CPROTOBUFC_SHIM_H

#include <protobuf-c/protobuf-c.h>

#endif
