#!/usr/bin/env python3
"""Small ONNX models as exporters write them, the results that are expected (computed here in plain Python from the definition, not from
the graph), and what simplify leaves of them: DIR/CASE/graph, the operators in order. DIR/CASE/parts: what is read where it lies in a larger tensor."""
import math, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "operators"))
sys.dont_write_bytecode = True
from onnx_file import F, I64, case, flat, node, numbers

def check(name, graph, nodes, inputs, outputs, constants=(), opset=18, parts=None):
    case(name, [node(*n[:3], **(n[3] if len(n) > 3 else {})) for n in nodes], inputs, outputs, constants, opset)
    with open(os.path.join(sys.argv[1], name, "graph"), "w") as f:
        f.write(graph + "\n")
    if parts is not None:
        with open(os.path.join(sys.argv[1], name, "parts"), "w") as f:
            f.write(parts + "\n")


def each(f, v):
    return [each(f, e) for e in v] if isinstance(v, list) else f(v)


def conv(x, w, b, pads=(0, 0, 0, 0), stride=1):
    """x[c][h][w], w[o][c][kh][kw]; pads: top, left, bottom, right."""
    h, wd = len(x[0]), len(x[0][0])
    at = lambda c, i, j: x[c][i][j] if 0 <= i < h and 0 <= j < wd else 0.0
    kh, kw = len(w[0][0]), len(w[0][0][0])
    oh, ow = (h + pads[0] + pads[2] - kh) // stride + 1, (wd + pads[1] + pads[3] - kw) // stride + 1
    return [[[b[o] + sum(w[o][c][p][q] * at(c, i * stride - pads[0] + p, j * stride - pads[1] + q)
                         for c in range(len(x)) for p in range(kh) for q in range(kw)) for j in range(ow)] for i in range(oh)] for o in range(len(w))]


def pool(x, k, stride, pads, of):
    h, wd = len(x[0]), len(x[0][0])
    oh, ow = (h + pads[0] + pads[2] - k) // stride + 1, (wd + pads[1] + pads[3] - k) // stride + 1
    window = lambda p, i, j: [p[a][b] if 0 <= a < h and 0 <= b < wd else 0.0 for a in range(i * stride - pads[0], i * stride - pads[0] + k)
                              for b in range(j * stride - pads[1], j * stride - pads[1] + k)]
    return [[[of(window(p, i, j)) for j in range(ow)] for i in range(oh)] for p in x]


def dense(x, w, b):
    return [[b[o] + sum(p * q for p, q in zip(r, w[o])) for o in range(len(w))] for r in x]


x = numbers(2, 3, 4)
X = ("x", F, x)
sigmoid = lambda v: 1 / (1 + math.exp(-v))
softplus = lambda v: math.log1p(math.exp(v))
gelu = lambda v: v / 2 * (1 + math.erf(v / math.sqrt(2)))
gelu_tanh = lambda v: v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3)))
hardswish = lambda v: v * min(max(v / 6 + 0.5, 0), 1)
C = lambda name, v: (name, F, v)

# activations written out
check("relu_max", "Relu", [("Max", "z x", "y")], [X], [("y", F, each(lambda v: max(v, 0.0), x))], [C("z", 0.0)])
check("sigmoid", "Sigmoid", [("Neg", "x", "a"), ("Exp", "a", "b"), ("Add", "b o", "c"), ("Div", "o c", "y")], [X], [("y", F, each(sigmoid, x))], [C("o", 1.0)])
check("swish", "Swish", [("Sigmoid", "x", "s"), ("Mul", "s x", "y")], [X], [("y", F, each(lambda v: v * sigmoid(v), x))])
check("swish_alpha", "Swish", [("Mul", "x k", "a"), ("Sigmoid", "a", "s"), ("Mul", "x s", "y")], [X], [("y", F, each(lambda v: v * sigmoid(1.702 * v), x))],
      [C("k", 1.702)])
