"""A denoiser on the path of flow matching by azula; loops and averages are not in the package."""

import torch
from azula.denoise import KarrasDenoiser
from azula.noise import RectifiedSchedule
from azula.sample import HeunSampler
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = [layer for _ in range(3) for layer in (nn.Linear(128, 128), nn.SiLU())]
        self.layers = nn.Sequential(nn.Linear(3, 128), nn.SiLU(), *hidden, nn.Linear(128, 2))

    def forward(self, x, t):
        return self.layers(torch.cat([x, t.reshape(-1, 1).expand(len(x), 1)], dim=1))


def denoiser():
    return KarrasDenoiser(Net(), RectifiedSchedule())


def train(x, path, seed):
    torch.manual_seed(seed)
    mean, std = x.mean(dim=0), x.std(dim=0)
    x = (x - mean) / std
    net = denoiser()
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2_000)
    for _ in range(2_000):
        loss = net.loss(x[torch.randint(len(x), (256,))], torch.rand(256))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average.update_parameters(net)
    torch.save({"net": average.module.state_dict(), "mean": mean, "std": std}, path)


def ode(path, n, seed):
    torch.manual_seed(seed)
    state, net = torch.load(path), denoiser()
    net.load_state_dict(state["net"])
    sampler = HeunSampler(net.eval(), steps=32, silent=True)
    x = sampler(sampler.init((n, 2)))
    return x * state["std"] + state["mean"]


def sde(path, n, seed):
    from azula.sample import DDPMSampler

    torch.manual_seed(seed)
    state, net = torch.load(path), denoiser()
    net.load_state_dict(state["net"])
    sampler = DDPMSampler(net.eval(), steps=128, silent=True)
    x = sampler(sampler.init((n, 2)))
    return x * state["std"] + state["mean"]
