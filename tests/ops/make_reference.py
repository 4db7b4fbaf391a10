#!/usr/bin/env python3
"""Makes the cases of this folder: FAMILY.net, its parameters (FAMILY.safetensors), inputs (FAMILY.in) and the results
that are expected (FAMILY.out), all computed here from the operators' definitions, in plain Python and double precision.
Nothing but Python is needed; run it again only when cases change."""
import itertools, json, math, os, struct

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 2


class T:
    """A tensor: a shape and a flat list."""
    def __init__(self, shape, data):
        self.shape, self.data = tuple(shape), list(data)
        assert len(self.data) == math.prod(self.shape), (shape, len(self.data))

    def __getitem__(self, i):
        at = 0
        for k, d in zip(i, self.shape):
            at = at * d + k
        return self.data[at]

    def map(self, f):
        return T(self.shape, [f(v) for v in self.data])

    def indices(self):
        return itertools.product(*[range(d) for d in self.shape])


def build(shape, f):
    return T(shape, [f(i) for i in itertools.product(*[range(d) for d in shape])])


def f32(v):
    try:
        return struct.unpack("<f", struct.pack("<f", v))[0]
    except OverflowError:
        return math.copysign(math.inf, v)


class Random:
    """Small multiples of 1/32, so that nothing is lost in float."""
    def __init__(self, seed):
        self.s = seed

    def next(self):
        self.s = (self.s * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.s >> 40

    def tensor(self, shape, low=-2.0, high=2.0):
        n = int((high - low) * 32)
        return T(shape, [low + (self.next() % n) / 32 for _ in range(math.prod(shape))])

    def ints(self, shape, low, high):
        return T(shape, [float(low + self.next() % (high - low)) for _ in range(math.prod(shape))])


def broadcast(*shapes):
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    return tuple(max(d) for d in zip(*padded))


def pick(t, i):
    i = i[len(i) - len(t.shape):]
    return t[tuple(0 if d == 1 else k for k, d in zip(i, t.shape))]


def elementwise(f, *ts):
    return build(broadcast(*[t.shape for t in ts]), lambda i: f(*[pick(t, i) for t in ts]))


class Family:
    def __init__(self, name):
        self.name, self.random = name, Random(sum(map(ord, name)))
        self.inputs, self.lines, self.outputs, self.params = [], [], [], {}

    def input(self, name, shape, tensor=None, options=""):
        """shape is without the batch, unless options say batch=false."""
        whole = shape if "batch=false" in options else (BATCH,) + tuple(shape)
        t = tensor or self.random.tensor(whole)
        assert t.shape == tuple(whole)
        dims = ", ".join(map(str, shape))
        self.inputs.append((name, f"input {name}[{dims}]" + (f" ({options})" if options else ""), t))
        return t

    def case(self, text, expected, kind="f", **params):
        """One output. params: NAME=T becomes the parameter LAYER.NAME."""
        name = f"y{len(self.outputs)}"
        self.lines.append(f"output {name} = {text}")
        self.outputs.append((name, kind, expected))
        for p, t in params.items():
            self.params[f"{name}.{p}"] = t

    def write(self):
        base = os.path.join(HERE, self.name)
        with open(base + ".net", "w") as f:
            f.write(f"# Made by make_reference.py.\nnetwork {self.name}\n\n")
            f.write("\n".join(line for _, line, _ in self.inputs) + "\n\n" + "\n".join(self.lines) + "\n")
        pack = {"f": "f", "q": "q", "?": "B"}
        with open(base + ".in", "wb") as f:
            for _, _, t in self.inputs:
                f.write(struct.pack(f"<{len(t.data)}f", *t.data))
        with open(base + ".out", "wb") as f:
            for _, kind, t in self.outputs:
                data = t.data if kind == "f" else [int(v) for v in t.data]
                f.write(struct.pack(f"<{len(data)}{pack[kind]}", *[f32(v) if kind == "f" else v for v in data]))
        path = base + ".safetensors"
        if self.params:
            header, at, blob = {}, 0, b""
            for name, t in self.params.items():
                data = struct.pack(f"<{len(t.data)}f", *t.data)
                header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + len(data)]}
                at += len(data)
                blob += data
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            with open(path, "wb") as f:
                f.write(struct.pack("<Q", len(text)) + text + blob)


# ---- pooling ---------------------------------------------------------------------------------------------------------

