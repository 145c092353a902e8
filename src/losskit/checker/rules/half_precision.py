from __future__ import annotations

import math

from losskit.checker.call import CLOSE, Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule

LEAST = 0.01  # of the loss


class HalfPrecision(Rule):
    """A loss computed in half precision, which is another number.

    What it does:
        Computes the loss of a half-precision call in float32, too, and compares.

    Why it is wrong:
        float16 overflows at 65504, which a sum over rows soon reaches; bfloat16 has 3 digits, so that a loss of 2.51
        is the same as one of 2.52.

    Bad:
        logits = nn.Linear(4, 3)(torch.randn(4000, 4)).half()
        loss = F.cross_entropy(100 * logits, torch.randint(3, (4000,)), reduction="sum")

    Good:
        logits = nn.Linear(4, 3)(torch.randn(4000, 4)).half()
        loss = F.cross_entropy(100 * logits.float(), torch.randint(3, (4000,)), reduction="sum")
    """

    code = "LK403"
    name = "half-precision"
    says = Says(
        "{who} is computed in {dtype}, and is {loss}; in float32 it is {right}",
        "the same tensors, in float32",
        "the loss is off by {off}; its gradient is scaled likewise where it overflows",
        "use input.float(), torch.autocast, or losskit's loss, which sums in float32",
    )

    def inspect(self, call: Call) -> Finding | None:
        result = call.result
        whole = call.values[0].shape == call.given[0].shape
        if result is None or result.dim() or result.dtype not in CLOSE or not whole:
            return None
        loss, right = float(result.detach()), call.least(call.input)
        if not math.isfinite(right) or abs(loss - right) <= LEAST * abs(right):
            return None
        off = f"{abs(loss / right - 1):.0%}" if math.isfinite(loss) else "inf"
        return self.error(call, dtype=str(result.dtype).removeprefix("torch."), loss=loss, right=right, off=off)
