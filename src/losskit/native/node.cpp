// The simple and frequent call of a kernel, in autograd without Python: plain CPU tensors of the shapes and dtypes that
// a plan was made for, nothing else at the call. Everything else is declined (None) and goes by native/autograd.py,
// which says what a gradient is; this file knows no loss and no driver, so that a new one needs nothing here.
// native/node.py builds and loads it.
#define PY_SSIZE_T_CLEAN
#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/SavedTensorHooks.h>
#include <c10/core/SafePyObject.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/PyInterpreter.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

namespace {

using at::Tensor;
using torch::autograd::variable_list;

constexpr size_t largest = 1024; // bytes of a call's struct
constexpr const char *name = "losskit.plan", *held_name = "held";

// One tensor of a call.
struct Place {
    Py_ssize_t pointer, gradient; // offsets in the struct; gradient -1: the kernel gives none
    std::vector<int64_t> sizes;
    at::ScalarType dtype;
};

// A call whose struct is filled in but for the pointers.
struct Plan {
    int (*driver)(void *);
    std::string call; // the struct
    Py_ssize_t threads, found, value;
    at::ScalarType wide; // of the value
    std::vector<Place> places;
    size_t slopes; // so many tensors, from the first on, have gradients

    // Value, and the gradients of the leading tensors that ask for one; false: the kernel declines.
    bool run(const variable_list &tensors, bool wanted, Tensor &result, variable_list &gradients) const {
        alignas(64) char filled[largest];
        const auto set = [&](Py_ssize_t offset, auto field) { std::memcpy(filled + offset, &field, sizeof field); };
        std::memcpy(filled, call.data(), call.size());
        set(threads, int32_t(at::get_num_threads()));
        result = at::detail::empty_cpu({}, wide);
        set(value, result.mutable_data_ptr());
        gradients.clear();
        for (size_t at = 0; at < places.size(); ++at) {
            set(places[at].pointer, tensors[at].const_data_ptr());
            if (!wanted || at >= slopes)
                continue;
            gradients.emplace_back();
            if (tensors[at].requires_grad()) {
                gradients.back() = at::detail::empty_cpu(places[at].sizes, places[at].dtype);
                set(places[at].gradient, gradients.back().mutable_data_ptr());
            }
        }
        int32_t wrong;
        const int status = driver(filled);
        std::memcpy(&wrong, filled + found, sizeof wrong);
        return status == 0 && wrong == 0;
    }
};

c10::DispatchKeySet plain_keys; // of a plain CPU tensor

// Whether no mode, tracer, transform, hook or autocast takes part in this thread's calls.
bool unwatched() {
    const auto now = c10::impl::tls_local_dispatch_key_set();
    return now.included_ == c10::default_included_set && now.excluded_ == c10::default_excluded_set;
}

// Whether this is a plain tensor as planned. Its keys tell of subclasses, other devices and layouts, negated views,
// wrapped tensors and those of inference mode.
bool fits(const Tensor &tensor, const Place &place) {
    return tensor.key_set() == plain_keys && tensor.scalar_type() == place.dtype && tensor.sizes() == place.sizes &&
           tensor.is_contiguous() && !tensor._fw_grad(0).defined();
}

// What a graph holds of a call until backward.
struct Held : torch::CustomClassHolder {
    std::shared_ptr<const Plan> plan;
    c10::SafePyObject ready; // of native/call.py
    Tensor value;
    variable_list tensors, gradients;

    Held(std::shared_ptr<const Plan> plan, PyObject *ready) : plan(std::move(plan)), ready(ready, getPyInterpreter()) {}
};

struct Attached : torch::autograd::Function<Attached> {
    static Tensor forward(torch::autograd::AutogradContext *context, const c10::intrusive_ptr<Held> &held,
                          at::TensorList) {
        context->save_for_backward(std::move(held->tensors));
        context->saved_data[held_name] = c10::IValue::make_capsule(held);
        return std::move(held->value);
    }

    static variable_list backward(torch::autograd::AutogradContext *context, const variable_list &upstream) {
        const auto holder = context->saved_data[held_name].toCapsule();
        auto &held = static_cast<Held &>(*holder);
        variable_list gradients{Tensor()};
        if (at::GradMode::is_enabled()) // create_graph: saved gradients would lose their derivatives
            return differentiated(context, held, upstream[0]);
        variable_list found = std::move(held.gradients); // no reference stays, so that input.grad takes the memory
        held.gradients.clear();
        if (found.empty()) { // a second backward
            Tensor again;
            TORCH_CHECK(held.plan->run(context->get_saved_variables(), true, again, found),
                        "losskit: the kernel declined");
        }
        const Tensor &factor = upstream[0];
        const bool one = factor.key_set() == plain_keys; // else one a batch, or a subclass
        const double times = one ? factor.item<double>() : 0;
        for (auto &gradient : found)
            gradients.push_back(!gradient.defined() || (one && times == 1) ? std::move(gradient)
                                : one                                      ? gradient.mul_(times)
                                                                           : gradient.mul(factor));
        return gradients;
    }

