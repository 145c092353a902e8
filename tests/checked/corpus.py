"""Faulty scripts, each beside its mended twin: what people posted, in our own words, and what they might have.

``thread`` names a public issue that tells of the fault. ``NOT_OURS`` are scripts whose faults do not concern losses.
"""

from __future__ import annotations

from typing import NamedTuple

PRELUDE = """\
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
x = torch.randn(48, 12)
"""


class Case(NamedTuple):
    """A script; the twin has ``new`` where it has ``old``."""

    code: str
    thread: str
    text: str
    old: str
    new: str

    @property
    def faulty(self) -> str:
        """The script as it was."""
        return PRELUDE + self.text

    @property
    def mended(self) -> str:
        """And as it should be."""
        assert self.text.count(self.old) == 1, (self.text, self.old)
        return PRELUDE + self.text.replace(self.old, self.new)


STEP = "optimizer.zero_grad(); loss.backward(); optimizer.step()\n"
SGD = "optimizer = torch.optim.SGD(net.parameters(), 0.1)\n"

CORPUS = [
    # After public threads
    Case(
        "LK101",
        "pytorch#55902",
        "net = nn.Linear(12, 4)\ny = torch.arange(48) % 4\nloss = nn.CrossEntropyLoss()(F.softmax(net(x), dim=1).view(-1, 4), y)\n",
        "F.softmax(net(x), dim=1)",
        "net(x)",
    ),
    Case(
        "LK101",
        "pytorch#55902",
        "net = nn.Conv2d(12, 3, 1)\ny = torch.arange(2 * 16).view(2, 4, 4) % 3\np = net(x[:32].view(2, 12, 4, 4)).softmax(1)\nloss = F.cross_entropy(p.permute(0, 2, 3, 1).reshape(-1, 3), y.flatten())\n",
        ".softmax(1)",
        "",
    ),
    Case(
        "LK112",
        "transformers#45479",
        "net = nn.Linear(12, 1)\nloss = F.cross_entropy(net(x), torch.zeros(48, dtype=torch.long))\n",
        "F.cross_entropy(net(x), torch.zeros(48, dtype=torch.long))",
        "F.binary_cross_entropy_with_logits(net(x), torch.zeros(48, 1))",
    ),
    Case(
        "LK201",
        "pytorch#16045",
        "net, y = nn.Linear(12, 1), x.sum(1)\nloss = nn.MSELoss()(net(x), y)\n",
        "net(x), y)",
        "net(x).flatten(), y)",
    ),
    Case(
        "LK201",
        "pytorch#16045",
        "net, y = nn.Linear(12, 1), torch.poisson(x.abs()[:, 0])\nloss = F.poisson_nll_loss(net(x), y)\n",
        "net(x), y)",
        "net(x), y.unsqueeze(1))",
    ),
    Case(
        "LK201",
        "pytorch#16045",
        "net, y = nn.Linear(12, 1), x.sum(1).sign()\nloss = F.hinge_embedding_loss(net(x).abs(), y)\n",
        ".abs(), y)",
        ".abs().squeeze(), y)",
    ),
    Case(
        "LK205",
        "pytorch#70348",
        "net = nn.Linear(12, 4)\ny = torch.full((48,), -100)\nloss = F.cross_entropy(net(x), y)\n",
        "(48,), -100)",
        "(48,), 2)",
    ),
    Case(
        "LK302",
        "pytorch#61309",
        "net = nn.Linear(12, 3)\ncriterion = nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 9.0]))\n"
        + SGD
        + "for row in range(6):\n    loss = criterion(net(x[row : row + 1]), torch.tensor([row % 3]))\n    "
        + STEP,
        "net(x[row : row + 1]), torch.tensor([row % 3])",
        "net(x[row : row + 3]), torch.tensor([0, 1, 2])",
    ),
    Case(
        "LK303",
        "pytorch#107680",
        "net = nn.Linear(12, 3)\nloss = F.cross_entropy(net(x), F.one_hot(torch.arange(48) % 3).float(), weight=torch.tensor([1.0, 2.0, 9.0]))\n",
        "F.one_hot(torch.arange(48) % 3).float()",
        "torch.arange(48) % 3",
    ),
    Case(
        "LK209",
        "pytorch#31557",
        "net = nn.Linear(12, 5)\nlog_probs = net(x.view(4, 12, 12)).log_softmax(2)\nloss = F.ctc_loss(log_probs, torch.full((12, 3), 2), [4] * 12, [3] * 12)\n",
        "torch.full((12, 3), 2)",
        "torch.tensor([[1, 2, 3]] * 12)",
    ),
    Case(
        "LK210",
        "pytorch#31557",
        "net = nn.Linear(12, 5)\nlog_probs = net(x.view(4, 12, 12)).log_softmax(2)\nloss = F.ctc_loss(log_probs, torch.tensor([[1, 0, 2]] * 12), [4] * 12, [3] * 12)\n",
        "[[1, 0, 2]]",
        "[[1, 3, 2]]",
    ),
    Case(
        "LK210",
        "pytorch#193794",
        "net = nn.Linear(12, 5)\nlog_probs = net(x.view(4, 12, 12)).log_softmax(2)\nloss = F.ctc_loss(log_probs, torch.tensor([[1, 5]] * 12), [4] * 12, [2] * 12)\n",
        "[[1, 5]]",
        "[[1, 4]]",
    ),
    Case(
        "LK315",
        "CausalDiscoveryToolbox#38",
        "net, y = nn.Linear(12, 1), (x[:, :1] > 0).float()\n"
        + SGD
        + "for _ in range(3):\n    output = net(x)\n    loss = nn.BCEWithLogitsLoss()(output, y)\n    "
        + STEP
        + "    wrong = torch.where(output.data.cpu() > 0.5, torch.ones(48, 1), torch.zeros(48, 1)) - y\n",
        "output.data.cpu() > 0.5",
        "output.data.cpu() > 0",
    ),
    Case(
        "LK315",
        "pytorch-sentiment-analysis#75",
        "net, y = nn.Sequential(nn.Linear(12, 1), nn.Sigmoid()), (x[:, 0] > 0).float()\n"
        "def accuracy(output, y):\n    return (torch.round(torch.sigmoid(output)) == y).float().mean()\n"
        "with torch.no_grad():\n    output = net(x).squeeze(1)\n    loss, right = nn.BCELoss()(output, y), accuracy(output, y)\n",
        "torch.sigmoid(output)",
        "output",
    ),
    Case(
        "LK203",
        "pytorch#110865",
        "net = nn.Linear(12, 3)\ny = torch.arange(144).view(48, 3) % 4\nloss = F.binary_cross_entropy_with_logits(net(x), y.float())\n",
        "y.float()",
        "(y > 1).float()",
    ),
    Case(
        "LK301",
        "pytorch#95687",
        "net = nn.Linear(12, 6)\nloss = nn.KLDivLoss()(net(x).log_softmax(1), torch.randn(48, 6).softmax(1))\n",
        "KLDivLoss()",
        "KLDivLoss(reduction='batchmean')",
    ),
    Case(
        "LK106",
        "pytorch#51716",
        "net = nn.Linear(12, 6)\nloss = F.kl_div(net(x).softmax(1), torch.randn(48, 6).softmax(1), reduction='batchmean')\n",
        "net(x).softmax",
        "net(x).log_softmax",
    ),
    Case(
        "LK401",
        "pytorch#89558",
        "net = nn.Linear(12, 3)\nmask = torch.tensor([False, False, True])\nq = torch.tensor([[0.5, 0.5, 0.0]]).expand(48, 3)\nloss = F.kl_div(net(x).masked_fill(mask, -torch.inf).log_softmax(1), q, reduction='batchmean')\n",
        "-torch.inf",
        "-1e4",
    ),
    Case(
        "LK401",
        "pytorch#11551",
        "net = nn.Linear(12, 3)\nmask = torch.tensor([False, False, True])\nloss = F.cross_entropy(net(x).masked_fill(mask, -torch.inf), torch.arange(48) % 2, label_smoothing=0.1)\n",
        ", label_smoothing=0.1",
        "",
    ),
    Case(
        "LK403",
        "pytorch#85791",
        "net = nn.Linear(12, 3).half()\nloss = F.cross_entropy(net(x.half()).repeat(1500, 1), (torch.arange(48) % 3).repeat(1500), reduction='sum')\n",
        "net(x.half()).repeat",
        "net(x.half()).float().repeat",
    ),
    Case(
        "LK206",
        "pytorch#152437",
        "net = nn.Linear(12, 3)\ny = F.one_hot(torch.arange(48) % 3).float() * 2 - 1\nloss = F.cross_entropy(net(x), y)\n",
        " * 2 - 1",
        "",
    ),
    Case(
        "LK207",
        "pytorch#152437",
        "net = nn.Linear(12, 1)\ny = (torch.arange(48) % 2).float()\nloss = F.cross_entropy(net(x).squeeze(1), y)\n",
        "F.cross_entropy",
        "F.binary_cross_entropy_with_logits",
    ),
    Case(
        "LK401",
        "sentence-transformers#4019",
        "net, y = nn.Linear(12, 1), torch.ones(48, 1)\nloss = F.soft_margin_loss(1000 * net(x), y)\n",
        "1000 * ",
        "",
    ),
    Case(
        "LK402",
        "pytorch#103316",
        "net, y = nn.Linear(12, 1), (torch.arange(48) % 2).float().unsqueeze(1)\nloss = nn.BCELoss()(torch.sigmoid(90 * net(x)), y)\n",
        "nn.BCELoss()(torch.sigmoid(90 * net(x)), y)",
        "nn.BCEWithLogitsLoss()(90 * net(x), y)",
    ),
    Case(
        "LK208",
        "pytorch#1328",
        "net, y = nn.Linear(12, 4), torch.arange(48) % 4 + 1\nloss = F.cross_entropy(net(x), y)\n",
        "% 4 + 1",
        "% 4",
    ),
    Case(
        "LK113",
        "pytorch#29754",
        "net = nn.Linear(12, 6)\nloss = F.cross_entropy(net(x.view(8, 6, 12)), torch.arange(48).view(8, 6) % 6)\n",
        "net(x.view(8, 6, 12))",
        "net(x.view(8, 6, 12)).transpose(1, 2)",
    ),
    Case(
        "LK404",
        "pytorch#61098",
        "net = nn.Linear(12, 1)\nwith torch.autocast('cpu', torch.bfloat16):\n    loss = nn.BCELoss()(net(x).sigmoid(), torch.ones(48, 1))\n",
        "nn.BCELoss()(net(x).sigmoid(), torch.ones(48, 1))",
        "nn.BCEWithLogitsLoss()(net(x), torch.ones(48, 1))",
    ),
    Case(
        "LK214",
        "pytorch#184030",
        "net = nn.Linear(12, 1)\nloss = F.poisson_nll_loss(net(x), torch.ones(48, 1), log_input=False)\n",
        "net(x), ",
        "net(x).exp(), ",
    ),
    Case(
        "LK107",
        "pytorch#10033",
        "net = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))\nloss = nn.NLLLoss()(net(x), torch.arange(48) % 4)\n",
        "nn.Linear(8, 4))",
        "nn.Linear(8, 4), nn.LogSoftmax(1))",
    ),
    Case(
        "LK107",
        "espnet#863",
        "net = nn.Linear(12, 5)\nloss = nn.CTCLoss()(net(x.view(4, 12, 12)), torch.tensor([[1, 2]] * 12), [4] * 12, [2] * 12)\n",
        "net(x.view(4, 12, 12))",
        "net(x.view(4, 12, 12)).log_softmax(2)",
    ),
    Case(
        "LK304",
        "pytorch#104776",
        "net = nn.Linear(12, 3)\nloss = F.cross_entropy(net(x), torch.arange(48) % 3, torch.tensor([1.0, 2.0, 9.0]), label_smoothing=0.2)\n",
        ", label_smoothing=0.2",
        "",
    ),
    Case(
        "LK305",
        "pytorch#27936",
        "net = nn.Linear(12, 1)\nloss = F.binary_cross_entropy_with_logits(net(x), torch.ones(48, 1), weight=torch.rand(48))\n",
        "torch.rand(48)",
        "torch.rand(48, 1)",
    ),
    Case(
        "LK311",
        "transformers#34191",
        "net = nn.Linear(12, 4)\n"
        + SGD
        + "y = torch.arange(48) % 4\ny[:20] = -100\nfor part in range(4):\n    rows = slice(24 * (part % 2), 24 * (part % 2) + 24)\n    (F.cross_entropy(net(x[rows]), y[rows]) / 2).backward()\n    if part % 2:\n        optimizer.step()\n        optimizer.zero_grad()\n",
        "F.cross_entropy(net(x[rows]), y[rows]) / 2",
        "F.cross_entropy(net(x[rows]), y[rows], reduction='sum') / 28",
    ),
    # Others
    Case(
        "LK102",
        "",
        "net = nn.Sequential(nn.Linear(12, 5), nn.Sigmoid())\nloss = nn.BCEWithLogitsLoss()(net(x), (x[:, :5] > 0).float())\n",
        "nn.BCEWithLogitsLoss()",
        "nn.BCELoss()",
    ),
    Case(
        "LK103",
        "",
        "net = nn.Sequential(nn.Linear(12, 5), nn.Tanh())\nloss = F.cross_entropy(net(x), torch.arange(48) % 5)\n",
        ", nn.Tanh())",
        ", nn.Tanh(), nn.Linear(5, 5))",
    ),
    Case(
        "LK104",
        "",
        "net = nn.Sequential(nn.Linear(12, 5), nn.LogSoftmax(1))\nloss = F.binary_cross_entropy_with_logits(net(x), (x[:, :5] > 0).float())\n",
        ", nn.LogSoftmax(1))",
        ")",
    ),
    Case(
        "LK108",
        "",
        "net = nn.Linear(12, 5)\nloss = F.binary_cross_entropy(net(x), (x[:, :5] > 0).float())\n",
        "net(x),",
        "net(x).sigmoid(),",
    ),
    Case(
        "LK109",
        "",
        "net = nn.Sequential(nn.Linear(12, 5), nn.ReLU())\nloss = F.binary_cross_entropy_with_logits(net(x), (x[:, :5] > 0).float())\n",
        ", nn.ReLU())",
        ")",
    ),
    Case(
        "LK110",
        "",
        "net = nn.Linear(12, 5)\nloss = F.nll_loss(net(x).log_softmax(0), torch.arange(48) % 5)\n",
        "log_softmax(0)",
        "log_softmax(1)",
    ),
    Case(
        "LK111",
        "",
        "net = nn.Linear(12, 1)\nloss = F.binary_cross_entropy(net(x).softmax(1), (x[:, :1] > 0).float())\n",
        "softmax(1)",
        "sigmoid()",
    ),
    Case(
        "LK202",
        "",
        "net = nn.Linear(12, 6)\nloss = nn.CosineEmbeddingLoss()(net(x), net(x.flip(0)), torch.arange(48) % 2)\n",
        "torch.arange(48) % 2",
        "torch.arange(48) % 2 * 2 - 1",
    ),
    Case(
        "LK204",
        "",
        "net = nn.Linear(12, 5)\nloss = F.binary_cross_entropy_with_logits((x[:, :5] > 0).float(), net(x))\n",
        "(x[:, :5] > 0).float(), net(x)",
        "net(x), (x[:, :5] > 0).float()",
    ),
    Case(
        "LK211",
        "",
        "net = nn.Linear(12, 5)\nloss = F.kl_div(net(x).log_softmax(1), torch.randn(48, 5), reduction='batchmean')\n",
        "torch.randn(48, 5)",
        "torch.randn(48, 5).softmax(1)",
    ),
    Case(
        "LK212",
        "",
        "net = nn.Sequential(nn.Linear(12, 1), nn.ReLU())\nloss = F.smooth_l1_loss(net(x), x[:, :1])\n",
        ", nn.ReLU())",
        ")",
    ),
    Case(
        "LK213",
        "",
        "net = nn.Linear(12, 1)\nloss = nn.PoissonNLLLoss()(net(x).exp(), torch.poisson(x[:, :1].exp()))\n",
        "net(x).exp()",
        "net(x)",
    ),
    Case(
        "LK405",
        "",
        "net, mask = nn.Linear(12, 4), torch.tensor([False, False, False, True])\nloss = F.cross_entropy(net(x).masked_fill(mask, -torch.inf), torch.arange(48) % 4)\n",
        "% 4)",
        "% 3)",
    ),
    Case(
        "LK308",
        "",
        "net, other = nn.Linear(12, 4), nn.Linear(12, 4)\noptimizer = torch.optim.Adam(other.parameters())\nfor _ in range(3):\n    loss = F.cross_entropy(net(x), torch.arange(48) % 4)\n    "
        + STEP,
        "other.parameters()",
        "net.parameters()",
    ),
    Case(
        "LK309",
        "",
        "net = nn.Linear(12, 4)\nloss = F.cross_entropy(net(x), torch.arange(48) % 4)\nloss = torch.tensor(float(loss), requires_grad=True)\nloss.backward()\n",
        "loss = torch.tensor(float(loss), requires_grad=True)\n",
        "",
    ),
    Case(
        "LK313",
        "",
        "net = nn.Linear(12, 4)\n"
        + SGD
        + "for step in range(8):\n    optimizer.zero_grad()\n    (F.cross_entropy(net(x), torch.arange(48) % 4) / 4).backward()\n    if step % 4 == 3:\n        optimizer.step()\n",
        "    optimizer.zero_grad()\n",
        "    optimizer.zero_grad() if step % 4 == 0 else None\n",
    ),
    Case(
        "LK102",
        "",
        "net, y = nn.Linear(12, 1), (torch.arange(48) % 2).float().unsqueeze(1)\nloss = nn.BCEWithLogitsLoss()((1 + torch.exp(-net(x))).reciprocal(), y)\n",
        "(1 + torch.exp(-net(x))).reciprocal()",
        "net(x)",
    ),
    Case(
        "LK101",
        "",
        "net, losses = nn.Linear(12, 4), {'ce': nn.CrossEntropyLoss}\nz = net(x)\ne = (z - z.amax(1, keepdim=True)).exp()\nloss = losses['ce'](label_smoothing=0.1)(e / e.sum(1, keepdim=True), torch.arange(48) % 4)\n",
        "e / e.sum(1, keepdim=True)",
        "z",
    ),
    Case(
        "LK101",
        "",
        "net = nn.Sequential(nn.Linear(12, 4), nn.Softmax(1))\nfor rows in x.split(2):\n    loss = F.cross_entropy(net(rows), torch.tensor([0, 2]))\n",
        "nn.Sequential(nn.Linear(12, 4), nn.Softmax(1))",
        "nn.Linear(12, 4)",
    ),
    Case(
        "LK103",
        "",
        "net, legal = nn.Linear(12, 4), torch.tensor([1.0, 1.0, 1.0, 0.0])\nloss = F.cross_entropy(net(x).softmax(1) * legal, torch.arange(48) % 3)\n",
        ".softmax(1) * legal",
        " + legal.log().clamp(min=-1e4)",
    ),
    Case(
        "LK103",
        "",
        "net = nn.Sequential(nn.Linear(12, 4), nn.Hardtanh())\nloss = F.cross_entropy(net(x), torch.arange(48) % 4)\n",
        "nn.Hardtanh()",
        "nn.Identity()",
    ),
    Case(
        "LK109",
        "",
        "net = nn.Sequential(nn.Linear(12, 4), nn.ReLU6())\nloss = F.cross_entropy(net(x), torch.arange(48) % 4)\n",
        "nn.ReLU6()",
        "nn.ELU()",
    ),
    Case(
        "LK212",
        "",
        "net = nn.Linear(12, 1)\nloss = F.mse_loss(net(x).clamp(0, 1), 9 * x[:, :1].abs())\n",
        ".clamp(0, 1)",
        ".clamp(min=0)",
    ),
    Case(
        "LK212",
        "",
        "net, labels = nn.Linear(12, 6), (torch.rand(48, 6) < 0.5).float()\nloss = nn.BCELoss()(net(x).softmax(1), labels)\n",
        ".softmax(1)",
        ".sigmoid()",
    ),
    Case(
        "LK309",
        "",
        "net, total = nn.Linear(12, 4), 0.0\nfor rows in x.split(12):\n    total += F.cross_entropy(net(rows), torch.arange(12) % 4).item()\n"
        "loss = torch.tensor(total / 4, requires_grad=True)\nloss.backward()\n",
        ".item()\nloss = torch.tensor(total / 4, requires_grad=True)",
        "\nloss = total / 4",
    ),
    Case(
        "LK310",
        "",
        "net, ids = nn.Linear(12, 4), torch.arange(12) % 4\n"
        + SGD
        + "for _ in range(3):\n    for rows in x.split(12):\n        output = net(rows)\n"
        "        loss = F.cross_entropy(output, ids) + 0.1 * F.mse_loss(output, rows[:, :4])\n        loss.backward()\n"
        "    optimizer.step(); optimizer.zero_grad()\n",
        "        loss.backward()",
        "        loss /= 4\n        loss.backward()",
    ),
    Case(
        "LK110",
        "",
        "net = nn.Conv1d(12, 4, 1)\nloss = nn.NLLLoss()(F.log_softmax(net(x.view(4, 12, 12)), -1), torch.arange(48).view(4, 12) % 4)\n",
        ", -1)",
        ", 1)",
    ),
    Case(
        "LK310",
        "",
        "net, seen = nn.Linear(12, 4), 0\n"
        + SGD
        + "for rows in (torch.arange(48) * 7).remainder(48).split(4) * 2:\n    F.cross_entropy(net(x[rows]), rows % 4).backward()\n    seen += 1\n    if seen == 4:\n        optimizer.step(); optimizer.zero_grad(); seen = 0\n",
        "rows % 4).backward()",
        "rows % 4).div(4).backward()",
    ),
]

