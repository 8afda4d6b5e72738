/* The module: its types, and the instruction sets to choose from. */
#include "binding.h"

PyDoc_STRVAR(set_simd_doc,
"set_simd(name)\n--\n\n"
"Run on the instruction set of that name from now on: one of simd_names(). Raises ValueError for another.");

static PyObject *set_simd(PyObject *module, PyObject *name)
{
    (void)module;
    PyObject *bytes = PyUnicode_Check(name) ? PyUnicode_AsUTF8String(name) : NULL;
    const Simd *found = bytes == NULL ? NULL : find_simd(PyBytes_AsString(bytes));
    Py_XDECREF(bytes);
    if (found == NULL) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "unknown instruction set %R: this CPU and build have those of simd_names()", name);
        return NULL;
    }
    simd = found;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(simd_names_doc, "simd_names()\n--\n\nThe instruction sets that this CPU and this build have, the best first.");

static PyObject *simd_names(PyObject *module, PyObject *none)
{
    (void)module;
    (void)none;
    PyObject *names = PyList_New(0);
    for (int i = 0; names != NULL && nth_simd(i) != NULL; i++) {
        PyObject *name = PyUnicode_FromString(nth_simd(i)->name);
        if (name == NULL || PyList_Append(names, name) < 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
    }
    return names;
}

static int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    const int status = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return status;
}

static int fill_module(PyObject *module)
{
    simd = nth_simd(0);
    return add_type(module, &shuffle_spec) < 0 || add_type(module, &plan_spec) < 0 ||
                   PyModule_AddIntConstant(module, "WIDTH", WIDTH) < 0 ||
                   PyModule_AddIntConstant(module, "MAX_AGENTS", MAX_AGENTS) < 0
               ? -1
               : 0;
}

static PyMethodDef methods[] = {
    {"set_simd", set_simd, METH_O, set_simd_doc},
    {"simd_names", simd_names, METH_NOARGS, simd_names_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_core", .m_doc = "Shuffles and the permutation loop of linear rules, in C.",
    .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
