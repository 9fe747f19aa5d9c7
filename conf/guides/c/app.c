/* SPDX-License-Identifier: Apache-2.0
 * app.c — an app for the page beside it, in C without a library: counts primes and has the page
 * show the result.
 */
__attribute__((import_module("page"), import_name("show"))) void show(const char *text, int length);

static char text[32] = "The primes: ";

static int put(int at, int number)
{
    if (number >= 10) {
        at = put(at, number / 10);
    }
    text[at] = (char)('0' + number % 10);
    return at + 1;
}

static int is_prime(int number)
{
    for (int i = 2; i * i <= number; i++) {
        if (number % i == 0) {
            return 0;
        }
    }
    return number > 1;
}

/* Shows how many primes there are up to the limit. */
__attribute__((export_name("start"))) void start(int limit)
{
    int primes = 0;

    for (int i = 0; i <= limit; i++) {
        primes += is_prime(i);
    }
    show(text, put(12, primes));
}