def axis_windows(n, k, s, d, before, after, ceil):
    """For each output: (taps inside the image, taps inside the padded image)."""
    reach = d * (k - 1) + 1
    room = n + before + after - reach
    out = -(-room // s) + 1 if ceil else room // s + 1
    if ceil and (out - 1) * s >= n + before:
        out -= 1
    windows = []
    for o in range(out):
        at = [o * s - before + d * i for i in range(k)]
        windows.append(([p for p in at if 0 <= p < n], sum(-before <= p < n + after for p in at)))
    return windows


def pool(x, kind, k, s=None, pad=0, d=1, ceil=False, include=False, p=2):
    rank = len(x.shape) - 2
    spread = lambda v: list(v) if isinstance(v, (list, tuple)) else [v] * rank
    k, d = spread(k), spread(d)
    s = spread(s) if s else k
    pads = spread(pad) + spread(pad) if not isinstance(pad, list) or len(pad) == rank else pad
    w = [axis_windows(x.shape[2 + i], k[i], s[i], d[i], pads[i], pads[i + rank], ceil) for i in range(rank)]
    shape = x.shape[:2] + tuple(len(a) for a in w)

    def one(i):
        values = [x[i[:2] + at] for at in itertools.product(*[w[a][i[2 + a]][0] for a in range(rank)])]
        counted = math.prod(w[a][i[2 + a]][1] for a in range(rank)) if include else len(values)
        if kind == "max":
            return max(values)
        if kind == "lp":
            return sum(abs(v) ** p for v in values) ** (1 / p)
        return sum(values) / (counted if kind == "avg" else 1)
    return build(shape, one)


def adaptive(x, kind, size):
    w = [[list(range(o * n // m, -(-(o + 1) * n // m))) for o in range(m)] for n, m in zip(x.shape[2:], size)]

    def one(i):
        values = [x[i[:2] + at] for at in itertools.product(*[w[a][i[2 + a]] for a in range(len(size))])]
        return max(values) if kind == "max" else sum(values) / len(values)
    return build(x.shape[:2] + tuple(size), one)


def make_pool():
    f = Family("pool")
    a, b, v = f.input("a", (18, 9, 11)), f.input("b", (5, 13)), f.input("v", (3, 5, 6, 7))
    f.case("maxpool(a, 2x2)", pool(a, "max", 2))
    f.case("maxpool(a, 3x3, stride=2)", pool(a, "max", 3, 2))
    f.case("maxpool(a, 3x3, stride=1, pad=1)", pool(a, "max", 3, 1, 1))
    f.case("maxpool(a, 3x3, stride=2, ceil=true)", pool(a, "max", 3, 2, ceil=True))
    f.case("maxpool(a, 2x3, stride=2, pad=[0, 1, 1, 0])", pool(a, "max", (2, 3), 2, [0, 1, 1, 0]))
    f.case("maxpool(a, 2x2, stride=1, dilation=2)", pool(a, "max", 2, 1, d=2))
    f.case("maxpool(b, 3, stride=2)", pool(b, "max", 3, 2))
    f.case("maxpool(v, 2x2x2)", pool(v, "max", 2))
    f.case("avgpool(a, 2x2)", pool(a, "avg", 2))
    f.case("avgpool(a, 3x3, stride=2, pad=1)", pool(a, "avg", 3, 2, 1))
    f.case("avgpool(a, 3x3, stride=2, pad=1, include_pad=true)", pool(a, "avg", 3, 2, 1, include=True))
    f.case("avgpool(a, 3x3, stride=2, pad=1, ceil=true, include_pad=true)", pool(a, "avg", 3, 2, 1, ceil=True, include=True))
    f.case("avgpool(b, 4)", pool(b, "avg", 4))
    f.case("avgpool(v, 3x2x2, stride=2, pad=1)", pool(v, "avg", (3, 2, 2), 2, 1))
    f.case("sumpool(a, 3x3, stride=2)", pool(a, "sum", 3, 2))
    f.case("lppool(a, 3x3, stride=2)", pool(a, "lp", 3, 2))
    f.case("lppool(a, 2x2, p=3)", pool(a, "lp", 2, p=3))
    f.case("lppool(b, 2, p=1, pad=1)", pool(b, "lp", 2, 2, 1, p=1))
    f.case("globalavgpool(a)", pool(a, "avg", (9, 11)))
    f.case("globalmaxpool(a)", pool(a, "max", (9, 11)))
    f.case("globallppool(b, p=2)", pool(b, "lp", 13))
    f.case("globalavgpool(v)", pool(v, "avg", (5, 6, 7)))
    f.case("adaptive_avgpool(a, 6x6)", adaptive(a, "avg", (6, 6)))
    f.case("adaptive_avgpool(a, 1x1)", adaptive(a, "avg", (1, 1)))
    f.case("adaptive_avgpool(a, 3x11)", adaptive(a, "avg", (3, 11)))
    f.case("adaptive_avgpool(a, 9x11) |> relu", a.map(lambda v: max(v, 0)))
    f.case("adaptive_maxpool(v, 5x3x7)", adaptive(v, "max", (5, 3, 7)))
    f.case("adaptive_maxpool(a, 4x5)", adaptive(a, "max", (4, 5)))
    f.case("adaptive_avgpool(b, 5)", adaptive(b, "avg", (5,)))
    f.write()


# ---- dense -----------------------------------------------------------------------------------------------------------

def matmul(a, b):
    if len(a.shape) == 1:
        r = matmul(T((1,) + a.shape, a.data), b)
        return T(r.shape[:-2] + r.shape[-1:], r.data)
    if len(b.shape) == 1:
        r = matmul(a, T(b.shape + (1,), b.data))
        return T(r.shape[:-1], r.data)
    lead = broadcast(a.shape[:-2], b.shape[:-2]) if len(a.shape) > 2 or len(b.shape) > 2 else ()

    def row(t, i, r, c):
        n = len(t.shape) - 2
        return t[tuple(0 if d == 1 else k for k, d in zip(i[len(i) - n:] if n else (), t.shape)) + (r, c)]
    return build(lead + (a.shape[-2], b.shape[-1]),
                 lambda i: sum(row(a, i[:-2], i[-2], k) * row(b, i[:-2], k, i[-1]) for k in range(a.shape[-1])))


def transpose2(t):
    return build(t.shape[::-1], lambda i: t[i[::-1]])


def make_dense():
    f = Family("dense")
    a, b = f.input("a", (37,)), f.input("b", (3, 4, 5))
    p, q = f.input("p", (3, 7, 6)), f.input("q", (6, 9), options="batch=false")
    r, s = f.input("r", (1, 6, 5)), f.input("s", (6,), options="batch=false")
    w, c = f.random.tensor((19, 37)), f.random.tensor((19,))
    f.case("dense(a, 19)", elementwise(lambda x, y: x + y, matmul(a, transpose2(w)), c), weight=w, bias=c)
    f.case("dense(a, 19, bias=false)", matmul(a, transpose2(w)), weight=w)
    f.case("dense(a, 19) |> relu", elementwise(lambda x, y: max(0, x + y), matmul(a, transpose2(w)), c), weight=w, bias=c)
    w, c = f.random.tensor((8, 60)), f.random.tensor((8,))
    flat = T((BATCH, 60), b.data)
    f.case("dense(b, 8) |> sigmoid", elementwise(lambda x, y: 1 / (1 + math.exp(-x - y)), matmul(flat, transpose2(w)), c), weight=w, bias=c)
    d = f.input("d", (18, 4, 6)) # pooled in blocks of channels, whose order the weights take
    w, c = f.random.tensor((11, 18 * 6)), f.random.tensor((11,))
    flat = T((BATCH, 18 * 6), pool(d, "max", 2).data)
    f.case("dense(maxpool(d, 2x2), 11)", elementwise(lambda x, y: x + y, matmul(flat, transpose2(w)), c), weight=w, bias=c)
    m = f.input("m", (70, 33))
    f.case("matmul(m, q2) + e", elementwise(lambda x, y: x + y, matmul(m, f.input("q2", (33, 41), options="batch=false")), f.input("e", (41,), options="batch=false")))
    f.case("matmul(a, q3) + 1 |> tanh", matmul(a, f.input("q3", (37, 50), f.random.tensor((37, 50), -0.25, 0.25), "batch=false")).map(lambda v: math.tanh(v + 1)))
    f.case("matmul(transpose(m, [0, 2, 1]), m)", matmul(build((BATCH, 33, 70), lambda i: m[i[0], i[2], i[1]]), m))
    f.case("matmul(p, q)", matmul(p, q))
    f.case("matmul(p, r)", matmul(p, r))
    f.case("matmul(p, s)", matmul(p, s))
    f.case("matmul(s, q)", matmul(s, q))
    f.write()


# ---- activations and other elementwise operators ------------------------------------------------------------------------

def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def make_activation():
    f = Family("activation")
    x = f.input("x", (19, 4, 5), f.random.tensor((BATCH, 19, 4, 5), -4, 4))
    selu_a, selu_g = 1.67326319217681884765625, 1.05070102214813232421875
    table = {
        "relu(x)": lambda v: max(v, 0), "relu6(x * 2)": lambda v: min(max(2 * v, 0), 6),
        "leaky_relu(x)": lambda v: v if v > 0 else 0.01 * v, "leaky_relu(x, 0.2)": lambda v: v if v > 0 else 0.2 * v,
        "elu(x)": lambda v: v if v > 0 else math.expm1(v), "elu(x, 0.5)": lambda v: v if v > 0 else 0.5 * math.expm1(v),
        "celu(x, 2)": lambda v: v if v > 0 else 2 * math.expm1(v / 2),
        "selu(x)": lambda v: selu_g * (v if v > 0 else selu_a * math.expm1(v)),
        "sigmoid(x)": sigmoid, "hardsigmoid(x)": lambda v: min(max(0.2 * v + 0.5, 0), 1),
        "hardsigmoid(x, alpha=1/6, beta=0.5)": lambda v: min(max(v / 6 + 0.5, 0), 1),
        "tanh(x)": math.tanh, "swish(x)": lambda v: v * sigmoid(v), "swish(x, 1.5)": lambda v: v * sigmoid(1.5 * v),
        "hardswish(x)": lambda v: v * min(max(v / 6 + 0.5, 0), 1),
        "gelu(x)": lambda v: v / 2 * (1 + math.erf(v / math.sqrt(2))),
        "gelu(x, approximate=tanh)": lambda v: v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3))),
        "mish(x)": lambda v: v * math.tanh(math.log1p(math.exp(v))), "softplus(x)": lambda v: math.log1p(math.exp(v)),
        "softsign(x)": lambda v: v / (1 + abs(v)), "thresholded_relu(x, 0.5)": lambda v: v if v > 0.5 else 0,
        "shrink(x, lambda=1, bias=0.5)": lambda v: v + 0.5 if v < -1 else v - 0.5 if v > 1 else 0,
        "clip(x, -1, 1.5)": lambda v: min(max(v, -1), 1.5), "clip(x, max=1)": lambda v: min(v, 1), "clip(x, min=0.5)": lambda v: max(v, 0.5),
        "dropout(x, 0.3)": lambda v: v, "identity(x)": lambda v: v,
    }
    for text, g in table.items():
        f.case(text, x.map(g))
    slope = f.random.tensor((19, 1, 1))
    f.case("prelu(x)", elementwise(lambda v, s: v if v > 0 else s * v, x, slope), weight=slope)
    one = f.random.tensor((1, 1, 1))
    f.case("prelu(x, shared=true)", elementwise(lambda v, s: v if v > 0 else s * v, x, one), weight=one)
    f.write()


def make_elementwise():
    f = Family("elementwise")
    shape = (BATCH, 5, 3, 4)
    a, b = f.input("a", shape[1:]), f.input("b", shape[1:])
    c, d = f.input("c", (5, 1, 1), f.random.tensor((5, 1, 1), 0.5, 3), "batch=false"), f.input("d", (4,), options="batch=false")
    p, u = f.input("p", shape[1:], f.random.tensor(shape, 0.25, 3)), f.input("u", shape[1:], f.random.tensor(shape, -0.9, 0.9))
    two = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "min": min, "max": max,
           "sum": lambda x, y: x + y, "mean": lambda x, y: (x + y) / 2}
    for name, g in two.items():
        f.case(f"{name}(a, b)", elementwise(g, a, b))
        f.case(f"{name}(a, c)", elementwise(g, a, c))
        f.case(f"{name}(d, a)", elementwise(g, d, a))
    f.case("add(a, 1.5)", a.map(lambda v: v + 1.5))
    f.case("div(a, p)", elementwise(lambda x, y: x / y, a, p))
    f.case("div(a, 4)", a.map(lambda v: v / 4))
    f.case("pow(p, d)", elementwise(lambda x, y: x ** y, p, d))
    f.case("mod(a, c)", elementwise(lambda x, y: x % y, a, c))
    f.case("mod(a, c, fmod=true)", elementwise(math.fmod, a, c))
    f.case("sum(a, b, c, d)", elementwise(lambda *v: sum(v), a, b, c, d))
    f.case("mean(a, b, c)", elementwise(lambda *v: sum(v) / 3, a, b, c))
    f.case("max(a, b, c)", elementwise(max, a, b, c))
    f.case("min(a)", a)
    one = {"abs": (a, abs), "neg": (a, lambda v: -v), "sign": (a, lambda v: (v > 0) - (v < 0)), "reciprocal": (p, lambda v: 1 / v),
           "sqrt": (p, math.sqrt), "ceil": (a, math.ceil), "floor": (a, math.floor), "round": (a, round), "exp": (a, math.exp),
           "log": (p, math.log), "sin": (a, math.sin), "cos": (a, math.cos), "tan": (u, math.tan), "asin": (u, math.asin),
           "acos": (u, math.acos), "atan": (a, math.atan), "sinh": (a, math.sinh), "cosh": (a, math.cosh), "asinh": (a, math.asinh),
           "atanh": (u, math.atanh), "erf": (a, math.erf)}
    for name, (t, g) in one.items():
        f.case(f"{name}({ {id(a): 'a', id(p): 'p', id(u): 'u'}[id(t)] })".replace("( ", "(").replace(" )", ")"), t.map(g))
    f.case("acosh(p + 1)", p.map(lambda v: math.acosh(v + 1)))
    compare = {"equal": lambda x, y: x == y, "less": lambda x, y: x < y, "less_equal": lambda x, y: x <= y,
               "greater": lambda x, y: x > y, "greater_equal": lambda x, y: x >= y}
    for name, g in compare.items():
        f.case(f"{name}(floor(a), floor(b))", elementwise(lambda x, y: g(math.floor(x), math.floor(y)), a, b), "?")
    logic = {"logical_and": lambda x, y: x and y, "logical_or": lambda x, y: x or y, "logical_xor": lambda x, y: x != y}
    for name, g in logic.items():
        f.case(f"{name}(less(a, 0), less(b, 0))", elementwise(lambda x, y: g(x < 0, y < 0), a, b), "?")
    f.case("logical_not(less(a, 0))", a.map(lambda v: not v < 0), "?")
    f.case("where(less(a, b), a, d)", elementwise(lambda x, y, z: x if x < y else z, a, b, d))
    f.case("is_nan(log(a))", a.map(lambda v: v < 0), "?")
    f.case("is_inf(reciprocal(floor(a)))", a.map(lambda v: math.floor(v) == 0), "?")
    f.write()


def make_cast():
    f = Family("cast")
    shape = (BATCH, 3, 40)
    a, b = f.input("a", shape[1:], f.random.ints(shape, -100, 100)), f.input("b", shape[1:], f.random.ints(shape, 1, 7))
    x = f.input("x", shape[1:], f.random.tensor(shape, -60, 60))
    wrap = lambda v, bits: ((int(v) + (1 << bits - 1)) % (1 << bits)) - (1 << bits - 1)
    f.case("cast(x, int64)", x.map(int), "q")
    f.case("cast(cast(a, int8) * cast(b, int8), int64)", elementwise(lambda v, w: wrap(v * w, 8), a, b), "q")
    f.case("cast(abs(cast(a, int16)), int64)", a.map(abs), "q")
    f.case("div(cast(a, int64), cast(b, int64))", elementwise(lambda v, w: int(v / w), a, b), "q")
    f.case("mod(cast(a, int64), cast(b, int64))", elementwise(lambda v, w: v % w, a, b), "q")
    f.case("mod(cast(a, int64), cast(b, int64), fmod=true)", elementwise(math.fmod, a, b), "q")
    f.case("pow(cast(b, int64), 3)", b.map(lambda v: v ** 3), "q")
    f.case("bitwise_and(cast(a, int64), cast(b, int64))", elementwise(lambda v, w: int(v) & int(w), a, b), "q")
    f.case("bitwise_or(cast(a, int64), cast(b, int64))", elementwise(lambda v, w: int(v) | int(w), a, b), "q")
    f.case("bitwise_xor(cast(a, int64), cast(b, int64))", elementwise(lambda v, w: int(v) ^ int(w), a, b), "q")
    f.case("bitwise_not(cast(a, int64))", a.map(lambda v: ~int(v)), "q")
    f.case("cast(bit_shift(cast(b, uint8), cast(b, uint8), LEFT), int64)", b.map(lambda v: (int(v) << int(v)) % 256), "q")
    f.case("cast(bit_shift(cast(a, uint32), cast(b, uint32), RIGHT), int64)", elementwise(lambda v, w: (int(v) % 2**32) >> int(w), a, b), "q")
    f.case("less(cast(a, int32), cast(b, int32))", elementwise(lambda v, w: v < w, a, b), "?")
    f.case("cast(a, bool)", a.map(lambda v: v != 0), "?")
    f.case("cast_like(x, cast(a, int64))", x.map(int), "q")
    f.case("cast(cast(x / 7, float16), float32)", x.map(lambda v: struct.unpack("<e", struct.pack("<e", v / 7))[0]))
    f.case("cast(div(cast(x, float64), 7), float32)", x.map(lambda v: v / 7))
    f.write()


# ---- softmax, normalisation ------------------------------------------------------------------------------------------

def lines(t, axes):
    """Groups the elements of t: a dict from the indices of the other axes to the list of full indices."""
    groups = {}
    for i in t.indices():
        groups.setdefault(tuple(k for a, k in enumerate(i) if a not in axes), []).append(i)
    return groups.values()


def along(t, axes, f):
    """f of the list of values of each group gives the new ones."""
    out = {}
    for group in lines(t, axes):
        out.update(zip(group, f([t[i] for i in group])))
    return build(t.shape, lambda i: out[i])


def softmax(v):
    e = [math.exp(x - max(v)) for x in v]
    return [x / sum(e) for x in e]


def normal(v, eps=1e-5):
    mean = sum(v) / len(v)
    var = sum((x - mean) ** 2 for x in v) / len(v)
    return [(x - mean) / math.sqrt(var + eps) for x in v]


def make_softmax():
    f = Family("softmax")
    a, b = f.input("a", (21,)), f.input("b", (7, 3, 5))
    for name, g in {"softmax": softmax, "log_softmax": lambda v: [math.log(x) for x in softmax(v)],
                    "hardmax": lambda v: [float(i == v.index(max(v))) for i in range(len(v))]}.items():
        f.case(f"{name}(a)", along(a, (1,), g))
        f.case(f"{name}(b)", along(b, (3,), g))
        f.case(f"{name}(b, axis=1)", along(b, (1,), g))
        f.case(f"{name}(b, axis=2)", along(b, (2,), g))
    f.case("softmax(a * 50)", along(a.map(lambda v: 50 * v), (1,), softmax))
    f.write()


def make_normalize():
    f = Family("normalize")
    x, y, s = f.input("x", (18, 4, 5)), f.input("y", (6, 10)), f.input("s", (12, 7))
    w, b, m, v = f.random.tensor((18,)), f.random.tensor((18,)), f.random.tensor((18,)), f.random.tensor((18,), 0.25, 2)
    at = lambda t: T((t.shape[0], 1, 1), t.data)

    def batchnorm(eps, *t):
        return elementwise(lambda x, m, v, w, b: (x - m) / math.sqrt(v + eps) * w + b, *t)
    whole = (x, at(m), at(v), at(w), at(b))
    named = dict(weight=w, bias=b, running_mean=m, running_var=v)
    f.case("batchnorm(x)", batchnorm(1e-5, *whole), **named)
    f.case("batchnorm(x, eps=0.1)", batchnorm(0.1, *whole), **named)
    f.case("batchnorm(x, affine=false)", elementwise(lambda x, m, v: (x - m) / math.sqrt(v + 1e-5), x, at(m), at(v)),
           running_mean=m, running_var=v)
    wide = f.input("wide", (18,))
    f.case("batchnorm(x) |> relu", batchnorm(1e-5, *whole).map(lambda v: max(v, 0)), **named)
    f.case("x + sigmoid(batchnorm(x))", elementwise(lambda x, y: x + sigmoid(y), x, batchnorm(1e-5, *whole)), **named)
    f.case("batchnorm(wide) |> tanh", batchnorm(1e-5, wide, m, v, w, b).map(math.tanh), **named)
    affine = lambda t, w, b: elementwise(lambda x, w, b: x * w + b, t, w, b)
    w, b = f.random.tensor((10,)), f.random.tensor((10,))
    f.case("layernorm(y)", affine(along(y, (2,), normal), w, b), weight=w, bias=b)
    f.case("layernorm(y, bias=false)", elementwise(lambda x, w: x * w, along(y, (2,), normal), w), weight=w)
    f.case("rmsnorm(y)", elementwise(lambda x, w: x * w, along(y, (2,), lambda v: [x / math.sqrt(sum(z * z for z in v) / len(v) + 1e-5) for x in v]), w), weight=w)
    w, b = f.random.tensor((6, 10)), f.random.tensor((6, 10))
    f.case("layernorm(y, 1, eps=0.01)", affine(along(y, (1, 2), lambda v: normal(v, 0.01)), w, b), weight=w, bias=b)
    w, b = f.random.tensor((18,)), f.random.tensor((18,))
    f.case("instancenorm(x)", affine(along(x, (2, 3), normal), at(w), at(b)), weight=w, bias=b)
    f.case("instancenorm(x, affine=false)", along(x, (2, 3), normal))

    def grouped(t, n):
        c = t.shape[1]
        g = T((t.shape[0], n, c // n) + t.shape[2:], t.data)
        return T(t.shape, along(g, tuple(range(2, len(g.shape))), normal).data)
    f.case("groupnorm(x, 6)", affine(grouped(x, 6), at(w), at(b)), weight=w, bias=b)
    f.case("groupnorm(x, 1, affine=false)", grouped(x, 1))
    f.case("groupnorm(s, 4, affine=false)", grouped(s, 4))

    def lrn(t, size, alpha, beta, bias):
        c = t.shape[1]

        def one(i):
            low, high = max(0, i[1] - (size - 1) // 2), min(c - 1, i[1] + size // 2)
            square = sum(t[(i[0], k) + i[2:]] ** 2 for k in range(low, high + 1))
            return t[i] / (bias + alpha / size * square) ** beta
        return build(t.shape, one)
    f.case("lrn(x, 5)", lrn(x, 5, 1e-4, 0.75, 1))
    f.case("lrn(x, 5, alpha=0.5, beta=0.75, bias=2)", lrn(x, 5, 0.5, 0.75, 2))
    f.case("lrn(x, 4, alpha=0.5, beta=0.6)", lrn(x, 4, 0.5, 0.6, 1))
    f.case("lrn(s, 3, alpha=1, beta=1)", lrn(s, 3, 1, 1, 1))
    f.case("lpnorm(y)", along(y, (2,), lambda v: [x / math.sqrt(sum(z * z for z in v)) for x in v]))
    f.case("lpnorm(y, axis=1, p=1)", along(y, (1,), lambda v: [x / sum(map(abs, v)) for x in v]))
    f.case("mvn(x)", along(x, (0, 2, 3), lambda v: normal(v, 0)))
    f.case("mvn(x, axes=[2, 3])", along(x, (2, 3), lambda v: normal(v, 0)))
    f.write()


# ---- moving ----------------------------------------------------------------------------------------------------------

def make_move():
    f = Family("move")
    x, y, v = f.input("x", (18, 5, 6)), f.input("y", (18, 5, 6)), f.input("v", (12, 4))
    f.case("reshape(x, [6, 90])", T((BATCH, 6, 90), x.data))
    f.case("reshape(x, [0, -1])", T((BATCH, 18, 30), x.data))
    f.case("flatten(x)", T((BATCH, 540), x.data))
    f.case("unsqueeze(v, [1])", T((BATCH, 1, 12, 4), v.data))
    f.case("squeeze(unsqueeze(v, [1]), [1])", v)
    for perm in [(0, 2, 3, 1), (0, 3, 1, 2), (3, 2, 1, 0), (1, 0, 3, 2)]:
        shape = tuple(x.shape[k] for k in perm)
        f.case(f"transpose(x, {list(perm)})", build(shape, lambda i: x[tuple(i[perm.index(k)] for k in range(4))]))
    f.case("slice(x, [2], [9])", build((BATCH, 7, 5, 6), lambda i: x[i[0], i[1] + 2, i[2], i[3]]))
    f.case("slice(x, [0, 1], [5, 6], axes=[2, 3], step=[2, 3])", build((BATCH, 18, 3, 2), lambda i: x[i[0], i[1], 2 * i[2], 1 + 3 * i[3]]))
    f.case("slice(x, [-1], [-100], axes=[3], step=[-1])", build((BATCH, 18, 5, 6), lambda i: x[i[0], i[1], i[2], 5 - i[3]]))
    f.case("slice(relu(x), [16], [18]) + 1", build((BATCH, 2, 5, 6), lambda i: max(x[i[0], i[1] + 16, i[2], i[3]], 0) + 1))
    f.case("concat(x, y)", build((BATCH, 36, 5, 6), lambda i: (x if i[1] < 18 else y)[i[0], i[1] % 18, i[2], i[3]]))
    f.case("concat(relu(x), y, relu(y)) |> sigmoid", build((BATCH, 54, 5, 6), lambda i: 1 / (1 + math.exp(
        -[max(x[i[0], i[1] % 18, i[2], i[3]], 0), y[i[0], i[1] % 18, i[2], i[3]], max(y[i[0], i[1] % 18, i[2], i[3]], 0)][i[1] // 18]))))
    f.case("concat(x, y, axis=3)", build((BATCH, 18, 5, 12), lambda i: (x if i[3] < 6 else y)[i[0], i[1], i[2], i[3] % 6]))
    f.lines.append("p, q = split(v, [5, 7])")
    f.case("p", build((BATCH, 5, 4), lambda i: v[i]))
    f.case("q", build((BATCH, 7, 4), lambda i: v[i[0], i[1] + 5, i[2]]))
    f.lines.append("r, s = split(x, axis=3)")
    f.case("s - r", build((BATCH, 18, 5, 3), lambda i: x[i[:3] + (i[3] + 3,)] - x[i]))

    def pad(before, after, place):
        shape = (BATCH, 18) + tuple(n + b + a for n, b, a in zip((5, 6), before, after))
        return build(shape, lambda i: place(i[0], i[1], i[2] - before[0], i[3] - before[1]))
    inside = lambda h, w: 0 <= h < 5 and 0 <= w < 6
    clamp = lambda k, n: min(max(k, 0), n - 1)
    mirror = lambda k, n: -k if k < 0 else 2 * n - 2 - k if k >= n else k
    f.case("pad(x, 2)", pad((2, 2), (2, 2), lambda n, c, h, w: x[n, c, h, w] if inside(h, w) else 0))
    f.case("pad(x, [0, 1, 2, 3], value=-1.5)", pad((0, 1), (2, 3), lambda n, c, h, w: x[n, c, h, w] if inside(h, w) else -1.5))
    f.case("pad(x, 3, mode=reflect)", pad((3, 3), (3, 3), lambda n, c, h, w: x[n, c, mirror(h, 5), mirror(w, 6)]))
    f.case("pad(x, 3, mode=edge)", pad((3, 3), (3, 3), lambda n, c, h, w: x[n, c, clamp(h, 5), clamp(w, 6)]))
    f.case("pad(x, 3, mode=wrap)", pad((3, 3), (3, 3), lambda n, c, h, w: x[n, c, h % 5, w % 6]))
    v2 = f.input("v2", (12, 2, 3))
    f.case("depth_to_space(v2, 2)", build((BATCH, 3, 4, 6), lambda i: v2[i[0], (i[2] % 2 * 2 + i[3] % 2) * 3 + i[1], i[2] // 2, i[3] // 2]))
    f.case("depth_to_space(v2, 2, mode=CRD)", build((BATCH, 3, 4, 6), lambda i: v2[i[0], i[1] * 4 + i[2] % 2 * 2 + i[3] % 2, i[2] // 2, i[3] // 2]))
    f.case("space_to_depth(depth_to_space(v2, 2), 2)", v2)
    f.case('einsum(v, w, "bij,jk->bik")', matmul(v, f.input("w", (4, 3), options="batch=false")))
    f.write()


# ---- reductions ------------------------------------------------------------------------------------------------------

def make_reduce():
    f = Family("reduce")
    x, p = f.input("x", (5, 4, 6)), f.input("p", (7, 6), f.random.tensor((BATCH, 7, 6), 0.25, 2))

    def reduce(t, axes, keep, g):
        shape = tuple(1 if k in axes else n for k, n in enumerate(t.shape))
        each = [range(n) if k in axes else range(1) for k, n in enumerate(t.shape)]
        r = build(shape, lambda i: g([t[tuple(a + b for a, b in zip(i, j))] for j in itertools.product(*each)]))
        return r if keep else T([n for k, n in enumerate(shape) if k not in axes], r.data)
    table = {"sum": sum, "mean": lambda v: sum(v) / len(v), "max": max, "min": min, "prod": math.prod,
             "l1": lambda v: sum(map(abs, v)), "l2": lambda v: math.sqrt(sum(a * a for a in v)),
             "sum_square": lambda v: sum(a * a for a in v), "log_sum": lambda v: math.log(sum(v)),
             "log_sum_exp": lambda v: math.log(sum(map(math.exp, v)))}
    for name, g in table.items():
        t, n = (p, "p") if name in ("log_sum", "prod") else (x, "x")
        rest = tuple(range(1, len(t.shape)))
        f.case(f"reduce_{name}({n})", reduce(t, rest, True, g))
        f.case(f"reduce_{name}({n}, [1])", reduce(t, (1,), True, g))
        f.case(f"reduce_{name}({n}, [-1], keepdims=false)", reduce(t, (len(t.shape) - 1,), False, g))
    f.case("reduce_mean(relu(x), [2, 3]) * 2", reduce(x.map(lambda v: max(v, 0)), (2, 3), True, lambda v: 2 * sum(v) / len(v)))
    f.case("reduce_max(x, [0, 2])", reduce(x, (0, 2), True, max))
    f.case("argmax(x)", reduce(x, (1,), True, lambda v: v.index(max(v))), "q")
    f.case("argmax(x, 3, keepdims=false)", reduce(x, (3,), False, lambda v: v.index(max(v))), "q")
    f.case("argmin(p, 2)", reduce(p, (2,), True, lambda v: v.index(min(v))), "q")
    f.write()


# ---- resizing --------------------------------------------------------------------------------------------------------

def make_resize():
    f = Family("resize")
    x, s, v = f.input("x", (18, 4, 5)), f.input("s", (3, 7)), f.input("v", (2, 3, 4, 3))

    def resize(t, size, scale, mode, place, rounding="floor", a=-0.75):
        rank = len(size)

        def taps(o, n, z):
            at = {"half": (o + 0.5) / z - 0.5, "corners": o * (n - 1) / (n * z - 1) if n * z > 1 else 0, "asymmetric": o / z}[place]
            clamp = lambda k: min(max(k, 0), n - 1)
            low = math.floor(at)
            r = at - low
            if mode == "nearest":
                k = low if rounding == "floor" else math.ceil(at - 0.5)
                return [(clamp(k), 1)]
            if mode == "linear":
                return [(clamp(low), 1 - r), (clamp(low + 1), r)]
            w = lambda d: ((a + 2) * d - (a + 3)) * d * d + 1 if d <= 1 else ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            return [(clamp(low + k), w(abs(r - k))) for k in (-1, 0, 1, 2)]
        table = [[taps(o, t.shape[2 + k], scale[k]) for o in range(size[k])] for k in range(rank)]
        return build(t.shape[:2] + tuple(size), lambda i: sum(
            math.prod(w for _, w in c) * t[i[:2] + tuple(k for k, _ in c)]
            for c in itertools.product(*[table[k][i[2 + k]] for k in range(rank)])))
    f.case("resize(x, scale=2)", resize(x, (8, 10), (2, 2), "nearest", "half", "round"))
    f.case("resize(relu(x), scale=3, coordinates=asymmetric, rounding=floor)",
           resize(x.map(lambda z: max(z, 0)), (12, 15), (3, 3), "nearest", "asymmetric"))
    f.case("resize(x, linear, scale=2)", resize(x, (8, 10), (2, 2), "linear", "half"))
    f.case("resize(x, bilinear, size=7x3)", resize(x, (7, 3), (7 / 4, 3 / 5), "linear", "half"))
    f.case("resize(x, linear, size=7x9, coordinates=align_corners)", resize(x, (7, 9), (7 / 4, 9 / 5), "linear", "corners"))
    f.case("resize(x, cubic, scale=2)", resize(x, (8, 10), (2, 2), "cubic", "half"))
    f.case("resize(s, linear, scale=2)", resize(s, (14,), (2,), "linear", "half"))
    f.case("resize(v, linear, scale=[2, 1, 2])", resize(v, (6, 4, 6), (2, 1, 2), "linear", "half"))
    f.write()


for make in [make_pool, make_dense, make_activation, make_elementwise, make_cast, make_softmax, make_normalize, make_move,
             make_reduce, make_resize]:
    make()
