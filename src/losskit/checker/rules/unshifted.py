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
        if not fitting or len(tokens) > 4:
            return None
        kept = torch.ones_like(target, dtype=torch.bool) if call.kept is None else call.kept
        count = int(kept.sum())
        if any(_follows(each, target, kept) for each in fitting):
            return None  # a decoder's inputs are right; where the targets stand is the encoder's
        for each in fitting:
            same = int(((each.reshape(-1).to(target.device) == target.reshape(-1)) & kept.reshape(-1)).sum())
            if count >= FEWEST and same == count and target.unique().numel() > 2 and any(map(_causal, graph)):
                return self.error(call, same=same, count=count)
        return None


def _follows(tokens: Tensor, target: Tensor, kept: Tensor) -> bool:
    """Whether each target is the next token of its row, and not the same one."""
    if tokens.dim() == 0:
        return False
    tokens, target, kept = (each.reshape(tokens.shape).to(target.device) for each in (tokens, target, kept))
    kept = kept[..., :-1] & (tokens[..., 1:] != target[..., 1:])
    return bool(kept.any()) and torch.equal(tokens[..., 1:][kept], target[..., :-1][kept])


def _causal(node: Any) -> bool:
    """Whether a node of the graph is attention that hides the future."""
    if getattr(node, "_saved_is_causal", False):
        return True
    name = node.name()
    seen = None  # which steps each step looks at
    if name.startswith("ScaledDotProduct"):
        mask = saved(node, "attn_mask")
        seen = mask if mask is None or mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
    elif name.startswith("MaskedFill"):
        mask = saved(node, "mask")
        seen = None if mask is None else ~mask
    elif "Softmax" in name and not name.startswith("Log"):
        weights = saved(node, "result")
        seen = None if weights is None or weights.dim() < 3 else weights != 0
    return seen is not None and _triangular(seen)


def _triangular(seen: Tensor) -> bool:
    """Whether no step looks at a later one; padding, which the last step does not look at, may do as it likes."""
    if seen.dim() < 2 or seen.shape[-1] != seen.shape[-2]:
        return False
    real = seen[..., -1, :]
    later = (real.unsqueeze(-1) & real.unsqueeze(-2)).triu(1)
    return bool(later.any()) and not bool((later & seen).any())
