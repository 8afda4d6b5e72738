/* Replicates and pairs of one panel under one linear rule: draw, sweep, redo the close calls by score sums, count. */
#include "core.h"

#include <string.h>

#if defined(__GNUC__)
#define LOWEST_BIT(bits) __builtin_ctzll(bits)
#else
static int lowest_bit(uint64_t bits)
{
    int at = 0;
    for (; !(bits & 1); bits >>= 1) {
        at++;
    }
    return at;
}
#define LOWEST_BIT(bits) lowest_bit(bits)
#endif

/* ---- what decides: float64 score sums in agent order, the lowest class of equals ---- */

static double score(const Plan *plan, int64_t example, int32_t c, const double *weights)
{
    const int32_t *spoken = plan->spoken + example * plan->n_agents;
    const double *evidence = plan->votes ? NULL : plan->evidence + example * plan->n_agents * plan->n_classes + c;
    double total = 0.0;
    for (int64_t m = 0; m < plan->n_agents; m++) {
        if (plan->votes) {
            total += spoken[m] == c ? weights[m] : 0.0;
        }
        else if (spoken[m] >= 0) {
            total += weights[m] * evidence[m * plan->n_classes];
        }
    }
    return total;
}

static int beats(double own, int32_t c, double other, int32_t rival)
{
    return own > other || (own == other && c < rival);
}

/* At most slack of an example's rivals, those from starts[example] on, beat class c. */
static int holds(const Plan *plan, int64_t example, int32_t c, const int64_t *starts, const int32_t *rivals,
                 int64_t slack, const double *weights)
{
    const double own = score(plan, example, c, weights);
    for (int64_t h = starts[example]; h < starts[example + 1]; h++) {
        if (!beats(own, c, score(plan, example, rivals[h], weights), rivals[h]) && slack-- == 0) {
            return 0;
        }
    }
    return 1;
}

/* ---- one position of one replicate ---- */

typedef struct {
    const Plan *plan;
    const How *how;
    uint64_t *entries;   /* of the whole panel, stream 0 */
    int64_t *counts;     /* of this replicate */
    int32_t *room;       /* packed weights of the tile, n_pairs rows of TILE */
    Work *work;
} Replicate;

static int64_t donor_of(const Replicate *run, int64_t stream, int64_t position)
{
    return (int64_t)(uint32_t)run->entries[stream * run->plan->n + position];
}

/* The weights that a position has in this replicate; `assembled` is used where they are no row of plan->weights. */
static const double *weights_at(const Replicate *run, int64_t position, double *assembled)
{
    const Plan *plan = run->plan;
    const int64_t n_agents = plan->n_agents;
    if (run->how->scheme == JOINT) {
        return plan->weights + donor_of(run, 0, position) * n_agents;
    }
    const int32_t *spoken = plan->spoken + plan->order[position] * n_agents;
    double total = 0.0;
    for (int64_t m = 0; m < n_agents; m++) {
        int64_t donor = position;
        if (run->how->scheme == INDEPENDENT) {
            donor = donor_of(run, m, position);
        }
        else if (m == run->how->agent) {
            donor = donor_of(run, 0, position);
        }
        assembled[m] = plan->weights[donor * n_agents + m];
        total += spoken[m] >= 0 ? assembled[m] : 0.0;
    }
    if (total == 0.0) {
        for (int64_t m = 0; m < n_agents; m++) {
            assembled[m] = 1.0;
        }
    }
    return assembled;
}

static int clean_stands(const Replicate *run, int64_t position)
{
    const Plan *plan = run->plan;
    double assembled[MAX_AGENTS];
    return holds(plan, plan->order[position], plan->clean[position], plan->rival_starts, plan->rivals, 0,
                 weights_at(run, position, assembled));
}

static int truth_hits(const Replicate *run, int64_t position)
{
    const Plan *plan = run->plan;
    const int64_t example = plan->order[position];
    double assembled[MAX_AGENTS];
    return holds(plan, example, plan->truth[position], plan->check_starts, plan->check_rivals, plan->slack[example],
                 weights_at(run, position, assembled));
}

/* The same by the filter, if it can tell. */
static int truth_hits_filtered(const Replicate *run, int64_t position)
{
    const Plan *plan = run->plan;
    const int64_t example = plan->order[position], slack = plan->slack[example];
    const int32_t *packed = plan->packed + donor_of(run, 0, position) * plan->n_pairs;
    const int32_t *half = plan->check_halves + plan->check_starts[example] * (plan->n_pairs + 1);
    int64_t lost = 0, not_won = 0;
    for (int64_t h = plan->check_starts[example]; h < plan->check_starts[example + 1] && lost <= slack; h++) {
        const int32_t margin = margin_of(plan->n_pairs, half, 1, packed, 1);
        lost += margin < -plan->threshold;
        not_won += margin <= plan->threshold;
        half += plan->n_pairs + 1;
    }
    run->work->swept++;
    if (lost > slack || not_won <= slack) {
        return lost <= slack;
    }
    run->work->redone++;
    return truth_hits(run, position);
}

