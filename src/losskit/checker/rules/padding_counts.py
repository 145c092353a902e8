from __future__ import annotations

from torch import Tensor

from losskit.checker.call import FEWEST, Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.origin import nodes
from losskit.checker.rule import Rule
from losskit.core.ranges import ClassId

LEAST = 0.05  # of the targets


class PaddingCounts(Rule):
    """Padding that the loss takes for tokens to be predicted.

    What it does:
        Looks for targets that equal the padding_idx of the network's own embedding, while ignore_index is another number.

    Why it is wrong:
        The loss then measures how well the network predicts padding, which is easy: it looks better than it is, and the
        gradient of the real tokens is diluted.

    Bad:
        tokens, embed = torch.randint(1, 11, (4, 9)), nn.Embedding(11, 8, padding_idx=0)
        tokens[:, 6:] = 0
        logits = nn.Linear(8, 11)(embed(tokens[:, :-1]))
        loss = F.cross_entropy(logits.view(-1, 11), tokens[:, 1:].reshape(-1))

    Good:
        tokens, embed = torch.randint(1, 11, (4, 9)), nn.Embedding(11, 8, padding_idx=0)
        tokens[:, 6:] = 0
        logits = nn.Linear(8, 11)(embed(tokens[:, :-1]))
        loss = F.cross_entropy(logits.view(-1, 11), tokens[:, 1:].reshape(-1), ignore_index=0)
    """

    code = "LK216"
    name = "padding-counts"
    says = Says(
        "{who} counts the padding {padding} of the network's embedding as a class to be predicted",
        "{share} targets are {padding}, the padding_idx of an embedding of {classes} tokens; ignore_index is {ignored}",
        "the mean is over padding too: {share} of it",
        "use ignore_index={padding}",
    )

    def inspect(self, call: Call) -> Finding | None:
        target, dim = call.target, call.dim
        if not isinstance(call.slots[-1].range, ClassId) or target.is_floating_point() or target.numel() < FEWEST:
            return None
        if dim is None or not call.given[0].requires_grad or call.argument("ignore_index") is None:
            return None
        if call.reduction == "none":
            return None  # a mask may follow
        classes = call.input.shape[dim]
        for node in nodes(call.given[0]):
            if node.name() != "EmbeddingBackward0" or node._saved_weight_sym_argsize_0 != classes:
                continue
            padding = node._saved_padding_idx
            if padding < 0 or padding >= classes or padding == call.argument("ignore_index"):
                continue  # without one torch saves -1, some versions the largest number
            weight = call.argument("weight")
            wrong = target == padding
            if float(_runs(wrong).float().mean()) >= LEAST and (weight is None or float(weight[padding]) != 0):
                ignored = call.argument("ignore_index")
                return self.warning(call, padding=padding, share=share(wrong), classes=classes, ignored=ignored)
        return None


def _runs(wrong: Tensor) -> Tensor:
    """Those next to another: a padding that ends each sequence as well stands there alone, and is to be predicted."""
    flat = wrong.flatten()
    return flat[1:] & flat[:-1]
