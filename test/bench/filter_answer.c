/* SPDX-License-Identifier: Apache-2.0
 * filter_answer.c — the filter that answers every request by itself.
 */
#include "http_wasm.h"

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    http_set(HTTP_RESPONSE, "Content-Type", "text/plain");
    http_write(HTTP_RESPONSE, "Hello, world!\n");
    return HTTP_ANSWERED;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
