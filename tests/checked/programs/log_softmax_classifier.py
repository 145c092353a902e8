"""A convolutional classifier that ends in a log-softmax, as torch's MNIST example does."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(4 * 3 * 3, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        return F.log_softmax(self.fc(x), dim=1)


images, target = torch.randn(128, 1, 8, 8), torch.randint(10, (128,))
model = Net()
optimizer = torch.optim.Adadelta(model.parameters())
for batch in torch.arange(128).split(32):
    optimizer.zero_grad()
    output = model(images[batch])
    loss = F.nll_loss(output, target[batch])
    loss.backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    total = F.nll_loss(model(images), target, reduction="sum").item()
