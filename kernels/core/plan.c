/* The Python type Plan: every index in its buffers is checked once, here, before a loop sees it. */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

enum {
    EVIDENCE, SPOKEN, WEIGHTS, ORDER, STARTS, CONTESTED, DRAWN, CLEAN, TRUTH, SLOT, PACKED, RIVAL_STARTS,
    RIVALS, TILE_STARTS, TILES, PLACE, LANE, HALVES, SEGMENTS, CHUNKS, CHUNK_HALVES, CHECK_BOUNDS, CHECK_POSITION,
    CHECK_STARTS, CHECK_RIVALS, CHECK_HALVES, SLACK, N_BUFFERS
};

static const Wanted PLANNED[N_BUFFERS] = {
    [EVIDENCE] = {"evidence", "float64", 'f', 8, 3, 0},
    [SPOKEN] = {"spoken", "int32", 'i', 4, 2, 0},
    [WEIGHTS] = {"weights", "float64", 'f', 8, 2, 0},
    [ORDER] = {"order", "int64", 'i', 8, 1, 0},
    [STARTS] = {"starts", "int64", 'i', 8, 1, 0},
    [CONTESTED] = {"contested", "int64", 'i', 8, 1, 0},
    [DRAWN] = {"drawn", "int64", 'i', 8, 1, 0},
    [CLEAN] = {"clean", "int32", 'i', 4, 1, 0},
    [TRUTH] = {"truth", "int32", 'i', 4, 1, 0},
    [SLOT] = {"slot", "int32", 'i', 4, 1, 0},
    [PACKED] = {"packed", "int32", 'i', 4, 2, 0},
    [RIVAL_STARTS] = {"rival_starts", "int64", 'i', 8, 1, 0},
    [RIVALS] = {"rivals", "int32", 'i', 4, 1, 0},
    [TILE_STARTS] = {"tile_starts", "int64", 'i', 8, 1, 0},
    [TILES] = {"tiles", "int64", 'i', 8, 2, 0},
    [PLACE] = {"place", "uint16", 'u', 2, 1, 0},
    [LANE] = {"lane", "uint16", 'u', 2, 1, 0},
    [HALVES] = {"halves", "int32", 'i', 4, 3, 0},
    [SEGMENTS] = {"segments", "int32", 'i', 4, 2, 0},
    [CHUNKS] = {"chunks", "int32", 'i', 4, 1, 0},
    [CHUNK_HALVES] = {"chunk_halves", "int32", 'i', 4, 3, 0},
    [CHECK_BOUNDS] = {"check_bounds", "int64", 'i', 8, 1, 0},
    [CHECK_POSITION] = {"check_position", "int64", 'i', 8, 1, 0},
    [CHECK_STARTS] = {"check_starts", "int64", 'i', 8, 1, 0},
    [CHECK_RIVALS] = {"check_rivals", "int32", 'i', 4, 1, 0},
    [CHECK_HALVES] = {"check_halves", "int32", 'i', 4, 2, 0},
    [SLACK] = {"slack", "int32", 'i', 4, 1, 0},
};

typedef struct {
    PyObject ob_base;
    Plan plan;
    Py_buffer views[N_BUFFERS];
    int held;
} PlanObject;

