#!/usr/bin/env python3
"""Makes tests/train/losses/*.txt: the first ten losses of networks that PyTorch trains, in float and in double.

    /usr/bin/python3 tests/train/make_losses.py [NAME...]      (Debian: python3-torch)

Parameters and data come from a seed, as tests/train/losses.c makes them too. Line 1 of a file: how cnnc is called."""
import math
import os
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

sys.dont_write_bytecode = True
from stream import U, mix, raw, uniform  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def key_of(name, seed):
    key = mix(U(seed))
    for c in name.encode():
        key = mix(key ^ U(c))
    return key




def fill(model):
    for name, p in model.state_dict().items():
        u = uniform(key_of(name, 1), p.numel())
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_mean"):
            v = 0 * u
        elif name.endswith("running_var"):
            v = 0 * u + 1
        elif p.dim() > 1:
            v = 2.45 / math.sqrt(p[0].numel()) * u
        elif name.endswith("weight"):
            v = 1 + 0.1 * u
        else:
            v = 0.1 * u
        p.copy_(torch.from_numpy(v.astype(numpy.float32).reshape(p.shape)))


def batch_of(case, step, dtype):
    n = case["batch"]
    key = key_of(case["input"], 100 + step % 2)
    shape = [n] + case["shape"]
    if "mean" in case:  # bytes, rows of pixels of channels
        x = (raw(key, math.prod(shape)) >> U(56)).astype(numpy.float64).reshape(shape)
        x = torch.from_numpy(x).to(dtype) * (torch.tensor(1, dtype=dtype) / case.get("divisor", 255))
        x = (x - torch.tensor(case["mean"], dtype=dtype)) / torch.tensor(case["std"], dtype=dtype)
        x = x.permute(0, 3, 1, 2).contiguous()
    else:
        x = torch.from_numpy(uniform(key, math.prod(shape)).astype(numpy.float32).reshape(shape)).to(dtype)
    labels = ((raw(key_of("label", 100 + step % 2), n) >> U(33)) % U(case["classes"])).astype(numpy.int64)
    return x, torch.from_numpy(labels)


# ---- networks: the names of their parameters are those of the .net ----


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class Pair(nn.Module):
    def __init__(self, inputs, filters):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)

    def forward(self, x):
        return F.max_pool2d(F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))), 2)


class Vgg6(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1, self.layer2, self.layer3 = Pair(3, 32), Pair(32, 64), Pair(64, 128)
        self.fc1, self.fc2 = nn.Linear(2048, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(self.layer3(self.layer2(self.layer1(x))).flatten(1))))


