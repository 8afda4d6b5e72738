/* Random streams and forward Fisher-Yates, drawn a tile at a time. */
#include "core.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Chained mixing keeps (seed, block, cohort) apart where a sum of the three would make (1, 0, 0) meet (0, 1, 0). Stream
 * s takes the words 32 s .. 32 s + 31 of SplitMix64 from that key: word w of lane l is the (8 w + l)-th of them. */
void start_stream(uint64_t seed, uint64_t block, uint64_t cohort, int stream, uint64_t state[STATE_WORDS])
{
    uint64_t key = mix(mix(mix(seed) ^ block) ^ cohort) + (uint64_t)stream * STATE_WORDS * 0x9e3779b97f4a7c15u;
    for (int word = 0; word < STATE_WORDS; word++) {
        key += 0x9e3779b97f4a7c15u;
        state[word] = mix(key);
    }
}

/* The next half that survives the rejection of multiply-shift (Lemire 2019, doi:10.1145/3230636). */
static uint32_t place_one(Draws *draws, uint32_t first, uint32_t n)
{
    const uint32_t bound = n - first, reject = (uint32_t)(-bound) % bound;
    for (;;) {
        if (draws->used == draws->filled) {
            simd->fill(draws->state, draws->halves, 1);
            draws->used = 0;
            draws->filled = STEP_HALVES;
        }
        const uint64_t product = (uint64_t)draws->halves[draws->used++] * bound;
        if ((uint32_t)product >= reject) {
            return first + (uint32_t)(product >> 32);
        }
    }
}

static void next_places(Draws *draws, uint32_t first, int count, int64_t left, uint32_t n, uint32_t *places)
{
    int done = 0;
    while (done < count) {
        if (draws->used == draws->filled) {
            const int64_t wanted = left - done < TILE ? left - done : TILE;
            const int steps = (int)((wanted + STEP_HALVES - 1) / STEP_HALVES);
            simd->fill(draws->state, draws->halves, steps);
            draws->used = 0;
            draws->filled = steps * STEP_HALVES;
        }
        const int ready = draws->filled - draws->used, more = count - done < ready ? count - done : ready;
        const int placed = simd->place(draws->halves + draws->used, more, first + (uint32_t)done, n, places + done);
        draws->used += placed;
        done += placed;
        if (placed < more) {
            places[done] = place_one(draws, first + (uint32_t)done, n);
            done++;
        }
    }
}

void draw_positions(Draws *draws, uint64_t *entries, int64_t first, int count, int64_t left, int64_t n,
                    const uint16_t *lanes, int32_t *room)
{
    uint32_t places[TILE];
    next_places(draws, (uint32_t)first, count, left, (uint32_t)n, places);
#if defined(__GNUC__)
    if (n > 1 << 14) { /* more than the first caches hold: all addresses are known, so let them come together */
        for (int i = 0; i < count; i++) {
            __builtin_prefetch(entries + places[i], 1);
        }
    }
#endif
    uint64_t *own = entries + first;
    if (lanes == NULL) {
        for (int i = 0; i < count; i++) {
            const uint64_t entry = entries[places[i]];
            entries[places[i]] = own[i];
            own[i] = entry;
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        const uint64_t entry = entries[places[i]];
        entries[places[i]] = own[i];
        own[i] = entry;
        room[lanes[i]] = (int32_t)(entry >> 32);
    }
}
