/* What the parts of the C core share: the streams, the sweeps, and the pruned form of a panel under a linear rule. */
#ifndef SABOTAGE_CORE_H
#define SABOTAGE_CORE_H

#include <stddef.h>
#include <stdint.h>

/* ---- streams.c: random numbers and partial shuffles ---- */

#define LANES 8                    /* generators side by side, so that vectors can step them */
#define STATE_WORDS (4 * LANES)    /* xoshiro256++ has four words */
#define STEP_HALVES (2 * LANES)    /* 32-bit draws of one step */
#define TILE 512                   /* positions that are drawn, then swept, while they are in the first cache */

/* One permutation of one block in the making. The halves that are left at its end are dropped, so that the state
 * between two permutations is the generators' own. */
typedef struct {
    uint64_t *state;
    uint32_t halves[TILE];
    int used, filled;
} Draws;

void start_stream(uint64_t seed, uint64_t block, uint64_t cohort, int stream, uint64_t state[STATE_WORDS]);

/* Draws the entries of positions first .. first + count - 1 (count <= TILE) of a block of n by forward Fisher-Yates:
 * they are final. `left` is how many positions this permutation still draws, these included. Where `lanes` is not NULL,
 * the upper half of the i-th of them goes to room[lanes[i]]. */
void draw_positions(Draws *draws, uint64_t *entries, int64_t first, int count, int64_t left, int64_t n,
                    const uint16_t *lanes, int32_t *room);

/* ---- sweeps.c: half-spaces against weights, sixteen at a time ---- */

#define WIDTH 16
#define MAX_AGENTS 32               /* a margin of so many agents still fits 32 bits */

/* The margin of packed weights in a half-space: n_pairs pairs of 16-bit coefficients, then a constant. */
static inline int32_t margin_of(int n_pairs, const int32_t *half, int half_stride, const int32_t *weights, int stride)
{
    uint32_t total = (uint32_t)half[n_pairs * half_stride]; /* wraps around, as vectors do */
    for (int p = 0; p < n_pairs; p++) {
        const uint32_t a = (uint32_t)half[p * half_stride], b = (uint32_t)weights[p * stride];
        total += (uint32_t)((int16_t)(a & 0xffff) * (int16_t)(b & 0xffff));
        total += (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16));
    }
    return (int32_t)total;
}

/* Half-spaces of `count` positions, in chunks of WIDTH, against one row of packed weights a position: weights[p * stride
 * + position]. A chunk has n_half[chunk * step] of them, rows of n_pairs + 1 times WIDTH numbers. Bit i of lost: some
 * half-space is surely lost; of unsure: none is surely lost and one is too close to call. Bits beyond count are
 * undefined. */
typedef void Sweep(const int32_t *n_half, int step, int n_pairs, const int32_t *halves, const int32_t *weights,
                   int stride, int count, int32_t threshold, uint16_t *lost, uint16_t *unsure);

/* One example's half-spaces, n_half rows of n_pairs + 1, against many rows of weights. Where at most `slack` are lost
 * for sure and by the close calls too, the row counts: `columns` goes up by one; returns how many did. Bit i of
 * unsure: the close calls decide. Rows up to the next multiple of WIDTH are read and written. */
typedef int64_t Versus(int n_half, int n_pairs, const int32_t *halves, const int32_t *weights, int stride, int count,
                       int32_t threshold, int slack, int32_t *columns, uint16_t *unsure);

typedef void Fill(uint64_t *state, uint32_t *halves, int steps);

/* Bounded draws: places[i] in first + i .. n - 1 out of halves[i]; stops early before a half that may have to be
 * rejected, and returns how many it did. */
typedef int Place(const uint32_t *halves, int count, uint32_t first, uint32_t n, uint32_t *places);

/* How many bits from first to end - 1 are set. */
typedef int Count(const uint64_t *bits, int first, int end);

typedef struct {
    const char *name;
    Sweep *sweep;
    Versus *versus;
    Fill *fill;
    Place *place;
    Count *count;
} Simd;

extern const Simd *simd;
const Simd *find_simd(const char *name); /* NULL where this CPU or this build has none of that name */
const Simd *nth_simd(int i);             /* those that this CPU has, the best first; NULL after the last */

/* ---- loops.c: replicates and pairs of one panel under one linear rule ---- */

/* By position: examples are ordered by block, and in a block those that permuted weights can decide otherwise come
 * first ("contested"), the tiles of which are drawn and swept. Inside a tile they are swept as lanes, sorted by what
 * another decision does to the hits ("segments"), so that hits by class are counted with population counts; its last
 * segments are LANE_CHECK, and have the half-spaces of the true class beside those of the clean decision.
 * A half-space is n_pairs pairs of 16-bit coefficients, then a constant. */
