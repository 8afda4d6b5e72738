/* Acquiring buffers, and refusing those of another type, shape, layout or range. */
#include "binding.h"

#include <string.h>

static int is_kind(const char *format, char kind)
{
    if (format == NULL) {
        return 0;
    }
    if (*format == '@' || *format == '=' || *format == '<') {
        format++;
    }
    const char *letters = kind == 'i' ? "bhilqn" : kind == 'u' ? "BHILQN" : "fd";
    return *format != '\0' && strchr(letters, *format) != NULL && format[1] == '\0';
}

int acquire(PyObject *object, const Wanted *wanted, Py_buffer *view)
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

void release_all(Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++) {
        PyBuffer_Release(&views[i]);
    }
}

int acquire_all(PyObject *const *objects, const Wanted *wanted, Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++) {
        if (acquire(objects[i], &wanted[i], &views[i]) < 0) {
            release_all(views, i);
            return -1;
        }
    }
    return 0;
}

int overlap(const Py_buffer *a, const Py_buffer *b)
{
    const char *from = a->buf, *other = b->buf;
    return from < other + b->len && other < from + a->len;
}

int check_shape(const Wanted *wanted, const Py_buffer *view, Py_ssize_t first, Py_ssize_t second)
{
    const Py_ssize_t shape[2] = {first, second};
    for (int d = 0; d < view->ndim && d < 2; d++) {
        if (shape[d] >= 0 && view->shape[d] != shape[d]) {
            PyErr_Format(PyExc_ValueError, "%s must have length %zd along axis %d: found %zd", wanted->name, shape[d],
                         d, view->shape[d]);
            return -1;
        }
    }
    return 0;
}

int check_range(const Wanted *wanted, const Py_buffer *view, int64_t lowest, int64_t end)
{
    const int64_t count = (int64_t)(view->len / view->itemsize);
    for (int64_t i = 0; i < count; i++) {
        const int64_t value = view->itemsize == 8 ? at64(view, i) : at32(view, i);
        if (value < lowest || value >= end) {
            PyErr_Format(PyExc_ValueError, "%s must lie in [%lld, %lld): found %lld at entry %lld", wanted->name,
                         (long long)lowest, (long long)end, (long long)value, (long long)i);
            return -1;
        }
    }
    return 0;
}

int check_starts(const Wanted *wanted, const Py_buffer *starts, int64_t end)
{
    const Py_ssize_t last = starts->shape[0] - 1;
    if (last < 0 || at64(starts, 0) != 0 || at64(starts, last) != end) {
        PyErr_Format(PyExc_ValueError, "%s must begin with 0 and end with %lld", wanted->name, (long long)end);
        return -1;
    }
    for (Py_ssize_t b = 0; b < last; b++) {
        if (at64(starts, b) > at64(starts, b + 1)) {
            PyErr_Format(PyExc_ValueError, "%s must not decrease: found %lld before %lld at %zd", wanted->name,
                         (long long)at64(starts, b), (long long)at64(starts, b + 1), b);
            return -1;
        }
    }
    return 0;
}

int check_drawn(const Wanted *wanted, const Py_buffer *starts, const Py_buffer *drawn)
{
    const Py_ssize_t n_blocks = starts->shape[0] - 1;
    if (check_shape(wanted, drawn, n_blocks, -1) < 0) {
        return -1;
    }
    for (Py_ssize_t b = 0; b < n_blocks; b++) {
        const int64_t size = at64(starts, b + 1) - at64(starts, b);
        if (at64(drawn, b) < 0 || at64(drawn, b) > size) {
            PyErr_Format(PyExc_ValueError, "%s must lie in [0, %lld] for block %zd: found %lld", wanted->name,
                         (long long)size, b, (long long)at64(drawn, b));
            return -1;
        }
    }
    return 0;
}

int to_uint64(PyObject *number, void *out)
{
    const unsigned long long value = PyLong_AsUnsignedLongLong(number);
    if (value == (unsigned long long)-1 && PyErr_Occurred()) {
        return 0;
    }
    *(unsigned long long *)out = value;
    return 1;
}
