from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.origin import nodes
from losskit.checker.rule import Rule

MOST = 4000  # nodes that are looked at


class NoGradient(Rule):
    """A loss from which no gradient reaches the model.

    What it does:
        Given the model, looks for its parameters in the graph of the loss.

    Why it is wrong:
        Something cut the graph: detach, item, numpy, no_grad, or a new tensor made of the values. The model never changes.

    Bad:
        model = nn.Linear(20, 10)
        report = losskit.check(F.cross_entropy, model(torch.randn(32, 20)).detach(), torch.arange(32) % 10, model=model)

    Good:
        model = nn.Linear(20, 10)
        report = losskit.check(F.cross_entropy, model(torch.randn(32, 20)), torch.arange(32) % 10, model=model)
    """

    code = "LK306"
    name = "no-gradient"
    one_is_enough = False
    until = "reached"  # of two losses, one may be a metric, or another model's
    says = Says(
        "no gradient of {who} reaches the model",
        "{evidence}",
        "none of the model's {count} parameters changes",
        "give the output itself to the loss: no detach, item, numpy or torch.tensor on the way",
    )

    def inspect(self, call: Call) -> Finding | None:
        if call.model is None or call.result is None or not call.recording or not call.model.training:
            return None
        own = {id(each) for each in call.model.parameters() if each.requires_grad}
        if not own:
            return None
        if not call.result.requires_grad:
            return self.error(call, evidence="the loss has no graph", count=len(own))
        graph = nodes(call.result, MOST)
        if len(graph) >= MOST or any(id(getattr(node, "variable", None)) in own for node in graph):
            return None
        if any("CompiledFunction" in node.name() or "Checkpoint" in node.name() for node in graph):
            return None
        return self.error(call, evidence="none of its parameters is in the graph of the loss", count=len(own))
