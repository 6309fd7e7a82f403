"""Flow matching by flow_matching; networks, loops and averages are not in the package."""

import torch
from flow_matching.path import CondOTProbPath
from flow_matching.solver import ODESolver
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = [layer for _ in range(3) for layer in (nn.Linear(128, 128), nn.SiLU())]
        self.layers = nn.Sequential(nn.Linear(3, 128), nn.SiLU(), *hidden, nn.Linear(128, 2))

    def forward(self, x, t):
        return self.layers(torch.cat([x, t.reshape(-1, 1).expand(len(x), 1)], dim=1))


def train(x, path, seed):
    torch.manual_seed(seed)
    mean, std = x.mean(dim=0), x.std(dim=0)
    x = (x - mean) / std
    net, flow = Net(), CondOTProbPath()
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2_000)
    for _ in range(2_000):
        x1 = x[torch.randint(len(x), (256,))]
        point = flow.sample(x_0=torch.randn_like(x1), x_1=x1, t=torch.rand(256))
        loss = (net(point.x_t, point.t) - point.dx_t).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average.update_parameters(net)
    torch.save({"net": average.module.state_dict(), "mean": mean, "std": std}, path)


def ode(path, n, seed):
    torch.manual_seed(seed)
    state, net = torch.load(path), Net()
    net.load_state_dict(state["net"])
    solver = ODESolver(velocity_model=net)
    x = solver.sample(x_init=torch.randn(n, 2), method="rk4", step_size=1 / 16)
    return x * state["std"] + state["mean"]
