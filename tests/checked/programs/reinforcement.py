"""Deep Q-learning with a target network, and a policy gradient by weighted log-probabilities."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
q, frozen = nn.Linear(4, 3), nn.Linear(4, 3)
optimizer = torch.optim.Adam(q.parameters(), 0.01)
for step in range(6):
    state, following = torch.randn(32, 4), torch.randn(32, 4)
    action, reward, done = torch.randint(3, (32, 1)), torch.rand(32, 1), torch.randint(2, (32, 1))
    value = q(state).gather(1, action)
    with torch.no_grad():
        best = reward + 0.9 * (1 - done) * frozen(following).max(1, keepdim=True).values
    loss = F.smooth_l1_loss(value, best)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(q.parameters(), 1.0)
    optimizer.step()
    frozen.load_state_dict(q.state_dict())

policy, critic = nn.Linear(4, 3), nn.Linear(4, 1)
optimizer = torch.optim.Adam([*policy.parameters(), *critic.parameters()], 0.01)
for step in range(6):
    state, returns = torch.randn(32, 4), torch.randn(32)
    log_p = F.log_softmax(policy(state), dim=-1)
    action = log_p.exp().multinomial(1).squeeze(1)
    value = critic(state).squeeze(-1)
    advantage = returns - value.detach()
    gain = (advantage * F.nll_loss(log_p, action, reduction="none")).mean()
    weighted = F.nll_loss(log_p * advantage.unsqueeze(1), action)
    entropy = -(log_p.exp() * log_p).sum(1).mean()
    loss = gain + 0.01 * weighted + 0.5 * F.mse_loss(value, returns) - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
