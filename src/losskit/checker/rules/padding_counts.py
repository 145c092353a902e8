from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from losskit.checker.attention import hidden_token
from losskit.checker.call import FEWEST, LARGEST, Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.origin import nodes, saved
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.core.ranges import ClassId

LEAST = 0.05  # of the targets
ROWS = 4  # that show how long they are


class PaddingCounts(Rule):
    """Padding that the loss takes for tokens to be predicted.

    What it does:
        Looks for targets that equal the padding_idx of the network's own embedding, or the one token that its attention hides,
        while ignore_index is another number. Where nothing tells which token is padding, it notes one that fills the ends of
        sequences of different lengths, and stands nowhere else.

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
        "{who} counts {padding} as a class to be predicted",
        "{evidence}; ignore_index is {ignored}",
        "{share} that it counts are padding: their mean loss is {easy}, that of the others {rest}",
        "{mend}",
    )

    def inspect(self, call: Call) -> Finding | None:
        target, dim, ignored = call.labels, call.dim, call.argument("ignore_index")
        if not isinstance(call.slots[-1].range, ClassId) or target.is_floating_point() or target.numel() < FEWEST:
            return None
        if dim is None or not call.given[0].requires_grad or ignored is None or call.reduction == "none":
            return None  # where it is not reduced, a mask may follow
        graph, classes = nodes(call.given[0]), call.given[0].shape[dim]
        embeddings = [node for node in graph if _rows(node) == classes]
        padding = (
            _declared(embeddings, classes)
            or _hidden(graph, embeddings, target)
            or _at_the_ends(embeddings, target, ignored)
        )
        if padding is None or padding.token == ignored:
            return None
        weight, wrong = call.argument("weight"), target == padding.token
        if float(_runs(wrong).float().mean()) < LEAST or (weight is not None and float(weight[padding.token]) == 0):
            return None
        right = ~wrong if call.counted is None else call.counted & ~wrong
        values = {
            "padding": padding.what,
            "evidence": Phrase(
                padding.evidence, token=padding.token, share=share(wrong), classes=classes, **padding.values
            ),
            "ignored": ignored,
            "share": share(wrong[right | wrong]),
            "easy": _mean(call, target, wrong),
            "rest": _mean(call, target, right),
            "mend": Phrase(padding.mend, token=padding.token, ignored=ignored),
        }
        return self.warning(call, **values) if padding.certain else self.note(call, **values)


class _Padding(NamedTuple):
    """A token, and how it is known to be padding."""

    token: int
    what: Phrase
    evidence: str
    mend: str
    values: dict[str, Any]
    certain: bool = True


def _rows(node: Any) -> int:
    """Of how many tokens a node is the embedding; 0 if it is none."""
    return int(node._saved_weight_sym_argsize_0) if node.name() == "EmbeddingBackward0" else 0


def _declared(embeddings: list[Any], classes: int) -> _Padding | None:
    """The padding_idx of an embedding; without one torch saves -1, some versions the largest number."""
    for node in embeddings:
        token = node._saved_padding_idx
        if 0 <= token < classes:
            what = Phrase("the padding {token} of the network's embedding", token=token)
            evidence = "{share} targets are {token}, the padding_idx of an embedding of {classes} tokens"
            return _Padding(token, what, evidence, "use ignore_index={token}", {})
    return None


def _hidden(graph: list[Any], embeddings: list[Any], target: Tensor) -> _Padding | None:
    """The one token that attention hides. GPT-2's ends a sequence, too: where it is not hidden, it is to be predicted."""
    tokens = [each for each in (saved(node, "indices") for node in embeddings) if each is not None and each.dim() == 2]
    if len({id(node.next_functions[0][0]) for node in embeddings}) > 1:  # another language has tokens of its own
        tokens = [each for each in tokens if each.numel() == target.numel() or _by_rows(target, each) is not None]
    found = hidden_token(graph, tokens)
    if found is None:
        return None
    token, places = found
    what = Phrase("the padding {token}, which the network's attention hides,", token=token)
    evidence = "{share} targets are {token}, the token at all {places} places that attention hides"
    return _Padding(token, what, evidence, "set the targets to {ignored} where attention_mask is 0", {"places": places})


def _at_the_ends(embeddings: list[Any], target: Tensor, ignored: int) -> _Padding | None:
    """A token that fills the ends of rows of at least three lengths, and stands nowhere else. It may be meant to be predicted."""
    for node in embeddings:
        tokens = saved(node, "indices")
        rows = None if tokens is None or tokens.dim() != 2 else _by_rows(target, tokens)
        if rows is None or len(rows) < ROWS:
            continue
        if bool((rows[:, -1] == ignored).all()):
            rows = rows[:, :-1]  # the last step has no next token
        token = int(rows[:, -1].mode().values)
        ends = (rows == token).flip(1).long().cumprod(1).sum(1)
        several = int((ends > 1).sum()) * 2 >= len(rows) and len(ends.unique()) > 2
        if several and int(ends.sum()) == int((rows == token).sum()) and token >= 0:
            what = Phrase("what seems to be padding, the token {token},", token=token)
            evidence = "the rows of targets end in {least} to {most} times {token}, which stands nowhere else"
            mend = "if it is padding, set the targets to {ignored} there"
            return _Padding(token, what, evidence, mend, {"least": int(ends.min()), "most": int(ends.max())}, False)
    return None


def _by_rows(target: Tensor, tokens: Tensor) -> Tensor | None:
    """Targets (N, L) of tokens (N, L), which may lack one step; None if they are others."""
    rows, steps = tokens.shape
    if target.numel() not in (rows * steps, rows * (steps - 1)) or (target.dim() > 1 and len(target) != rows):
        return None
    return target.reshape(rows, -1)


def _mean(call: Call, target: Tensor, places: Tensor) -> float | str:
    """The loss there alone; of very many the first."""
    dim = call.dim
    assert dim is not None
    logits = call.given[0].detach().movedim(dim, -1)
    where = places.reshape(-1).nonzero().squeeze(1)[: max(FEWEST, LARGEST // logits.shape[-1])]
    chosen = logits.reshape(-1, logits.shape[-1])[where]
    mean = call.attempt(chosen.float(), target=target.reshape(-1)[where])
    return mean if isinstance(mean, str) or call.reduction != "sum" else mean / len(where)


def _runs(wrong: Tensor) -> Tensor:
    """Those next to another: a padding that ends each sequence as well stands there alone, and is to be predicted."""
    flat = wrong.flatten()
    return flat[1:] & flat[:-1]
