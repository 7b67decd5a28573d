// The system's libssl and libcrypto for Swift: what Swift imports by itself comes from OpenSSL's own headers; macros
// and functions with variable arguments are wrapped here, under the prefix `tidemark_`.
#ifndef TIDEMARK_COPENSSL_SHIM_H
#define TIDEMARK_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#endif
