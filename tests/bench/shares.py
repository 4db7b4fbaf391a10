"""make bench-shares: how much of the machine layers reach with one thread: convolutions of the peak of multiply-adds, dense layers of the speed
of copying memory.

Each layer becomes a network of its own, generated as ever (--max-error=0 keeps Winograd away from the 3x3 convolutions, so that they are
direct), built for AVX2 and for this processor, and run between two probes of the machine, a millisecond or two apart (shares.c). A round's share
is the layer's rate divided by the faster of its two probes; rounds whose probes differ by more than 5 % are left out, because the machine has changed
its speed meanwhile. Times are the thread's own, so that other programs cost caches only. Who shares the core may slow a layer more than
the probe: the table has the median and the best of the shares, and the goal where there is one.

Rates: a convolution has two operations a multiply-add, borders included, without its epilogue; a dense layer reads its weights, bias and input
and writes its output. Copying counts the bytes read and the bytes written.

    shares.py [-s SECONDS] [-j FILE.json] [-i SET] [LAYER...]      parts of layers' names: "vgg16 conv5", "fc"
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
CNNC = os.environ.get('CNNC', os.path.join(ROOT, 'cnnc'))
STEADY = 0.05
CLOCK = ['-include', 'time.h', '-DCNNC_PROFILE', '-DCNNC_PROFILE_CLOCK()=(__extension__({struct timespec t_; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t_); '
         '(uint64_t)t_.tv_sec * 1000000000u + (uint64_t)t_.tv_nsec; }))']


def conv(name, channels, size, filters, kernel=3, stride=1, add=False, pool=False):
    """The layer as the network has it: batch norm joins the convolution; an addition, ReLU and pooling are its epilogue."""
    out = size // stride
    residual = ', r[%d, %d, %d]' % (filters, out, out) if add else ''
    text = 'input x[%d, %d, %d]%s\ny = conv(x, %d, %dx%d, stride=%d, pad=%d)\n' % (channels, size, size, residual, filters, kernel, kernel, stride, kernel // 2)
    text += 'output z = relu(y%s)%s\n' % (' + r' if add else '', ' |> maxpool(2x2, stride=2)' if pool else '')
    what = '%dx%d/%d' % (kernel, kernel, stride) + (' +add' if add else '') + (' +pool' if pool else '')
    return {'name': name, 'text': text, 'shape': '%dx%dx%d -> %d %s' % (channels, size, size, filters, what), 'kind': 'fma',
            'work': 2.0 * out * out * filters * channels * kernel * kernel, 'kernel': 'conv_direct'}


def dense(name, inputs, outputs, relu=True):
    text = 'input x[%d]\ny = dense(x, %d)\noutput z = %s\n' % (inputs, outputs, 'relu(y)' if relu else 'identity(y)')
    return {'name': name, 'text': text, 'shape': '%d -> %d' % (inputs, outputs), 'kind': 'copy',
            'work': 4.0 * (inputs * outputs + inputs + 2 * outputs), 'kernel': 'dense'}


def layers():
    for name, channels, size, filters, pool in (
            ('1_2', 64, 224, 64, True), ('2_1', 64, 112, 128, False), ('2_2', 128, 112, 128, True), ('3_1', 128, 56, 256, False),
            ('3_2', 256, 56, 256, False), ('3_3', 256, 56, 256, True), ('4_1', 256, 28, 512, False), ('4_2', 512, 28, 512, False),
            ('4_3', 512, 28, 512, True), ('5_1', 512, 14, 512, False), ('5_3', 512, 14, 512, True)):
        yield conv('vgg16 conv' + name, channels, size, filters, pool=pool)
    before = 64
    for stage, width, size in ((1, 64, 56), (2, 128, 28), (3, 256, 14), (4, 512, 7)):
        stride = 1 if stage == 1 else 2
        at = 'resnet50 layer%d.' % stage
        yield conv(at + '0.conv1', before, size * stride, width, 1)
        if stride > 1:
            yield conv(at + '0.conv2', width, size * stride, width, 3, stride)
        yield conv(at + '0.downsample', before, size * stride, 4 * width, 1, stride)
        yield conv(at + '1.conv1', 4 * width, size, width, 1)
        yield conv(at + '1.conv2', width, size, width)
        yield conv(at + '1.conv3', width, size, 4 * width, 1, add=True)
        before = 4 * width
    yield dense('alexnet fc6', 9216, 4096)
    yield dense('alexnet fc7', 4096, 4096)
    yield dense('alexnet fc8', 4096, 1000, relu=False)


def instruction_sets():
    """Name, options, what the goal is called."""
    flags = set()
    if platform.machine() in ('x86_64', 'AMD64'):
        flags = set(re.search(r'^flags\s*:(.*)$', open('/proc/cpuinfo').read(), re.M).group(1).split())
    sets = {}
    if {'avx2', 'fma'} <= flags:
        sets['avx2'] = '-O2 -mavx2 -mfma'
    if 'avx512f' in flags:
        sets['avx512'] = '-O2 -march=native'
    return sets or {'native': '-O2 -march=native'}


def goal_of(set_, layer):
    if layer['kind'] == 'copy':
        return 90 if set_ == 'avx512' else None
    return 85 if set_ == 'avx512' else 80 if set_ == 'avx2' and layer['name'].startswith('vgg16') else None


def measure(layer, set_, options, seconds, work):
    cc = os.environ.get('CC', 'gcc').split()
    net = os.path.join(work, 'layer.net')
    open(net, 'w').write('network layer\n' + layer['text'])
    report = json.loads(subprocess.run([CNNC, net, '--max-error=0', '--weights-in=file', '--report=json', '-o', work + '/layer.c'], check=True,
                                       stdout=subprocess.PIPE).stdout)
    kernel = next(l['kernel'] for l in report['layers'] if l['macs'] > 0)
    if not kernel.startswith(layer['kernel']):
        sys.exit('bench-shares: %s runs in %s, not in %s' % (layer['name'], kernel, layer['kernel']))
    subprocess.run(cc + options.split() + CLOCK + ['-DNET=layer', '-DNETU=LAYER', '-include', work + '/layer.h', '-I' + os.path.join(ROOT, 'runtime'),
                                           HERE + '/shares.c', work + '/layer.c', '-o', work + '/shares', '-lm'], check=True)
    text = subprocess.run([work + '/shares', work + '/layer.weights', 'y', str(seconds), layer['kind']], check=True, stdout=subprocess.PIPE, text=True).stdout
    rounds = [tuple(map(float, l.split())) for l in text.splitlines()]
    steady = [(t, max(a, b)) for t, a, b in rounds if abs(a - b) <= STEADY * max(a, b)]
    if not steady:
        sys.exit('bench-shares: the machine has not kept its speed for the length of one run of %s' % layer['name'])
    shares = [100 * layer['work'] / t / limit for t, limit in steady]
    return {'set': set_, 'layer': layer['name'], 'shape': layer['shape'], 'kernel': kernel, 'unit': 'GFLOP/s' if layer['kind'] == 'fma' else 'GB/s',
            'ms': statistics.median(t for t, _ in steady) * 1e-6, 'rate': statistics.median(layer['work'] / t for t, _ in steady),
            'limit': statistics.median(l for _, l in steady), 'median': statistics.median(shares), 'best': max(shares), 'goal': goal_of(set_, layer),
            'rounds': len(rounds), 'steady': len(steady)}


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('-s', type=float, default=1, help='seconds for each layer and instruction set')
    p.add_argument('-j', default=os.path.join(ROOT, 'build/bench/shares.json'), help='where the numbers go')
    p.add_argument('-i', action='append', help='avx2, avx512: only these')
    p.add_argument('layer', nargs='*')
    a = p.parse_args()
    sets = {k: v for k, v in instruction_sets().items() if not a.i or k in a.i}
    rows = []
    head = '%-8s%-31s%-33s%-18s%9s%10s%10s%9s%8s%6s  %s' % ('build', 'layer', 'shape', 'kernel', 'ms', 'rate', 'limit', 'median %', 'best %', 'goal', 'rounds')
    print(head)
    with tempfile.TemporaryDirectory() as work:
        for set_, options in sets.items():
            for layer in layers():
                if a.layer and not any(n in layer['name'] for n in a.layer):
                    continue
                r = measure(layer, set_, options, a.s, work)
                rows.append(r)
                below = '' if not r['goal'] or r['median'] >= r['goal'] else '  only the best reach the goal' if r['best'] >= r['goal'] else '  below the goal'
                print('%-8s%-31s%-33s%-18s%9.4f%10.1f%10.1f%9.1f%8.1f%6s  %d of %d%s' % (
                    set_, r['layer'], r['shape'], r['kernel'], r['ms'], r['rate'], r['limit'], r['median'], r['best'], r['goal'] or '', r['steady'], r['rounds'],
                    below), flush=True)
    with_goal = [r for r in rows if r['goal']]
    print('%d of %d layers with a goal reach it' % (sum(r['median'] >= r['goal'] for r in with_goal), len(with_goal)))
    os.makedirs(os.path.dirname(os.path.abspath(a.j)), exist_ok=True)
    compiler = subprocess.run(os.environ.get('CC', 'gcc').split() + ['--version'], stdout=subprocess.PIPE, text=True).stdout.split('\n')[0]
    json.dump({'compiler': compiler, 'builds': sets, 'layers': rows}, open(a.j, 'w'), indent=1)


main()