check("hard_sigmoid", "HardSigmoid", [("Mul", "x a", "p"), ("Add", "p b", "q"), ("Clip", "q z o", "y")], [X],
      [("y", F, each(lambda v: min(max(0.3 * v + 0.4, 0), 1), x))], [C("a", 0.3), C("b", 0.4), C("z", 0.0), C("o", 1.0)])
check("hard_swish_torch", "HardSwish", [("Add", "x t", "a"), ("Clip", "a z s", "b"), ("Div", "b s", "c"), ("Mul", "x c", "y")], [X],
      [("y", F, each(hardswish, x))], [C("t", 3.0), C("z", 0.0), C("s", 6.0)])
check("hard_swish_late", "HardSwish", [("Add", "x t", "a"), ("Clip", "a z s", "b"), ("Mul", "x b", "c"), ("Div", "c s", "y")], [X],
      [("y", F, each(hardswish, x))], [C("t", 3.0), C("z", 0.0), C("s", 6.0)])
check("softplus", "Softplus", [("Exp", "x", "a"), ("Add", "o a", "b"), ("Log", "b", "y")], [X], [("y", F, each(softplus, x))], [C("o", 1.0)])
check("mish", "Mish", [("Exp", "x", "a"), ("Add", "a o", "b"), ("Log", "b", "c"), ("Tanh", "c", "d"), ("Mul", "x d", "y")], [X],
      [("y", F, each(lambda v: v * math.tanh(softplus(v)), x))], [C("o", 1.0)])
check("gelu_torch", "Gelu", [("Div", "x r", "a"), ("Erf", "a", "b"), ("Add", "b o", "c"), ("Mul", "x c", "d"), ("Mul", "d h", "y")], [X],
      [("y", F, each(gelu, x))], [C("r", math.sqrt(2)), C("o", 1.0), C("h", 0.5)])
check("gelu_half_first", "Gelu", [("Mul", "x h", "p"), ("Mul", "x r", "a"), ("Erf", "a", "b"), ("Add", "o b", "c"), ("Mul", "c p", "y")], [X],
      [("y", F, each(gelu, x))], [C("r", math.sqrt(0.5)), C("o", 1.0), C("h", 0.5)])
check("gelu_tanh", "Gelu", [("Pow", "x t", "a"), ("Mul", "a k", "b"), ("Add", "x b", "c"), ("Mul", "c s", "d"), ("Tanh", "d", "e"), ("Add", "e o", "f"),
                            ("Mul", "x f", "g"), ("Mul", "g h", "y")], [X], [("y", F, each(gelu_tanh, x))],
      [C("t", 3.0), C("k", 0.044715), C("s", math.sqrt(2 / math.pi)), C("o", 1.0), C("h", 0.5)])
check("gelu_tanh_products", "Gelu", [("Mul", "x x", "a"), ("Mul", "a x", "a3"), ("Mul", "a3 k", "b"), ("Add", "b x", "c"), ("Mul", "s c", "d"), ("Tanh", "d", "e"),
                                     ("Add", "o e", "f"), ("Mul", "h x", "p"), ("Mul", "p f", "y")], [X], [("y", F, each(gelu_tanh, x))],
      [C("k", 0.044715), C("s", math.sqrt(2 / math.pi)), C("o", 1.0), C("h", 0.5)])
check("leaky_relu", "LeakyRelu", [("Mul", "x k", "a"), ("Max", "a x", "y")], [X], [("y", F, each(lambda v: max(v, 0.1 * v), x))], [C("k", 0.1)])
check("leaky_relu_steep", "Mul Max", [("Mul", "x k", "a"), ("Max", "a x", "y")], [X], [("y", F, each(lambda v: max(v, 2 * v), x))], [C("k", 2.0)])
check("elu_where", "Elu", [("Greater", "x z", "c"), ("Exp", "x", "e"), ("Sub", "e o", "n"), ("Where", "c x n", "y")], [X],
      [("y", F, each(lambda v: v if v > 0 else math.expm1(v), x))], [C("z", 0.0), C("o", 1.0)])
