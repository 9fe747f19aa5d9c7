/* SPDX-License-Identifier: Apache-2.0
 * fileid_test.c — identities of files: each field counts, records and hashes carry them all.
 * layers: delivery
 *
 * Memory:  Nothing is allocated.
 * Threads: One.
 */
#include "unit.h"

#include "fileid.h"

static const struct fileid base = {1, 2, 3, 4000000, 5000000};

TEST(each_field_counts)
{
    for (int i = 0; i < 5; i++) {
        struct fileid other = base, back;
        uint8_t bytes[FILEID_BYTES];
        CASE("field %d", i);
        other.device += i == 0;
        other.inode += i == 1;
        other.size += i == 2;
        other.mtime += i == 3;
        other.ctime += i == 4;
        CHECK(!fileid_equal(&base, &other));
        CHECK(fileid_hash(&base) != fileid_hash(&other));
        fileid_write(bytes, &other);
        fileid_read(&back, bytes);
        CHECK(fileid_equal(&other, &back));
    }
    CHECK(fileid_equal(&base, &base));
}

TEST(records_are_little_endian)
{
    const struct fileid id = {0x0102030405060708, UINT64_MAX, 0, -1, INT64_MIN};
    struct fileid back;
    uint8_t bytes[FILEID_BYTES];

    fileid_write(bytes, &id);
    CHECK_EQ_MEM(bytes, 8, "\x08\7\6\5\4\3\2\1", 8);
    fileid_read(&back, bytes);
    CHECK(fileid_equal(&id, &back));
}

TEST(of_stat)
{
    struct stat st = {
        .st_dev = 7, .st_ino = 8, .st_size = 9, .st_mtim = {10, 123456789}, .st_ctim = {11, 999}};
    const struct fileid id = {7, 8, 9, 10123456, 11000000}, own = fileid_of_stat(&st);

    CHECK(fileid_equal(&own, &id));
}

TEST(settled)
{
    struct fileid id = {1, 1, 1, 10000000, 10000000};

    CHECK(!fileid_settled(&id, 10000000));
    CHECK(!fileid_settled(&id, 10000000 + FILEID_SETTLED - 1));
    CHECK(fileid_settled(&id, 10000000 + FILEID_SETTLED));
    id.mtime = 0; /* set back: ctime tells */
    CHECK(!fileid_settled(&id, 10000000));
    id.mtime = 11000000; /* a file system on which ctime is something else */
    CHECK(!fileid_settled(&id, 11000000 + FILEID_SETTLED - 1));
    CHECK(fileid_settled(&id, 11000000 + FILEID_SETTLED));
    id.mtime = INT64_MAX; /* set to the future: ctime tells */
    CHECK(!fileid_settled(&id, 10000000 + FILEID_SETTLED - 1));
    CHECK(fileid_settled(&id, 10000000 + FILEID_SETTLED));
    id.ctime = INT64_MAX; /* another clock */
    CHECK(!fileid_settled(&id, 20000000));
    id.mtime = id.ctime = INT64_MIN;
    CHECK(fileid_settled(&id, 20000000));
    CHECK(!fileid_settled(&id, 0));
    CHECK(!fileid_settled(&id, INT64_MIN));
}
