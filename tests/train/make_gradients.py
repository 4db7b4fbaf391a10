#!/usr/bin/env python3
"""Makes tests/train/torch/*.txt: the gradients of the networks in tests/train/gradient/, as PyTorch computes them in float.

    /usr/bin/python3 tests/train/make_gradients.py [NAME...]      (Debian: python3-torch)

The text of a network is evaluated statement by statement, each layer by PyTorch's function for it; parameters come in the order in which layers are
met, as in cnnc. Where PyTorch 1.13 has no function for a layer
(mvn, rmsnorm, lppool over three values ...) its formula is written with those that it has."""
import math
import os
import re
import sys

import numpy
import torch
from torch.nn import functional as F

sys.dont_write_bytecode = True
import stream  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH, SAMPLES = 3, 4


def uniform(key, shape):
    return stream.uniform(stream.mix(stream.U(key)), math.prod(shape)).reshape(shape)


wanted = 1  # results that the statement takes apart
parameters = []  # (kind, tensor or None): running statistics have a place, but no gradient


def parameter(kind, shape):
    u, fan = uniform(100 + len(parameters), shape), math.prod(shape[1:])
    v = 2.45 / math.sqrt(fan) * u if fan > 1 else 1 + 0.1 * u if kind == "weight" else 0.1 * u
    t = torch.tensor(v.astype(numpy.float32), requires_grad=True)
    parameters.append((kind, t))
    return t


def spread(v, n):
    return [v] * n if isinstance(v, (int, float)) else list(v)


def padded(x, pad, value=0.0):
    n = x.dim() - 2
    p = spread(pad, n)
    p = p + p if len(p) == n else p  # before each axis, then after
    return F.pad(x, [s for k in reversed(range(n)) for s in (p[k], p[n + k])], value=value)