    // The gradients by the formula, which can be differentiated again.
    static variable_list differentiated(torch::autograd::AutogradContext *context, const Held &held,
                                        const Tensor &upstream) {
        pybind11::gil_scoped_acquire gil;
        const auto tensors = context->get_saved_variables();
        std::vector<bool> wanted;
        for (size_t at = 0; at < tensors.size(); ++at)
            wanted.push_back(at < held.plan->slopes && context->needs_input_grad(at));
        const auto ready = pybind11::reinterpret_borrow<pybind11::object>(held.ready.ptr(getPyInterpreter()));
        const auto found =
            pybind11::list(ready.attr("differentiated")(pybind11::tuple(pybind11::cast(tensors)), wanted, upstream));
        variable_list gradients{Tensor()};
        for (size_t at = 0; at < held.plan->slopes; ++at)
            gradients.push_back(found[at].is_none() ? Tensor() : found[at].cast<Tensor>());
        return gradients;
    }
};

// plan(driver, struct, (threads, found, value), value like, ((pointer, gradient, tensor like), ...)): a call to come.
PyObject *plan(PyObject *, PyObject *args) {
    HANDLE_TH_ERRORS
    unsigned long long driver;
    const char *call;
    Py_ssize_t size;
    PyObject *one, *places;
    auto made = std::make_shared<Plan>();
    if (!PyArg_ParseTuple(args, "Ky#(nnn)OO!", &driver, &call, &size, &made->threads, &made->found, &made->value, &one,
                          &PyTuple_Type, &places))
        return nullptr;
    TORCH_CHECK(size_t(size) <= largest, "losskit: the struct has ", size, " bytes");
    made->driver = reinterpret_cast<int (*)(void *)>(driver);
    made->call.assign(call, size);
    made->wide = THPVariable_Unpack(one).scalar_type();
    made->slopes = 0;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(places); ++at) {
        Place place;
        PyObject *like;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(places, at), "nnO", &place.pointer, &place.gradient, &like))
            return nullptr;
        place.sizes = THPVariable_Unpack(like).sizes().vec();
        place.dtype = THPVariable_Unpack(like).scalar_type();
        made->slopes += place.gradient >= 0;
        made->places.push_back(std::move(place));
    }
    auto *kept = new std::shared_ptr<const Plan>(std::move(made));
    return PyCapsule_New(kept, name, [](PyObject *capsule) {
        delete static_cast<std::shared_ptr<const Plan> *>(PyCapsule_GetPointer(capsule, name));
    });
    END_HANDLE_TH_ERRORS
}

// attach(plan, ready, tensors): the loss of a tuple of tensors, in the graph if one asks for a gradient; None: not so
// simple.
PyObject *attach(PyObject *, PyObject *const *args, Py_ssize_t count) {
    HANDLE_TH_ERRORS
    if (count != 3 || !PyCapsule_IsValid(args[0], name) || !PyTuple_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "attach takes a plan, its owner and a tuple of tensors");
        return nullptr;
    }
    const auto &plan = *static_cast<std::shared_ptr<const Plan> *>(PyCapsule_GetPointer(args[0], name));
    const auto places = plan->places.size();
    if (size_t(PyTuple_GET_SIZE(args[2])) != places || !unwatched())
        Py_RETURN_NONE;
    variable_list tensors;
    tensors.reserve(places);
    bool asked = false;
    for (size_t at = 0; at < places; ++at) {
        PyObject *each = PyTuple_GET_ITEM(args[2], Py_ssize_t(at));
        if (!THPVariable_CheckExact(each) || !fits(THPVariable_Unpack(each), plan->places[at]))
            Py_RETURN_NONE;
        tensors.push_back(THPVariable_Unpack(each));
        if (tensors.back().requires_grad()) {
            if (at >= plan->slopes)
                Py_RETURN_NONE; // only the formula gives that gradient
            asked = true;
        }
    }
    const bool wanted = asked && at::GradMode::is_enabled();
    if (wanted && at::SavedTensorDefaultHooks::get_hooks(true)) // they see what is saved, and no gradients are
        Py_RETURN_NONE;
    Tensor value;
    variable_list gradients;
    bool done;
    {
        pybind11::gil_scoped_release no_gil;
        done = plan->run(tensors, wanted, value, gradients);
    }
    if (!done)
        Py_RETURN_NONE;
    if (wanted) {
        Py_INCREF(args[1]);
        const auto held = c10::make_intrusive<Held>(plan, args[1]);
        const variable_list leading(tensors.begin(), tensors.begin() + Py_ssize_t(plan->slopes));
        held->value = std::move(value);
        held->gradients = std::move(gradients);
        held->tensors = std::move(tensors);
        value = Attached::apply(held, at::TensorList(leading));
    }
    return THPVariable_Wrap(std::move(value));
    END_HANDLE_TH_ERRORS
}

PyMethodDef methods[] = {
    {"plan", plan, METH_VARARGS, nullptr},
    {"attach", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(attach)), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "losskit_node", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

} // namespace

PyMODINIT_FUNC PyInit_losskit_node() {
    plain_keys = Tensor(at::detail::empty_cpu({0}, at::kFloat)).key_set();
    return PyModule_Create(&module);
}