slopes = numbers(3, 1)
check("prelu_relus", "PRelu", [("Relu", "x", "p"), ("Neg", "x", "m"), ("Relu", "m", "q"), ("Mul", "w q", "r"), ("Sub", "p r", "y")], [X],
      [("y", F, [[[v if v > 0 else s[0] * v for v in r] for r, s in zip(p, slopes)] for p in x])], [C("w", slopes)])
# nearly, but not: another constant stays as it is
check("no_hard_swish", "Add Clip Mul Div", [("Add", "x t", "a"), ("Clip", "a z s", "b"), ("Mul", "x b", "c"), ("Div", "c s", "y")], [X],
      [("y", F, each(lambda v: v * min(max(v + 2, 0), 6) / 6, x))], [C("t", 2.0), C("z", 0.0), C("s", 6.0)])

# normalisations
w, b = numbers(4), numbers(4)
mean = lambda r: sum(r) / len(r)
var = lambda r: mean([(v - mean(r)) ** 2 for v in r])
normal = each(lambda v: v, [[[(v - mean(r)) / math.sqrt(var(r) + 1e-3) for v in r] for r in p] for p in x])
affine = [[[v * s + t for v, s, t in zip(r, w, b)] for r in p] for p in normal]
LAST = ("i", I64, [-1])
norm = [("ReduceMean", "x i", "m"), ("Sub", "x m", "d"), ("Pow", "d t", "q"), ("ReduceMean", "q i", "v"), ("Add", "v e", "u"), ("Sqrt", "u", "s"), ("Div", "d s", "n")]
check("layer_norm", "LayerNormalization", norm + [("Mul", "n w", "k"), ("Add", "k b", "y")], [X], [("y", F, affine)],
      [LAST, C("t", 2.0), C("e", 1e-3), C("w", w), C("b", b)])
check("layer_norm_twice", "LayerNormalization", [("ReduceMean", "x i", "m"), ("Sub", "x m", "d"), ("Sub", "x m", "d2"), ("Mul", "d2 d2", "q"), ("ReduceMean", "q i", "v"),
                                                 ("Add", "v e", "u"), ("Sqrt", "u", "s"), ("Reciprocal", "s", "r"), ("Mul", "d r", "n"), ("Mul", "w n", "k"), ("Add", "b k", "y")],
      [X], [("y", F, affine)], [LAST, C("e", 1e-3), C("w", w), C("b", b)])
check("layer_norm_plain", "LayerNormalization", norm[:-1] + [("Div", "d s", "y")], [X], [("y", F, normal)], [LAST, C("t", 2.0), C("e", 1e-3)])
check("rms_norm", "RMSNormalization", [("Mul", "x x", "q"), ("ReduceMean", "q i", "v"), ("Add", "v e", "u"), ("Pow", "u h", "r"), ("Mul", "x r", "n"), ("Mul", "n w", "y")], [X],
      [("y", F, [[[v / math.sqrt(mean([k * k for k in r]) + 1e-3) * s for v, s in zip(r, w)] for r in p] for p in x])],
      [LAST, C("e", 1e-3), C("h", -0.5), C("w", w)])
# over the middle axis it is none
middle = [[mean([p[c][i] for c in range(3)]) for i in range(4)] for p in x]
check("no_layer_norm", "ReduceMean Sub Mul ReduceMean Add Sqrt Div", [("ReduceMean", "x i", "m"), ("Sub", "x m", "d"), ("Mul", "d d", "q"), ("ReduceMean", "q i", "v"),
                                                                      ("Add", "v e", "u"), ("Sqrt", "u", "s"), ("Div", "d s", "y")], [X],
      [("y", F, [[[(p[c][i] - m[i]) / math.sqrt(var([p[k][i] for k in range(3)]) + 1e-3) for i in range(4)] for c in range(3)] for p, m in zip(x, middle)])],
      [("i", I64, [1]), C("e", 1e-3)])
