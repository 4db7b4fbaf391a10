#!/usr/bin/env python3
"""Writes small quantised networks, as exporters write them (DequantizeLinear, operators, QuantizeLinear), with the results that real numbers
give when they are rounded once, computed here with fractions: DIR/CASE/model.onnx, DIR/CASE/data/input_0.pb, output_0.pb ..."""
import math, os, random, sys
from fractions import Fraction as R

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "operators"))
import onnx_file as o  # noqa: E402

F, U8, I8, I32, I64 = o.F, o.U8, o.I8, o.I32, o.I64
random.seed(7)
LIMITS = {U8: (0, 255), I8: (-128, 127)}


def fill(dtype, *dims, low=None, high=None):
    if dims:
        return [fill(dtype, *dims[1:], low=low, high=high) for _ in range(dims[0])]
    a, b = LIMITS[dtype]
    return random.randint(a if low is None else low, b if high is None else high)


def each(f, *v):
    return [each(f, *e) for e in zip(*v)] if isinstance(v[0], list) else f(*v)


class Quantised:
    """A name, its 8-bit values, and what they stand for."""

    def __init__(self, net, name, dtype, values, scale, zero):
        self.net, self.name, self.dtype, self.q, self.zero = net, name, dtype, values, zero
        self.scale = o.float32(scale)
        self.real = each(lambda v: R(self.scale) * (v - zero), values)
        net.constants += [(name + "_s", F, self.scale), (name + "_z", dtype, zero)]
        net.nodes.append(o.node("DequantizeLinear", f"{name} {name}_s {name}_z", name + "_r"))


class Network:
    def __init__(self, name):
        self.name, self.nodes, self.constants, self.inputs, self.outputs = name, [], [], [], []

    def input(self, name, dtype, values, scale, zero):
        self.inputs.append((name, dtype, values))
        return Quantised(self, name, dtype, values, scale, zero)

    def weights(self, name, dtype, values, scales, zero=0):
        """Per output channel where scales is a list; returns their real values."""
        self.constants.append((name, dtype, values))
        several = isinstance(scales, list)
        scales = [o.float32(s) for s in scales] if several else o.float32(scales)
        self.constants += [(name + "_s", F, scales), (name + "_z", dtype, [zero] * len(scales) if several else zero)]
        self.nodes.append(o.node("DequantizeLinear", f"{name} {name}_s {name}_z", name + "_r", axis=0))
        return [each(lambda v: R(scales[i] if several else scales) * (v - zero), e) for i, e in enumerate(values)]

    def op(self, *args, **attributes):
        self.nodes.append(o.node(*args, **attributes))

    def constant(self, name, dtype, v):
        self.constants.append((name, dtype, v))
        return v

    def output(self, real, name, dtype, values, scale, zero):
        scale = o.float32(scale)
        low, high = LIMITS[dtype]
        # round() of a fraction: halves to even
        y = each(lambda v: min(high, max(low, round(R(v) / R(scale)) + zero)), values)
        self.constants += [(name + "_s", F, scale), (name + "_z", dtype, zero)]
        self.nodes.append(o.node("QuantizeLinear", f"{real} {name}_s {name}_z", name))
        self.outputs.append((name, dtype, y))
        return y

    def write(self):
        o.case(self.name, self.nodes, self.inputs, self.outputs, self.constants)


