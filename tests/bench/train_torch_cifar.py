"""A whole training of ResNet-20 by PyTorch on the folders of JPEG (or CIFAR's binary files) that examples/train reads, with the recipe that its options name:
what the training program should come within a point of.

    train_torch_cifar.py --data=DIR [--epochs=30 --batch=128 --rate=0.1 --momentum=0.9 --nesterov --decay=5e-4 --warmup=2 --seed=1 --threads=N]

Pictures are mirrored at random and cut out of a black border of 4 pixels; the rate rises for the warm-up and falls along a cosine, step by
step; parameters begin as cnnc's do (He; Glorot). In float (no TF32), on a GPU where there is one. Prints the test accuracy after each epoch."""
import argparse
import glob
import io
import math
import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from train_torch import MEAN, STD, NETWORKS


def read(data, part):
    if os.path.exists(os.path.join(data, 'test_batch.bin')):
        names = ['data_batch_%d.bin' % i for i in range(1, 6)] if part == 'train' else ['test_batch.bin']
        all = np.concatenate([np.fromfile(os.path.join(data, n), np.uint8).reshape(-1, 3073) for n in names])
        return torch.from_numpy(all[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy()), torch.from_numpy(all[:, 0].astype(np.int64))
    from PIL import Image
    path = os.path.join(data, part)
    classes = sorted(os.listdir(path))
    names = [(f, k) for k, c in enumerate(classes) for f in sorted(glob.glob(os.path.join(path, c, '*.jpg')))]
    pixels = np.empty((len(names), 32, 32, 3), np.uint8)
    for i, (name, _) in enumerate(names):
        with open(name, 'rb') as f:
            pixels[i] = np.asarray(Image.open(io.BytesIO(f.read())).convert('RGB'))
    return torch.from_numpy(pixels), torch.tensor([k for _, k in names])


def normal(x):
    x = x.permute(0, 3, 1, 2).to(torch.float32) / 255
    return (x - torch.tensor(MEAN, device=x.device).view(-1, 1, 1)) / torch.tensor(STD, device=x.device).view(-1, 1, 1)


def augment(x, pad=4):
    """x: bytes [N][32][32][3]. Each picture is mirrored or not, and moved by up to `pad` pixels, black coming in."""
    n, device = len(x), x.device
    mirror = torch.rand(n, 1, device=device) < 0.5
    at = torch.arange(32, device=device)
    columns = torch.where(mirror, 31 - at, at)[:, None, :, None].expand(n, 32, 32, 3)
    x = torch.gather(x, 2, columns)
    x = F.pad(x, (0, 0, pad, pad, pad, pad))
    dy, dx = torch.randint(0, 2 * pad + 1, (2, n, 1), device=device)
    rows, columns = (dy + at)[:, :, None], (dx + at)[:, None, :]
    return x[torch.arange(n, device=device)[:, None, None], rows, columns]


def start(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, nonlinearity='relu')
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)


def train(args, data, seed):
    (x, label), (test, truth) = data
    device = x.device
    torch.manual_seed(seed)
    net = NETWORKS['resnet20_cifar'][0]()
    start(net)
    net = net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), args.rate, args.momentum, nesterov=args.nesterov, weight_decay=args.decay)
    accuracy = 0
    for epoch in range(args.epochs):
        began, total, right = time.time(), 0, 0
        net.train()
        order = torch.randperm(len(x), device=device)
        for i in range(0, len(x), args.batch):
            at = epoch + i / len(x)
            share = min(1, (at - args.warmup) / max(1e-9, args.epochs - args.warmup))
            rate = args.rate * (at / args.warmup if at < args.warmup else 0.5 * (1 + math.cos(math.pi * share)))
            for group in optimizer.param_groups:
                group['lr'] = rate
            pick = order[i:i + args.batch]
            y = net(normal(augment(x[pick])))
            loss = F.cross_entropy(y, label[pick])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(pick)
            right += (y.argmax(1) == label[pick]).sum()
        net.eval()
        with torch.no_grad():
            answers = torch.cat([net(normal(test[i:i + 1000])) for i in range(0, len(test), 1000)])
            accuracy, test_loss = (answers.argmax(1) == truth).float().mean().item(), F.cross_entropy(answers, truth).item()
        print('seed %d  epoch %2d  loss %.4f  accuracy %.2f%%  test loss %.4f  accuracy %.2f%%  %.1f s' % (
            seed, epoch + 1, total / len(x), 100 * right / len(x), test_loss, 100 * accuracy, time.time() - began), flush=True)
    return accuracy


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--data', required=True)
    p.add_argument('--epochs', type=int, default=30)
    p.add_argument('--batch', type=int, default=128)
    p.add_argument('--rate', type=float, default=0.1)
    p.add_argument('--momentum', type=float, default=0.9)
    p.add_argument('--nesterov', action='store_true')
    p.add_argument('--decay', type=float, default=5e-4)
    p.add_argument('--warmup', type=float, default=2)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--seeds', type=int, default=1, help='so many trainings, one after the other')
    p.add_argument('--threads', type=int)
    args = p.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    data = [[t.to(device) for t in read(args.data, part)] for part in ('train', 'test')]
    print('PyTorch %s on %s: %d pictures to train with, %d to test with' % (torch.__version__, device, len(data[0][0]), len(data[1][0])), flush=True)
    last = [train(args, data, args.seed + k) for k in range(args.seeds)]
    print('test accuracy after the last epoch: ' + ', '.join('%.2f%%' % (100 * a) for a in last))


main()