class Basic(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.stride, self.pad = stride, (filters - inputs) // 2
        self.conv1, self.bn1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride != 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        stage = lambda i, o, s: nn.Sequential(Basic(i, o, s), Basic(o, o, 1), Basic(o, o, 1))
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


class Inception(nn.Module):
    def __init__(self, x, n1, n3r, n3, n5r, n5, pool):
        super().__init__()
        self.branch1 = nn.Conv2d(x, n1, 1)
        self.reduce3, self.conv3 = nn.Conv2d(x, n3r, 1), nn.Conv2d(n3r, n3, 3, padding=1)
        self.reduce5, self.conv5 = nn.Conv2d(x, n5r, 1), nn.Conv2d(n5r, n5, 5, padding=2)
        self.project = nn.Conv2d(x, pool, 1)

    def forward(self, x):
        return torch.cat([F.relu(self.branch1(x)), F.relu(self.conv3(F.relu(self.reduce3(x)))),
                          F.relu(self.conv5(F.relu(self.reduce5(x)))), F.relu(self.project(F.max_pool2d(x, 3, 1, 1)))], 1)


class GoogLeNetSmall(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 5, 2, 2), nn.Conv2d(16, 24, 3, padding=1, groups=2)
        self.inception1 = Inception(24, 8, 12, 16, 4, 8, 8)
        self.inception2 = Inception(40, 12, 12, 24, 4, 8, 8)
        self.head, self.aux1 = nn.Conv2d(40, 16, 1), nn.Linear(16 * 9, 10)
        self.fc = nn.Linear(52, 10)

    def forward(self, x):
        x = F.local_response_norm(F.max_pool2d(F.relu(self.conv1(x)), 3, 2, ceil_mode=True), 5, 1e-4, 0.75, 1)
        one = self.inception1(F.relu(self.conv2(x)))
        aux = self.aux1(F.relu(self.head(F.avg_pool2d(one, 3, 2, ceil_mode=True))).flatten(1))
        return self.fc(self.inception2(one).mean((2, 3))), aux


class AlexNetLonger(nn.Module):
    """examples/alexnet.net with small dense layers and one more convolution behind conv4."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 96, 11, 4), nn.Conv2d(96, 256, 5, padding=2), nn.Conv2d(256, 384, 3, padding=1)
        self.conv4, self.extra, self.conv5 = nn.Conv2d(384, 384, 3, padding=1), nn.Conv2d(384, 64, 3, padding=1), nn.Conv2d(64, 64, 1)
        self.fc6, self.fc7, self.fc8 = nn.Linear(64 * 36, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.local_response_norm(F.max_pool2d(F.relu(conv(x)), 3, 2), 5, 1e-4, 0.75, 1)
        for conv in (self.conv3, self.conv4, self.extra, self.conv5):
            x = F.relu(conv(x))
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(F.max_pool2d(x, 3, 2).flatten(1))))))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, factor):
        super().__init__()
        n = inputs * factor
        cbr = lambda i, o, k, s, g: nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o), nn.ReLU6())
        layers = [cbr(inputs, n, 1, 1, 1)] if factor != 1 else []
        self.conv = nn.Sequential(*layers, cbr(n, n, 3, stride, n), nn.Conv2d(n, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.same = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.same else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, width, classes):
        super().__init__()

        def channels(n):
            r = max(8, int(n * width + 4) // 8 * 8)
            return r if r >= 0.9 * n * width else r + 8
        cbr = lambda i, o, k, s: nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU6())
        c = channels(32)
        layers = [cbr(3, c, 3, 2)]
        for factor, filters, n, stride in [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1],
                                           [6, 160, 3, 2], [6, 320, 1, 1]]:
            for k in range(n):
                layers.append(Inverted(c, channels(filters), stride if k == 0 else 1, factor))
                c = channels(filters)
        layers.append(cbr(c, 1280, 1, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(1280, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class Cnn1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(2, 16, 7, 2, 3, bias=False), nn.BatchNorm1d(16)
        self.conv2, self.bn2 = nn.Conv1d(16, 32, 5, 1, 2, bias=False), nn.BatchNorm1d(32)
        self.conv3, self.bn3 = nn.Conv1d(32, 64, 3, 1, 2, 2, bias=False), nn.BatchNorm1d(64)
        self.conv4, self.bn4 = nn.Conv1d(64, 64, 3, 1, 1, bias=False), nn.BatchNorm1d(64)
        self.fc = nn.Linear(64, 5)

    def forward(self, x):
        for c, b in [(self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)]:
            x = F.max_pool1d(F.relu(b(c(x))), 2)
        return self.fc(F.relu(self.bn4(self.conv4(x))).mean(2))


class Cnn3d(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(1, 8, 3, 1, 1, bias=False), nn.BatchNorm3d(8)
        self.conv2, self.bn2 = nn.Conv3d(8, 16, 3, 1, 1, bias=False), nn.BatchNorm3d(16)
        self.conv3, self.bn3 = nn.Conv3d(16, 32, 3, 1, 1, bias=False), nn.BatchNorm3d(32)
        self.fc1, self.fc2 = nn.Linear(2048, 64), nn.Linear(64, 10)

    def forward(self, x):
        for c, b in [(self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)]:
            x = F.max_pool3d(F.relu(b(c(x))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


CIFAR = {"input": "image", "shape": [32, 32, 3], "mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616], "classes": 10}
IMAGENET = {"input": "image", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
SGD, O = torch.optim.SGD, torch.optim


def no_decay(model, decay):
    return [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": decay},
            {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0}]


CASES = {
    "lenet5": dict(net="examples/lenet5.net", model=LeNet5, input="image", shape=[28, 28, 1], mean=[0.1307], std=[0.3081], classes=10,
                   batch=32, options="--optimizer=sgd(lr=0.05,momentum=0.9,weight_decay=5e-4)",
                   optimizer=lambda m: SGD(m.parameters(), 0.05, 0.9, weight_decay=5e-4)),
    "lenet5_accumulated": dict(net="examples/lenet5.net", model=LeNet5, input="image", shape=[28, 28, 1], mean=[0.1307], std=[0.3081],
                               classes=10, batch=8, options="--optimizer=rmsprop(lr=1e-4,momentum=0.9) --set=accumulate=2",
                               optimizer=lambda m: O.RMSprop(m.parameters(), 1e-4, momentum=0.9), calls=2),
    "vgg6_cifar": dict(CIFAR, net="examples/vgg6_cifar.net", model=Vgg6, batch=16, options="--optimizer=adam(lr=1e-4) --set=dropout=0",
                       optimizer=lambda m: O.Adam(m.parameters(), 1e-4)),
    "vgg6_frozen": dict(CIFAR, net="examples/vgg6_cifar.net", model=Vgg6, batch=16, freeze=["layer1", "layer2"],
                        options="--optimizer=sgd(lr=0.0001,momentum=0.9) --set=dropout=0 --freeze=UNTIL=layer2",
                        optimizer=lambda m: SGD([p for p in m.parameters() if p.requires_grad], 0.0001, 0.9)),
    "resnet20_cifar": dict(CIFAR, net="examples/resnet20_cifar.net", model=ResNet20, batch=16,
                           options="--optimizer=sgd(lr=0.001,momentum=0.9,weight_decay=1e-4)",
                           optimizer=lambda m: SGD(m.parameters(), 0.001, 0.9, weight_decay=1e-4)),
    "googlenet_small": dict(net="tests/train/googlenet_small.net", model=GoogLeNetSmall, input="image", shape=[24, 24, 3], mean=[0.5] * 3,
                            std=[0.25] * 3, classes=10, batch=16, options="--set=dropout=0",
                            optimizer=lambda m: SGD(no_decay(m, 1e-3), 0.02, 0.9, nesterov=True),
                            loss=lambda y, t: F.cross_entropy(y[0], t, label_smoothing=0.1) + 0.3 * F.cross_entropy(y[1], t, label_smoothing=0.1)),
    "alexnet_longer": dict(net="examples/alexnet.net", model=AlexNetLonger, input="image", shape=[227, 227, 3], mean=[123.7, 116.3, 103.5],
                           std=[58.4, 57.1, 57.4], divisor=1, classes=10, batch=4,
                           options="--insert=conv4=extra:conv(64,3x3,pad=1)|>relu --replace=conv5=conv(64,1x1) --replace=fc6=dense(64) "
                           "--replace=fc7=dense(64) --replace=fc8=dense(10) --optimizer=sgd(lr=2e-6,momentum=0.9) --set=dropout=0",
                           optimizer=lambda m: SGD(m.parameters(), 2e-6, 0.9)),
    "mobilenet_v2": dict(IMAGENET, net="examples/mobilenet_v2.net", model=lambda: MobileNetV2(0.25, 10), shape=[96, 96, 3], batch=8, classes=10,
                         options="--const=width=0.25 --const=classes=10 --const=size=96 --optimizer=sgd(lr=0.0005,momentum=0.9) --set=dropout=0 --set=clip=1",
                         optimizer=lambda m: SGD(m.parameters(), 0.0005, 0.9), clip=1.0),
    "cnn1d": dict(net="examples/cnn1d.net", model=Cnn1d, input="signal", shape=[2, 1280], classes=5, batch=16,
                  options="--optimizer=adamw(lr=1e-3,weight_decay=0.05)", optimizer=lambda m: O.AdamW(m.parameters(), 1e-3, weight_decay=0.05)),
    "cnn3d": dict(net="examples/cnn3d.net", model=Cnn3d, input="volume", shape=[1, 32, 32, 32], classes=10, batch=6,
                  options="--optimizer=adam(lr=1e-3) --set=dropout=0", optimizer=lambda m: O.Adam(m.parameters(), 1e-3)),
}


def train(case, dtype):
    torch.manual_seed(0)
    model = case["model"]()
    with torch.no_grad():
        fill(model)
    model = model.to(dtype).train()
    for part in case.get("freeze", []):
        getattr(model, part).eval().requires_grad_(False)
    optimizer = case["optimizer"](model)
    loss_of = case.get("loss", F.cross_entropy)
    losses, samples = [], 0
    for step in range(10):
        x, labels = batch_of(case, step, dtype)
        n = case["batch"] - (2 if step % 3 == 2 else 0)
        calls = case.get("calls", 1)
        loss = loss_of(model(x[:n]), labels[:n])
        (n * loss).backward()
        samples += n
        if (step + 1) % calls == 0:
            for p in model.parameters():
                if p.grad is not None:
                    p.grad /= samples
        if "clip" in case:
            nn.utils.clip_grad_norm_(model.parameters(), case["clip"])
        if (step + 1) % calls == 0:
            optimizer.step()
            optimizer.zero_grad()
            samples = 0
        losses.append(loss.item())
    return losses


def main():
    torch.set_num_threads(2)
    for name in sys.argv[1:] or CASES:
        case = CASES[name]
        columns = [train(case, torch.float32), train(case, torch.float64)]
        with open(os.path.join(HERE, "losses", name + ".txt"), "w") as f:
            f.write(f"{case['classes']} {case['net']} --train={case['batch']} {case['options']}\n")
            f.write("".join(f"{a:.9g} {b:.15g}\n" for a, b in zip(*columns)))
        print(name, max(abs(a - b) / abs(b) for a, b in zip(*columns)), columns[1])


main()
