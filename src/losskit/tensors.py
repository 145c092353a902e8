"""The tensors of a loss: what each may hold, how their shapes relate, and what the items are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from losskit.core.about import About
from losskit.core.messages import Place, together
from losskit.core.shapes import Items
from losskit.core.slots import Slot
from losskit.fields import Fields


class Takes(Fields):
    """Checks the tensors of a call against what ``about`` states."""

    about: ClassVar[About]

    @property
    def domains(self) -> Mapping[str, Slot]:
        """The slot of each tensor, for these arguments."""
        return self.about.tensors

    def require(self, tensors: tuple[Tensor, ...]) -> None:
        """Raise if a dtype or a shape is wrong; reads no values."""
        together(type(self).__name__, tuple(self.domains), tensors)
        for place, slot, value in zip(self.places(tensors[0]), self.domains.values(), tensors, strict=True):
            slot.require(place, value)
        self.fit(tensors[0])

    def fit(self, input: Tensor) -> None:
        """Raise if a weight does not fit the input; checked in every call, since buffers can be replaced."""
        for name, weight in self._buffers.items():
            if weight is not None:
                who = f"{type(self).__name__}: {name}"
                if weight.device != input.device and (weight.dim() or not weight.is_cpu):  # one number may stay on CPU
                    first = next(iter(self.domains))
                    raise ValueError(
                        f"{who} is on {weight.device} and {first} on {input.device}; use {name}.to({first}.device), or move "
                        f"the loss with .to({first}.device)"
                    )
                self.arguments[name].fits(who, weight, input.shape, self.class_dim(input))

    def places(self, input: Tensor) -> list[Place]:
        """The place of each tensor, given the network's output."""
        who, names, dim = type(self).__name__, list(self.domains), self.class_dim(input)
        items, arguments = self.elements(input), {name: name for name in self.arguments}
        return [Place(who, name, names[0], input.shape, dim, items, arguments) for name in names]

    def class_dim(self, input: Tensor) -> int | None:
        """The dimension of ``input`` that one item spans, such as the classes; None if every element is an item."""
        return next(iter(self.domains.values())).shape.dim(input.dim())

    def elements(self, input: Tensor) -> torch.Size:
        """The shape that a mask and a target of ids have: for most losses that of the items."""
        return next(iter(self.domains.values())).shape.items(input.shape)

    def items(self, input: Tensor) -> torch.Size:
        """The shape of the unreduced loss."""
        return self.elements(input)

    def items_of(self, target: Tensor) -> torch.Size:
        """The shape of the unreduced loss, from the target alone."""
        slot = self.domains.get("target")
        one_an_item = slot is not None and isinstance(slot.of(target).shape, Items)
        return target.shape if one_an_item else self.items(target)
