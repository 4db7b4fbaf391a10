#!/usr/bin/env python3
"""Writes small ONNX models of operators that the .net language does not have, with inputs and the results that are
expected, computed here in plain Python: DIR/CASE/model.onnx, DIR/CASE/data/input_0.pb, output_0.pb ..."""
import cmath, itertools, math

from onnx_file import F, U8, I8, I32, I64, B, case, node, numbers

x = numbers(3, 4)
turn = lambda m: [list(r) for r in zip(*m)]

# indices
case("gather", [node("Gather", "x i", "y", axis=1)], [("x", F, x), ("i", I64, [3, -4, 1])], [("y", F, [[r[3], r[0], r[1]] for r in x])])
case("gather_elements", [node("GatherElements", "x i", "y", axis=0)], [("x", F, x), ("i", I64, [[2, 0, 1, -1]])],
     [("y", F, [[x[2][0], x[0][1], x[1][2], x[2][3]]])])
case("gather_nd", [node("GatherND", "x i", "y")], [("x", F, x), ("i", I64, [[2, 1], [0, -1]])], [("y", F, [x[2][1], x[0][3]])])
y = [r[:] for r in x]
y[1][2] += 5.0
y[0][0] += 7.0
y[1][2] += 1.0
case("scatter_nd", [node("ScatterND", "x i u", "y", reduction="add")],
     [("x", F, x), ("i", I64, [[1, 2], [0, 0], [1, 2]]), ("u", F, [5.0, 7.0, 1.0])], [("y", F, y)])
y = [r[:] for r in x]
y[0][1], y[2][0] = 9.0, 8.0
case("scatter_elements", [node("ScatterElements", "x i u", "y", axis=1)],
     [("x", F, x), ("i", I64, [[1], [1], [0]]), ("u", F, [[9.0], [x[1][1]], [8.0]])], [("y", F, y)])
case("one_hot", [node("OneHot", "i d v", "y", axis=-1)], [("i", I64, [2, 0, -1])], [("y", F, [[k == v and 5.0 or 1.0 for k in range(4)] for v in (2, 0, 3)])],
     [("d", I64, 4), ("v", F, [1.0, 5.0])])
s = numbers(4, 2, 3)
case("reverse_sequence", [node("ReverseSequence", "x n", "y")], [("x", F, s), ("n", I64, [3, 2])],
     [("y", F, [[s[2 - t if t < 3 else t][0], s[1 - t if t < 2 else t][1]] for t in range(4)])])
case("trilu", [node("Trilu", "x k", "y", upper=0)], [("x", F, x), ("k", I64, 1)], [("y", F, [[v if j <= i + 1 else 0.0 for j, v in enumerate(r)] for i, r in enumerate(x)])])
case("cum_sum", [node("CumSum", "x a", "y", exclusive=1, reverse=1)], [("x", F, x)],
     [("y", F, [[sum(r[j + 1:]) for j in range(4)] for r in x])], [("a", I32, 1)])

# sizes that depend on the data
z = [[v if abs(v) > 0.7 else 0.0 for v in r] for r in x]
at = [(i, j) for i in range(3) for j in range(4) if z[i][j]]
case("non_zero", [node("NonZero", "x", "y")], [("x", F, z)], [("y", I64, turn([list(p) for p in at]))])
case("non_zero_gather", [node("NonZero", "x", "p"), node("Transpose", "p", "q", perm=[1, 0]), node("GatherND", "x q", "v"), node("Neg", "v", "y")],
     [("x", F, z)], [("y", F, [-z[i][j] for i, j in at])])
case("compress", [node("Compress", "x c", "y", axis=1)], [("x", F, x), ("c", B, [0, 1, 1])], [("y", F, [r[1:3] for r in x])])
order = [sorted(range(4), key=lambda j: (-r[j], j)) for r in x]
case("top_k", [node("TopK", "x k", "v i", axis=1)], [("x", F, x), ("k", I64, [2])],
     [("v", F, [[r[j] for j in o[:2]] for r, o in zip(x, order)]), ("i", I64, [o[:2] for o in order])])
