/* The loops that profit from wide vectors, once in plain C and once for each instruction set, behind a function table.
 * All of it is integer arithmetic, so every variant gives the same bits. */
#include "core.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define X86 1
#include <immintrin.h>
#define FOR(sets) __attribute__((target(sets)))
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define NEON 1
#include <arm_neon.h>
#endif
#if defined(__GNUC__)
#define SPREAD static inline __attribute__((always_inline)) /* into each instruction set's variant */
#else
#define SPREAD static inline
#endif

/* ---- streams: xoshiro256++ (Blackman and Vigna 2021, doi:10.1145/3460772), LANES side by side ---- */

SPREAD void fill_any(uint64_t *state, uint32_t *halves, int steps)
{
    uint64_t s0[LANES], s1[LANES], s2[LANES], s3[LANES];
    memcpy(s0, state, sizeof s0);
    memcpy(s1, state + LANES, sizeof s1);
    memcpy(s2, state + 2 * LANES, sizeof s2);
    memcpy(s3, state + 3 * LANES, sizeof s3);
    for (int step = 0; step < steps; step++) {
        for (int l = 0; l < LANES; l++) {
            const uint64_t sum = s0[l] + s3[l], word = ((sum << 23) | (sum >> 41)) + s0[l], t = s1[l] << 17;
            s2[l] ^= s0[l];
            s3[l] ^= s1[l];
            s1[l] ^= s2[l];
            s0[l] ^= s3[l];
            s2[l] ^= t;
            s3[l] = (s3[l] << 45) | (s3[l] >> 19);
            halves[step * STEP_HALVES + 2 * l] = (uint32_t)word;
            halves[step * STEP_HALVES + 2 * l + 1] = (uint32_t)(word >> 32);
        }
    }
    memcpy(state, s0, sizeof s0);
    memcpy(state + LANES, s1, sizeof s1);
    memcpy(state + 2 * LANES, s2, sizeof s2);
    memcpy(state + 3 * LANES, s3, sizeof s3);
}

SPREAD int place_any(const uint32_t *halves, int count, uint32_t first, uint32_t n, uint32_t *places)
{
    int done = 0;
    while (done < count) {
        const int group = count - done < WIDTH ? count - done : WIDTH;
        uint32_t doubtful = 0;
        for (int i = 0; i < group; i++) {
            const uint32_t position = first + (uint32_t)(done + i), bound = n - position;
            const uint64_t product = (uint64_t)halves[done + i] * bound;
            places[done + i] = position + (uint32_t)(product >> 32);
            doubtful |= (uint32_t)product < bound;
        }
        if (doubtful) {
            for (int i = 0; i < group; i++) {
                const uint32_t bound = n - (first + (uint32_t)(done + i));
                if ((uint32_t)((uint64_t)halves[done + i] * bound) < bound) {
                    return done + i;
                }
            }
        }
        done += group;
    }
    return done;
}

/* ---- bits ---- */

SPREAD int count_word(uint64_t word)
{
#if defined(__GNUC__)
    return __builtin_popcountll(word);
#else
    int count = 0;
    for (; word; word &= word - 1) {
        count++;
    }
    return count;
#endif
}

SPREAD int count_any(const uint64_t *bits, int first, int end)
{
    int count = 0;
    while (first < end) {
        const int within = first % 64, more = 64 - within < end - first ? 64 - within : end - first;
        const uint64_t word = bits[first / 64] >> within;
        count += count_word(more == 64 ? word : word & (((uint64_t)1 << more) - 1));
        first += more;
    }
    return count;
}

/* ---- half-spaces ---- */

