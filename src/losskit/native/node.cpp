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
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

namespace torch::autograd {
void deleteNode(Node *node); // only older versions of torch have it
}

namespace {

using at::Tensor;
using torch::autograd::variable_list;
using Tensors = c10::SmallVector<Tensor, 4>;

constexpr size_t largest = 1024; // bytes of a call's struct
constexpr const char *name = "losskit.plan";

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

    // Value and gradients, undefined where not wanted (bits); false: the kernel declines.
    bool run(const Tensors &tensors, uint64_t wanted, Tensor &result, Tensors &gradients) const {
        alignas(64) char filled[largest];
        const auto set = [&](Py_ssize_t offset, auto field) { std::memcpy(filled + offset, &field, sizeof field); };
        std::memcpy(filled, call.data(), call.size());
        set(threads, int32_t(at::get_num_threads()));
        result = at::detail::empty_cpu({}, wide);
        set(value, result.mutable_data_ptr());
        gradients.resize(wanted ? slopes : 0);
        for (size_t at = 0; at < places.size(); ++at) {
            set(places[at].pointer, tensors[at].const_data_ptr());
            if (wanted >> at & 1) {
                gradients[at] = at::detail::empty_cpu(places[at].sizes, places[at].dtype);
                set(places[at].gradient, gradients[at].mutable_data_ptr());
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

// What stands in for a node under compiled autograd, which cannot look into it.
struct Opaque : torch::autograd::Function<Opaque> {
    static variable_list backward(torch::autograd::AutogradContext *context, const variable_list &upstream);
};

// The node. It is filled in by hand, and a CppNode only for compiled autograd: Function::apply takes twice the time.
struct Attached : torch::autograd::CppNode<Opaque> {
    const std::shared_ptr<const Plan> plan;
    const c10::SafePyObject ready; // of native/call.py
    const uint64_t wanted;
    Tensors gradients;
    c10::SmallVector<torch::autograd::SavedVariable, 4> saved;

    Attached(const std::shared_ptr<const Plan> &plan, PyObject *ready, uint64_t wanted, const Tensors &tensors,
             Tensors gradients)
        : plan(plan), ready(Py_NewRef(ready), getPyInterpreter()), wanted(wanted), gradients(std::move(gradients)) {
        for (const auto &tensor : tensors)
            saved.emplace_back(tensor, false);
        for (size_t at = 0; at < plan->slopes; ++at)
            add_next_edge(wanted >> at & 1 ? torch::autograd::impl::gradient_edge(tensors[at])
                                           : torch::autograd::Edge());
    }

    std::string name() const override { return "losskit::Attached"; }

    variable_list apply(variable_list &&upstream) override {
        std::lock_guard<std::mutex> lock(mutex_);
        return upstream[0].defined() ? slopes(upstream[0]) : variable_list(plan->slopes);
    }

    void release_variables() override {
        std::lock_guard<std::mutex> lock(mutex_);
        for (auto &each : saved)
            each.reset_data();
    }

    variable_list slopes(const Tensor &upstream) {
        if (at::GradMode::is_enabled()) // create_graph: saved gradients would lose their derivatives
            return differentiated(upstream);
        const Tensors found = gradients.empty() ? again() : std::move(gradients);
        gradients.clear(); // no reference stays, so that input.grad takes the memory
        variable_list scaled(found.begin(), found.end());
        if (upstream.key_set() != plain_keys) { // one a batch, or a subclass
            for (auto &each : scaled)
                each = each.defined() ? each.mul(upstream) : each;
        } else if (const double factor = number(upstream); factor != 1) {
            for (auto &each : scaled)
                if (each.defined())
                    each.mul_(factor);
        }
        return scaled;
    }

    void compiled_args(torch::dynamo::autograd::CompiledNodeArgs &args) const override {
        auto &own = const_cast<Attached &>(*this);
        own.ctx_.saved_data["node"] = at::from_blob(&own, {1});
        own.is_variable_input_.assign(plan->slopes, true);
        own.output_info_.assign(1, torch::autograd::VariableInfo(at::detail::empty_cpu({}, plan->wide)));
        CppNode::compiled_args(args);
    }

private:
    Tensors unpacked() const { // torch raises if they were freed or changed in place
        Tensors tensors;
        for (const auto &each : saved)
            tensors.push_back(each.unpack());
        return tensors;
    }

    // The gradients of a second backward.
    Tensors again() const {
        Tensor value;
        Tensors found;
        TORCH_CHECK(plan->run(unpacked(), wanted, value, found), "losskit: the kernel declined");
        return found;
    }

    // The gradients by the formula, which can be differentiated again.
    variable_list differentiated(const Tensor &upstream) const {
        pybind11::gil_scoped_acquire gil;
        const auto tensors = unpacked();
        pybind11::list given, asked;
        for (size_t at = 0; at < tensors.size(); ++at) {
            given.append(tensors[at]);
            asked.append(at < plan->slopes && task_should_compute_output(at));
        }
        const auto owner = pybind11::reinterpret_borrow<pybind11::object>(ready.ptr(getPyInterpreter()));
        const pybind11::list found = owner.attr("differentiated")(pybind11::tuple(given), asked, upstream);
        variable_list slopes(plan->slopes);
        for (size_t at = 0; at < slopes.size(); ++at)
            slopes[at] = found[at].is_none() ? Tensor() : found[at].cast<Tensor>();
        return slopes;
    }

    static double number(const Tensor &one) {
        return one.scalar_type() == at::kFloat ? *one.const_data_ptr<float>() : *one.const_data_ptr<double>();
    }
};

variable_list Opaque::backward(torch::autograd::AutogradContext *context, const variable_list &upstream) {
    return static_cast<Attached *>(context->saved_data["node"].toTensor().mutable_data_ptr())->slopes(upstream[0]);
}

// A node, as this version of torch holds it.
template <class... Args> auto made(Args &&...args) {
    if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, torch::autograd::Node>)
        return c10::make_intrusive<Attached>(std::forward<Args>(args)...);
    else
        return std::shared_ptr<Attached>(new Attached(std::forward<Args>(args)...), torch::autograd::deleteNode);
}

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
    Tensors tensors;
    uint64_t wanted = 0;
    for (size_t at = 0; at < places; ++at) {
        PyObject *each = PyTuple_GET_ITEM(args[2], Py_ssize_t(at));
        if (!THPVariable_CheckExact(each) || !fits(THPVariable_Unpack(each), plan->places[at]))
            Py_RETURN_NONE;
        tensors.push_back(THPVariable_Unpack(each));
        if (tensors.back().requires_grad()) {
            if (at >= plan->slopes)
                Py_RETURN_NONE; // only the formula gives that gradient
            wanted |= uint64_t(1) << at;
        }
    }
    wanted = at::GradMode::is_enabled() ? wanted : 0;
    if (wanted && at::SavedTensorDefaultHooks::get_hooks(true)) // they see what is saved, and no gradients are
        Py_RETURN_NONE;
    Tensor value;
    Tensors gradients;
    if (!plan->run(tensors, wanted, value, gradients)) // with the GIL: giving it away takes as long as a small loss
        Py_RETURN_NONE;
    if (wanted) {
        const auto node = made(plan, args[1], wanted, tensors, std::move(gradients));
        node->set_ctx_grad_fn(node);
        torch::autograd::set_history(value, node);
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
