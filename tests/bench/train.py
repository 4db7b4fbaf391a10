"""make bench-train: cnnc's training step against PyTorch's, on this machine, at the same time of day.

Rounds are interleaved: a few steps of the one, a few of the other, both from the same parameters and the same batch. The table has the
medians of the rounds, and of their ratios, with the quartiles; first losses show that both do the same work.

    train.py [-t THREADS,...] [-r ROUNDS] [-j FILE.json] [-s SECONDS] [NETWORK...]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
NETWORKS = {  # file, batch, goal of the ratio
    'lenet5': ('examples/lenet5.net', 64, 4),
    'vgg6_cifar': ('examples/vgg6_cifar.net', 64, 1.7),
    'resnet18_cifar': ('tests/bench/resnet18_cifar.net', 32, 1.4),
    'resnet20_cifar': ('examples/resnet20_cifar.net', 128, 0),
}
PYTHON = os.environ.get('TORCH_PYTHON', '/usr/bin/python3')  # python3-torch belongs to the system's


class Runner:
    def __init__(self, command, threads):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_PROC_BIND='true' if threads > 1 else 'false')
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.losses = []
        if self.process.stdout.readline().strip() != 'ready':
            sys.exit('bench-train: %s does not start' % ' '.join(command))

    def run(self, steps):
        self.process.stdin.write('%d\n' % steps)
        self.process.stdin.flush()
        seconds, loss, self.bytes = map(float, self.process.stdout.readline().split())
        self.losses.append(loss)
        return seconds / steps

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def quartiles(v):
    v = sorted(v)
    return [v[int(q * (len(v) - 1) + 0.5)] for q in (0.25, 0.5, 0.75)]


def build(name, work):
    source, batch, _ = NETWORKS[name]
    text = open(os.path.join(ROOT, source)).read().replace(' |> dropout(0.5)', '')  # losses could not be compared
    net = os.path.join(work, 'net.net')
    open(net, 'w').write(text)
    cc = os.environ.get('CC', 'gcc').split()
    flags = os.environ.get('BENCH_CFLAGS', '-O2 -march=native').split()
    subprocess.run([os.environ.get('CNNC', os.path.join(ROOT, 'cnnc')), net, '--train=%d' % batch, '--name=net', '-o', work + '/net.c'], check=True)
    subprocess.run(cc + flags + ['-fopenmp', '-I' + work, HERE + '/train_step.c', work + '/net.c', '-o', work + '/step', '-lm'], check=True)


def bench(name, threads, args, work):
    _, batch, goal = NETWORKS[name]
    file = work + '/start'
    ours = Runner([work + '/step', file, str(threads)], threads)
    theirs = Runner([PYTHON, HERE + '/train_torch.py', name, str(batch), file, str(threads)], threads)
    for _ in range(3):
        a, b = ours.run(1), theirs.run(1)
    apart = max(abs(p - q) / abs(q) for p, q in zip(ours.losses, theirs.losses))
    first = [ours.losses[:], theirs.losses[:]]
    steps = [max(1, int(args.seconds / args.rounds / 2 / t)) for t in (a, b)]
    rounds = [(ours.run(steps[0]), theirs.run(steps[1])) for _ in range(args.rounds)]
    result = {'network': name, 'batch': batch, 'threads': threads, 'cnnc_ms': [1e3 * q for q in quartiles([r[0] for r in rounds])],
              'torch_ms': [1e3 * q for q in quartiles([r[1] for r in rounds])], 'ratio': quartiles([r[1] / r[0] for r in rounds]),
              'cnnc_bytes': ours.bytes, 'torch_bytes': theirs.bytes, 'losses': first, 'losses_apart': apart, 'goal': goal}
    ours.close()
    theirs.close()
    return result


def main():
    p = argparse.ArgumentParser()
    p.add_argument('-t', '--threads', default='1,2')
    p.add_argument('-r', '--rounds', type=int, default=9)
    p.add_argument('-s', '--seconds', type=float, default=12, help='for each line of the table')
    p.add_argument('-j', '--json')
    p.add_argument('-b', '--build', help='only build, into this folder; or, if it was built, only run from there')
    p.add_argument('network', nargs='*')
    args = p.parse_args()
    if subprocess.run([PYTHON, '-c', 'import torch'], capture_output=True).returncode:
        sys.exit('bench-train: needs PyTorch (python3-torch)')
    results = []
    print('network          batch threads   cnnc ms  torch ms   ratio (quartiles)       memory MB    losses apart')
    for name in args.network or NETWORKS:
        with tempfile.TemporaryDirectory() as work:
            if args.build:
                work = os.path.join(args.build, name)
                if not os.path.exists(work + '/step'):
                    os.makedirs(work, exist_ok=True)
                    build(name, work)
                    continue
            else:
                build(name, work)
            for threads in map(int, args.threads.split(',')):
                r = bench(name, threads, args, work)
                results.append(r)
                print('%-16s %5d %7d %9.2f %9.2f   %.2f (%.2f to %.2f) %6.0f, %5.0f   %.1e' % (
                    name, r['batch'], threads, r['cnnc_ms'][1], r['torch_ms'][1], r['ratio'][1], r['ratio'][0], r['ratio'][2],
                    r['cnnc_bytes'] / 1e6, r['torch_bytes'] / 1e6, r['losses_apart']), flush=True)
    if args.json:
        with open(args.json, 'w') as f:
            json.dump(results, f, indent=1)


main()
