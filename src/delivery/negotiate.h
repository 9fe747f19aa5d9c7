/* SPDX-License-Identifier: Apache-2.0
 * negotiate.h — which content coding to send: Accept-Encoding read to the letter, variants
 * ranked.
 *
 * Why:     Servers fall short here in ways that cost users: "br;q=0" answered with br,
 *          "identity;q=0.9, br;q=0.1" too, "*" not understood. This is RFC 9110 §12.5.3 and
 *          §12.4.2 as a pure function, with a table of cases and a fuzz target of its own.
 * Rules:   Each with where it comes from.
 *   1. No header: only identity. §12.5.3 allows any coding then, but a client that says nothing
 *      is one of those least able to decode; every other server answers so. Nothing counts as
 *      refused then.
 *   2. An empty header, or one of only commas and blanks: only identity (§12.5.3: "no content
 *      coding is desired").
 *   3. Several header lines are one list (§5.3); the caller joins them with a comma. Empty
 *      members are skipped (§5.6.1.2).
 *   4. Names and the "q" are case-insensitive, "x-gzip" is gzip (§8.4.1, §8.4.1.3, §12.4.2).
 *   5. A weight is 0 to 1 with at most three decimals (§12.4.2); none means 1. Blanks are
 *      allowed around ";" only.
 *   6. "*" stands for every coding not listed, identity included: that is what lets "*;q=0"
 *      refuse it (§12.5.3).
 *   7. identity is acceptable unless refused by "identity;q=0", or by "*;q=0" without an entry
 *      of its own. Listed, or covered by "*", it competes with its weight; otherwise it comes
 *      after every coding that is acceptable (§12.5.3).
 *   8. A member that does not match the grammar (";q=2", ";q=abc", ";level=9", a name that is no
 *      token): the coding that it names is not used, not by "*" either, for nothing is known of
 *      what the client can decode, and identity never hurts. For identity and "*" such a member
 *      is ignored, since a slip there must not lead to a 406.
 *   9. A coding listed twice has the smaller of its weights: what one member refuses is never
 *      sent. This also makes the result independent of the order of the members.
 *  10. "*" does not bring dcb and dcz: a client lists them when it has a dictionary for this
 *      request (RFC 9842 §6.1), and whoever writes "*" does not mean them. It refuses them like
 *      any other.
 *  11. The highest weight wins; among equals the smallest file; among equals of that identity
 *      (nothing to decode), then the order of the rows in coding.h.
 * Memory:  No allocation; the header is only read. Time is linear in its length.
 * Threads: Any.
 */
#ifndef NEGOTIATE_H
#define NEGOTIATE_H

#include <stdint.h>

#include "coding.h"

/* What a client accepts. Weights in thousandths. */
struct negotiate_prefs {
    uint16_t weight[CODING_COUNT]; /* 0: not acceptable; for identity see below */
    bool identity_ok;              /* identity may be sent; with a weight of 0 as the last resort */
    coding_set refused; /* excluded by the client: weight 0 of its own or of "*", or rule 8 */
};

/* Reads the joined header of len bytes, which may hold anything; header is NULL where there was
 * none. */
void negotiate_parse(const char *header, size_t len, struct negotiate_prefs *prefs);

/* A representation at hand. */
struct negotiate_candidate {
    enum coding coding;
    uint64_t size; /* bytes as sent */
};

/* Puts what is acceptable first, best first, and returns how many those are; 0 means 406 (§15.5.7).
 * Reorders the candidates, of which there are n, each coding at most once. */
size_t negotiate_rank(const struct negotiate_prefs *prefs, struct negotiate_candidate *candidates,
                      size_t n);

#endif