NOT_OURS = {
    "a learning rate that is far too large": "net = nn.Linear(12, 4)\noptimizer = torch.optim.SGD(net.parameters(), 1e4)\nfor _ in range(6):\n    loss = F.cross_entropy(net(x), torch.arange(48) % 4)\n    "
    + STEP,
    "no activation between two layers": "net = nn.Sequential(nn.Linear(12, 8), nn.Linear(8, 4))\n"
    + SGD
    + "for _ in range(3):\n    loss = F.cross_entropy(net(x), torch.arange(48) % 4)\n    "
    + STEP,
    "dropout while predicting": "net = nn.Sequential(nn.Linear(12, 8), nn.Dropout(0.5), nn.Linear(8, 4))\nwith torch.no_grad():\n    loss = F.cross_entropy(net(x), torch.arange(48) % 4)\n",
    "labels that were shuffled": "net = nn.Linear(12, 4)\n"
    + SGD
    + "for _ in range(3):\n    loss = F.cross_entropy(net(x), torch.randint(4, (48,)))\n    "
    + STEP,
    "no step": "net = nn.Linear(12, 4)\nfor _ in range(3):\n    loss = F.mse_loss(net(x), x[:, :4])\n    loss.backward()\n",
    "an exception of its own": "net = nn.Linear(12, 4)\nloss = F.mse_loss(net(x), x[:, :4])\nraise KeyError('batch')\n",
}
