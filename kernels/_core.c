/* The C core of sabotage: random streams and shuffles over plain buffers.
 *
 * Plain C on the buffer protocol and the stable ABI (3.11), so that one wheel serves every Python and NumPy is not
 * needed to build. Every function checks its buffers, then works without the GIL. Lengths, types and layout are
 * refused with a Python exception; contents can at worst make a wrong permutation, never a wild read or write.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define STATE_WORDS 4

/* ---- streams: xoshiro256++ (Blackman and Vigna 2021, doi:10.1145/3460772), keyed through SplitMix64 ---- */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Chained mixing keeps (seed, block, cohort) apart where a sum of the three would make (1, 0, 0) meet (0, 1, 0). */
static void stream_key(uint64_t seed, uint64_t block, uint64_t cohort, uint64_t state[STATE_WORDS])
{
    uint64_t key = mix(mix(mix(seed) ^ block) ^ cohort);
    for (int word = 0; word < STATE_WORDS; word++) {
        key += 0x9e3779b97f4a7c15u;
        state[word] = mix(key);
    }
}

static inline uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static inline uint64_t stream_next(uint64_t s[STATE_WORDS])
{
    const uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Two 32-bit draws come out of one 64-bit word. */
typedef struct {
    uint64_t state[STATE_WORDS];
    uint32_t spare;
    int has_spare;
} Stream;

static inline uint32_t next_half(Stream *stream)
{
    if (stream->has_spare) {
        stream->has_spare = 0;
        return stream->spare;
    }
    const uint64_t word = stream_next(stream->state);
    stream->spare = (uint32_t)(word >> 32);
    stream->has_spare = 1;
    return (uint32_t)word;
}

/* Uniform on 0 .. bound - 1 by multiply-shift with rejection (Lemire 2019, doi:10.1145/3230636). */
static inline uint32_t below(Stream *stream, uint32_t bound)
{
    uint64_t product = (uint64_t)next_half(stream) * bound;
    if ((uint32_t)product < bound) {
        const uint32_t threshold = (uint32_t)(-bound) % bound;
        while ((uint32_t)product < threshold) {
            product = (uint64_t)next_half(stream) * bound;
        }
    }
    return (uint32_t)(product >> 32);
}

/* Forward Fisher-Yates: position k is final as soon as it is drawn. The spare half does not outlive the permutation,
 * so that the state between two permutations is the four words alone. */
static void shuffle(uint64_t state[STATE_WORDS], int32_t *index, Py_ssize_t n, int32_t *out)
{
    Stream stream = {.has_spare = 0};
    memcpy(stream.state, state, sizeof stream.state);
    for (Py_ssize_t k = 0; k < n; k++) {
        const Py_ssize_t j = k + (n - k > 1 ? below(&stream, (uint32_t)(n - k)) : 0);
        const int32_t drawn = index[j];
        index[j] = index[k];
        index[k] = drawn;
        out[k] = drawn;
    }
    memcpy(state, stream.state, sizeof stream.state);
}

/* ---- buffers ---- */

typedef struct {
    const char *name;
    const char *type;
    char kind;      /* i signed, u unsigned */
    int item_size;
    int n_dims;
    int writable;
} Wanted;

static int is_kind(const char *format, char kind)
{
    if (format == NULL) {
        return 0;
    }
    if (*format == '@' || *format == '=' || *format == '<') {
        format++;
    }
    const char *letters = kind == 'i' ? "bhilqn" : "BHILQN";
    return *format != '\0' && strchr(letters, *format) != NULL && format[1] == '\0';
}

static int acquire(PyObject *object, const Wanted *wanted, Py_buffer *view)
{
    const int flags = PyBUF_FORMAT | PyBUF_STRIDES | (wanted->writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_MemoryError)) {
            PyErr_Clear();
            PyErr_Format(PyExc_TypeError, "%s must be a %sbuffer of %s", wanted->name,
                         wanted->writable ? "writable " : "", wanted->type);
        }
        return -1;
    }
    if (view->itemsize != wanted->item_size || !is_kind(view->format, wanted->kind)) {
        PyErr_Format(PyExc_TypeError, "%s must hold %s: found format '%s' with %zd bytes an item", wanted->name,
                     wanted->type, view->format ? view->format : "?", view->itemsize);
    }
    else if (view->ndim != wanted->n_dims) {
        PyErr_Format(PyExc_ValueError, "%s must have %d dimensions: found %d", wanted->name, wanted->n_dims,
                     view->ndim);
    }
    else if (!PyBuffer_IsContiguous(view, 'C')) {
        PyErr_Format(PyExc_ValueError, "%s must be C-contiguous", wanted->name);
    }
    else if ((uintptr_t)view->buf % (uintptr_t)wanted->item_size != 0) {
        PyErr_Format(PyExc_ValueError, "%s must be aligned to %d bytes", wanted->name, wanted->item_size);
    }
    else {
        return 0;
    }
    PyBuffer_Release(view);
    return -1;
}

/* Acquires all of them or none. */
static int acquire_all(PyObject *const *objects, const Wanted *wanted, Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++) {
        if (acquire(objects[i], &wanted[i], &views[i]) < 0) {
            while (i-- > 0) {
                PyBuffer_Release(&views[i]);
            }
            return -1;
        }
    }
    return 0;
}

static void release_all(Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++) {
        PyBuffer_Release(&views[i]);
    }
}