def conv(x, w, bias, stride=(1, 1), pads=(0, 0, 0, 0), dilation=(1, 1), group=1):
    """x [n][c][h][w], w [o][i][kh][kw]"""
    out = []
    for item in x:
        planes = []
        for c, kernel in enumerate(w):
            first = c // (len(w) // group) * len(kernel)
            h, v = len(item[0]), len(item[0][0])
            kh, kw = len(kernel[0]), len(kernel[0][0])
            oh = (h + pads[0] + pads[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
            ow = (v + pads[1] + pads[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
            plane = []
            for y in range(oh):
                row = []
                for z in range(ow):
                    s = bias[c] if bias else R(0)
                    for i, k in enumerate(kernel):
                        for a in range(kh):
                            for b in range(kw):
                                p, q = y * stride[0] + a * dilation[0] - pads[0], z * stride[1] + b * dilation[1] - pads[1]
                                if 0 <= p < h and 0 <= q < v:
                                    s += item[first + i][p][q] * k[a][b]
                    row.append(s)
                plane.append(row)
            planes.append(plane)
        out.append(planes)
    return out


def conv_case(name, xt, shape, wt, wshape, wzero=0, channels=False, bias=True, between=None, bounds=(None, None), yt=None, **window):
    n = Network(name)
    x = n.input("x", xt, fill(xt, *shape), 0.021, 131 if xt == U8 else -9)
    scales = [0.003 + 0.0007 * i for i in range(wshape[0])] if channels else 0.0043
    w = n.weights("w", wt, fill(wt, *wshape), scales, wzero)
    # in units of the products, as exporters have them
    units = [x.scale * o.float32(s) for s in (scales if channels else [scales] * wshape[0])]
    b = n.constant("b", F, [o.float32(random.randint(-9000, 9000) * u) for u in units]) if bias else None
    flat = dict(strides=window.get("stride"), pads=window.get("pads"), dilations=window.get("dilation"), group=window.get("group"))
    n.op("Conv", "x_r w_r" + (" b" if bias else ""), "c", **{k: list(v) if isinstance(v, tuple) else v for k, v in flat.items() if v})
    y = conv(x.real, w, [R(v) for v in b] if bias else None, **window)
    real = "c"
    if between:
        n.op(between, "c" + "".join(f" limit{i}" for i, v in enumerate(bounds) if v is not None and between == "Clip"), "r")
        for i, v in enumerate(bounds):
            if v is not None and between == "Clip":
                n.constant(f"limit{i}", F, v)
        low, high = bounds
        y = each(lambda v: max(v, R(low)) if high is None else min(max(v, R(low)), R(high)), y)
        real = "r"
    yt = yt or xt
    n.output(real, "y", yt, y, 0.031, 120 if yt == U8 else -20)
    n.write()


conv_case("conv_uint8", U8, (2, 3, 7, 9), U8, (5, 3, 3, 3), wzero=117, between="Relu", bounds=(0.0, None), stride=(2, 2), pads=(1, 1, 0, 1))
conv_case("conv_uint8_128", U8, (1, 3, 5, 5), U8, (4, 3, 3, 3), wzero=128, yt=I8, pads=(1, 1, 1, 1))
conv_case("conv_channels", I8, (1, 6, 6, 20), I8, (9, 6, 3, 3), channels=True, between="Clip", bounds=(-1.0, 2.5), pads=(1, 1, 1, 1))
conv_case("conv_depthwise", I8, (1, 5, 8, 40), I8, (5, 1, 3, 3), channels=True, bias=False, stride=(1, 2), pads=(0, 1, 0, 1), group=5)
conv_case("conv_1x1", U8, (1, 9, 8, 9), I8, (6, 9, 1, 1))
conv_case("conv_groups_dilated", I8, (1, 4, 9, 11), I8, (6, 2, 2, 3), channels=True, pads=(1, 2, 0, 1), dilation=(3, 2), group=2)
conv_case("conv_whole_input", U8, (2, 7, 3, 3), U8, (5, 7, 3, 3), wzero=100)

# operators that ONNX itself defines on integers, with known weights
n = Network("qlinear_conv")
x, w, zw, sw, b = fill(U8, 1, 3, 6, 5), fill(I8, 5, 3, 2, 3), fill(I8, 5, low=-3, high=3), [o.float32(0.002 * (i + 1)) for i in range(5)], [900, -400, 0, 77, -2500]
sx, sy = o.float32(0.03), o.float32(0.041)
n.inputs.append(("x", U8, x))
n.constants += [("sx", F, sx), ("zx", U8, 140), ("w", I8, w), ("sw", F, sw), ("zw", I8, zw), ("sy", F, sy), ("zy", I8, -12), ("b", I32, b)]
n.op("QLinearConv", "x sx zx w sw zw sy zy b", "y", pads=[1, 0, 1, 2], strides=[2, 1])
sums = conv(each(lambda v: v - 140, x), [each(lambda v: v - z, k) for k, z in zip(w, zw)], b, stride=(2, 1), pads=(1, 0, 1, 2))
n.outputs.append(("y", I8, [[each(lambda v: min(127, max(-128, round(v * R(sx) * R(s) / R(sy)) - 12)), p) for p, s in zip(sums[0], sw)]]))
n.op("ConvInteger", "x w zx zw", "i", pads=[1, 0, 1, 2], strides=[2, 1])
n.outputs.append(("i", I32, [[each(lambda v: v - c, p) for p, c in zip(sums[0], b)]]))
n.write()
n = Network("qlinear_matmul")
a, b = fill(I8, 3, 21), fill(U8, 21, 6)
n.inputs.append(("a", I8, a))
n.constants += [("sa", F, sx), ("za", I8, 4), ("b", U8, b), ("sb", F, [sw[0]] * 6), ("zb", U8, [120 + i for i in range(6)]), ("sy", F, sy), ("zy", U8, 130)]
n.op("QLinearMatMul", "a sa za b sb zb sy zy", "y")
n.op("MatMulInteger", "a b za zb", "i")
sums = [[sum((p - 4) * (q - 120 - j) for p, q in zip(r, c)) for j, c in enumerate(zip(*b))] for r in a]
n.outputs += [("y", U8, each(lambda v: min(255, max(0, round(v * R(sx) * R(sw[0]) / R(sy)) + 130)), sums)), ("i", I32, sums)]
n.write()

# dense layers and products
for transposed in (0, 1):
    n = Network(f"gemm_{'transposed' if transposed else 'plain'}")
    x = n.input("x", I8, fill(I8, 3, 37), 0.05, 11)
    values = fill(I8, 6, 37)
    if transposed:
        w = n.weights("w", I8, values, [0.002 * (i + 1) for i in range(6)])
    else:
        w = n.weights("w", I8, [list(r) for r in zip(*values)], 0.004)
        w = [list(r) for r in zip(*w)]
    b = n.constant("b", F, [o.float32((100 * i - 200) * x.scale * o.float32(0.002 * (i + 1) if transposed else 0.004)) for i in range(6)])
    n.op("Gemm", "x_r w_r b", "g", transB=transposed)
    n.output("g", "y", I8, [[sum(p * q for p, q in zip(r, c)) + R(v) for c, v in zip(w, b)] for r in x.real], 0.06, 3)
    n.write()
n = Network("matmul_two")
a, b = n.input("a", U8, fill(U8, 2, 3, 5), 0.02, 120), n.input("b", I8, fill(I8, 5, 4), 0.03, -7)
n.op("MatMul", "a_r b_r", "m")
n.output("m", "y", U8, [[[sum(p * q for p, q in zip(r, c)) for c in zip(*b.real)] for r in m] for m in a.real], 0.07, 128)
n.write()

# two operands
for op, f in (("Add", lambda p, q: p + q), ("Sub", lambda p, q: p - q), ("Mul", lambda p, q: p * q)):
    n = Network("two_" + op.lower())
    a, b = n.input("a", U8, fill(U8, 2, 3, 17), 0.02, 120), n.input("b", I8, fill(I8, 1, 3, 1), 0.013, -7)
    n.op(op, "a_r b_r", "c")
    n.op("Relu", "c", "r")
    n.output("r", "y", I8, [[[max(R(0), f(v, b.real[0][i][0])) for v in row] for i, row in enumerate(m)] for m in a.real], 0.027, -30)
    n.write()

# means: 5 x 3 windows clipped at the border, and whole planes
n = Network("average_pool")
x = n.input("x", U8, fill(U8, 1, 3, 7, 6), 0.02, 99)


def mean(plane, y, z):
    v = [plane[i][j] for i in range(y * 2 - 1, y * 2 + 4) for j in range(z - 1, z + 2) if 0 <= i < 7 and 0 <= j < 6]
    return sum(v) / len(v)


n.op("AveragePool", "x_r", "p", kernel_shape=[5, 3], strides=[2, 1], pads=[1, 1, 2, 1])
y = n.output("p", "y", I8, [[[[mean(p, i, j) for j in range(6)] for i in range(3)] for p in x.real[0]]], 0.0171, -1)
n.op("GlobalAveragePool", "x_r", "g")
n.output("g", "z", U8, [[[[sum(map(sum, p)) / 42]] for p in x.real[0]]], 0.011, 128)
n.write()

# what moves elements: joined of two scales, pooled, turned
n = Network("moves")
a, b = n.input("a", U8, fill(U8, 1, 2, 4, 4), 0.02, 120), n.input("b", U8, fill(U8, 1, 3, 4, 4), 0.031, 90)
n.op("Concat", "a_r b_r", "c", axis=1)
n.op("MaxPool", "c", "m", kernel_shape=[2, 2], strides=[2, 2])
n.op("Transpose", "m", "t", perm=[0, 2, 3, 1])
planes = [[[max(p[2 * i + k][2 * j + l] for k in (0, 1) for l in (0, 1)) for j in range(2)] for i in range(2)] for p in a.real[0] + b.real[0]]
n.output("t", "y", U8, [[[[p[i][j] for p in planes] for j in range(2)] for i in range(2)]], 0.029, 100)
n.write()

# functions of one tensor
x = fill(I8, 2, 300)
for name, f, ops in (
        ("sigmoid", lambda v: 1 / (1 + math.exp(-v)), [("Sigmoid", "x_r", "f")]),
        ("tanh", math.tanh, [("Tanh", "x_r", "f")]),
        ("leaky", lambda v: v if v > 0 else R(1, 8) * v, [("LeakyRelu", "x_r", "f")]),
        ("hardswish", lambda v: v * min(max(v + 3, 0), 6) / 6, [("Add", "x_r three", "p"), ("Clip", "p zero six", "q"), ("Mul", "x_r q", "r"), ("Div", "r six", "f")]),
        ("other_scale", lambda v: v, [("Neg", "x_r", "p"), ("Neg", "p", "f")])):
    n = Network("table_" + name)
    v = n.input("x", I8, x, 0.041, 5)
    for i in ops:
        n.op(*i, **({"alpha": 0.125} if i[0] == "LeakyRelu" else {}))
    for c, number in (("zero", 0.0), ("three", 3.0), ("six", 6.0)):
        n.constant(c, F, number)
    n.output("f", "y", U8, each(lambda r: R(f(float(r) if name in ("sigmoid", "tanh") else r)), v.real), 0.0137, 70) # 0.013 would put -52 * 0.041 / 8 on a tie
    n.write()

n = Network("softmax")
x = n.input("x", I8, fill(I8, 3, 11), 0.07, 4)
e = [[math.exp(v) for v in r] for r in x.real]
n.op("Softmax", "x_r", "s", axis=-1)
n.output("s", "y", U8, [[R(v / sum(r)) for v in r] for r in e], 1 / 256, 0)
n.write()

# planes of twice the size, one and a half times the size
for mode, scale, size in (("nearest", 2.0, 6), ("linear", 2.0, 6)):
    n = Network("resize_" + mode)
    x = n.input("x", U8, fill(U8, 1, 2, 3, 3), 0.02, 100)
    n.constant("s", F, [1.0, 1.0, scale, scale])
    n.op("Resize", "x_r - s", "r", mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def at(p, i, j):
        if mode == "nearest":
            return p[i // 2][j // 2]
        v = [[R(2 - i % 2, 2), R(i % 2, 2)], [R(2 - j % 2, 2), R(j % 2, 2)]]
        return sum(v[0][a] * v[1][b] * p[min(2, i // 2 + a)][min(2, j // 2 + b)] for a in (0, 1) for b in (0, 1))

    n.output("r", "y", U8, [[[[at(p, i, j) for j in range(size)] for i in range(size)] for p in x.real[0]]], 0.02, 100)
    n.write()