u = [2.0, 1.0, 2.0, 5.0, 1.0]
case("unique", [node("Unique", "x", "y i r c")], [("x", F, u)],
     [("y", F, [1.0, 2.0, 5.0]), ("i", I64, [1, 0, 3]), ("r", I64, [1, 0, 1, 2, 0]), ("c", I64, [2, 2, 1])])
boxes = [[[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [0.0, 5.0, 1.0, 6.0]]]
case("nms", [node("NonMaxSuppression", "b s n t l", "y")],
     [("b", F, boxes), ("s", F, [[[0.6, 0.9, 0.5]]]), ("n", I64, [3]), ("t", F, [0.5]), ("l", F, [0.2])], [("y", I64, [[0, 0, 1], [0, 0, 2]])])

# quantised
quant = lambda v, scale, zero, low, high: min(max(round(v / scale) + zero, low), high)
q = [[quant(v, 0.25, 3, -128, 127) for v in r] for r in x]
case("quantize", [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")], [("x", F, x)],
     [("y", F, [[(v - 3) * 0.25 for v in r] for r in q])], [("s", F, 0.25), ("z", I8, 3)])
case("quantize_axis", [node("QuantizeLinear", "x s z", "y", axis=1)], [("x", F, x)],
     [("y", U8, [[quant(v, sc, zp, 0, 255) for v, sc, zp in zip(r, (0.25, 0.5, 1.0, 0.125), (8, 9, 10, 11))] for r in x])],
     [("s", F, [0.25, 0.5, 1.0, 0.125]), ("z", U8, [8, 9, 10, 11])])
a, b = [[int(v * 8) + 20 for v in r] for r in numbers(2, 3)], [[int(v * 8) for v in r] for r in numbers(3, 5)]
dot = [[sum((a[i][k] - 20) * b[k][j] for k in range(3)) for j in range(5)] for i in range(2)]
case("matmul_integer", [node("MatMulInteger", "a b z", "y")], [("a", U8, a), ("b", I8, b)], [("y", I32, dot)], [("z", U8, 20)])
case("qlinear_matmul", [node("QLinearMatMul", "a s z b s w t v", "y")], [("a", U8, a), ("b", I8, b)],
     [("y", U8, [[quant(v * 0.25, 2.0, 100, 0, 255) for v in r] for r in dot])],
     [("s", F, 0.5), ("z", U8, 20), ("w", I8, 0), ("t", F, 2.0), ("v", U8, 100)])
im = [[[[int(v * 8) + 16 for v in r] for r in numbers(4, 4)]]]
kernel = [[[[int(v * 4) for v in r] for r in numbers(2, 2)]]]
case("conv_integer", [node("ConvInteger", "x w z", "y", pads=[1, 0, 0, 0])], [("x", U8, im), ("w", I8, kernel)],
     [("y", I32, [[[[sum((im[0][0][i + p - 1][j + r] - 16) * kernel[0][0][p][r] for p in range(2) for r in range(2) if i + p >= 1)
                     for j in range(3)] for i in range(4)]]])], [("z", U8, 16)])

# recurrent layers
sigmoid = lambda v: 1 / (1 + math.exp(-v))
X, W, R, bias = numbers(3, 2, 3), numbers(1, 8, 3), numbers(1, 8, 2), numbers(1, 16)
Y, last = [], []
for n in range(2):
    h, c, steps = [0.0] * 2, [0.0] * 2, []
    for t in range(3):
        g = [sum(W[0][k][i] * X[t][n][i] for i in range(3)) + sum(R[0][k][i] * h[i] for i in range(2)) + bias[0][k] + bias[0][8 + k] for k in range(8)]
        c = [sigmoid(g[4 + k]) * c[k] + sigmoid(g[k]) * math.tanh(g[6 + k]) for k in range(2)]
        h = [sigmoid(g[2 + k]) * math.tanh(c[k]) for k in range(2)]
        steps.append(h)
    Y.append(steps)
    last.append(h)
case("lstm", [node("LSTM", "x w r b", "y h", hidden_size=2)], [("x", F, X)],
     [("y", F, [[[Y[n][t] for n in range(2)]] for t in range(3)]), ("h", F, [last])], [("w", F, W), ("r", F, R), ("b", F, bias)])
Y = []
for n in range(2):
    h, steps = [0.0] * 2, []
    for t in (2, 1, 0):
        g = [sum(W[0][k][i] * X[t][n][i] for i in range(3)) + sum(R[0][k][i] * h[i] for i in range(2)) for k in range(4)]
        keep, reset = [sigmoid(v) for v in g[:2]], [sigmoid(v) for v in g[2:]]
        new = [math.tanh(sum(W[0][4 + k][i] * X[t][n][i] for i in range(3)) + sum(R[0][4 + k][i] * reset[i] * h[i] for i in range(2))) for k in range(2)]
        h = [(1 - keep[k]) * new[k] + keep[k] * h[k] for k in range(2)]
        steps.insert(0, h)
    Y.append(steps)
case("gru_reverse", [node("GRU", "x w r", "y", hidden_size=2, direction="reverse")], [("x", F, X)],
     [("y", F, [[[Y[n][t] for n in range(2)]] for t in range(3)])], [("w", F, [W[0][:6]]), ("r", F, [R[0][:6]])])

# attention: two heads, the second half of the keys from the past, a position sees those before it
Q, K, V, P, PV = numbers(1, 2, 2, 4), numbers(1, 2, 2, 4), numbers(1, 2, 2, 3), numbers(1, 2, 1, 4), numbers(1, 2, 1, 3)
out = []
for h in range(2):
    keys, values, rows = P[0][h] + K[0][h], PV[0][h] + V[0][h], []
    for i in range(2):
        e = [math.exp(sum(p * r for p, r in zip(Q[0][h][i], keys[j])) / 2) if j <= i + 1 else 0 for j in range(3)]
        rows.append([sum(w * v[d] for w, v in zip(e, values)) / sum(e) for d in range(3)])
    out.append(rows)
case("attention", [node("Attention", "q k v - p pv", "y", is_causal=1)],
     [("q", F, Q), ("k", F, K), ("v", F, V), ("p", F, P), ("pv", F, PV)], [("y", F, [out])], opset=23)

# losses, linear algebra, signals
target = [3, 0, 1]
losses = [math.log(sum(map(math.exp, r))) - r[k] for r, k in zip(x, target)]
case("cross_entropy", [node("SoftmaxCrossEntropyLoss", "x t", "y")], [("x", F, x), ("t", I64, target)], [("y", F, sum(losses) / 3)])
case("nll_ignored", [node("NegativeLogLikelihoodLoss", "x t", "y", reduction="sum", ignore_index=0)], [("x", F, x), ("t", I64, target)],
     [("y", F, -x[0][3] - x[2][1])])
m = numbers(3, 3)
sign = lambda p: math.prod(1 if p[i] < p[j] else -1 for i, j in itertools.combinations(range(3), 2))
case("det", [node("Det", "x", "y")], [("x", F, m)], [("y", F, sum(sign(p) * math.prod(m[i][p[i]] for i in range(3)) for p in itertools.permutations(range(3))))])
v = numbers(1, 6, 1)
spectrum = [sum(v[0][j][0] * cmath.exp(-2j * math.pi * j * k / 6) for j in range(6)) for k in range(4)]
case("dft", [node("DFT", "x", "y", onesided=1)], [("x", F, v)], [("y", F, [[[c.real, c.imag] for c in spectrum]])])
case("hann_window", [node("HannWindow", "n", "y")], [("n", I64, 8)], [("y", F, [0.5 - 0.5 * math.cos(math.pi * k / 4) for k in range(8)])])

# images read between pixels
img = numbers(1, 1, 3, 3)
case("grid_sample", [node("GridSample", "x g", "y", align_corners=1)], [("x", F, img), ("g", F, [[[[0.5, -1.0], [0.0, 0.0]]]])],
     [("y", F, [[[[(img[0][0][0][1] + img[0][0][0][2]) / 2, img[0][0][1][1]]]]])])
case("roi_align", [node("RoiAlign", "x r b", "y", output_height=1, output_width=1, sampling_ratio=1, coordinate_transformation_mode="output_half_pixel")],
     [("x", F, img), ("r", F, [[0.0, 0.0, 2.0, 2.0]]), ("b", I64, [0])], [("y", F, [[[[img[0][0][1][1]]]]])])