typedef struct {
    int64_t n, n_examples, n_agents, n_classes, n_blocks, n_tiles, n_checks;
    int n_pairs, votes;
    int32_t threshold;
    const double *evidence;         /* (n_examples, n_agents, n_classes); one number if votes */
    const int32_t *spoken;          /* (n_examples, n_agents) */
    const double *weights;          /* (n, n_agents), by position */
    const int64_t *order;           /* (n,) the example at a position */
    const int64_t *starts;          /* (n_blocks + 1,) */
    const int64_t *contested;       /* (n_blocks,) positions that are swept */
    const int64_t *drawn;           /* (n_blocks,) positions that are drawn, at least those */
    const int32_t *clean, *truth;   /* (n,) the decision as observed, and the true class */
    const int32_t *slot;            /* (n,) what another decision than the clean one does to the hits: SLOT_* */
    const int32_t *packed;          /* (n, n_pairs) the weights in 16 bits, normalised */
    const int64_t *rival_starts;    /* (n_examples + 1,) */
    const int32_t *rivals;          /* classes that the clean decision must beat, example by example */
    const int64_t *tile_starts;     /* (n_blocks + 1,) */
    const int64_t *tiles;           /* (n_tiles + 1, TILE_FIELDS): where each begins; the last row is the end */
    const uint16_t *place;          /* the position of each lane, from its tile's first one */
    const uint16_t *lane;           /* the lane of each position of a tile */
    const int32_t *halves;          /* (rows, n_pairs + 1, WIDTH) */
    const int32_t *segments;        /* (n_segments, 3): kind, true class, the lane where it ends */
    const int32_t *chunks;          /* half-spaces of each chunk of the tiles' check lanes */
    const int32_t *chunk_halves;    /* (rows, n_pairs + 1, WIDTH) */
    const int64_t *check_bounds;    /* (n_blocks + 1,) */
    const int64_t *check_position;  /* (n_checks,) positions that may or may not hit, ascending */
    const int64_t *check_starts;    /* (n_examples + 1,) */
    const int32_t *check_rivals;    /* classes of which at most slack may beat the true one, example by example */
    const int32_t *check_halves;    /* (check_starts[n_examples], n_pairs + 1) */
    const int32_t *slack;           /* (n_examples,) */
} Plan;

enum { TILE_HALF, TILE_COUNT, TILE_ROW, TILE_LANE, TILE_SEGMENT, TILE_CHUNK, TILE_CHUNK_ROW, TILE_FIELDS };
enum { LANE_LOSS, LANE_NOTHING, LANE_GAIN, LANE_CHECK };

/* A slot is 2 c for a hit of class c that is lost, 2 c + 1 for one that is won, else: */
#define SLOT_NOTHING (-1)
#define SLOT_CHECK (-2) /* the check says whether the true class hits */

enum { JOINT, INDEPENDENT, SINGLE };

typedef struct {
    int scheme;
    int64_t agent;   /* of SINGLE */
    int direct;      /* score sums for all, without the 16-bit filter */
    int every;       /* all checks are made for each replicate: the slots alone do not say what hits */
} How;

typedef struct {
    int64_t swept, redone; /* half-space tests by the filter, and of these the close calls */
} Work;

/* n_streams is n_agents for INDEPENDENT, else 1. An entry is the donor's position and, above it, its first packed
 * pair. */
typedef struct {
    int64_t n, n_blocks, n_streams;
    int64_t *starts, *drawn; /* (n_blocks + 1,) and (n_blocks,), as of the plan */
    uint64_t *states;        /* (n_blocks, n_streams, STATE_WORDS) */
    uint64_t *entries;       /* (n_streams, n) */
} Shuffle;

/* Adds to counts (count, replicates, n_classes + 1) what the next replicates of `count` shuffles change in the hits by
 * class, and the flips. There are at most MAX_AGENTS streams in all. `room` holds n_pairs * TILE + WIDTH packed weights:
 * check lanes are swept in chunks that may begin anywhere, and end beyond the tile. */
void run_replicates(const Plan *plan, const How *how, Shuffle *const *shuffles, int count, int64_t replicates,
                    int64_t *counts, int32_t *room, Work *work);

/* Every check with each donor of its block at positions first .. last - 1: adds the hits of a check over these donors
 * to rows (n_checks), and class_weights of the checks that hit with a donor to columns (n, by position). `by_class`
 * holds the checks, sorted by block, then class. `room` holds (n_pairs + 1) * TILE + WIDTH. */
void sum_pairs(const Plan *plan, int64_t first, int64_t last, const int64_t *by_class, const double *class_weights,
               int64_t *rows, double *columns, int32_t *room, Work *work);

#endif
