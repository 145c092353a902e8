"""The call of the sequence driver, which takes four tensors: scores, label sequences, and the lengths of both."""

from __future__ import annotations

from ctypes import CDLL, addressof, c_int64

import torch
from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.core.reduction import NOTHING, Extra
from losskit.native import node
from losskit.native.call import Call, Outcome, Plain, Ready, Unfit, Weights
from losskit.native.library import DTYPES, LEASED, REDUCTIONS, Sequence, load

CTC = "ctc"  # the kernel of this driver


class Sequences(Ready):
    """A call for fixed shapes and dtypes; the lengths may vary."""

    def __init__(self, library: CDLL, call: Call, tensors: tuple[Tensor, ...]) -> None:
        input, targets = tensors[:2]
        self.call, self.library, self.driver = call, library, library.losskit_sequence
        self.dtype = self.wide = wide(input)
        self.dtypes = (input.dtype,)
        self.input_dtype = None if self.dtype is input.dtype else input.dtype
        self.one = None if call.reduction == "none" else input.new_empty((), dtype=self.dtype)
        large = input.numel() * self.dtype.itemsize >= LEASED
        self.lease = (c_int64 * input.dim())(*input.shape) if large else None
        self.sequences = _filled_in(call, self.dtype, input.shape, targets.shape)
        self.spare: list[tuple[Sequence, int]] = []  # several, since threads may share a loss
        self.plain = self._plain(tensors)

    def run(
        self, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra, wanted: int, room: Tensor | None = None
    ) -> Outcome:
        """Value and gradient; raises :class:`Unfit` if lengths, labels or scores are for the formula to judge."""
        input = tensors[0].detach().to(self.dtype).contiguous()
        integers = [each.to(torch.int64).contiguous() for each in tensors[1:]]
        value = input.new_empty(self.call.items) if self.one is None else torch.empty_like(self.one)
        gradients = (self._gradient(input),) if wanted else ()
        try:
            call, address = self.spare.pop()
        except IndexError:
            call = Sequence.from_buffer_copy(self.sequences)
            address = addressof(call)
        call.threads = torch.get_num_threads()
        call.input, call.value = input.data_ptr(), value.data_ptr()
        call.targets, call.input_lengths, call.target_lengths = (each.data_ptr() for each in integers)
        call.gradient = gradients[0].data_ptr() if gradients else None
        held = None if extra is NOTHING else self._extra(call, extra)
        status = self.driver(address)
        del held  # the tensors must stay alive until here
        if status:
            raise Unfit
        if extra is NOTHING:  # other calls hold pointers that must not be reused
            self.spare.append((call, address))
        return value, gradients, 1.0

    def _plain(self, tensors: tuple[Tensor, ...]) -> Plain | None:
        native, integers = node.load(), all(tensor.dtype is torch.int64 for tensor in tensors[1:])
        if native is None or not integers or self.input_dtype is not None or self.one is None or self.lease is not None:
            return None
        names = (("input", "gradient"), ("targets", None), ("input_lengths", None), ("target_lengths", None))
        return self._planned(native, self.sequences, names, tensors)

    def over_items(self, upstream: Tensor) -> Tensor:
        """``upstream``, which has one number per sample, broadcast against the gradient."""
        return upstream.unsqueeze(-1) if self.call.reduction == "none" else upstream


def ready_sequences(call: Call, tensors: tuple[Tensor, ...]) -> Ready | None:
    """The call filled in for tensors of these shapes and dtypes; None if no kernel can do it."""
    library = load()
    if library is None or tensors[0].dtype not in DTYPES or not tensors[0].numel():
        return None
    return Sequences(library, call, tensors)


def _filled_in(told: Call, dtype: torch.dtype, shape: torch.Size, targets: torch.Size) -> Sequence:
    blank, zero_infinity, from_logits = map(int, told.params)
    call = Sequence(DTYPES[dtype], REDUCTIONS[told.reduction])
    call.from_logits, call.zero_infinity = from_logits, zero_infinity
    call.steps, call.samples, call.classes = shape[0], shape[1:-1].numel(), shape[-1]
    call.blank, call.labels = blank, targets.numel()
    padded = len(targets) == 2 or len(shape) == 2
    call.width = targets[-1] if padded else -1
    return call
