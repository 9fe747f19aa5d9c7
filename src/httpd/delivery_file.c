/* SPDX-License-Identifier: Apache-2.0
 * delivery_file.c — opens a file that is going to be sent.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_file.h"

#include "http_core.h"

apr_status_t delivery_file_open(request_rec *r, const char *path, struct delivery_file *file)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_status_t status = apr_file_open(
        &file->fd, path, APR_READ | APR_BINARY | AP_SENDFILE_ENABLED(core->enable_sendfile), 0,
        r->pool);

    if (status != APR_SUCCESS) {
        return status;
    }
    status = apr_file_info_get(&file->finfo, APR_FINFO_MIN | APR_FINFO_IDENT, file->fd);
    if (status != APR_SUCCESS && status != APR_INCOMPLETE) {
        apr_file_close(file->fd);
        return status;
    }
    file->path = path;
    file->size = file->finfo.size;
    return APR_SUCCESS;
}
