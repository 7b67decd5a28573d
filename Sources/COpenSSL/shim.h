// The system's libssl and libcrypto for Swift: what Swift imports by itself comes from OpenSSL's own headers; macros,
// typed stacks and functions with variable arguments are wrapped here, under the prefix `tidemark_`.
#ifndef TIDEMARK_COPENSSL_SHIM_H
#define TIDEMARK_COPENSSL_SHIM_H

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
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

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "OpenSSL 3.0 or newer is needed"
#endif

// MARK: Contexts (macros over SSL_CTX_ctrl)

static inline long tidemark_SSL_CTX_set_versions(SSL_CTX *context, int minimum, int maximum) {
    return SSL_CTX_set_min_proto_version(context, minimum) && SSL_CTX_set_max_proto_version(context, maximum);
}

/// No tickets, no compression, no renegotiation: nothing that outlives or reopens a handshake.
static inline void tidemark_SSL_CTX_set_hardened(SSL_CTX *context, long peer_chain_bytes_max) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                                     | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(context, peer_chain_bytes_max);
}

/// The groups of key exchange, by preference.
static inline long tidemark_SSL_CTX_set_groups(SSL_CTX *context, const char *names) {
    return SSL_CTX_set1_groups_list(context, names);
}

static inline long tidemark_SSL_CTX_add1_chain_cert(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate);
}

// MARK: Connections

static inline long tidemark_SSL_add1_chain_cert(SSL *ssl, X509 *certificate) {
    return SSL_add1_chain_cert(ssl, certificate);
}

static inline long tidemark_SSL_set_host_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}

static inline void tidemark_BIO_set_retry_read(BIO *bio) {
    BIO_set_retry_read(bio);
}

static inline void tidemark_BIO_clear_retry(BIO *bio) {
    BIO_clear_retry_flags(bio);
}

// MARK: Errors (static inline or macro, by version)

static inline int tidemark_ERR_library(unsigned long code) {
    return ERR_GET_LIB(code);
}

static inline int tidemark_ERR_reason(unsigned long code) {
    return ERR_GET_REASON(code);
}

// MARK: Certificates

/// Certificates of the chain that is being verified.
static inline int tidemark_X509_STORE_CTX_chain_count(X509_STORE_CTX *verification) {
    return sk_X509_num(X509_STORE_CTX_get0_chain(verification));
}

static inline int tidemark_general_names_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

static inline GENERAL_NAME *tidemark_general_names_at(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}

/// The flags are a macro that Swift does not import.
static inline int tidemark_X509_NAME_print(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
}

/// Variable arguments.
static inline EVP_PKEY *tidemark_EC_generate_P256(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

/// An extension by its text in the syntax of openssl.cnf, without a configuration file behind it.
static inline X509_EXTENSION *tidemark_X509_extension(X509 *issuer, X509 *subject, int nid, const char *text) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    return X509V3_EXT_conf_nid(NULL, &context, nid, text);
}

/// A macro over BIO_ctrl.
static inline long tidemark_BIO_memory(BIO *bio, const char **start) {
    return BIO_get_mem_data(bio, (char **)start);
}

#endif