static void sweep_scalar(const int32_t *n_half, int step, int n_pairs, const int32_t *halves,
                         const int32_t *weights, int stride, int count, int32_t threshold, uint16_t *lost,
                         uint16_t *unsure)
{
    for (int at = 0; at < count; at += WIDTH, n_half += step) {
        int32_t worst[WIDTH]; /* the smallest margin says both: surely lost, and not surely won */
        for (int i = 0; i < WIDTH; i++) {
            worst[i] = INT32_MAX;
        }
        for (int h = *n_half; h > 0; h--, halves += (n_pairs + 1) * WIDTH) {
            for (int i = 0; i < WIDTH; i++) {
                const int32_t margin = margin_of(n_pairs, halves + i, WIDTH, weights + at + i, stride);
                worst[i] = margin < worst[i] ? margin : worst[i];
            }
        }
        unsigned loses = 0, close = 0;
        for (int i = 0; i < WIDTH; i++) {
            loses |= (unsigned)(worst[i] < -threshold) << i;
            close |= (unsigned)(worst[i] >= -threshold && worst[i] <= threshold) << i;
        }
        lost[at / WIDTH] = (uint16_t)loses;
        unsure[at / WIDTH] = (uint16_t)close;
    }
}

static int64_t versus_scalar(int n_half, int n_pairs, const int32_t *halves, const int32_t *weights, int stride,
                             int count, int32_t threshold, int slack, int32_t *columns, uint16_t *unsure)
{
    int64_t total = 0;
    for (int at = 0; at < count; at += WIDTH) {
        int32_t lost[WIDTH] = {0}, not_won[WIDTH] = {0};
        for (int h = 0; h < n_half; h++) {
            for (int i = 0; i < WIDTH; i++) {
                const int32_t margin = margin_of(n_pairs, halves + h * (n_pairs + 1), 1, weights + at + i, stride);
                lost[i] += margin < -threshold;
                not_won[i] += margin <= threshold;
            }
        }
        unsigned close = 0;
        for (int i = 0; i < WIDTH; i++) {
            const int hit = not_won[i] <= slack;
            columns[at + i] += hit;
            total += hit && at + i < count;
            close |= (unsigned)(!hit && lost[i] <= slack) << i;
        }
        unsure[at / WIDTH] = (uint16_t)close;
    }
    return total;
}

static void fill_scalar(uint64_t *state, uint32_t *halves, int steps)
{
    fill_any(state, halves, steps);
}

static int place_scalar(const uint32_t *halves, int count, uint32_t first, uint32_t n, uint32_t *places)
{
    return place_any(halves, count, first, n, places);
}

static int count_scalar(const uint64_t *bits, int first, int end)
{
    return count_any(bits, first, end);
}

static const Simd SCALAR = {"scalar", sweep_scalar, versus_scalar, fill_scalar, place_scalar, count_scalar};

#if X86

#define AVX2 FOR("avx2,popcnt")
#define AVX512 FOR("avx512f,avx512bw,avx512dq,avx512vl,popcnt")

AVX2 static void fill_avx2(uint64_t *state, uint32_t *halves, int steps)
{
    fill_any(state, halves, steps);
}

AVX2 static int place_avx2(const uint32_t *halves, int count, uint32_t first, uint32_t n, uint32_t *places)
{
    return place_any(halves, count, first, n, places);
}

AVX2 static int count_avx2(const uint64_t *bits, int first, int end)
{
    return count_any(bits, first, end);
}

AVX2 static inline __m256i load8(const int32_t *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

AVX2 static inline unsigned bits8(__m256i mask)
{
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(mask));
}