check("softmax", "Softmax", [("ReduceMax", "x i", "m"), ("Sub", "x m", "d"), ("Exp", "d", "e"), ("ReduceSum", "e i", "s"), ("Div", "e s", "y")], [X],
      [("y", F, [[[math.exp(v) / sum(map(math.exp, r)) for v in r] for r in p] for p in x])], [LAST])
check("log_softmax", "LogSoftmax", [("Softmax", "x", "s", dict(axis=-1)), ("Log", "s", "y")], [X],
      [("y", F, [[[v - math.log(sum(map(math.exp, r))) for v in r] for r in p] for p in x])])

# what stands behind and in front of layers
im = numbers(2, 5, 5)
IM = ("x", F, [im])
cw, cb, cs = numbers(3, 2, 3, 3), numbers(3), numbers(3)
one = lambda v: [[[e]] for e in v]
W, BIAS = C("w", cw), C("b", cb)
scaled = [[[v * s for v in r] for r in p] for p, s in zip(conv(im, cw, cb), cs)]
check("conv_mul", "Conv", [("Conv", "x w b", "c"), ("Mul", "c s", "y")], [IM], [("y", F, [scaled])], [W, BIAS, C("s", one(cs))])
check("conv_chain", "Conv", [("Conv", "x w", "c"), ("Add", "b1 c", "d"), ("Mul", "d s", "e"), ("Sub", "e t", "f"), ("Div", "f u", "y")], [IM],
      [("y", F, [each(lambda v: (v - 0.5) / 4, scaled)])], [W, C("b1", one(cb)), C("s", one(cs)), C("t", 0.5), C("u", 4.0)])
check("conv_negated", "Conv", [("Conv", "x w b", "c"), ("Sub", "t c", "y")], [IM], [("y", F, [each(lambda v: 1 - v, conv(im, cw, cb))])], [W, BIAS, C("t", 1.0)])
bn = [numbers(3), numbers(3), numbers(3), numbers(3, low=0.5, high=2.0)]
BN = [C(n, v) for n, v in zip("grmv", bn)]
normed = [[[(v - m) / math.sqrt(s + 1e-5) * g + r for v in row] for row in p] for p, g, r, m, s in zip(conv(im, cw, cb), *bn)]
check("conv_batch_norm", "Conv", [("Conv", "x w b", "c"), ("BatchNormalization", "c g r m v", "y")], [IM], [("y", F, [normed])], [W, BIAS] + BN)
check("conv_batch_norm_mul", "Conv", [("Conv", "x w b", "c"), ("BatchNormalization", "c g r m v", "n"), ("Mul", "n t", "y")], [IM],
      [("y", F, [each(lambda v: v / 2, normed)])], [W, BIAS, C("t", 0.5)] + BN)
check("conv_shared", "Conv Mul Add", [("Conv", "x w b", "c"), ("Mul", "c t", "d"), ("Add", "c d", "y")], [IM],
      [("y", F, [each(lambda v: 1.5 * v, conv(im, cw, cb))])], [W, BIAS, C("t", 0.5)])
