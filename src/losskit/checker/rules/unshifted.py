from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from losskit.checker.call import FEWEST, Call
from losskit.checker.finding import Finding, Says
from losskit.checker.origin import nodes, saved
from losskit.checker.rule import Rule
from losskit.core.ranges import ClassId


class Unshifted(Rule):
    """A causal language model whose targets are its own inputs.

    What it does:
        Looks for targets that equal, place by place, the tokens that the network's embedding took, while the graph shows causal
        attention.

    Why it is wrong:
        The model learns to copy the token that it sees, not to predict the next: the loss falls to 0, and nothing is learnt.

    Bad:
        tokens, embed = torch.randint(11, (4, 9)), nn.Embedding(11, 8)
        x = embed(tokens).unsqueeze(1)
        logits = nn.Linear(8, 11)(F.scaled_dot_product_attention(x, x, x, is_causal=True))
        loss = F.cross_entropy(logits.view(-1, 11), tokens.view(-1))

    Good:
        tokens, embed = torch.randint(11, (4, 9)), nn.Embedding(11, 8)
        x = embed(tokens[:, :-1]).unsqueeze(1)
        logits = nn.Linear(8, 11)(F.scaled_dot_product_attention(x, x, x, is_causal=True))
        loss = F.cross_entropy(logits.view(-1, 11), tokens[:, 1:].reshape(-1))
    """

    code = "LK215"
    name = "unshifted-language-model"
    says = Says(
        "the targets of {who} are the tokens that the network was given, not the next ones",
        "{same} of {count} targets equal the token at their own place, and the graph has causal attention",
        "each answer stands in the input: the loss falls to 0 without a next token being learnt",
        "shift them: logits[:, :-1] with tokens[:, 1:]",
    )

    def inspect(self, call: Call) -> Finding | None:
        target = call.target
        if not isinstance(call.slots[-1].range, ClassId) or target.is_floating_point() or target.numel() < FEWEST:
            return None
        if not call.given[0].requires_grad:
            return None
        graph = nodes(call.given[0])
        tokens = [saved(node, "indices") for node in graph if node.name() == "EmbeddingBackward0"]
        fitting = [each for each in tokens if each is not None and each.numel() == target.numel()]
        if not fitting or len(tokens) > 4 or not any(map(_causal, graph)):
            return None
        kept = torch.ones_like(target, dtype=torch.bool) if call.kept is None else call.kept
        count = int(kept.sum())
        for each in fitting:
            same = int(((each.reshape(-1).to(target.device) == target.reshape(-1)) & kept.reshape(-1)).sum())
            if count >= FEWEST and same == count and target.unique().numel() > 2:
                return self.error(call, same=same, count=count)
        return None


def _causal(node: Any) -> bool:
    """Whether a node of the graph is attention that hides the future."""
    if getattr(node, "_saved_is_causal", False):
        return True
    name = node.name()
    mask = saved(node, "mask") if name.startswith("MaskedFill") else None
    mask = saved(node, "attn_mask") if name.startswith("ScaledDotProduct") else mask
    if mask is None and "Softmax" in name and not name.startswith("Log"):
        weights = saved(node, "result")  # of the steps that each step looks at
        mask = None if weights is None or weights.dim() < 3 else weights == 0
    return mask is not None and _triangular(mask)


def _triangular(mask: Tensor) -> bool:
    """Whether it sets apart what lies above the diagonal: by True, by -inf, or by False as torch's attention has it."""
    if mask.dim() < 2 or mask.shape[-1] != mask.shape[-2] or mask.shape[-1] < 2:
        return False
    mask = mask.reshape(-1, *mask.shape[-2:])[0]
    above = torch.ones_like(mask, dtype=torch.bool).triu(1)
    hidden = mask if mask.dtype == torch.bool else mask == -torch.inf
    return torch.equal(hidden, above) or torch.equal(~hidden, above)
