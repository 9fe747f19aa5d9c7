/* SPDX-License-Identifier: Apache-2.0
 * delivery_file.c — opens a file that is going to be sent.
 *
 * Memory:  In r->pool.
 * Threads: As the request: one thread at a time.
 */
#include "delivery_file.h"

#include "apr_portable.h"
#include "http_core.h"

#include "httpd_log.h"
#include "kept_body.h"

bool delivery_file_from_memory(const request_rec *r, apr_off_t size)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    return size > 0 && size <= KEPT_BODY_MAX && core->enable_sendfile != ENABLE_SENDFILE_ON &&
           ((core->etag_bits | core->etag_add) & ETAG_DIGEST) == 0;
}

bool delivery_file_wanted(const request_rec *r)
{
    return !r->header_only && apr_table_get(r->headers_in, "If-None-Match") == NULL &&
           apr_table_get(r->headers_in, "If-Modified-Since") == NULL;
}

/* Takes the content into memory in place of the descriptor, if that can be done. */
static void read_small(request_rec *r, const char *path, struct delivery_file *file)
{
    struct fileid id = delivery_file_id(&file->finfo);
    apr_os_file_t fd;

    apr_os_file_get(&fd, file->fd);
    file->body = kept_body_read(fd, &id, r->request_time, r->pool);
    if (file->body != NULL) {
        LOG_R(APLOG_TRACE1, 0, r, "%s has been read into memory", path);
        delivery_file_close(file);
    }
}

static apr_status_t open_file(request_rec *r, const char *path, struct delivery_file *file)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_status_t status = apr_file_open(
        &file->fd, path, APR_READ | APR_BINARY | AP_SENDFILE_ENABLED(core->enable_sendfile), 0,
        r->pool);

    if (status != APR_SUCCESS) {
        file->fd = NULL;
        return status;
    }
    status = apr_file_info_get(&file->finfo, APR_FINFO_MIN | APR_FINFO_IDENT, file->fd);
    if (status != APR_SUCCESS && status != APR_INCOMPLETE) {
        delivery_file_close(file);
        return status;
    }
    if (file->finfo.filetype == APR_REG && delivery_file_from_memory(r, file->finfo.size) &&
        delivery_file_wanted(r)) {
        read_small(r, path, file);
    }
    return APR_SUCCESS;
}

apr_status_t delivery_file_open(request_rec *r, const char *path, const apr_finfo_t *found,
                                struct delivery_file *file)
{
    apr_status_t status = APR_SUCCESS;

    file->body = NULL;
    if (found->filetype == APR_REG && delivery_file_from_memory(r, found->size)) {
        struct fileid id = delivery_file_id(found);
        file->body = kept_body_find(&id, r->pool);
    }
    if (file->body != NULL) {
        file->fd = NULL;
        file->finfo = *found;
    } else {
        status = open_file(r, path, file);
    }
    file->path = path;
    file->size = file->finfo.size;
    return status;
}

void delivery_file_close(struct delivery_file *file)
{
    if (file->fd != NULL) {
        apr_file_close(file->fd);
        file->fd = NULL;
    }
}