def conv(x, filters, kernel=1, stride=1, pad=0, dilation=1, groups=1, bias=True):
    n = x.dim() - 2
    w = parameter("weight", [filters, x.shape[1] // groups] + spread(kernel, n))
    b = parameter("bias", [filters]) if bias else None
    f = [F.conv1d, F.conv2d, F.conv3d][n - 1]
    return f(padded(x, pad), w, b, spread(stride, n), 0, spread(dilation, n), groups)


def conv_transpose(x, filters, kernel, stride=1, pad=0, output_pad=0, groups=1):
    w = parameter("weight", [x.shape[1], filters // groups] + spread(kernel, 2))
    return F.conv_transpose2d(x, w, parameter("bias", [filters]), stride, pad, output_pad, groups)


def dense(x, units):
    x = x.flatten(1)
    return F.linear(x, parameter("weight", [units, x.shape[1]]), parameter("bias", [units]))


def batchnorm(x):
    w, b = parameter("weight", [x.shape[1]]), parameter("bias", [x.shape[1]])
    parameters.extend([("mean", None), ("var", None)])
    return F.batch_norm(x, None, None, w, b, True)


def instancenorm(x):
    return F.instance_norm(x, None, None, parameter("weight", [x.shape[1]]), parameter("bias", [x.shape[1]]))


def groupnorm(x, groups, affine=True):
    return F.group_norm(x, groups, *([parameter("weight", [x.shape[1]]), parameter("bias", [x.shape[1]])] if affine else []))


def layernorm(x, axis=-1, bias=True):
    shape = list(x.shape[axis:])
    return F.layer_norm(x, shape, parameter("weight", shape), parameter("bias", shape) if bias else None)


def rmsnorm(x, axis=-1, eps=1e-5):
    shape = list(x.shape[axis:])
    return x / torch.sqrt((x * x).mean(list(range(axis % x.dim(), x.dim())), keepdim=True) + eps) * parameter("weight", shape)


def prelu(x, shared=False):
    shape = [1] * (x.dim() - 1) if shared else [x.shape[1]] + [1] * (x.dim() - 2)
    return torch.where(x < 0, x * parameter("weight", shape), x)


def maxpool(x, kernel, stride=0, pad=0):
    return F.max_pool2d(x, kernel, stride or kernel, pad, return_indices=wanted == 2)


def maxunpool(x, at, kernel, stride):
    return F.max_unpool2d(x, at, kernel, stride)


def avgpool(x, kernel, stride=0, pad=0, ceil=False, include_pad=False):
    return F.avg_pool2d(x, kernel, stride or kernel, pad, ceil, include_pad)


def sumpool(x, kernel, stride=0, pad=0):
    return F.avg_pool2d(x, kernel, stride or kernel, pad) * math.prod(spread(kernel, 2))


def lppool(x, kernel, stride=0, pad=0, p=2):
    return sumpool(x.abs() ** p, kernel, stride, pad) ** (1 / p)


def resize(x, size, mode="nearest", coordinates="half_pixel"):
    if mode == "cubic":  # ONNX's coefficient is -0.75, as PyTorch's
        return F.interpolate(x, size, mode="bicubic", align_corners=False)
    if mode == "linear":
        return F.interpolate(x, size, mode="bilinear", align_corners=coordinates == "align_corners")
    at = [torch.ceil((torch.arange(n) + 0.5) * x.shape[k + 2] / n - 0.5 - 0.5).long().clamp(0, x.shape[k + 2] - 1) for k, n in enumerate(size)]
    return x[:, :, at[0]][:, :, :, at[1]]


def clip(x, low, high):
    return x.clamp(low, high)


def many(f):
    def all_of(*x):
        y = x[0]
        for v in x[1:]:
            y = f(y, v)
        return y
    return all_of


def pad(x, pad=0, mode="constant", value=0.0, channels=0):
    if channels:
        return F.pad(x, [0, 0, 0, 0, channels, channels])
    if mode == "constant":
        return padded(x, pad, value)
    p = spread(pad, 2)
    p = p + p if len(p) == 2 else p
    return F.pad(x, [p[1], p[3], p[0], p[2]], mode={"edge": "replicate", "wrap": "circular"}.get(mode, mode))


def sliced(x, start, end, step=None):
    for axis, (a, b, s) in enumerate(zip(start, end, step or [1] * len(start)), 1):
        n = x.shape[axis]
        x = x.index_select(axis, torch.arange(n)[a:b:s] if s > 0 else torch.tensor(list(range(n))[a:b:s]))
    return x


def depth_to_space(x, size, mode="DCR"):
    if mode == "CRD":
        return F.pixel_shuffle(x, size)
    n, c, h, w = x.shape
    return x.reshape(n, size, size, c // size ** 2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // size ** 2, h * size, w * size)


def space_to_depth(x, size):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4).reshape(n, c * size ** 2, h // size, w // size)


def reduce(f, keep=True):
    return lambda x, axes, keepdims=True: f(x, [a for a in axes], keepdims)


def chained(f):
    def all_of(x, axes, keepdims):
        for a in sorted(axes, reverse=True):
            x = f(x, a, keepdims)
        return x
    return all_of


def mvn(x, axes):
    m = x.mean(axes, keepdim=True)
    return (x - m) / torch.sqrt(((x - m) ** 2).mean(axes, keepdim=True) + 1e-9)


def lpnorm(x, axis=-1, p=2):
    return x / x.norm(p, axis, keepdim=True)


FUNCTIONS = dict(
    conv=conv, conv_transpose=conv_transpose, dense=dense, batchnorm=batchnorm, instancenorm=instancenorm, groupnorm=groupnorm, layernorm=layernorm,
    rmsnorm=rmsnorm, prelu=prelu, maxpool=maxpool, avgpool=avgpool, sumpool=sumpool, maxunpool=maxunpool, lppool=lppool, resize=resize, clip=clip, pad=pad, slice=sliced,
    depth_to_space=depth_to_space, space_to_depth=space_to_depth, mvn=mvn, lpnorm=lpnorm, relu=F.relu, tanh=torch.tanh, sigmoid=torch.sigmoid,
    softplus=F.softplus, elu=F.elu, selu=F.selu, hardswish=F.hardswish, mish=F.mish, softsign=F.softsign, relu6=F.relu6,
    hardsigmoid=lambda x: (0.2 * x + 0.5).clamp(0, 1), swish=F.silu, gelu=lambda x, approximate="none": F.gelu(x, approximate=approximate),
    leaky_relu=lambda x, a=0.01: F.leaky_relu(x, a), celu=lambda x, a: F.celu(x, a), thresholded_relu=lambda x, a: torch.where(x > a, x, 0 * x),
    shrink=lambda x, **k: torch.where(x < -k["lambda"], x + k["bias"], torch.where(x > k["lambda"], x - k["bias"], 0 * x)),
    abs=torch.abs, neg=torch.neg, reciprocal=torch.reciprocal, sqrt=torch.sqrt, exp=torch.exp, log=torch.log, sin=torch.sin, cos=torch.cos,
    tan=torch.tan, asin=torch.asin, acos=torch.acos, atan=torch.atan, sinh=torch.sinh, cosh=torch.cosh, asinh=torch.asinh, acosh=torch.acosh,
    atanh=torch.atanh, erf=torch.erf, sign=torch.sign, ceil=torch.ceil, floor=torch.floor, round=torch.round, identity=lambda x: x,
    cast=lambda x, t: x.float() if t == "float32" else x.long(), cast_like=lambda x, y: x, float32="float32", int64="int64",
    add=many(torch.add), sub=torch.sub, mul=torch.mul, div=torch.div, sum=many(torch.add), max=many(torch.maximum), min=many(torch.minimum),
    mean=lambda *x: many(torch.add)(*x) / len(x), pow=torch.pow, mod=lambda x, y, fmod: torch.fmod(x, y), where=torch.where, less=torch.lt,
    less_equal=torch.le, greater=torch.gt, greater_equal=torch.ge, equal=torch.eq, logical_and=torch.logical_and, logical_or=torch.logical_or,
    logical_xor=torch.logical_xor, logical_not=torch.logical_not, is_nan=torch.isnan, is_inf=torch.isinf,
    parameter=lambda shape, init: parameter("parameter", [shape] if isinstance(shape, int) else list(shape)),
    transpose=lambda x, p: x.permute(*p), flatten=lambda x: x.flatten(1), split=lambda x, sizes: x.split(sizes, 1),
    gather=lambda x, i, axis: x.index_select(axis, i), constant=torch.tensor, squeeze=lambda x, a: x.squeeze(a[0]), unsqueeze=lambda x, a: x.unsqueeze(a[0]),
    reshape=lambda x, s: x.reshape(x.shape[0], *s), concat=lambda *x: torch.cat(x, 1), softmax=lambda x, axis=-1: F.softmax(x, axis),
    log_softmax=lambda x, axis=-1: F.log_softmax(x, axis), lrn=lambda x, n, alpha, beta: F.local_response_norm(x, n, alpha, beta, 1),
    globalavgpool=lambda x: x.mean((2, 3), keepdim=True), globalmaxpool=lambda x: x.amax((2, 3), keepdim=True),
    globallppool=lambda x, p=2: x.abs().pow(p).sum((2, 3), keepdim=True) ** (1 / p), adaptive_avgpool=F.adaptive_avg_pool2d,
    adaptive_maxpool=F.adaptive_max_pool2d, matmul=torch.matmul, einsum=lambda *x, equation: torch.einsum(equation, *x),
    reduce_sum=reduce(lambda x, a, k: x.sum(a, k)), reduce_mean=reduce(lambda x, a, k: x.mean(a, k)), reduce_max=reduce(lambda x, a, k: x.amax(a, k)),
    reduce_min=reduce(lambda x, a, k: x.amin(a, k)), reduce_prod=reduce(chained(lambda x, a, k: x.prod(a, k))), reduce_l1=reduce(lambda x, a, k: x.abs().sum(a, k)),
    reduce_l2=reduce(lambda x, a, k: (x * x).sum(a, k).sqrt()), reduce_sum_square=reduce(lambda x, a, k: (x * x).sum(a, k)),
    reduce_log_sum=reduce(lambda x, a, k: x.sum(a, k).log()), reduce_log_sum_exp=reduce(lambda x, a, k: torch.logsumexp(x, a, k)), true=True, false=False)


def split_top(text, mark):
    parts, depth, quoted, at = [""], 0, False, 0
    while at < len(text):
        c = text[at]
        quoted ^= c == '"'
        depth += (c in "([") - (c in ")]")
        if depth == 0 and not quoted and text.startswith(mark, at):
            parts.append("")
            at += len(mark)
            continue
        parts[-1] += c
        at += 1
    return parts


def python_of(text):
    """Stages of pipes become nested calls, inside of brackets too; 3x3 a list."""
    text = text.strip()
    inner, at = "", 0
    while at < len(text):  # brackets first
        if text[at] == "(":
            depth, end = 1, at + 1
            while depth:
                depth += (text[end] == "(") - (text[end] == ")")
                end += 1
            inner += "(" + ", ".join(python_of(a) for a in split_top(text[at + 1:end - 1], ",")) + ")" if text[at + 1:end - 1].strip() else "()"
            at = end
        else:
            inner += text[at]
            at += 1
    stages = [s.strip() for s in split_top(inner, "|>")]
    result = stages[0]
    for s in stages[1:]:
        name, _, arguments = s.partition("(")
        result = f"{name}({result}, {arguments}" if arguments and arguments != ")" else f"{name}({result})"
    return result


def evaluate(text, scope):
    text = re.sub(r"\b(\d+)x(\d+)(?:x(\d+))?\b", lambda m: "[" + ", ".join(g for g in m.groups() if g) + "]", text)
    text = re.sub(r"\blambda=", "**LAMBDA, ", text).replace("**LAMBDA, 0.2, bias=0.1", "**{'lambda': 0.2, 'bias': 0.1}")
    return eval(python_of(text), FUNCTIONS, scope)


def run(name):
    global wanted
    parameters.clear()
    scope, logits, inputs = {}, None, 0
    with open(os.path.join(HERE, "gradient", name + ".net")) as f:
        lines = [line.split("#")[0].strip() for line in f]
    for line in lines:
        if line.startswith("train"):
            break
        if line.startswith("input"):
            x, shape = re.match(r"input (\w+)\[(.*)\]", line).groups()
            scope[x] = torch.tensor(uniform(inputs, [BATCH] + [int(n) for n in shape.split(",")]).astype(numpy.float32))
            inputs += 1
        elif "=" in line:
            to, _, text = line.removeprefix("output").strip().partition(" = ")
            names = [n.strip() for n in to.split(",")]
            wanted = len(names)
            last = re.fullmatch(r"softmax\((\w+)\)", text)
            value = scope[last.group(1)] if line.startswith("output") and last else evaluate(text, scope)
            scope.update(zip(names, value) if len(names) > 1 else [(to, value)])
            logits = value
    label = torch.arange(BATCH * math.prod(logits.shape[2:])).reshape(BATCH, *logits.shape[2:]) % 3
    loss = F.cross_entropy(logits, label)
    loss.backward()
    with open(os.path.join(HERE, "torch", name + ".txt"), "w") as f:
        f.write(f"loss {loss.item():.8g}\n")
        for kind, t in parameters:
            if t is None:
                continue
            g = t.grad.double().flatten()
            n = g.numel()
            some = [g[i * n // SAMPLES].item() for i in range(SAMPLES)]
            f.write(f"{kind} {n} {g.abs().max().item():.8g} {(g * (1 + torch.arange(n) % 7)).sum().item():.8g} " + " ".join(f"{v:.8g}" for v in some) + "\n")
    print(name, loss.item(), len(parameters))


torch.manual_seed(0)
os.makedirs(os.path.join(HERE, "torch"), exist_ok=True)
NONE = {"joins", "losses"}  # dropout, further losses: the differences, and make_losses.py, have them
for name in sys.argv[1:] or sorted(f[:-4] for f in os.listdir(os.path.join(HERE, "gradient")) if f[:-4] not in NONE):
    run(name)