static void plan_dealloc(PyObject *self)
{
    PlanObject *object = (PlanObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    release_all(object->views, object->held);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int refuse_tile(int64_t tile, const char *why)
{
    PyErr_Format(PyExc_ValueError, "tiles must %s: tile %lld does not", why, (long long)tile);
    return -1;
}

/* Segments of a tile follow each other up to its last lane, checks last; returns where those begin, or -1. */
static int64_t first_check_lane(const Plan *plan, const int64_t *tile, int64_t number)
{
    int64_t lane = 0, first_check = tile[TILE_COUNT];
    for (int64_t g = tile[TILE_SEGMENT]; g < tile[TILE_FIELDS + TILE_SEGMENT]; g++) {
        const int32_t *segment = plan->segments + 3 * g;
        if (segment[0] < LANE_LOSS || segment[0] > LANE_CHECK || segment[1] < 0 || segment[1] >= plan->n_classes ||
            segment[2] <= lane || segment[2] > tile[TILE_COUNT] ||
            (first_check < tile[TILE_COUNT] && segment[0] != LANE_CHECK)) {
            return refuse_tile(number, "hold segments of a kind, a class, and lanes in order, checks last");
        }
        if (segment[0] == LANE_CHECK && lane < first_check) {
            first_check = lane;
        }
        lane = segment[2];
    }
    return lane == tile[TILE_COUNT] ? first_check : refuse_tile(number, "be covered by their segments");
}

/* Tiles cover the contested positions of their block, and what belongs to them follows in order. */
static int check_tiles(const Plan *plan, const Py_buffer *views)
{
    int64_t at[TILE_FIELDS] = {0};
    for (int64_t b = 0, t = 0; b < plan->n_blocks; b++) {
        int64_t covered = 0;
        for (; t < plan->tile_starts[b + 1]; t++) {
            const int64_t *tile = plan->tiles + t * TILE_FIELDS;
            for (int field = TILE_ROW; field < TILE_FIELDS; field++) {
                if (tile[field] != at[field]) {
                    return refuse_tile(t, "begin where the one before ends");
                }
            }
            if (tile[TILE_HALF] < 1 || tile[TILE_HALF] >= plan->n_classes || tile[TILE_COUNT] < 1 ||
                tile[TILE_COUNT] > TILE || tile[TILE_COUNT] > plan->contested[b] - covered) {
                return refuse_tile(t, "have half-spaces and contested positions of their block");
            }
            at[TILE_ROW] += tile[TILE_HALF] * ((tile[TILE_COUNT] + WIDTH - 1) / WIDTH);
            at[TILE_LANE] += tile[TILE_COUNT];
            at[TILE_SEGMENT] = tile[TILE_FIELDS + TILE_SEGMENT];
            if (at[TILE_ROW] > views[HALVES].shape[0] || at[TILE_LANE] > views[PLACE].shape[0] ||
                at[TILE_SEGMENT] < tile[TILE_SEGMENT] || at[TILE_SEGMENT] > views[SEGMENTS].shape[0]) {
                return refuse_tile(t, "stay inside halves, place and segments");
            }
            for (int64_t i = tile[TILE_LANE]; i < at[TILE_LANE]; i++) {
                if (plan->place[i] >= tile[TILE_COUNT] || plan->lane[i] >= tile[TILE_COUNT]) {
                    return refuse_tile(t, "hold the places and lanes of their own positions");
                }
            }
            const int64_t first = first_check_lane(plan, tile, t);
            if (first < 0) {
                return -1;
            }
            for (int64_t lane = first; lane < tile[TILE_COUNT]; lane += WIDTH) {
                if (at[TILE_CHUNK] >= views[CHUNKS].shape[0] || plan->chunks[at[TILE_CHUNK]] < 1 ||
                    plan->chunks[at[TILE_CHUNK]] >= plan->n_classes) {
                    return refuse_tile(t, "have a chunk of half-spaces for each of their check lanes");
                }
                at[TILE_CHUNK_ROW] += plan->chunks[at[TILE_CHUNK]++];
                if (at[TILE_CHUNK_ROW] > views[CHUNK_HALVES].shape[0]) {
                    return refuse_tile(t, "stay inside chunk_halves");
                }
            }
            covered += tile[TILE_COUNT];
        }
        if (covered != plan->contested[b] || plan->contested[b] > plan->drawn[b]) {
            PyErr_Format(PyExc_ValueError, "contested must be what the tiles cover, at most drawn: found %lld in block %lld",
                         (long long)plan->contested[b], (long long)b);
            return -1;
        }
    }
    return 0;
}

static int check_positions(const Plan *plan)
{
    for (int64_t b = 0; b < plan->n_blocks; b++) {
        for (int64_t p = plan->starts[b]; p < plan->starts[b] + plan->contested[b]; p++) {
            if (plan->clean[p] < 0) {
                PyErr_Format(PyExc_ValueError, "clean must be a class where positions are contested: found -1 at entry %lld",
                             (long long)p);
                return -1;
            }
        }
        for (int64_t s = plan->check_bounds[b]; s < plan->check_bounds[b + 1]; s++) {
            if (plan->check_position[s] < plan->starts[b] || plan->check_position[s] >= plan->starts[b] + plan->drawn[b]) {
                PyErr_Format(PyExc_ValueError, "check_position must be drawn in block %lld: found %lld at entry %lld",
                             (long long)b, (long long)plan->check_position[s], (long long)s);
                return -1;
            }
        }
    }
    return 0;
}

static int check_plan(PlanObject *self)
{
    const Py_buffer *views = self->views;
    Plan *plan = &self->plan;
    const Py_ssize_t n = plan->n, examples = plan->n_examples, pairs = plan->n_pairs, blocks = plan->n_blocks;
    const struct { int buffer; Py_ssize_t first, second; } shapes[] = {
        {WEIGHTS, n, plan->n_agents}, {CONTESTED, blocks, -1}, {CLEAN, n, -1}, {TRUTH, n, -1}, {SLOT, n, -1},
        {PACKED, n, pairs}, {RIVAL_STARTS, examples + 1, -1}, {TILE_STARTS, blocks + 1, -1},
        {TILES, plan->n_tiles + 1, TILE_FIELDS}, {HALVES, -1, pairs + 1}, {SEGMENTS, -1, 3},
        {CHUNK_HALVES, -1, pairs + 1}, {CHECK_BOUNDS, blocks + 1, -1}, {CHECK_STARTS, examples + 1, -1},
        {CHECK_HALVES, views[CHECK_RIVALS].shape[0], pairs + 1}, {SLACK, examples, -1},
        {LANE, views[PLACE].shape[0], -1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (check_shape(&PLANNED[shapes[i].buffer], &views[shapes[i].buffer], shapes[i].first, shapes[i].second) < 0) {
            return -1;
        }
    }
    if (n > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "order must have fewer than 2^31 entries: found %zd", n);
        return -1;
    }
    if (views[HALVES].shape[2] != WIDTH || views[CHUNK_HALVES].shape[2] != WIDTH) {
        PyErr_Format(PyExc_ValueError, "halves and chunk_halves must have length %d along axis 2", WIDTH);
        return -1;
    }
    const int64_t classes = plan->n_classes;
    if (check_starts(&PLANNED[STARTS], &views[STARTS], n) < 0 ||
        check_drawn(&PLANNED[CONTESTED], &views[STARTS], &views[CONTESTED]) < 0 ||
        check_drawn(&PLANNED[DRAWN], &views[STARTS], &views[DRAWN]) < 0 ||
        check_starts(&PLANNED[RIVAL_STARTS], &views[RIVAL_STARTS], views[RIVALS].shape[0]) < 0 ||
        check_starts(&PLANNED[TILE_STARTS], &views[TILE_STARTS], plan->n_tiles) < 0 ||
        check_starts(&PLANNED[CHECK_BOUNDS], &views[CHECK_BOUNDS], plan->n_checks) < 0 ||
        check_starts(&PLANNED[CHECK_STARTS], &views[CHECK_STARTS], views[CHECK_RIVALS].shape[0]) < 0 ||
        check_range(&PLANNED[ORDER], &views[ORDER], 0, examples) < 0 ||
        check_range(&PLANNED[SPOKEN], &views[SPOKEN], -1, classes) < 0 ||
        check_range(&PLANNED[CLEAN], &views[CLEAN], -1, classes) < 0 ||
        check_range(&PLANNED[TRUTH], &views[TRUTH], 0, classes) < 0 ||
        check_range(&PLANNED[SLOT], &views[SLOT], SLOT_CHECK, 2 * classes) < 0 ||
        check_range(&PLANNED[RIVALS], &views[RIVALS], 0, classes) < 0 ||
        check_range(&PLANNED[CHECK_RIVALS], &views[CHECK_RIVALS], 0, classes) < 0 ||
        check_range(&PLANNED[SLACK], &views[SLACK], -classes, classes) < 0 ||
        check_tiles(plan, views) < 0 || check_positions(plan) < 0) {
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(plan_doc,
"Plan(buffers, n_pairs, threshold, votes)\n--\n\n"
"The pruned form of a panel under a linear rule; `buffers` is a dict of arrays, described in core.h.\n\n"
"Every index in them is checked once. Raises TypeError or ValueError for the first that will not do.");

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *buffers, *objects[N_BUFFERS];
    int n_pairs, threshold, votes;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Plan takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O!iip:Plan", &PyDict_Type, &buffers, &n_pairs, &threshold, &votes)) {
        return NULL;
    }
    for (int i = 0; i < N_BUFFERS; i++) {
        objects[i] = PyDict_GetItemString(buffers, PLANNED[i].name);
        if (objects[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "buffers must hold %s", PLANNED[i].name);
            return NULL;
        }
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PlanObject *self = (PlanObject *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (acquire_all(objects, PLANNED, self->views, N_BUFFERS) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->held = N_BUFFERS;
    const Py_buffer *views = self->views;
    self->plan = (Plan){
        .n = views[ORDER].shape[0], .n_examples = views[SPOKEN].shape[0], .n_agents = views[SPOKEN].shape[1],
        .n_classes = views[EVIDENCE].shape[2], .n_blocks = views[STARTS].shape[0] - 1,
        .n_tiles = views[TILES].shape[0] - 1, .n_checks = views[CHECK_POSITION].shape[0], .n_pairs = n_pairs,
        .votes = votes, .threshold = threshold,
        .evidence = views[EVIDENCE].buf, .spoken = views[SPOKEN].buf, .weights = views[WEIGHTS].buf,
        .order = views[ORDER].buf, .starts = views[STARTS].buf, .contested = views[CONTESTED].buf,
        .drawn = views[DRAWN].buf, .clean = views[CLEAN].buf, .truth = views[TRUTH].buf, .slot = views[SLOT].buf,
        .packed = views[PACKED].buf, .rival_starts = views[RIVAL_STARTS].buf, .rivals = views[RIVALS].buf,
        .tile_starts = views[TILE_STARTS].buf, .tiles = views[TILES].buf, .place = views[PLACE].buf, .lane = views[LANE].buf,
        .halves = views[HALVES].buf, .segments = views[SEGMENTS].buf, .chunks = views[CHUNKS].buf,
        .chunk_halves = views[CHUNK_HALVES].buf, .check_bounds = views[CHECK_BOUNDS].buf,
        .check_position = views[CHECK_POSITION].buf, .check_starts = views[CHECK_STARTS].buf,
        .check_rivals = views[CHECK_RIVALS].buf, .check_halves = views[CHECK_HALVES].buf, .slack = views[SLACK].buf,
    };
    const Plan *plan = &self->plan;
    const int whole = views[EVIDENCE].shape[0] == plan->n_examples && views[EVIDENCE].shape[1] == plan->n_agents;
    if (plan->n_agents < 1 || plan->n_agents > MAX_AGENTS || n_pairs < 1 || 2 * n_pairs < plan->n_agents - 1 ||
        n_pairs > MAX_AGENTS) {
        PyErr_Format(PyExc_ValueError, "spoken must have 1 to %d agents, and n_pairs hold all but one: found %zd and %d",
                     MAX_AGENTS, (Py_ssize_t)plan->n_agents, n_pairs);
    }
    else if (!votes && !whole) {
        PyErr_SetString(PyExc_ValueError, "evidence must have the examples and agents of spoken");
    }
    else if (threshold < 0) {
        PyErr_Format(PyExc_ValueError, "threshold must not be negative: found %d", threshold);
    }
    else if (check_plan(self) == 0) {
        return (PyObject *)self;
    }
    Py_DECREF(self);
    return NULL;
}

static int check_apart(const PlanObject *self, const Wanted *wanted, const Py_buffer *view)
{
    for (int i = 0; i < N_BUFFERS; i++) {
        if (overlap(view, &self->views[i])) {
            PyErr_Format(PyExc_ValueError, "%s and %s must not overlap", PLANNED[i].name, wanted->name);
            return -1;
        }
    }
    return 0;
}

static const Wanted COUNTS = {"counts", "int64", 'i', 8, 3, 1};

/* Marks the shuffle as busy, so that nobody else takes it, nor this call twice; returns NULL where it will not do. */
static ShuffleObject *take_shuffle(PyObject *object, PlanObject *self, int64_t n_streams)
{
    const Plan *plan = &self->plan;
    ShuffleObject *taken = as_shuffle(object);
    if (taken == NULL) {
        return NULL;
    }
    const Shuffle *shuffle = &taken->shuffle;
    if (shuffle->n_streams != n_streams) {
        PyErr_Format(PyExc_ValueError, "shuffles must have %lld streams: found %lld", (long long)n_streams,
                     (long long)shuffle->n_streams);
    }
    else if (shuffle->n != plan->n || shuffle->n_blocks != plan->n_blocks ||
             memcmp(shuffle->starts, plan->starts, (size_t)(plan->n_blocks + 1) * sizeof *plan->starts) != 0 ||
             memcmp(shuffle->drawn, plan->drawn, (size_t)plan->n_blocks * sizeof *plan->drawn) != 0) {
        PyErr_SetString(PyExc_ValueError, "shuffles must have the plan's starts and drawn");
    }
    else if (taken->busy || (taken->plan != NULL && taken->plan != (PyObject *)self)) {
        PyErr_SetString(PyExc_ValueError, "the Shuffle is in use by another thread or plan, or stands there twice");
    }
    else {
        taken->busy = 1;
        return taken;
    }
    return NULL;
}

/* Writes a donor's first packed pair above its number, once in a shuffle's life. */
static void pack_entries(const Plan *plan, Shuffle *shuffle)
{
    for (int64_t i = 0; i < shuffle->n * shuffle->n_streams; i++) {
        const uint32_t donor = (uint32_t)shuffle->entries[i];
        shuffle->entries[i] = donor | (uint64_t)(uint32_t)plan->packed[donor * (int64_t)plan->n_pairs] << 32;
    }
}

/* The buffer of counts, and room to work in; -1 where it will not do. */
static int acquire_counts(PyObject *out, PlanObject *self, Py_ssize_t n_shuffles, Py_buffer *counts, int32_t **room)
{
    const Plan *plan = &self->plan;
    if (acquire(out, &COUNTS, counts) < 0) {
        return -1;
    }
    if (counts->shape[2] != (Py_ssize_t)plan->n_classes + 1 || counts->shape[0] != n_shuffles) {
        PyErr_Format(PyExc_ValueError, "counts must have shape (%zd, replicates, %zd): found (%zd, %zd, %zd)", n_shuffles,
                     (Py_ssize_t)plan->n_classes + 1, counts->shape[0], counts->shape[1], counts->shape[2]);
        PyBuffer_Release(counts);
        return -1;
    }
    if (check_apart(self, &COUNTS, counts) < 0) {
        PyBuffer_Release(counts);
        return -1;
    }
    /* Zeros, and WIDTH more: lanes beyond a count are swept too, and check lanes begin anywhere. */
    *room = calloc((size_t)plan->n_pairs * TILE + WIDTH, sizeof **room);
    if (*room == NULL) {
        PyErr_NoMemory();
        PyBuffer_Release(counts);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(run_doc,
"run(shuffles, scheme, agent, direct, every, counts)\n--\n\n"
"Add the next replicates of each of a tuple of shuffles to counts : int64 (len(shuffles), replicates, n_classes + 1).\n\n"
"Hits by class, and last the flips; shuffles that run together share the reading of the half-spaces. Counts of hits\n"
"are changes against the clean decisions, or with `every` those of the checks alone. scheme : 0 joint, 1 independent,\n"
"2 single (of `agent`). direct : decide by score sums alone. Returns (swept, redone): how many tests the filter made,\n"
"and how many of these were too close to call.");

static PyObject *plan_run(PyObject *object, PyObject *args)
{
    PlanObject *self = (PlanObject *)object;
    const Plan *plan = &self->plan;
    PyObject *tuple, *out;
    How how;
    long long agent;
    if (!PyArg_ParseTuple(args, "O!iLppO:run", &PyTuple_Type, &tuple, &how.scheme, &agent, &how.direct, &how.every,
                          &out)) {
        return NULL;
    }
    how.agent = agent;
    if (how.scheme < JOINT || how.scheme > SINGLE || (how.scheme == SINGLE && (agent < 0 || agent >= plan->n_agents))) {
        PyErr_Format(PyExc_ValueError, "scheme must be 0, 1 or 2, agent an agent's number: found %d and %lld",
                     how.scheme, agent);
        return NULL;
    }
    const int64_t n_streams = how.scheme == INDEPENDENT ? plan->n_agents : 1;
    const Py_ssize_t wanted = PyTuple_Size(tuple);
    if (wanted < 1 || wanted * n_streams > MAX_AGENTS) {
        PyErr_Format(PyExc_ValueError, "shuffles must be 1 or more, of at most %d streams in all: found %zd of %lld",
                     MAX_AGENTS, wanted, (long long)n_streams);
        return NULL;
    }
    Py_buffer counts;
    int32_t *room;
    if (acquire_counts(out, self, wanted, &counts, &room) < 0) {
        return NULL;
    }
    ShuffleObject *taken[MAX_AGENTS];
    Shuffle *shuffles[MAX_AGENTS];
    int n_taken = 0;
    for (; n_taken < (int)wanted; n_taken++) {
        taken[n_taken] = take_shuffle(PyTuple_GetItem(tuple, n_taken), self, n_streams);
        if (taken[n_taken] == NULL) {
            break;
        }
        shuffles[n_taken] = &taken[n_taken]->shuffle;
    }
    Work work = {0, 0};
    if (n_taken == (int)wanted) {
        Py_BEGIN_ALLOW_THREADS
        for (int k = 0; k < n_taken; k++) {
            if (taken[k]->plan == NULL) {
                pack_entries(plan, shuffles[k]);
            }
        }
        run_replicates(plan, &how, shuffles, n_taken, counts.shape[1], counts.buf, room, &work);
        Py_END_ALLOW_THREADS
    }
    for (int k = 0; k < n_taken; k++) {
        taken[k]->busy = 0;
        if (taken[k]->plan == NULL && n_taken == (int)wanted) {
            Py_INCREF(object);
            taken[k]->plan = object;
        }
    }
    free(room);
    PyBuffer_Release(&counts);
    return n_taken < (int)wanted ? NULL : Py_BuildValue("LL", (long long)work.swept, (long long)work.redone);
}

static const Wanted SUMMED[] = {
    {"by_class", "int64", 'i', 8, 1, 0},
    {"class_weights", "float64", 'f', 8, 1, 0},
    {"rows", "int64", 'i', 8, 1, 1},
    {"columns", "float64", 'f', 8, 1, 1},
};

PyDoc_STRVAR(sum_pairs_doc,
"sum_pairs(first, last, by_class, class_weights, rows, columns)\n--\n\n"
"Make every check with each donor of its block at positions first .. last - 1, in whole rows of weights.\n\n"
"Adds the number of hits of a check to rows : int64 (n_checks,), and the class_weights : float64 (n_classes,) of the\n"
"checks that hit with a donor to columns : float64 (n,). by_class : int64 (n_checks,), the checks sorted by block, then\n"
"class. Returns (swept, redone), pairs and close calls.");

static PyObject *plan_sum_pairs(PyObject *object, PyObject *args)
{
    PlanObject *self = (PlanObject *)object;
    const Plan *plan = &self->plan;
    long long first, last;
    PyObject *objects[4];
    Py_buffer views[4];
    if (!PyArg_ParseTuple(args, "LLOOOO:sum_pairs", &first, &last, &objects[0], &objects[1], &objects[2],
                          &objects[3])) {
        return NULL;
    }
    if (first < 0 || last > plan->n || first > last) {
        PyErr_Format(PyExc_ValueError, "first and last must be positions up to %lld: found %lld and %lld",
                     (long long)plan->n, first, last);
        return NULL;
    }
    if (acquire_all(objects, SUMMED, views, 4) < 0) {
        return NULL;
    }
    const Py_ssize_t lengths[4] = {plan->n_checks, plan->n_classes, plan->n_checks, plan->n};
    int refused = 0;
    for (int i = 0; i < 4 && !refused; i++) {
        refused = check_shape(&SUMMED[i], &views[i], lengths[i], -1) < 0;
        for (int j = 0; j < i && !refused && i >= 2; j++) {
            if (overlap(&views[i], &views[j])) {
                PyErr_Format(PyExc_ValueError, "%s and %s must not overlap", SUMMED[j].name, SUMMED[i].name);
                refused = 1;
            }
        }
        refused = refused || (i >= 2 && check_apart(self, &SUMMED[i], &views[i]) < 0);
    }
    refused = refused || check_range(&SUMMED[0], &views[0], 0, plan->n_checks) < 0;
    int32_t *room = refused ? NULL : malloc(((size_t)(plan->n_pairs + 1) * TILE + WIDTH) * sizeof *room);
    if (room == NULL) {
        release_all(views, 4);
        return refused ? NULL : PyErr_NoMemory();
    }
    memset(room, 0, ((size_t)(plan->n_pairs + 1) * TILE + WIDTH) * sizeof *room);
    Work work = {0, 0};
    Py_BEGIN_ALLOW_THREADS
    sum_pairs(plan, first, last, views[0].buf, views[1].buf, views[2].buf, views[3].buf, room, &work);
    Py_END_ALLOW_THREADS
    free(room);
    release_all(views, 4);
    return Py_BuildValue("LL", (long long)work.swept, (long long)work.redone);
}

static PyMethodDef plan_methods[] = {
    {"run", plan_run, METH_VARARGS, run_doc},
    {"sum_pairs", plan_sum_pairs, METH_VARARGS, sum_pairs_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_doc, (void *)plan_doc}, {Py_tp_new, plan_new}, {Py_tp_dealloc, plan_dealloc},
    {Py_tp_methods, plan_methods}, {0, NULL},
};

PyType_Spec plan_spec = {
    "sabotage.kernels._core.Plan", sizeof(PlanObject), 0, Py_TPFLAGS_DEFAULT, plan_slots,
};
