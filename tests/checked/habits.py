"""Correct scripts in habits that look like faults: nothing of weight may be found in any of them."""

from __future__ import annotations

NET = "net, ids = nn.Linear(12, 4), torch.arange(48) % 4\n"
SGD = "optimizer = torch.optim.SGD(net.parameters(), 0.1)\n"
STEP = "optimizer.zero_grad(); loss.backward(); optimizer.step()\n"
LOOP = SGD + "for _ in range(3):\n    {}\n    " + STEP

HABITS = {
    "a line search that evaluates a closure many times": NET
    + "optimizer = torch.optim.LBFGS(net.parameters(), max_iter=6)\n"
    "def closure():\n    optimizer.zero_grad()\n    loss = F.cross_entropy(net(x), ids)\n    loss.backward()\n    return loss\n"
    "for _ in range(4):\n    optimizer.step(closure)\n",
    "gradients that are made in the step, and dropped behind it": NET
    + SGD
    + "def closure():\n    loss = F.cross_entropy(net(x), ids)\n    loss.backward()\n    return loss\n"
    "for _ in range(4):\n    optimizer.step(closure)\n    optimizer.zero_grad()\n",
    "two passes a step, at weights that were moved": NET
    + SGD
    + "def gradient():\n    optimizer.zero_grad()\n    F.cross_entropy(net(x), ids).backward()\n"
    "for _ in range(4):\n    for sign in (1, -1):\n        gradient()\n"
    "        moves = [0.05 * each.grad for each in net.parameters()] if sign == 1 else moves\n"
    "        for each, move in zip(net.parameters(), moves):\n            each.data.add_(move, alpha=sign)\n    optimizer.step()\n",
    "inner steps by hand, and an outer optimizer": NET
    + SGD
    + "for _ in range(3):\n    before = [each.detach().clone() for each in net.parameters()]\n    for _ in range(4):\n"
    "        net.zero_grad()\n        F.cross_entropy(net(x), ids).backward()\n"
    "        for each in net.parameters():\n            each.data -= 0.1 * each.grad\n"
    "    for each, old in zip(net.parameters(), before):\n        each.grad = old - each.data\n        each.data.copy_(old)\n"
    "    optimizer.step()\n",
    "a step left out where the gradient is too large": NET
    + SGD
    + "for step in range(9):\n    optimizer.zero_grad()\n    F.cross_entropy(net(x if step % 3 else 1e3 * x), ids).backward()\n"
    "    if nn.utils.clip_grad_norm_(net.parameters(), 5.0) < 50:\n        optimizer.step()\n",
    "a scaler that starts too large": NET
    + SGD
    + "scaler = torch.amp.GradScaler('cpu', init_scale=2.0**26)\nfor _ in range(20):\n    optimizer.zero_grad()\n"
    "    with torch.autocast('cpu', torch.float16):\n        output = net(x)\n"
    "    scaler.scale(F.cross_entropy(output, ids)).backward()\n    scaler.step(optimizer)\n    scaler.update()\n",
    "a backward pass for each head": "body, heads = nn.Linear(12, 8), nn.ModuleList(nn.Linear(8, 3) for _ in range(4))\n"
    "optimizer = torch.optim.SGD([*body.parameters(), *heads.parameters()], 0.1)\n"
    "for _ in range(3):\n    optimizer.zero_grad()\n    for head in heads:\n"
    "        F.cross_entropy(head(body(x)), torch.arange(48) % 3).backward()\n    optimizer.step()\n",
    "several losses of one batch": NET
    + SGD
    + "for _ in range(3):\n    optimizer.zero_grad()\n    output = net(x)\n    for turn in range(4):\n"
    "        F.cross_entropy(output, (ids + turn) % 4).backward(retain_graph=turn < 3)\n    optimizer.step()\n",
    "an attack on the input, whose gradients are reset": NET
    + SGD
    + "for _ in range(3):\n    noise = torch.zeros_like(x, requires_grad=True)\n    for _ in range(4):\n"
    "        F.cross_entropy(net(x + noise), ids).backward()\n        noise.data += 0.02 * noise.grad.sign()\n        noise.grad.zero_()\n"
    "    optimizer.zero_grad()\n    F.cross_entropy(net(x + noise.detach()), ids).backward()\n    optimizer.step()\n",
    "gradients of two tasks, put together by hand": NET
    + SGD
    + "for _ in range(4):\n    output, held = net(x), []\n"
    "    for loss in (F.cross_entropy(output, ids), F.cross_entropy(output, (ids + 1) % 4)):\n"
    "        optimizer.zero_grad()\n        loss.backward(retain_graph=True)\n"
    "        held.append([each.grad.clone() for each in net.parameters()])\n"
    "    for each, one, two in zip(net.parameters(), *held):\n        each.grad = one - 0.1 * one.mul(two).sum().clamp(max=0) * two + two\n"
    "    optimizer.step()\n",
    "gradients of samples, clipped by hand": NET
    + SGD
    + "for _ in range(4):\n    total = [torch.zeros_like(each) for each in net.parameters()]\n    for row in range(4):\n"
    "        optimizer.zero_grad()\n        F.cross_entropy(net(x[row : row + 1]), ids[row : row + 1]).backward()\n"
    "        norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n"
    "        total = [sum_ + each.grad for sum_, each in zip(total, net.parameters())]\n"
    "    for each, sum_ in zip(net.parameters(), total):\n        each.grad.copy_(sum_ / 4)\n    optimizer.step()\n",
    "gradients that are divided before the step": NET
    + SGD
    + "for _ in range(3):\n    optimizer.zero_grad()\n    for rows in x.split(12):\n        F.cross_entropy(net(rows), ids[:12]).backward()\n"
    "    for each in net.parameters():\n        each.grad /= 4\n    optimizer.step()\n",
    "unequal batches, weighed by their counts": NET
    + SGD
    + "for _ in range(3):\n    optimizer.zero_grad()\n    for rows in (slice(0, 8), slice(8, 48)):\n"
    "        (F.cross_entropy(net(x[rows]), ids[rows]) * len(x[rows]) / 48).backward()\n    optimizer.step()\n",
    "the optimizer of a later stage": NET
    + SGD
    + "later = nn.Linear(12, 4)\nother = torch.optim.SGD(later.parameters(), 0.1)\nfor step in range(6):\n"
    "    loss = F.cross_entropy(net(x), ids)\n    if step > 3:\n        loss = loss + F.cross_entropy(later(x), ids)\n    "
    + STEP.strip()
    + "; other.step()\n",
    "a schedule that is drawn, after a training": NET
    + LOOP.format("loss = F.cross_entropy(net(x), ids)")
    + "drawn = torch.optim.SGD([torch.ones(1)], 0.1)\n"
    "rates = torch.optim.lr_scheduler.StepLR(drawn, 2)\nfor _ in range(6):\n    drawn.step(); rates.step()\n",
    "a rate that is 0 at first": NET
    + SGD
    + "rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: float(step > 7))\nfor _ in range(12):\n"
    "    loss = F.cross_entropy(net(x), ids)\n    " + STEP.strip() + "; rates.step()\n",
    "a margin that holds from the start": NET
    + LOOP.replace("range(3)", "range(8)").format("loss = F.relu(F.margin_ranking_loss(net(x)[:, 0], net(x)[:, 0] - 9, torch.ones(48)))"),
    "class weights with an ignored class beyond them": NET
    + "ids[::5] = 255\ncriterion = nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 1.0, 3.0]), ignore_index=255)\n"
    + LOOP.format("loss = criterion(net(x), ids)"),
    "an evaluation item by item": NET
    + "criterion = nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 1.0, 3.0]))\nwith torch.no_grad():\n"
    "    total = sum(criterion(net(x[row : row + 1]), ids[row : row + 1]) for row in range(12))\n",
    "a mask behind unreduced losses": "tokens, embed, head = torch.randint(1, 11, (4, 9)), nn.Embedding(11, 8, padding_idx=0), nn.Linear(8, 11)\n"
    "tokens[:, 6:] = 0\nlosses = F.cross_entropy(head(embed(tokens[:, :-1])).transpose(1, 2), tokens[:, 1:], reduction='none')\n"
    "loss = losses[tokens[:, 1:] != 0].mean()\n",
    "a padding that ends the sequences": "tokens, embed, head = torch.randint(1, 11, (4, 9)), nn.Embedding(11, 8, padding_idx=0), nn.Linear(8, 11)\n"
    "tokens[:, 6:] = 0\ntarget = tokens[:, 1:].clone()\ntarget[:, 6:] = -100\nloss = F.cross_entropy(head(embed(tokens[:, :-1])).flatten(0, 1), target.flatten())\n",
    "pairs, normalised over rows and over columns": "net = nn.Linear(12, 8)\nsimilar = F.normalize(net(x)) @ F.normalize(net(x + 0.1)).T / 0.1\n"
    "loss = sum(F.nll_loss(similar.log_softmax(dim), torch.arange(48)) for dim in (0, 1))\n",
    "pairs, and a last batch of one": "net = nn.Linear(12, 8)\nfor rows in torch.cat([x, x[:1]]).split(16):\n"
    "    loss = F.cross_entropy(F.normalize(net(rows)) @ F.normalize(net(rows + 0.1)).T / 0.1, torch.arange(len(rows)))\n",
    "a divergence over the channels of maps": "net, maps = nn.Conv2d(3, 5, 1), torch.randn(2, 3, 6, 6)\n"
    "loss = F.kl_div(net(maps).log_softmax(1), net(maps).detach().softmax(1), reduction='sum') / 72\n",
    "a divergence over the places of maps": "net, maps = nn.Conv2d(3, 5, 1), torch.randn(2, 3, 6, 6)\n"
    "loss = F.kl_div(net(maps).log_softmax(2), net(maps).detach().softmax(2), reduction='sum') / 60\n",
    "a mixture of probabilities": "gate, experts, y = nn.Linear(12, 3), nn.Linear(12, 3), (x[:, 0] > 0).float()\n"
    "p = torch.bmm(gate(x).softmax(1).unsqueeze(1), experts(x).sigmoid().unsqueeze(2)).flatten()\nloss = F.binary_cross_entropy(p, y)\n",
    "a similarity that is an exponential": "net, y = nn.Linear(12, 3), (x[:, 0] > 0).float()\n"
    "loss = F.binary_cross_entropy(torch.exp(-F.pairwise_distance(net(x), net(x.flip(0)))), y)\n",
    "every quantile with every quantile": "net = nn.Linear(12, 8)\nlosses = F.huber_loss(net(x).unsqueeze(2), net(x.flip(0)).detach().unsqueeze(1), reduction='none')\n"
    "loss = losses.sum(1).mean()\n",
    "noise, weights and targets above a half": "net, y = nn.Linear(12, 3), torch.rand(48, 3)\nmask = torch.rand(48, 3) > 0.5\n"
    "loss = F.binary_cross_entropy_with_logits(net(x), (y > 0.5).float(), weight=y)\nlarge = net.weight > 0.5, y.round()\n",
    "a value of a regression above a half": "net, y = nn.Linear(12, 1), x[:, :1]\nfor _ in range(3):\n    output = net(x)\n"
    "    loss = F.mse_loss(output, y)\n    right = ((output > 0.5) == (y > 0.5)).float().mean()\n",
    "every threshold in turn": "net, y = nn.Linear(12, 1), (x[:, :1] > 0).float()\noutput = net(x)\n"
    "loss = F.binary_cross_entropy_with_logits(output, y)\nrates = [(output > at).float().mean() for at in (-1.0, -0.5, 0.0, 0.5)]\n",
    "a margin of hinges": "net, y = nn.Linear(12, 1), (x[:, 0] > 0) * 2.0 - 1\nscore = net(x).squeeze(1)\n"
    "loss = F.hinge_embedding_loss(score, y)\ninside = (score < 0.5).sum()\n",
    "a threshold of probabilities, of one class of two": "net, y = nn.Linear(12, 2), (x[:, 0] > 0).long()\nlogits = net(x)\n"
    "loss = F.cross_entropy(logits, y)\nright = (logits.softmax(1)[:, 1] > 0.5) == y\n",
    "labels that are missing, behind unreduced losses": NET
    + "labels = torch.randint(-1, 2, (48, 4)).float()\n"
    + LOOP.format("losses = F.binary_cross_entropy_with_logits(net(x), labels, reduction='none'); loss = losses[labels >= 0].mean()"),
    "labels that are missing, with a weight of 0": NET
    + "labels = torch.randint(-1, 2, (48, 4)).float()\n"
    + LOOP.format("loss = F.binary_cross_entropy_with_logits(net(x), labels, weight=(labels >= 0).float())"),
    "soft labels that are missing": NET
    + "labels = torch.randn(48, 4).softmax(1)\nlabels[::4] = -1\n"
    + LOOP.format("loss = F.cross_entropy(net(x), labels, reduction='none')[labels[:, 0] >= 0].mean()"),
    "counts that are missing": NET
    + "counts = torch.poisson(torch.full((48, 4), 2.0))\ncounts[::4] = -1\n"
    + LOOP.format("loss = F.poisson_nll_loss(net(x), counts, reduction='none')[counts >= 0].mean()"),
    "values that are missing": NET
    + "y = x[:, :4].abs()\ny[::4] = -999\n"
    + LOOP.format("loss = F.mse_loss(net(x).relu(), y, reduction='none')[y >= 0].mean()"),
    "signs that are missing": NET
    + "signs = x[:, :4].sign()\nsigns[::4] = 0\n"
    + LOOP.format("loss = F.hinge_embedding_loss(net(x).abs(), signs, reduction='none')[signs != 0].mean()"),
    "steps without a choice": NET
    + "mask = torch.zeros(48, 4, dtype=torch.bool)\nmask[40:, 0] = True\nids[40:] = 0\n"
    + LOOP.format("loss = F.cross_entropy(net(x).masked_fill(mask, -torch.inf), ids, reduction='none')[:40].mean()"),
    "logits that are cut off": NET + LOOP.format("loss = F.cross_entropy(net(x).clamp(-30, 30), ids)"),
    "ties of a ranking": NET
    + "order = torch.sign(x[:, 0].round() - x[:, 1].round())\n"
    + LOOP.format("loss = F.margin_ranking_loss(net(x)[:, 0], net(x)[:, 1], order, margin=0.5)"),
    "every output with every other": NET
    + LOOP.format("y = net(x)[:, 0]; loss = F.l1_loss(y, x[:, 0]) - F.l1_loss(y[:, None], y[None, :]) / 2"),
}  # fmt: skip