AVX2 static void sweep_avx2(const int32_t *n_half, int step, int n_pairs, const int32_t *halves,
                            const int32_t *weights, int stride, int count, int32_t threshold, uint16_t *lost,
                            uint16_t *unsure)
{
    const __m256i above = _mm256_set1_epi32(threshold), below = _mm256_set1_epi32(-threshold);
    for (int at = 0; at < count; at += WIDTH, n_half += step) {
        __m256i worst[2] = {_mm256_set1_epi32(INT32_MAX), _mm256_set1_epi32(INT32_MAX)};
        for (int h = *n_half; h > 0; h--, halves += (n_pairs + 1) * WIDTH) {
            for (int side = 0; side < 2; side++) {
                __m256i margin = load8(halves + n_pairs * WIDTH + 8 * side);
                for (int p = 0; p < n_pairs; p++) {
                    margin = _mm256_add_epi32(margin, _mm256_madd_epi16(load8(halves + p * WIDTH + 8 * side),
                                                                        load8(weights + p * stride + at + 8 * side)));
                }
                worst[side] = _mm256_min_epi32(worst[side], margin);
            }
        }
        unsigned loses = 0, wins = 0;
        for (int side = 0; side < 2; side++) {
            loses |= bits8(_mm256_cmpgt_epi32(below, worst[side])) << (8 * side);
            wins |= bits8(_mm256_cmpgt_epi32(worst[side], above)) << (8 * side);
        }
        lost[at / WIDTH] = (uint16_t)loses;
        unsure[at / WIDTH] = (uint16_t)~(loses | wins);
    }
}

AVX2 static int64_t versus_avx2(int n_half, int n_pairs, const int32_t *halves, const int32_t *weights, int stride,
                                int count, int32_t threshold, int slack, int32_t *columns, uint16_t *unsure)
{
    const __m256i above = _mm256_set1_epi32(threshold), below = _mm256_set1_epi32(-threshold);
    const __m256i most = _mm256_set1_epi32(slack), needed = _mm256_set1_epi32(n_half - slack - 1);
    int64_t total = 0;
    for (int at = 0; at < count; at += WIDTH) {
        unsigned hits = 0, misses = 0;
        for (int side = 0; side < 2; side++) {
            const int from = at + 8 * side;
            __m256i lost = _mm256_setzero_si256(), won = _mm256_setzero_si256();
            for (int h = 0; h < n_half; h++) {
                const int32_t *half = halves + h * (n_pairs + 1);
                __m256i margin = _mm256_set1_epi32(half[n_pairs]);
                for (int p = 0; p < n_pairs; p++) {
                    margin = _mm256_add_epi32(margin, _mm256_madd_epi16(_mm256_set1_epi32(half[p]),
                                                                        load8(weights + p * stride + from)));
                }
                lost = _mm256_sub_epi32(lost, _mm256_cmpgt_epi32(below, margin));
                won = _mm256_sub_epi32(won, _mm256_cmpgt_epi32(margin, above));
            }
            const __m256i hit = _mm256_cmpgt_epi32(won, needed);
            _mm256_storeu_si256((__m256i *)(columns + from), _mm256_sub_epi32(load8(columns + from), hit));
            hits |= bits8(hit) << (8 * side);
            misses |= bits8(_mm256_cmpgt_epi32(lost, most)) << (8 * side);
        }
        unsure[at / WIDTH] = (uint16_t)~(hits | misses);
        if (count - at < WIDTH) {
            hits &= (1u << (count - at)) - 1;
        }
        total += __builtin_popcount(hits);
    }
    return total;
}

static const Simd WITH_AVX2 = {"avx2", sweep_avx2, versus_avx2, fill_avx2, place_avx2, count_avx2};

AVX512 static void fill_avx512(uint64_t *state, uint32_t *halves, int steps)
{
    __m512i s0 = _mm512_loadu_si512(state), s1 = _mm512_loadu_si512(state + LANES);
    __m512i s2 = _mm512_loadu_si512(state + 2 * LANES), s3 = _mm512_loadu_si512(state + 3 * LANES);
    for (int step = 0; step < steps; step++) {
        const __m512i word = _mm512_add_epi64(_mm512_rol_epi64(_mm512_add_epi64(s0, s3), 23), s0);
        const __m512i t = _mm512_slli_epi64(s1, 17);
        s2 = _mm512_xor_si512(s2, s0);
        s3 = _mm512_xor_si512(s3, s1);
        s1 = _mm512_xor_si512(s1, s2);
        s0 = _mm512_xor_si512(s0, s3);
        s2 = _mm512_xor_si512(s2, t);
        s3 = _mm512_rol_epi64(s3, 45);
        _mm512_storeu_si512(halves + step * STEP_HALVES, word);
    }
    _mm512_storeu_si512(state, s0);
    _mm512_storeu_si512(state + LANES, s1);
    _mm512_storeu_si512(state + 2 * LANES, s2);
    _mm512_storeu_si512(state + 3 * LANES, s3);
}

