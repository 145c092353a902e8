"""A variational autoencoder of pixels in [0, 1], and one that quantises."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
pixels = torch.rand(128, 16).round()
encoder, decoder = nn.Linear(16, 8), nn.Linear(4, 16)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 0.01)
for batch in pixels.split(32):
    mean, log_var = encoder(batch).chunk(2, dim=1)
    code = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
    output = torch.sigmoid(decoder(code))
    reconstruction = F.binary_cross_entropy(output, batch, reduction="sum")
    wrong = (output.ge(0.5) != batch.bool()).sum()
    divergence = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
    optimizer.zero_grad()
    (reconstruction + divergence).backward()
    optimizer.step()

codes = nn.Embedding(12, 4)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), *codes.parameters()], 0.01)
for batch in pixels.split(32):
    z = encoder(batch)[:, :4]
    nearest = codes(torch.cdist(z, codes.weight).argmin(1))
    commit = F.mse_loss(nearest, z.detach()) + 0.25 * F.mse_loss(nearest.detach(), z)
    output = torch.sigmoid(decoder(z + (nearest - z).detach()))
    loss = F.mse_loss(output, batch) + commit
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
