import torch

torch.manual_seed(0)
features = torch.randn(1000, 20)
classes = (features @ torch.randn(20, 10)).argmax(1)
model = torch.nn.Sequential(torch.nn.Linear(20, 10), torch.nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for _ in range(100):
    loss = torch.nn.functional.cross_entropy(model(features), classes)
    optimizer.zero_grad(), loss.backward(), optimizer.step()
print(f"loss {loss:.2f}, accuracy {(model(features).argmax(1) == classes).float().mean():.2f}")