static int check_no_overlap(const Wanted *wanted, const Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++) {
        for (int j = i + 1; j < count; j++) {
            const char *a = views[i].buf, *b = views[j].buf;
            if (a < b + views[j].len && b < a + views[i].len) {
                PyErr_Format(PyExc_ValueError, "%s and %s must not overlap", wanted[i].name, wanted[j].name);
                return -1;
            }
        }
    }
    return 0;
}

/* starts is 0 = starts[0] <= starts[1] <= ... <= starts[n_blocks] = n. */
static int check_blocks(const Py_buffer *starts, const Py_buffer *states, const Py_buffer *index)
{
    const Py_ssize_t n_blocks = starts->shape[0] - 1, n = index->shape[0];
    const int64_t *start = starts->buf;
    if (n > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "index must have fewer than 2^31 entries: found %zd", n);
        return -1;
    }
    if (n_blocks < 0 || start[0] != 0 || start[n_blocks] != (int64_t)n) {
        PyErr_Format(PyExc_ValueError, "starts must begin with 0 and end with the length of index, %zd", n);
        return -1;
    }
    for (Py_ssize_t b = 0; b < n_blocks; b++) {
        if (start[b] > start[b + 1]) {
            PyErr_Format(PyExc_ValueError, "starts must not decrease: found %lld before %lld at block %zd",
                         (long long)start[b], (long long)start[b + 1], b);
            return -1;
        }
    }
    if (states->shape[0] != n_blocks || states->shape[1] != STATE_WORDS) {
        PyErr_Format(PyExc_ValueError, "states must have shape (%zd, %d), one row a block: found (%zd, %zd)", n_blocks,
                     STATE_WORDS, states->shape[0], states->shape[1]);
        return -1;
    }
    return 0;
}

static const Wanted WANTED[] = {
    {"starts", "int64", 'i', 8, 1, 0},
    {"states", "uint64", 'u', 8, 2, 1},
    {"index", "int32", 'i', 4, 1, 1},
    {"out", "int32", 'i', 4, 2, 1},
};

/* ---- the module ---- */

PyDoc_STRVAR(start_cohort_doc,
"start_cohort(seed, cohort, starts, states, index)\n--\n\n"
"Reset a cohort: key one stream a block by (seed, block, cohort) and set index to 0 .. n - 1.\n\n"
"starts : int64 (n_blocks + 1,); states : uint64 (n_blocks, 4), written; index : int32 (n,), written.\n"
"Raises TypeError or ValueError where a buffer has another type, shape or layout, or overlaps another.");

static PyObject *start_cohort(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned long long seed, cohort;
    PyObject *objects[3];
    Py_buffer views[3];
    if (!PyArg_ParseTuple(args, "KKOOO:start_cohort", &seed, &cohort, &objects[0], &objects[1], &objects[2])) {
        return NULL;
    }
    if (acquire_all(objects, WANTED, views, 3) < 0) {
        return NULL;
    }
    if (check_blocks(&views[0], &views[1], &views[2]) < 0 || check_no_overlap(WANTED, views, 3) < 0) {
        release_all(views, 3);
        return NULL;
    }
    uint64_t *states = views[1].buf;
    int32_t *index = views[2].buf;
    const Py_ssize_t n_blocks = views[1].shape[0], n = views[2].shape[0];
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t b = 0; b < n_blocks; b++) {
        stream_key(seed, (uint64_t)b, cohort, states + b * STATE_WORDS);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        index[i] = (int32_t)i;
    }
    Py_END_ALLOW_THREADS
    release_all(views, 3);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(draw_doc,
"draw(starts, states, index, out)\n--\n\n"
"Write the next out.shape[0] permutations of a cohort, each inside its blocks, into the rows of out.\n\n"
"starts, states, index : as start_cohort left them (states and index are advanced); out : int32 (replicates, n).\n"
"However a cohort is cut into calls, the permutations are the same.\n"
"Raises TypeError or ValueError where a buffer has another type, shape or layout, or overlaps another.");

static PyObject *draw(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *objects[4];
    Py_buffer views[4];
    if (!PyArg_ParseTuple(args, "OOOO:draw", &objects[0], &objects[1], &objects[2], &objects[3])) {
        return NULL;
    }
    if (acquire_all(objects, WANTED, views, 4) < 0) {
        return NULL;
    }
    const Py_ssize_t n_blocks = views[1].shape[0], n = views[2].shape[0], replicates = views[3].shape[0];
    if (check_blocks(&views[0], &views[1], &views[2]) < 0 || check_no_overlap(WANTED, views, 4) < 0) {
        release_all(views, 4);
        return NULL;
    }
    if (views[3].shape[1] != n) {
        PyErr_Format(PyExc_ValueError, "out must have shape (replicates, %zd): found (%zd, %zd)", n, replicates,
                     views[3].shape[1]);
        release_all(views, 4);
        return NULL;
    }
    const int64_t *starts = views[0].buf;
    uint64_t *states = views[1].buf;
    int32_t *index = views[2].buf, *out = views[3].buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t r = 0; r < replicates; r++) {
        for (Py_ssize_t b = 0; b < n_blocks; b++) {
            shuffle(states + b * STATE_WORDS, index + starts[b], (Py_ssize_t)(starts[b + 1] - starts[b]),
                    out + r * n + starts[b]);
        }
    }
    Py_END_ALLOW_THREADS
    release_all(views, 4);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start_cohort", start_cohort, METH_VARARGS, start_cohort_doc},
    {"draw", draw, METH_VARARGS, draw_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_core", .m_doc = "Random streams and shuffles, in C.", .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