tw = numbers(2, 3, 2, 2)
up = [[[cb[o] + sum(im[c][i // 2][j // 2] * tw[c][o][i % 2][j % 2] for c in range(2)) for j in range(10)] for i in range(10)] for o in range(3)]
check("conv_transpose_batch_norm", "ConvTranspose", [("ConvTranspose", "x w b", "c", dict(strides=[2, 2])), ("BatchNormalization", "c g r m v", "y")], [IM],
      [("y", F, [[[[(v - m) / math.sqrt(s + 1e-5) * g + r for v in row] for row in p] for p, g, r, m, s in zip(up, *bn)]])], [C("w", tw), BIAS] + BN)
rows, gw = numbers(2, 4), numbers(3, 4)
check("gemm_batch_norm", "Gemm", [("Gemm", "x w b", "c", dict(transB=1)), ("BatchNormalization", "c g r m v", "y")], [("x", F, rows)],
      [("y", F, [[(v - m) / math.sqrt(s + 1e-5) * g + r for v, g, r, m, s in zip(row, *bn)] for row in dense(rows, gw, cb)])], [C("w", gw), BIAS] + BN)
check("matmul_add_mul", "Gemm", [("MatMul", "x w", "c"), ("Add", "c b", "d"), ("Mul", "d t", "y")], [("x", F, rows)],
      [("y", F, each(lambda v: 3 * v, dense(rows, gw, cb)))], [C("w", [list(r) for r in zip(*gw)]), BIAS, C("t", 3.0)])
P = lambda v: ("p", I64, v)
check("pad_conv", "Conv", [("Pad", "x p", "q"), ("Conv", "q w b", "y", dict(pads=[1, 0, 0, 1], strides=[2, 2]))], [IM],
      [("y", F, [conv(im, cw, cb, (2, 2, 3, 1), 2)])], [P([0, 0, 1, 2, 0, 0, 3, 0]), W, BIAS])
check("pad_value_conv", "Pad Conv", [("Pad", "x p v", "q"), ("Conv", "q w b", "y")], [IM],
      [("y", F, [conv([[[1.0] * 6] + [[1.0] + r for r in q] for q in im], cw, cb)])], [P([0, 0, 1, 1, 0, 0, 0, 0]), C("v", 1.0), W, BIAS])
check("pad_average", "AveragePool", [("Pad", "x p", "q"), ("AveragePool", "q", "y", dict(kernel_shape=[3, 3], strides=[2, 2]))], [IM],
      [("y", F, [pool(im, 3, 2, (1, 1, 1, 1), mean)])], [P([0, 0, 1, 1, 0, 0, 1, 1])])
check("pad_max", "Relu MaxPool", [("Relu", "x", "r"), ("Pad", "r p", "q"), ("MaxPool", "q", "y", dict(kernel_shape=[3, 3], strides=[2, 2]))], [IM],
      [("y", F, [each(lambda v: max(v, 0.0), pool(im, 3, 2, (1, 1, 1, 1), max))])], [P([0, 0, 1, 1, 0, 0, 1, 1])])
check("pad_max_signed", "Pad MaxPool", [("Pad", "x p", "q"), ("MaxPool", "q", "y", dict(kernel_shape=[3, 3], strides=[2, 2]))], [IM],
      [("y", F, [pool(im, 3, 2, (1, 1, 1, 1), max)])], [P([0, 0, 1, 1, 0, 0, 1, 1])])
check("pad_nothing", "Relu", [("Pad", "x p", "q"), ("Relu", "q", "y")], [IM], [("y", F, [each(lambda v: max(v, 0.0), im)])], [P([0] * 8)])
check("concat_zeros", "Pad Relu", [("Concat", "x z", "q", dict(axis=1)), ("Relu", "q", "y")], [IM],
      [("y", F, [each(lambda v: max(v, 0.0), im + [[[0.0] * 5] * 5])])], [C("z", [[[[0.0] * 5] * 5]])])

# transposes and views
nhwc = lambda p: [[[p[c][i][j] for c in range(len(p))] for j in range(len(p[0][0]))] for i in range(len(p[0]))]
TO, FROM = dict(perm=[0, 3, 1, 2]), dict(perm=[0, 2, 3, 1])
gw3 = numbers(2, 3)
inner = each(lambda v: max(v, 0.0), [each(lambda v, s=s: v + s, p) for p, s in zip(conv(im, cw, cb), cs)])
check("nhwc_region", "Transpose Conv Relu Conv Transpose", # the first is the user's own layout, and so is the last
      [("Transpose", "x", "a", TO), ("Conv", "a w b", "c"), ("Transpose", "c", "d", FROM), ("Add", "d k", "e"), ("Relu", "e", "f"),
       ("Transpose", "f", "g", TO), ("Conv", "g u", "h"), ("Transpose", "h", "y", FROM)],
      [("x", F, [nhwc(im)])], [("y", F, [nhwc(conv(inner, [[[[v]] for v in r] for r in gw3], [0.0] * 2))])],
      [W, BIAS, C("k", cs), C("u", [[[[v]] for v in r] for r in gw3])])
# between two layers of such a model, whatever stands there: only the user's own layouts are left
relu = lambda p: each(lambda v: max(v, 0.0), p)
between = relu(conv(im, cw, cb))
gw6 = numbers(2, 6)
cells = lambda p: [[[[v]] for v in r] for r in p]
mixed = lambda p, m: conv(p, cells(m), [0.0] * len(m))
FRONT = [("Transpose", "x", "a", TO), ("Conv", "a w b", "c"), ("Transpose", "c", "d", FROM), ("Relu", "d", "f")]
BACK = [("Transpose", "g", "h", TO), ("Conv", "h u", "i"), ("Transpose", "i", "y", FROM)]
def between_layers(name, graph, nodes, result, m, constants=()):
    check(name, f"Transpose Conv Relu {graph} Conv Transpose", FRONT + nodes + BACK, [("x", F, [nhwc(im)])], [("y", F, [nhwc(mixed(result, m))])], [W, BIAS, C("u", cells(m)), *constants])
between_layers("nhwc_concat", "Neg Concat", [("Neg", "f", "n"), ("Concat", "f n", "g", dict(axis=3))], between + each(lambda v: -v, between), gw6)
between_layers("nhwc_slice", "Slice", [("Slice", "f s e", "g")], [[r[1:] for r in p[:2]] for p in between], gw3, [("s", I64, [0, 0, 1, 0]), ("e", I64, [1, 2, 3, 3])])
between_layers("nhwc_pad", "Pad", [("Pad", "f p v", "g")], [[[1.0] * 4] + [r + [1.0] for r in p] for p in between], gw3, [("p", I64, [0, 1, 0, 0, 0, 0, 1, 0]), C("v", 1.0)])
between_layers("nhwc_split", "Split Add", [("Split", "f", "s t r", dict(axis=-1, num_outputs=3)), ("Add", "s t", "g")], [[[v + q for v, q in zip(*r)] for r in zip(between[0], between[1])]], [[2.0], [3.0]])
between_layers("nhwc_gate", "GlobalAveragePool Sigmoid Mul", [("ReduceMean", "f m", "k"), ("Sigmoid", "k", "q"), ("Mul", "f q", "g")],
               [each(lambda v, p=p: v * sigmoid(mean(flat(p))), p) for p in between], gw3, [("m", I64, [1, 2])])
check("nhwc_mean", "Transpose Conv Relu GlobalAveragePool Reshape", FRONT + [("ReduceMean", "f m", "y", dict(keepdims=0))], [("x", F, [nhwc(im)])], [("y", F, [[mean(flat(p)) for p in between]])],
      [W, BIAS, ("m", I64, [1, 2])])
flatw = numbers(2, 50)
check("transpose_dense", "Reshape Transpose Reshape Reshape Gemm", # the three on the weights are the compiler's
      [("Transpose", "x", "t", FROM), ("Flatten", "t", "f"), ("Gemm", "f w b", "y", dict(transB=1))], [IM],
      [("y", F, dense([flat(nhwc(im))], flatw, [1.0, 2.0]))], [C("w", flatw), C("b", [1.0, 2.0])])
shuffle = numbers(8, 3, 2)
check("pixel_shuffle", "DepthToSpace", [("Reshape", "x s", "a"), ("Transpose", "a", "t", dict(perm=[0, 1, 4, 2, 5, 3])), ("Reshape", "t r", "y")], [("x", F, [shuffle])],
      [("y", F, [[[[shuffle[c * 4 + i % 2 * 2 + j % 2][i // 2][j // 2] for j in range(4)] for i in range(6)] for c in range(2)]])],
      [("s", I64, [1, 2, 2, 2, 3, 2]), ("r", I64, [1, 2, 6, 4])])
check("head", "Conv Sigmoid Transpose Reshape", [("Conv", "x w b", "c"), ("Transpose", "c", "t", FROM), ("Reshape", "t r", "f"), ("Sigmoid", "f", "y")], [IM],
      [("y", F, [[[sigmoid(v) for v in px] for row in nhwc(conv(im, cw, cb)) for px in row]])], [W, BIAS, ("r", I64, [1, -1, 3])])
check("strided_slice", "AveragePool", [("Slice", "x s e a t", "p"), ("Slice", "p s e a2 t", "y")], [IM], [("y", F, [[[r[::2] for r in p[::2]] for p in im]])],
      [("s", I64, [0]), ("e", I64, [100]), ("a", I64, [2]), ("a2", I64, [3]), ("t", I64, [2])])
check("slice_of_slice", "Slice", [("Slice", "x s e a", "p"), ("Slice", "p s e a t", "y")], [IM], 
      [("y", F, [[[[r[2], r[4]] for r in p] for p in im]])], [("s", I64, [1]), ("e", I64, [5]), ("a", I64, [3]), ("t", I64, [2])])
check("step_past_the_end", "Slice", [("Slice", "x s e a t", "y")], [IM], [("y", F, [[[r[:1] for r in p[:1]] for p in im]])],
      [("s", I64, [0, 0]), ("e", I64, [100, 100]), ("a", I64, [2, 3]), ("t", I64, [5, 2 ** 40])])
check("plane_mean", "GlobalAveragePool Reshape", [("ReduceMean", "x i", "y", dict(keepdims=0))], [IM], [("y", F, [[mean(flat(p)) for p in im]])], [("i", I64, [2, 3])])

# sharing, and what nobody reads
check("shared", "Exp Add", [("Exp", "x", "a"), ("Exp", "x", "b"), ("Add", "a b", "y")], [X], [("y", F, each(lambda v: 2 * math.exp(v), x))])
check("shared_constants", "Add Mul", [("Add", "x c", "a"), ("Add", "d x", "b"), ("Mul", "a b", "y")], [X], [("y", F, each(lambda v: (v + 0.5) ** 2, x))],
      [C("c", 0.5), C("d", 0.5)])
check("not_shared", "Add Add Mul", [("Add", "x c", "a"), ("Add", "x d", "b"), ("Mul", "a b", "y")], [X], [("y", F, each(lambda v: (v + 0.5) * (v + 0.25), x))],
      [C("c", 0.5), C("d", 0.25)])
check("dead", "MaxPool", [("MaxPool", "x", "y i", dict(kernel_shape=[2, 2])), ("Exp", "x", "u"), ("Neg", "u", "v")], [IM], [("y", F, [pool(im, 2, 1, (0, 0, 0, 0), max)])])
check("identity_out", "Relu", [("Relu", "x", "a"), ("Identity", "a", "b"), ("Identity", "b", "y")], [X], [("y", F, each(lambda v: max(v, 0.0), x))])
# a convolution that is computed before what is added to it is put off until then
check("put_off", "Pad Conv Add", [("Conv", "x w b", "c", dict(pads=[1] * 4)), ("Pad", "x p", "q"), ("Add", "c q", "y")], [IM],
      [("y", F, [[[[u + v for u, v in zip(a, c)] for a, c in zip(p, q)] for p, q in zip(conv(im, cw, cb, (1, 1, 1, 1)), im + [[[0.0] * 5] * 5])]])],
      [P([0, 0, 0, 0, 0, 1, 0, 0]), W, BIAS])

# convolutions of the same tensor as one, and splits: in blocks of 16 channels
wide, half = numbers(8, 5, 5), numbers(8, 3, 3)
WIDE = ("x", F, [wide])
filters = lambda o, k=1: numbers(o, 8, k, k)
relu = lambda t: each(lambda v: max(v, 0.0), t)
f24, f16, f32, g16 = filters(24), filters(16), filters(32), filters(16)
b24, b16, none = numbers(24), numbers(16), [0.0] * 32
check("siblings", "Conv Relu Conv Relu Conv Relu Conv Sigmoid", # the odd one stands last; one without a bias; another epilogue stays apart
      [("Conv", "x p pb", "a"), ("Relu", "a", "u"), ("Conv", "x q qb", "b"), ("Relu", "b", "v"), ("Conv", "x r", "c"), ("Relu", "c", "w"), ("Conv", "x s", "d"), ("Sigmoid", "d", "y")],
      [WIDE], [("u", F, [relu(conv(wide, f24, b24))]), ("v", F, [relu(conv(wide, f16, b16))]), ("w", F, [relu(conv(wide, f32, none))]), ("y", F, [each(sigmoid, conv(wide, g16, none))])],
      [C("p", f24), C("pb", b24), C("q", f16), C("qb", b16), C("r", f32), C("s", g16)], parts="v.inner w.inner u.inner")
w3, v3 = filters(16, 3), filters(32, 3)
check("siblings_windows", "Conv Conv Conv Conv Conv", # the same window by other words; another stride, and one odd one of two, stay apart
      [("Conv", "x p", "u", dict(pads=[1] * 4)), ("Conv", "x q", "v", dict(pads=[1] * 4, strides=[1, 1], dilations=[1, 1], kernel_shape=[3, 3])),
       ("Conv", "x p", "w", dict(pads=[1] * 4, strides=[2, 2])), ("Conv", "x r", "m"), ("Conv", "x r rb", "n")],
      [WIDE], [("u", F, [conv(wide, w3, none, (1,) * 4)]), ("v", F, [conv(wide, v3, none, (1,) * 4)]), ("w", F, [conv(wide, w3, none, (1,) * 4, 2)]),
               ("m", F, [conv(wide, f24, none)]), ("n", F, [conv(wide, f24, b24)])],
      [C("p", w3), C("q", v3), C("r", f24), C("rb", b24)], parts="u.inner v.inner")
check("siblings_concat", "Conv Conv Conv Concat", # what a concat takes where it is made stays there
      [("Conv", "x p", "a"), ("Conv", "x q", "b"), ("Conv", "x r", "c"), ("Concat", "a b c", "y", dict(axis=1))],
      [WIDE], [("y", F, [conv(wide, f32, none) + conv(wide, f16, none) + conv(wide, f24, none)])], [C("p", f32), C("q", f16), C("r", f24)], parts="")
check("siblings_learned", "Conv Conv", [("Conv", "x p", "u"), ("Conv", "x q", "v")], [WIDE, ("q", F, f16)], # filters that are known in the run only
      [("u", F, [conv(wide, f32, none)]), ("v", F, [conv(wide, f16, none)])], [C("p", f32)], parts="")
both = [wide, numbers(8, 5, 5)]
f40, row = filters(40), numbers(3, 200)
a3 = [a + a for a in w3] # of 16 channels
cut = [conv(t, f40, [0.1] * 40) for t in both]
check("split_in_place", "Conv Split Conv Relu Flatten Gemm", # a part whose reader wants a border around it, and one that is flattened
      [("Conv", "x w b", "c"), ("Split", "c n", "p q s", dict(axis=1)), ("Conv", "p k", "u", dict(pads=[1] * 4)), ("Relu", "q", "v"), ("Flatten", "s", "f"),
       ("Gemm", "f r", "y", dict(transB=1))], [("x", F, both)],
      [("u", F, [conv(t[:16], a3, none, (1,) * 4) for t in cut]), ("v", F, [relu(t[16:32]) for t in cut]),
       ("y", F, dense([flat(t[32:]) for t in cut], row, [0.0] * 3))],
      [C("w", f40), C("b", [0.1] * 40), ("n", I64, [16, 16, 8]), C("k", a3), C("r", row)], parts="p q s")
check("split_odd", "Conv Split Relu", [("Conv", "x w b", "c"), ("Split", "c n", "p q", dict(axis=1)), ("Relu", "q", "y")], [WIDE],
      [("p", F, [conv(wide, f40, [0.1] * 40)[:8]]), ("y", F, [relu(conv(wide, f40, [0.1] * 40)[8:])])], [C("w", f40), C("b", [0.1] * 40), ("n", I64, [8, 32])], parts="")
