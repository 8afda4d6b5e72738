/* What the Python types of the core share: buffers and what is refused of them. */
#ifndef SABOTAGE_BINDING_H
#define SABOTAGE_BINDING_H

/* Plain C on the buffer protocol and the stable ABI: one wheel serves every Python, and NumPy is not needed to build. */
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core.h"

typedef struct {
    const char *name;
    const char *type;
    char kind; /* i signed, u unsigned, f floating */
    int item_size;
    int n_dims;
    int writable;
} Wanted;

/* Each sets a Python exception, and returns -1, where it refuses. */
int acquire(PyObject *object, const Wanted *wanted, Py_buffer *view);
int acquire_all(PyObject *const *objects, const Wanted *wanted, Py_buffer *views, int count); /* all of them or none */
void release_all(Py_buffer *views, int count);
int overlap(const Py_buffer *a, const Py_buffer *b);
int check_shape(const Wanted *wanted, const Py_buffer *view, Py_ssize_t first, Py_ssize_t second); /* < 0: any length */
int check_range(const Wanted *wanted, const Py_buffer *view, int64_t lowest, int64_t end); /* lowest <= value < end */
int check_starts(const Wanted *wanted, const Py_buffer *starts, int64_t end); /* 0 .. end, not decreasing */
int check_drawn(const Wanted *wanted, const Py_buffer *starts, const Py_buffer *drawn); /* 0 .. a block's length */
int to_uint64(PyObject *number, void *out); /* for PyArg_ParseTuple's O&: its own formats wrap what does not fit */

static inline int32_t at32(const Py_buffer *view, int64_t i)
{
    return ((const int32_t *)view->buf)[i];
}

static inline int64_t at64(const Py_buffer *view, int64_t i)
{
    return ((const int64_t *)view->buf)[i];
}

typedef struct {
    PyObject ob_base;
    Shuffle shuffle;
    int busy;       /* a loop runs on it without the GIL */
    PyObject *plan; /* whose packed weights the entries carry, or NULL */
} ShuffleObject;

ShuffleObject *as_shuffle(PyObject *object); /* NULL, with an exception, if it is none */

extern PyType_Spec shuffle_spec, plan_spec;

#endif
