"""PyTorch's side of train.py: the same network, parameters and batch; the same protocol as train_step.c.

    train_torch.py NETWORK BATCH FILE THREADS
"""
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def conv_norm(i, o, k=3, stride=1, relu=True):
    layers = [nn.Conv2d(i, o, k, stride, k // 2, bias=False), nn.BatchNorm2d(o)]
    return layers + [nn.ReLU(inplace=True)] if relu else layers


class VGG6(nn.Sequential):
    def __init__(self):
        layers, i = [], 3
        for o in 32, 64, 128:
            layers += conv_norm(i, o) + conv_norm(o, o) + [nn.MaxPool2d(2)]
            i = o
        super().__init__(*layers, nn.Flatten(), nn.Linear(2048, 128), nn.ReLU(inplace=True), nn.Linear(128, 10))


class Basic(nn.Module):
    def __init__(self, i, o, stride, option_a):
        super().__init__()
        self.body = nn.Sequential(*conv_norm(i, o, 3, stride), *conv_norm(o, o, relu=False))
        self.grow = o - i if option_a else 0
        self.stride = stride
        self.down = nn.Sequential(*conv_norm(i, o, 1, stride, False)) if not option_a and (stride > 1 or i != o) else None

    def forward(self, x):
        y = self.body(x)
        if self.down is not None:
            x = self.down(x)
        elif self.grow:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.grow // 2, self.grow // 2))
        return F.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, widths, blocks, option_a):
        super().__init__()
        layers, i = conv_norm(3, widths[0]), widths[0]
        for s, o in enumerate(widths):
            for b in range(blocks):
                layers.append(Basic(i, o, 2 if s and b == 0 else 1, option_a))
                i = o
        self.trunk, self.fc = nn.Sequential(*layers), nn.Linear(i, 10)

    def forward(self, x):
        return self.fc(self.trunk(x).mean((2, 3)))


NETWORKS = {
    'lenet5': (LeNet, (1, 28, 28), [0.1307], [0.3081], lambda p: torch.optim.SGD(p, 0.05, 0.9, weight_decay=5e-4)),
    'vgg6_cifar': (VGG6, (3, 32, 32), MEAN, STD, lambda p: torch.optim.Adam(p, 1e-3)),
    'resnet18_cifar': (lambda: ResNet([64, 128, 256, 512], 2, False), (3, 32, 32), MEAN, STD, lambda p: torch.optim.SGD(p, 0.01, 0.9)),
    'resnet20_cifar': (lambda: ResNet([16, 32, 64], 3, True), (3, 32, 32), MEAN, STD,
                       lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=1e-4)),
}


def peak():
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmHWM'))


def main(name, batch, file, threads):
    torch.set_num_threads(threads)
    make, shape, mean, std, optimizer = NETWORKS[name]
    net = make()
    data = open(file, 'rb').read()
    at = 0
    # both list layers in the order of the network, weight before bias, running mean before variance
    tensors = [t for n, t in net.state_dict().items() if not n.endswith('num_batches_tracked')]
    with torch.no_grad():
        for t in tensors:
            t.copy_(torch.from_numpy(np.frombuffer(data, np.float32, t.numel(), at).reshape(t.shape).copy()))
            at += 4 * t.numel()
    x = np.frombuffer(data, np.uint8, batch * int(np.prod(shape)), at)
    label = torch.from_numpy(np.frombuffer(data, np.int32, batch, at + x.size).astype(np.int64))
    x = x.reshape(batch, *shape) if shape[0] == 1 else x.reshape(batch, shape[1], shape[2], shape[0]).transpose(0, 3, 1, 2)
    x = (x.astype(np.float32) / 255 - np.float32(mean).reshape(-1, 1, 1)) / np.float32(std).reshape(-1, 1, 1)
    x = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
    step = optimizer(net.parameters())
    net.train()
    print('ready', flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(x), label)
            loss.backward()
            step.step()
        loss = loss.item()
        print('%.9f %.9g %d' % (time.perf_counter() - start, loss, peak()), flush=True)


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