static void sweep_directly(Replicate *run, int64_t position, int count)
{
    const Plan *plan = run->plan;
    for (; count > 0; count--, position++) {
        if (!clean_stands(run, position)) {
            const int32_t slot = plan->slot[position];
            run->counts[plan->n_classes]++;
            if (slot == SLOT_CHECK) {
                run->counts[plan->truth[position]] += truth_hits(run, position);
            }
            else if (slot >= 0) {
                run->counts[slot >> 1] += slot & 1 ? 1 : -1;
            }
        }
    }
}

/* ---- a tile by the filter ---- */

#define WORDS (TILE / 64 + 1)

/* The first pairs are there already. */
static void pack_tile(const Replicate *run, const uint16_t *place, int64_t position, int count)
{
    const Plan *plan = run->plan;
    const uint64_t *entries = run->entries + position;
    for (int p = 1; p < plan->n_pairs; p++) {
        for (int i = 0; i < count; i++) {
            run->room[p * TILE + i] = plan->packed[(int64_t)(uint32_t)entries[place[i]] * plan->n_pairs + p];
        }
    }
}

/* Sweeps lanes, decides the close calls by score sums, and leaves a bit for each lane that loses. */
static void sweep_lanes(const Replicate *run, const int32_t *n_half, int step, const int32_t *halves,
                        const int32_t *weights, int count, const uint16_t *place, int64_t position,
                        int (*stands)(const Replicate *, int64_t), uint64_t lost[WORDS])
{
    uint16_t losing[4 * WORDS], close[4 * WORDS];
    memset(losing, 0, sizeof losing);
    memset(close, 0, sizeof close);
    simd->sweep(n_half, step, run->plan->n_pairs, halves, weights, TILE, count, run->plan->threshold, losing, close);
    run->work->swept += count;
    for (int word = 0; word * 64 < count; word++) {
        uint64_t unsure = 0;
        lost[word] = 0;
        for (int part = 0; part < 4; part++) {
            lost[word] |= (uint64_t)losing[4 * word + part] << (part * WIDTH);
            unsure |= (uint64_t)close[4 * word + part] << (part * WIDTH);
        }
        if (count - 64 * word < 64) {
            const uint64_t own = ((uint64_t)1 << (count - 64 * word)) - 1;
            lost[word] &= own;
            unsure &= own;
        }
        for (; unsure; unsure &= unsure - 1, run->work->redone++) {
            const int bit = LOWEST_BIT(unsure);
            if (!stands(run, position + place[64 * word + bit])) {
                lost[word] |= (uint64_t)1 << bit;
            }
        }
    }
}

static void sweep_tile(Replicate *run, const int64_t *tile, int64_t position)
{
    const Plan *plan = run->plan;
    const int count = (int)tile[TILE_COUNT], row_size = (plan->n_pairs + 1) * WIDTH;
    const int32_t n_half = (int32_t)tile[TILE_HALF];
    const uint16_t *place = plan->place + tile[TILE_LANE];
    uint64_t lost[WORDS];
    pack_tile(run, place, position, count);
    sweep_lanes(run, &n_half, 0, plan->halves + tile[TILE_ROW] * row_size, run->room, count, place, position,
                clean_stands, lost);
    run->counts[plan->n_classes] += simd->count(lost, 0, count);
    int from = 0;
    const int32_t *segment = plan->segments + 3 * tile[TILE_SEGMENT];
    const int32_t *end = plan->segments + 3 * tile[TILE_FIELDS + TILE_SEGMENT];
    for (; segment < end && segment[0] != LANE_CHECK; segment += 3) {
        if (segment[0] == LANE_LOSS) {
            run->counts[segment[1]] -= simd->count(lost, from, segment[2]);
        }
        else if (segment[0] == LANE_GAIN) {
            run->counts[segment[1]] += simd->count(lost, from, segment[2]);
        }
        from = segment[2];
    }
    if (segment < end) {
        const int first = from;
        sweep_lanes(run, plan->chunks + tile[TILE_CHUNK], 1, plan->chunk_halves + tile[TILE_CHUNK_ROW] * row_size,
                    run->room + first, count - first, place + first, position, truth_hits, lost);
        for (; segment < end; segment += 3) {
            run->counts[segment[1]] += segment[2] - from - simd->count(lost, from - first, segment[2] - first);
            from = segment[2];
        }
    }
}

/* ---- one replicate of one block ---- */

