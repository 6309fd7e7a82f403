"""Flow matching by torchcfm, with torchdiffeq as its solver."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
from torchdiffeq import odeint


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
    net, matcher = Net(), ConditionalFlowMatcher(sigma=0.0)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2_000)
    for _ in range(2_000):
        x1 = x[torch.randint(len(x), (256,))]
        t, xt, ut = matcher.sample_location_and_conditional_flow(torch.randn_like(x1), x1)
        loss = (net(xt, t) - ut).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average.update_parameters(net)
    torch.save({"net": average.module.state_dict(), "mean": mean, "std": std}, path)


@torch.no_grad()
def ode(path, n, seed):
    torch.manual_seed(seed)
    state, net = torch.load(path), Net()
    net.load_state_dict(state["net"])
    times = torch.linspace(0, 1, 17)
    x = odeint(lambda t, x: net(x, t), torch.randn(n, 2), times, method="rk4")[-1]
    return x * state["std"] + state["mean"]
