/* The Python type Shuffle: the permutations of one cohort. */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

static const Wanted SHUFFLED[] = {
    {"starts", "int64", 'i', 8, 1, 0},
    {"drawn", "int64", 'i', 8, 1, 0},
};
static const Wanted DONORS = {"out", "int32", 'i', 4, 3, 1};

static void shuffle_dealloc(PyObject *self)
{
    ShuffleObject *object = (ShuffleObject *)self;
    PyTypeObject *type = Py_TYPE(self);
    free(object->shuffle.states);
    free(object->shuffle.entries);
    free(object->shuffle.starts);
    free(object->shuffle.drawn);
    Py_XDECREF(object->plan);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* Copies, so that nobody can change what was checked. */
static int copy_blocks(Shuffle *shuffle, const Py_buffer *views)
{
    const Py_ssize_t n_starts = views[0].shape[0];
    const int64_t n = n_starts > 0 ? at64(&views[0], n_starts - 1) : 0;
    if (check_starts(&SHUFFLED[0], &views[0], n) < 0 || check_drawn(&SHUFFLED[1], &views[0], &views[1]) < 0) {
        return -1;
    }
    if (n > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "starts must end below 2^31: found %lld", (long long)n);
        return -1;
    }
    shuffle->starts = malloc((size_t)views[0].len);
    shuffle->drawn = malloc((size_t)views[1].len + 1);
    if (shuffle->starts == NULL || shuffle->drawn == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(shuffle->starts, views[0].buf, (size_t)views[0].len);
    memcpy(shuffle->drawn, views[1].buf, (size_t)views[1].len);
    shuffle->n = n;
    shuffle->n_blocks = n_starts - 1;
    return 0;
}

PyDoc_STRVAR(shuffle_doc,
"Shuffle(seed, cohort, starts, drawn, n_streams)\n--\n\n"
"The permutations of one cohort, each inside its blocks, one after the other.\n\n"
"starts : int64 (n_blocks + 1,); drawn : int64 (n_blocks,), how many positions of a block are drawn: a partial\n"
"Fisher-Yates leaves these with a uniform draw without repetition. n_streams : permutations at a time, from streams of\n"
"their own. Raises TypeError or ValueError where a buffer has another type, shape or layout, or is out of range.");

static PyObject *shuffle_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    unsigned long long seed, cohort;
    PyObject *objects[2];
    long long n_streams;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Shuffle takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O&O&OOL:Shuffle", to_uint64, &seed, to_uint64, &cohort, &objects[0], &objects[1],
                          &n_streams)) {
        return NULL;
    }
    if (n_streams < 1 || n_streams > MAX_AGENTS) {
        PyErr_Format(PyExc_ValueError, "n_streams must lie in [1, %d]: found %lld", MAX_AGENTS, n_streams);
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    ShuffleObject *self = (ShuffleObject *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    Py_buffer views[2];
    if (acquire_all(objects, SHUFFLED, views, 2) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    const int refused = copy_blocks(&self->shuffle, views) < 0;
    release_all(views, 2);
    if (refused) {
        Py_DECREF(self);
        return NULL;
    }
    Shuffle *shuffle = &self->shuffle;
    shuffle->n_streams = n_streams;
    const int64_t n = shuffle->n;
    const size_t n_states = (size_t)(shuffle->n_blocks * n_streams) * STATE_WORDS;
    shuffle->states = malloc(n_states * sizeof *shuffle->states + 1);
    shuffle->entries = malloc((size_t)(n * n_streams) * sizeof *shuffle->entries + 1);
    if (shuffle->states == NULL || shuffle->entries == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS
    for (int64_t b = 0; b < shuffle->n_blocks; b++) {
        for (int s = 0; s < (int)n_streams; s++) {
            start_stream(seed, (uint64_t)b, cohort, s, shuffle->states + (b * n_streams + s) * STATE_WORDS);
        }
    }
    for (int64_t s = 0; s < n_streams; s++) {
        for (int64_t i = 0; i < n; i++) {
            shuffle->entries[s * n + i] = (uint64_t)i;
        }
    }
    Py_END_ALLOW_THREADS
    return (PyObject *)self;
}

PyDoc_STRVAR(draw_doc,
"draw(out)\n--\n\n"
"Write the donors of the next out.shape[0] permutations into out : int32 (replicates, n_streams, n).\n\n"
"Positions of a block from its drawn on hold what is left, in no particular order. However a cohort is cut into calls,\n"
"the permutations are the same.");

static PyObject *shuffle_draw(PyObject *object, PyObject *out)
{
    ShuffleObject *self = (ShuffleObject *)object;
    Shuffle *shuffle = &self->shuffle;
    Py_buffer view;
    if (acquire(out, &DONORS, &view) < 0) {
        return NULL;
    }
    if (view.shape[1] != shuffle->n_streams || view.shape[2] != shuffle->n) {
        PyErr_Format(PyExc_ValueError, "out must have shape (replicates, %lld, %lld): found (%zd, %zd, %zd)",
                     (long long)shuffle->n_streams, (long long)shuffle->n, view.shape[0], view.shape[1],
                     view.shape[2]);
        PyBuffer_Release(&view);
        return NULL;
    }
    if (self->busy) {
        PyErr_SetString(PyExc_ValueError, "the Shuffle is in use by another thread");
        PyBuffer_Release(&view);
        return NULL;
    }
    self->busy = 1;
    const int64_t replicates = view.shape[0], n_streams = shuffle->n_streams;
    Py_BEGIN_ALLOW_THREADS
    int32_t *donors = view.buf;
    for (int64_t r = 0; r < replicates * n_streams; r++, donors += shuffle->n) {
        uint64_t *entries = shuffle->entries + r % n_streams * shuffle->n;
        for (int64_t b = 0; b < shuffle->n_blocks; b++) {
            Draws draws = {.state = shuffle->states + (b * n_streams + r % n_streams) * STATE_WORDS};
            const int64_t start = shuffle->starts[b], size = shuffle->starts[b + 1] - start, drawn = shuffle->drawn[b];
            for (int64_t k = 0; k < drawn; k += TILE) {
                draw_positions(&draws, entries + start, k, drawn - k < TILE ? (int)(drawn - k) : TILE, drawn - k, size,
                               NULL, NULL);
            }
        }
        for (int64_t i = 0; i < shuffle->n; i++) {
            donors[i] = (int32_t)(uint32_t)entries[i];
        }
    }
    Py_END_ALLOW_THREADS
    self->busy = 0;
    PyBuffer_Release(&view);
    Py_RETURN_NONE;
}

static PyMethodDef shuffle_methods[] = {{"draw", shuffle_draw, METH_O, draw_doc}, {NULL, NULL, 0, NULL}};

static PyType_Slot shuffle_slots[] = {
    {Py_tp_doc, (void *)shuffle_doc}, {Py_tp_new, shuffle_new}, {Py_tp_dealloc, shuffle_dealloc},
    {Py_tp_methods, shuffle_methods}, {0, NULL},
};

PyType_Spec shuffle_spec = {
    "sabotage.kernels._core.Shuffle", sizeof(ShuffleObject), 0, Py_TPFLAGS_DEFAULT, shuffle_slots,
};

ShuffleObject *as_shuffle(PyObject *object)
{
    if (PyType_GetSlot(Py_TYPE(object), Py_tp_dealloc) != (void *)shuffle_dealloc) {
        PyErr_SetString(PyExc_TypeError, "shuffle must be a Shuffle");
        return NULL;
    }
    return (ShuffleObject *)object;
}