/* One replicate of each of `count` shuffles, which share the reading of the half-spaces. */
static void run_block(Replicate *runs, Shuffle *const *shuffles, int count, int64_t block, Draws *draws)
{
    const Plan *plan = runs->plan;
    const int64_t start = plan->starts[block], n = plan->starts[block + 1] - start, drawn = plan->drawn[block];
    const int filtered = !runs->how->direct && runs->how->scheme == JOINT;
    const int64_t n_streams = shuffles[0]->n_streams;
    int64_t tile = plan->tile_starts[block];
    for (int64_t d = 0; d < count * n_streams; d++) {
        draws[d].state = shuffles[d / n_streams]->states + (block * n_streams + d % n_streams) * STATE_WORDS;
        draws[d].used = draws[d].filled = 0;
    }
    /* Past the tiles, positions are drawn for the checks alone. */
    for (int64_t at = 0; at < drawn; tile++) {
        const int64_t *own = tile < plan->tile_starts[block + 1] ? plan->tiles + tile * TILE_FIELDS : NULL;
        const int size = own != NULL ? (int)own[TILE_COUNT] : drawn - at < TILE ? (int)(drawn - at) : TILE;
        for (int k = 0; k < count; k++) {
            for (int64_t s = 0; s < n_streams; s++) {
                draw_positions(&draws[k * n_streams + s], shuffles[k]->entries + s * plan->n + start, at, size,
                               drawn - at, n, own != NULL && filtered ? plan->lane + own[TILE_LANE] : NULL, runs->room);
            }
            if (own != NULL && filtered) {
                sweep_tile(&runs[k], own, start + at);
            }
            else if (own != NULL) {
                sweep_directly(&runs[k], start + at, size);
            }
        }
        at += size;
    }
    if (runs->how->every) {
        for (int64_t check = plan->check_bounds[block]; check < plan->check_bounds[block + 1]; check++) {
            const int64_t position = plan->check_position[check];
            for (int k = 0; k < count; k++) {
                runs[k].counts[plan->truth[position]] += filtered ? truth_hits_filtered(&runs[k], position)
                                                                  : truth_hits(&runs[k], position);
            }
        }
    }
}

void run_replicates(const Plan *plan, const How *how, Shuffle *const *shuffles, int count, int64_t replicates,
                    int64_t *counts, int32_t *room, Work *work)
{
    Draws draws[MAX_AGENTS];
    Replicate runs[MAX_AGENTS];
    for (int k = 0; k < count; k++) {
        runs[k] = (Replicate){plan, how, shuffles[k]->entries, counts, room, work};
    }
    for (int64_t block = 0; block < plan->n_blocks; block++) {
        if (plan->drawn[block] > 0) {
            for (int64_t r = 0; r < replicates; r++) {
                for (int k = 0; k < count; k++) {
                    runs[k].counts = counts + (k * replicates + r) * (plan->n_classes + 1);
                }
                run_block(runs, shuffles, count, block, draws);
            }
        }
    }
}

/* ---- all pairs ---- */

static void sum_tile(const Plan *plan, int64_t block, int64_t donor, int count, const int64_t *by_class,
                     const double *class_weights, int64_t *rows, double *columns, int32_t *room, Work *work)
{
    const int64_t stop = plan->check_bounds[block + 1];
    int32_t *tally = room + plan->n_pairs * TILE; /* of one class, by donor */
    uint16_t unsure[TILE / WIDTH];
    for (int p = 0; p < plan->n_pairs; p++) {
        for (int i = 0; i < count; i++) {
            room[p * TILE + i] = plan->packed[(donor + i) * plan->n_pairs + p];
        }
    }
    for (int64_t k = plan->check_bounds[block]; k < stop;) {
        const int32_t c = plan->truth[plan->check_position[by_class[k]]];
        memset(tally, 0, (size_t)(count + WIDTH) * sizeof *tally);
        for (; k < stop && plan->truth[plan->check_position[by_class[k]]] == c; k++) {
            const int64_t check = by_class[k], example = plan->order[plan->check_position[check]];
            const int64_t start = plan->check_starts[example];
            const int n_half = (int)(plan->check_starts[example + 1] - start), slack = plan->slack[example];
            int64_t hits = simd->versus(n_half, plan->n_pairs, plan->check_halves + start * (plan->n_pairs + 1), room,
                                        TILE, count, plan->threshold, slack, tally, unsure);
            for (int at = 0; at < count; at += WIDTH) {
                unsigned close = unsure[at / WIDTH];
                if (count - at < WIDTH) {
                    close &= (1u << (count - at)) - 1;
                }
                for (; close; close &= close - 1, work->redone++) {
                    const int i = at + LOWEST_BIT((uint64_t)close);
                    const int hit = holds(plan, example, c, plan->check_starts, plan->check_rivals, slack,
                                          plan->weights + (donor + i) * plan->n_agents);
                    hits += hit;
                    tally[i] += hit;
                }
            }
            rows[check] += hits;
            work->swept += count;
        }
        for (int i = 0; i < count; i++) {
            columns[donor + i] += class_weights[c] * tally[i];
        }
    }
}

void sum_pairs(const Plan *plan, int64_t first, int64_t last, const int64_t *by_class, const double *class_weights,
               int64_t *rows, double *columns, int32_t *room, Work *work)
{
    int64_t block = 0;
    while (first < last) {
        while (plan->starts[block + 1] <= first) {
            block++;
        }
        const int64_t end = plan->starts[block + 1] < last ? plan->starts[block + 1] : last;
        for (; first < end; first += TILE) {
            sum_tile(plan, block, first, end - first < TILE ? (int)(end - first) : TILE, by_class, class_weights, rows,
                     columns, room, work);
        }
        first = end;
    }
}
