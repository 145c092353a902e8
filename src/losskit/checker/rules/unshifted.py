from __future__ import annotations

import torch
from torch import Tensor

from losskit.checker.attention import is_causal
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
        target = call.labels
        if not isinstance(call.slots[-1].range, ClassId) or target.is_floating_point() or target.numel() < FEWEST:
            return None
        if not call.given[0].requires_grad:
            return None
        graph = nodes(call.given[0])
        tokens = [saved(node, "indices") for node in graph if node.name() == "EmbeddingBackward0"]
        fitting = [each for each in tokens if each is not None and each.numel() == target.numel()]
        if not fitting or len(tokens) > 4:
            return None
        kept = torch.ones_like(target, dtype=torch.bool) if call.counted is None else call.counted
        count = int(kept.sum())
        if any(_follows(each, target, kept) for each in fitting):
            return None  # a decoder's inputs are right; where the targets stand is the encoder's
        for each in fitting:
            same = int(((each.reshape(-1).to(target.device) == target.reshape(-1)) & kept.reshape(-1)).sum())
            if count >= FEWEST and same == count and target.unique().numel() > 2 and any(map(is_causal, graph)):
                return self.error(call, same=same, count=count)
        return None


def _follows(tokens: Tensor, target: Tensor, kept: Tensor) -> bool:
    """Whether each target is the next token of its row, and not the same one."""
    if tokens.dim() == 0:
        return False
    tokens, target, kept = (each.reshape(tokens.shape).to(target.device) for each in (tokens, target, kept))
    kept = kept[..., :-1] & (tokens[..., 1:] != target[..., 1:])
    return bool(kept.any()) and torch.equal(tokens[..., 1:][kept], target[..., :-1][kept])
