"""Mixed images with soft labels, a temperature, a soft cap on the logits, and two views that are to agree."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
for step in range(6):
    images, ids = torch.randn(16, 3, 8, 8), torch.randint(5, (16,))
    share, other = 0.3, torch.randperm(16)
    mixed = share * images + (1 - share) * images[other]
    soft = share * F.one_hot(ids, 5).float() + (1 - share) * F.one_hot(ids[other], 5).float()
    logits = model(mixed)
    capped = 30 * torch.tanh(logits / 30)
    loss = F.cross_entropy(capped, soft, label_smoothing=0.1)
    both = share * F.cross_entropy(logits, ids) + (1 - share) * F.cross_entropy(logits, ids[other])
    one, two = model(images), model(images.flip(3))
    agree = F.kl_div(one.log_softmax(1), two.softmax(1), reduction="batchmean")
    agree = agree + F.kl_div(two.log_softmax(1), one.log_softmax(1), reduction="batchmean", log_target=True)
    agree = agree + F.mse_loss(one.softmax(1), two.softmax(1).detach())
    optimizer.zero_grad()
    (loss + both + agree).backward()
    optimizer.step()