AVX512 static int place_avx512(const uint32_t *halves, int count, uint32_t first, uint32_t n, uint32_t *places)
{
    const __m512i steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    int done = 0;
    for (; done + WIDTH <= count; done += WIDTH) {
        const __m512i position = _mm512_add_epi32(_mm512_set1_epi32((int32_t)(first + (uint32_t)done)), steps);
        const __m512i bound = _mm512_sub_epi32(_mm512_set1_epi32((int32_t)n), position);
        const __m512i half = _mm512_loadu_si512(halves + done);
        const __m512i even = _mm512_mul_epu32(half, bound);
        const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(half, 32), _mm512_srli_epi64(bound, 32));
        const __m512i low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
        if (_mm512_cmplt_epu32_mask(low, bound)) {
            return done + place_any(halves + done, WIDTH, first + (uint32_t)done, n, places + done);
        }
        const __m512i high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
        _mm512_storeu_si512(places + done, _mm512_add_epi32(position, high));
    }
    return done + place_any(halves + done, count - done, first + (uint32_t)done, n, places + done);
}

AVX512 static void sweep_avx512(const int32_t *n_half, int step, int n_pairs, const int32_t *halves,
                                const int32_t *weights, int stride, int count, int32_t threshold, uint16_t *lost,
                                uint16_t *unsure)
{
    const __m512i above = _mm512_set1_epi32(threshold), below = _mm512_set1_epi32(-threshold);
    for (int at = 0; at < count; at += WIDTH, n_half += step) {
        __m512i worst = _mm512_set1_epi32(INT32_MAX);
        for (int h = *n_half; h > 0; h--, halves += (n_pairs + 1) * WIDTH) {
            __m512i margin = _mm512_loadu_si512(halves + n_pairs * WIDTH);
            for (int p = 0; p < n_pairs; p++) {
                margin = _mm512_add_epi32(margin, _mm512_madd_epi16(_mm512_loadu_si512(halves + p * WIDTH),
                                                                    _mm512_loadu_si512(weights + p * stride + at)));
            }
            worst = _mm512_min_epi32(worst, margin);
        }
        const unsigned loses = _mm512_cmplt_epi32_mask(worst, below), wins = _mm512_cmpgt_epi32_mask(worst, above);
        lost[at / WIDTH] = (uint16_t)loses;
        unsure[at / WIDTH] = (uint16_t)~(loses | wins);
    }
}

AVX512 static int64_t versus_avx512(int n_half, int n_pairs, const int32_t *halves, const int32_t *weights, int stride,
                                    int count, int32_t threshold, int slack, int32_t *columns, uint16_t *unsure)
{
    const __m512i above = _mm512_set1_epi32(threshold), below = _mm512_set1_epi32(-threshold);
    const __m512i most = _mm512_set1_epi32(slack), one = _mm512_set1_epi32(1);
    int64_t total = 0;
    for (int at = 0; at < count; at += WIDTH) {
        __m512i lost = _mm512_setzero_si512(), not_won = _mm512_setzero_si512();
        for (int h = 0; h < n_half; h++) {
            const int32_t *half = halves + h * (n_pairs + 1);
            __m512i margin = _mm512_set1_epi32(half[n_pairs]);
            for (int p = 0; p < n_pairs; p++) {
                margin = _mm512_add_epi32(margin, _mm512_madd_epi16(_mm512_set1_epi32(half[p]),
                                                                    _mm512_loadu_si512(weights + p * stride + at)));
            }
            lost = _mm512_mask_add_epi32(lost, _mm512_cmplt_epi32_mask(margin, below), lost, one);
            not_won = _mm512_mask_add_epi32(not_won, _mm512_cmple_epi32_mask(margin, above), not_won, one);
        }
        unsigned hits = _mm512_cmple_epi32_mask(not_won, most);
        const unsigned misses = _mm512_cmpgt_epi32_mask(lost, most);
        const __m512i before = _mm512_loadu_si512(columns + at);
        _mm512_storeu_si512(columns + at, _mm512_mask_add_epi32(before, (__mmask16)hits, before, one));
        unsure[at / WIDTH] = (uint16_t)~(hits | misses);
        if (count - at < WIDTH) {
            hits &= (1u << (count - at)) - 1;
        }
        total += __builtin_popcount(hits);
    }
    return total;
}

