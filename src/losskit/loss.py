"""The root of all losses: fields are its arguments, ``formula`` computes it, and ``about`` states its facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling
from typing_extensions import Unpack, dataclass_transform

from losskit.choice import Prepared, Route, by_operator, choose, numbers_of, parameters, run, settled, unchanged
from losskit.core.about import About
from losskit.core.reduction import NOTHING, AtCall, BatchReduction, Extra, both, checked, reduce
from losskit.core.watched import eager, readable, savable_with
from losskit.decoding import Decodes
from losskit.documentation import documentation
from losskit.fields import Fleeting, arg, instance as instance, kept, reduction_arg


@dataclass_transform(field_specifiers=(arg, reduction_arg), eq_default=False)
class Loss(Decodes):
    """The root of all losses.

    A subclass states ``about``, declares its arguments with :func:`arg` in torch's order, and writes ``formula``, which
    takes ``input`` and ``target`` and returns the unreduced loss in plain PyTorch.
    """

    about: ClassVar[About]
    formula: Callable[..., Tensor]
    reduction: BatchReduction  # most losses narrow it
    prepared: Prepared
    keeps_kernel: ClassVar[bool]  # decided with the class, since the compiler follows no cached function
    keeps_operator: ClassVar[bool]
    torch_takes: ClassVar[frozenset[str]] = frozenset()  # the parameters of torch's operator
    learnt: ClassVar[tuple[str, ...]] = ()  # what its kernel takes behind the tensors of the call
    restated: bool = False  # whether something that its numbers follow from was set on this instance
    numbers_from: ClassVar[frozenset[str]]  # the names of what its numbers follow from
    _own_way: ClassVar[bool] = False  # whether it has a by_formula of its own

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "about" in vars(cls) and cls.__doc__:
            cls.__doc__ = documentation(cls, cls.about)
        cls.keeps_kernel, cls.keeps_operator = (
            hasattr(cls, "about") and unchanged(cast(Any, cls), fact) for fact in ("kernel", "torch")
        )
        if hasattr(cls, "about"):
            cls.numbers_from = numbers_of(cast(Any, cls))
            cls.torch_takes = parameters(cls.about.torch)
        cls._own_way = cls.by_formula is not Loss.by_formula

    def forget(self) -> None:
        """Drop the cached routes, which depend on the arguments."""
        object.__setattr__(self, "prepared", Prepared())  # a new one: a shallow copy may share the old

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.numbers_from:
            self.forget()
            object.__setattr__(self, "restated", True)
        super().__setattr__(name, value)

    def forward(self, input: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:
        """The loss of ``input`` against ``target``; :class:`~losskit.core.reduction.AtCall` says what a call may add.

        A loss that takes other tensors overrides this method.
        """
        return self.compute((input, target), at_call)

    def compute(self, tensors: tuple[Tensor, ...], at_call: AtCall) -> Tensor:
        """The loss of ``tensors``, which stand in the order of ``about.tensors``."""
        if not at_call and not is_dynamo_compiling():
            plain = self.prepared.plain
            for buffer in self._buffers.values():
                if buffer is not None:
                    plain = None  # a weight that was put in from outside since
            value = None if plain is None else plain(tensors)
            if value is not None:
                return value
        route = choose(self, tensors)
        return run(self, route, tensors, self.extra(tensors[0], at_call) if at_call else NOTHING)

    def extra(self, input: Tensor, at_call: AtCall) -> Extra:
        """The call's mask, weights and normalizer, checked."""
        items = self.items(input)
        elements = self.elements(input) if self.about.interacting else items
        return self.checked(at_call, items, input.device, None if elements == items else elements)

    def checked(
        self, at_call: AtCall, items: torch.Size, device: torch.device, elements: torch.Size | None = None
    ) -> Extra:
        """The same for an unreduced loss of shape ``items`` on ``device``, and a mask over ``elements``."""
        return checked(type(self).__name__, self.reduction, at_call, items, device, self.arguments, elements)

    def by_formula(self, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        """The loss by its formula, or by torch's operator where that takes its place."""
        return self._by_route(choose(self, tensors), tensors, extra)

    def without_kernel(self, route: Route, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        """The same with a known route, unless :meth:`by_formula` is overridden."""
        if self._own_way or "by_formula" in self.__dict__:
            return self.by_formula(tensors, extra)
        return self._by_route(route, tensors, extra)

    def _by_route(self, route: Route, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        domains, dtype = route.domains, route.dtype
        if self._buffers and not torch.compiler.is_compiling():
            self.fit(tensors[0])
        tensors = savable_with(self._buffers, tensors)
        if not route.as_is:
            tensors = tuple(slot.cast(tensor, dtype) for (_, slot), tensor in zip(domains, tensors))
        reading = route.in_memory or readable(*tensors)
        operator = route.operator if route.operator is not None and self.torch_is_right(*tensors) else None
        if operator is not None and extra is NOTHING:
            if reading:
                self._diagnose(route, tensors)
            value = by_operator(self, operator, tensors, self.reduction)
            if settled(value, reading):
                return value
            operator = None
        kept = both(self.kept(tensors[route.target]), extra.mask)
        if kept is not None and readable(kept) and bool(kept.all()):
            kept = None  # saves a copy of the input
        if kept is not None:  # in the inputs: masking the result would leave NaN gradients
            pairs = zip(domains, tensors)
            tensors = tuple(self._masked(tensor, kept, slot.neutral(place, tensor)) for (place, slot), tensor in pairs)
        if reading:
            self._diagnose(route, tensors)
        weight = extra.sample_weight
        if weight is not None and not self.about.interacting:  # interacting items of weight 0 still affect the others
            pairs = zip(domains, tensors)
            tensors = tuple(
                self._weighed(tensor, weight, slot.neutral(place, tensor)) for (place, slot), tensor in pairs
            )
        loss = None if operator is None else by_operator(self, operator, tensors, "none")
        if loss is None or not settled(loss, reading):
            loss = self.formula(*tensors, kept=kept) if self.about.interacting else self.formula(*tensors)
            if self.about.interacting and kept is not None:
                kept = self.kept_items(kept, tensors[0])
        share = self.share(tensors[route.target])
        share = None if share is None else share.to(dtype)  # a weight of another dtype must not change the loss's
        loss = loss if loss.dtype is dtype else loss.to(dtype)
        return reduce(loss, self.reduction, kept, share, weight, extra.normalizer)

    def _diagnose(self, route: Route, tensors: tuple[Tensor, ...]) -> None:
        for at in route.judged:
            place, slot = route.domains[at]
            error = slot.diagnose(place, tensors[at])
            if error is not None:
                raise error

    def _masked(self, value: Tensor, kept: Tensor, neutral: float) -> Tensor:
        dim = self.class_dim(value) if value.dim() > kept.dim() else None
        return torch.where(kept if dim is None else kept.unsqueeze(dim), value, neutral)

    def _weighed(self, value: Tensor, weight: Tensor, neutral: float) -> Tensor:
        """``value`` with items of weight 0 replaced, since their slope may be infinite; only infinities if weights need gradients."""
        if not value.is_floating_point() or (readable(weight) and bool((weight != 0).all())):
            return value
        rest = self._masked(value, weight != 0, neutral)
        return rest if eager(weight) and not weight.requires_grad else torch.where(value.isinf(), rest, value)

    # What a loss may override.

    def kept(self, target: Tensor) -> Tensor | None:
        """Mask of the items, False where the target itself excludes one (``ignore_index``). None: all count."""
        return None

    def kept_items(self, kept: Tensor, input: Tensor) -> Tensor | None:
        """The items in which a mask of the elements keeps something; the formula left out the rest. None: all items."""
        return kept if self.elements(input) == self.items(input) else None

    def share(self, target: Tensor) -> Tensor | None:
        """What each item adds to the mean's denominator; None: 1."""
        return None

    @property
    def kernel(self) -> str:
        """The name of its kernel, for these arguments; empty where these have none."""
        return str(self.about.kernel)

    def kernel_params(self) -> tuple[float, ...]:
        """The numbers that its kernel takes, in the order of its struct in ``kernels/ops``."""
        return ()

    def kernel_each(self) -> tuple[float, ...]:
        """The numbers of which its kernel takes one for each entry of the last dimension."""
        return ()

    def torch_is_right(self, *tensors: Tensor) -> bool:
        """Whether torch's own operator gives this loss's numbers for these arguments, shapes and dtypes."""
        return True


_compute = Loss.compute  # `losskit.watch` puts another in its place


def served(cls: type[Loss], tensors: tuple[Tensor, ...], at_call: AtCall, *args: Any, **kwargs: Any) -> Tensor:
    """``instance(cls, ...).compute(tensors, at_call)``, as functions do: of a small loss its steps are a tenth of the time."""
    if is_dynamo_compiling():
        return cls(*args, **kwargs).compute(tensors, at_call)
    try:
        loss: Loss = kept(cls, *args, **kwargs)  # type: ignore[arg-type]
    except (Fleeting, TypeError):
        return cls(*args, **kwargs).compute(tensors, at_call)
    plain = None if at_call or cls.compute is not _compute else loss.prepared.plain
    value = None if plain is None else plain(tensors)
    return loss.compute(tensors, at_call) if value is None else value
