/* SPDX-License-Identifier: Apache-2.0
 * filter_nothing.c — the filter that does nothing: what it costs is what filtering costs.
 */
#include "http_wasm.h"

HTTP_EXPORT("handle_request") uint64_t handle_request(void)
{
    return HTTP_NEXT;
}

HTTP_EXPORT("handle_response") void handle_response(uint32_t context, uint32_t is_error)
{
    (void)context;
    (void)is_error;
}