static const Simd WITH_AVX512 = {"avx512", sweep_avx512, versus_avx512, fill_avx512, place_avx512,
                                 count_avx2};

#elif NEON

static inline int32x4_t margin4(int n_pairs, const int32_t *half, int half_stride, const int32_t *weights, int stride)
{
    int32x4_t total = vld1q_s32(half + n_pairs * half_stride);
    for (int p = 0; p < n_pairs; p++) {
        const int32x4_t a = vld1q_s32(half + p * half_stride), b = vld1q_s32(weights + p * stride);
        total = vmlaq_s32(total, vshrq_n_s32(vshlq_n_s32(a, 16), 16), vshrq_n_s32(vshlq_n_s32(b, 16), 16));
        total = vmlaq_s32(total, vshrq_n_s32(a, 16), vshrq_n_s32(b, 16));
    }
    return total;
}

static inline unsigned bits4(uint32x4_t mask)
{
    static const uint32_t places[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(mask, vld1q_u32(places)));
}

static void sweep_neon(const int32_t *n_half, int step, int n_pairs, const int32_t *halves,
                       const int32_t *weights, int stride, int count, int32_t threshold, uint16_t *lost,
                       uint16_t *unsure)
{
    const int32x4_t above = vdupq_n_s32(threshold), below = vdupq_n_s32(-threshold);
    for (int at = 0; at < count; at += WIDTH, halves += *n_half * (n_pairs + 1) * WIDTH, n_half += step) {
        unsigned loses = 0, wins = 0;
        for (int side = 0; side < 4; side++) {
            int32x4_t worst = vdupq_n_s32(INT32_MAX);
            for (int h = 0; h < *n_half; h++) {
                worst = vminq_s32(worst, margin4(n_pairs, halves + h * (n_pairs + 1) * WIDTH + 4 * side, WIDTH,
                                                 weights + at + 4 * side, stride));
            }
            loses |= bits4(vcltq_s32(worst, below)) << (4 * side);
            wins |= bits4(vcgtq_s32(worst, above)) << (4 * side);
        }
        lost[at / WIDTH] = (uint16_t)loses;
        unsure[at / WIDTH] = (uint16_t)~(loses | wins);
    }
}

static const Simd WITH_NEON = {"neon", sweep_neon, versus_scalar, fill_scalar, place_scalar,
                               count_scalar};

#endif

/* ---- the table ---- */

const Simd *nth_simd(int i)
{
    const Simd *found[4];
    int count = 0;
#if X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("popcnt")) {
        found[count++] = &WITH_AVX512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
        found[count++] = &WITH_AVX2;
    }
#elif NEON
    found[count++] = &WITH_NEON;
#endif
    found[count++] = &SCALAR;
    return i < count ? found[i] : NULL;
}

const Simd *find_simd(const char *name)
{
    for (int i = 0; nth_simd(i) != NULL; i++) {
        if (strcmp(nth_simd(i)->name, name) == 0) {
            return nth_simd(i);
        }
    }
    return NULL;
}

const Simd *simd = &SCALAR;
