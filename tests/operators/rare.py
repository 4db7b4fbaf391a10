#!/usr/bin/env python3
"""As cases.py, for operators that few networks have: DIR/CASE/model.onnx, DIR/CASE/data/input_0.pb, output_0.pb ..."""
import cmath, math, random

from onnx_file import F, U8, I64, case, field, node, tensor

random.seed(3)
TRAINING, ML = "ai.onnx.preview.training", "ai.onnx.ml"


def numbers(*dims):
    return [numbers(*dims[1:]) for _ in range(dims[0])] if dims else random.randint(-64, 64) / 32


def of(domain, n):
    return n + field(7, domain)


x = numbers(2, 3)

# ---- optimisers: one step of two tensors each, with weight decay
X, G, V, H = numbers(2), numbers(2), numbers(2), [0.5, 1.25]
rate, step, norm = 0.1, 3, 0.01
g = [norm * a + b for a, b in zip(X, G)]
scalars = [("r", F, rate), ("t", I64, step)]
h = [a + b * b for a, b in zip(H, g)]
case("adagrad", [of(TRAINING, node("Adagrad", "r t x g h", "y hn", norm_coefficient=norm, decay_factor=0.1, epsilon=1e-3))],
     scalars + [("x", F, X), ("g", F, G), ("h", F, H)],
     [("y", F, [a - rate / (1 + step * 0.1) * b / (math.sqrt(c) + 1e-3) for a, b, c in zip(X, g, h)]), ("hn", F, h)])
v = [0.95 * a + 0.05 * b for a, b in zip(V, g)]
h = [0.85 * a + 0.15 * b * b for a, b in zip(H, g)]
r = rate * math.sqrt(1 - 0.85**step) / (1 - 0.95**step)
case("adam", [of(TRAINING, node("Adam", "r t x g v h", "y vn hn", alpha=0.95, beta=0.85, norm_coefficient=norm, norm_coefficient_post=0.02, epsilon=1e-3))],
     scalars + [("x", F, X), ("g", F, G), ("v", F, V), ("h", F, H)],
     [("y", F, [(1 - 0.02) * (a - r * b / (math.sqrt(c) + 1e-3)) for a, b, c in zip(X, v, h)]), ("vn", F, v), ("hn", F, h)])
v = [0.9 * a + 0.7 * b for a, b in zip(V, g)]
case("momentum", [of(TRAINING, node("Momentum", "r t x g v", "y vn", alpha=0.9, beta=0.7, norm_coefficient=norm, mode="nesterov"))],
     scalars + [("x", F, X), ("g", F, G), ("v", F, V)], [("y", F, [a - rate * (b + 0.9 * c) for a, b, c in zip(X, g, v)]), ("vn", F, v)])
case("gradient", [node("Mul", "a b", "p"), node("Add", "p a", "s"), node("Tanh", "s", "y"), of(TRAINING, node("Gradient", "a b", "da db", xs=["a", "b"], y="y"))],
     [("a", F, X), ("b", F, G)],
     [("da", F, [(1 - math.tanh(a * b + a)**2) * (b + 1) for a, b in zip(X, G)]), ("db", F, [(1 - math.tanh(a * b + a)**2) * a for a, b in zip(X, G)])])

# ---- shapes
case("shape", [node("Shape", "x", "s", start=1), node("Size", "x", "n"), node("Mul", "s n", "y")], [("x", F, x)], [("y", I64, [18])])
case("constant_of_shape", [node("Shape", "x", "s"), node("ConstantOfShape", "s", "z"), node("Sub", "z x", "y")], [("x", F, x)], [("y", F, [[-v for v in r] for r in x])])
case("range", [node("Range", "a b c", "r"), node("Mul", "x r", "y")], [("x", F, X)], [("y", F, [X[0] * 7, X[1] * 4.5])],
     [("a", F, 7.0), ("b", F, 3.0), ("c", F, -2.5)])
case("eye_like", [node("EyeLike", "x", "e", k=1), node("Add", "x e", "y")], [("x", F, x)], [("y", F, [[v + (j == i + 1) for j, v in enumerate(r)] for i, r in enumerate(x)])])
case("expand", [node("Expand", "x s", "y")], [("x", F, [[v] for v in X])], [("y", F, [[[v] * 3 for v in X]] * 2)], [("s", I64, [2, 1, 3])])
case("tile", [node("Tile", "x n", "y")], [("x", F, x)], [("y", F, [r * 2 for r in x] * 3)], [("n", I64, [3, 2])])
wide = numbers(1, 5)
case("center_crop_pad", [node("CenterCropPad", "x s", "y")], [("x", F, wide)], [("y", F, [[0.0] * 3, wide[0][1:4], [0.0] * 3, [0.0] * 3])], [("s", I64, [4, 3])])
columns = numbers(1, 4, 4)
image = [[0.0] * 3 for _ in range(3)]
for k in range(4):
    for p in range(4):
        image[p // 2 + k // 2][p % 2 + k % 2] += columns[0][k][p]
case("col2im", [node("Col2Im", "x i b", "y")], [("x", F, columns)], [("y", F, [[image]])], [("i", I64, [3, 3]), ("b", I64, [2, 2])])
case("cum_prod", [node("CumProd", "x a", "y")], [("x", F, x)], [("y", F, [[math.prod(r[:j + 1]) for j in range(3)] for r in x])], [("a", I64, 1)], opset=26)
case("scatter", [node("Scatter", "x i u", "y", axis=1)], [("x", F, x), ("i", I64, [[2], [0]]), ("u", F, [[8.0], [9.0]])],
     [("y", F, [[x[0][0], x[0][1], 8.0], [9.0, x[1][1], x[1][2]]])], opset=10)
cache, new = numbers(2, 4, 2), numbers(2, 2, 2)
case("tensor_scatter", [node("TensorScatter", "c u i", "y")], [("c", F, cache), ("u", F, new), ("i", I64, [2, 0])],
     [("y", F, [cache[0][:2] + new[0], new[1] + cache[1][2:]])], opset=24)

# ---- images
theta = numbers(1, 2, 3)
case("affine_grid", [node("AffineGrid", "t s", "y")], [("t", F, theta)],
     [("y", F, [[[[t[0] * ((2 * j + 1) / 3 - 1) + t[1] * ((2 * i + 1) / 2 - 1) + t[2] for t in theta[0]] for j in range(3)] for i in range(2)]])],
     [("s", I64, [1, 1, 2, 3])])
plane = numbers(4, 4)


def between(p, q):
    """Bilinear, zero outside."""
    i, j = math.floor(p), math.floor(q)
    return sum((1 - abs(p - a)) * (1 - abs(q - b)) * plane[a][b] for a in (i, i + 1) for b in (j, j + 1) if 0 <= a < 4 and 0 <= b < 4)


w, offset, mask = numbers(2, 2), numbers(8, 3, 3), numbers(4, 3, 3)
case("deform_conv", [node("DeformConv", "x w o b m", "y", kernel_shape=[2, 2])],
     [("x", F, [[plane]]), ("o", F, [offset]), ("m", F, [mask])],
     [("y", F, [[[[0.5 + sum(w[a][b] * mask[2 * a + b][i][j] * between(i + a + offset[4 * a + 2 * b][i][j], j + b + offset[4 * a + 2 * b + 1][i][j])
                             for a in (0, 1) for b in (0, 1)) for j in range(3)] for i in range(3)]]])], [("w", F, [[w]]), ("b", F, [0.5])])
case("max_roi_pool", [node("MaxRoiPool", "x r", "y", pooled_shape=[2, 1])], [("x", F, [[plane]]), ("r", F, [[0.0, 1.0, 0.0, 2.0, 2.0]])],
     [("y", F, [[[[max(plane[i][j] for i in rows for j in (1, 2))] for rows in ((0, 1), (1, 2))]]])])
case("max_unpool", [node("MaxUnpool", "x i", "y", kernel_shape=[2, 2], strides=[2, 2])], [("x", F, [[[x[0][:2]]]]), ("i", I64, [[[[4, 3]]]])],
     [("y", F, [[[[0.0, 0.0, 0.0, x[0][1]], [x[0][0], 0.0, 0.0, 0.0]]]])])
case("upsample", [node("Upsample", "x s", "y", mode="nearest")], [("x", F, [[x]])], [("y", F, [[[[v for v in r for _ in (0, 1)] for r in x for _ in range(3)]]])],
     [("s", F, [1.0, 1.0, 3.0, 2.0])], opset=9)

# ---- signals
case("hamming_window", [node("HammingWindow", "n", "y", periodic=0)], [("n", I64, 5)], [("y", F, [25 / 46 - 21 / 46 * math.cos(math.pi * k / 2) for k in range(5)])])
case("blackman_window", [node("BlackmanWindow", "n", "y")], [("n", I64, 6)],
     [("y", F, [0.42 - 0.5 * math.cos(math.pi * k / 3) + 0.08 * math.cos(2 * math.pi * k / 3) for k in range(6)])])
signal, window = numbers(10), [0.25, 1.0, 0.75, 0.5]
frames = [[sum(signal[2 * f + t] * window[t] * cmath.exp(-2j * math.pi * k * t / 4) for t in range(4)) for k in range(3)] for f in range(4)]
case("stft", [node("STFT", "x s w", "y", onesided=1)], [("x", F, [[[v] for v in signal]])], [("y", F, [[[[c.real, c.imag] for c in f] for f in frames]])],
     [("s", I64, 2), ("w", F, window)])
bins, length, sample, low, high = 3, 16, 8000, 100.0, 3000.0
mel = [2595 * math.log10(1 + f / 700) for f in (low, high)]
edges = [int((length + 1) * 700 * (10**((mel[0] + k * (mel[1] - mel[0]) / (bins + 2)) / 2595) - 1) // sample) for k in range(bins + 2)]
y = [[0.0] * bins for _ in range(length // 2 + 1)]
for k in range(bins):
    a, b, c = edges[k:k + 3]
    for j in range(a, b + 1):
        y[j][k] = (j - a) / (b - a) if b > a else 1.0
    for j in range(b, c):
        y[j][k] = (c - j) / (c - b)
case("mel_weight_matrix", [node("MelWeightMatrix", "n l s a b", "y")], [("n", I64, bins)], [("y", F, y)],
     [("l", I64, length), ("s", I64, sample), ("a", F, low), ("b", F, high)])

# ---- sequences of vectors
T, W, R, B = numbers(3, 2, 2), numbers(3, 2), numbers(3, 3), numbers(6)
states = [[0.0] * 3 for _ in range(2)]
steps = []
for t in range(3):
    states = [[math.tanh(sum(W[k][i] * T[t][n][i] for i in range(2)) + sum(R[k][i] * s[i] for i in range(3)) + B[k] + B[3 + k]) for k in range(3)]
              for n, s in enumerate(states)]
    steps.append([states])
case("rnn", [node("RNN", "x w r b", "y h", hidden_size=3)], [("x", F, T)], [("y", F, steps), ("h", F, [states])], [("w", F, [W]), ("r", F, [R]), ("b", F, [B])])
Q, angle, place = numbers(1, 1, 2, 4), [[0.3 * p + i for i in range(2)] for p in range(5)], [[3, 1]]
turned = []
for s, p in enumerate(place[0]):
    a, c = Q[0][0][s], angle[p]
    turned.append([a[i] * math.cos(c[i]) - a[2 + i] * math.sin(c[i]) for i in (0, 1)] + [a[i] * math.sin(c[i]) + a[2 + i] * math.cos(c[i]) for i in (0, 1)])
case("rotary_embedding", [node("RotaryEmbedding", "x c s p", "y")], [("x", F, Q), ("p", I64, place)], [("y", F, [[turned]])],
     [("c", F, [[math.cos(v) for v in r] for r in angle]), ("s", F, [[math.sin(v) for v in r] for r in angle])], opset=23)

# ---- quantised by what the data are
d = [v / 3 for v in numbers(9)]
scale = (max(d + [0]) - min(d + [0])) / 255
zero = round(-min(d + [0]) / scale)
case("dynamic_quantize", [node("DynamicQuantizeLinear", "x", "y s z")], [("x", F, d)],
     [("y", U8, [min(255, max(0, round(v / scale) + zero)) for v in d]), ("s", F, scale), ("z", U8, zero)])

# ---- of ai.onnx.ml
case("array_feature_extractor", [of(ML, node("ArrayFeatureExtractor", "x i", "y"))], [("x", F, x)], [("y", F, [[r[2], r[0]] for r in x])], [("i", I64, [2, 0])])
case("binarizer", [of(ML, node("Binarizer", "x", "y", threshold=0.25))], [("x", F, x)], [("y", F, [[float(v > 0.25) for v in r] for r in x])])
case("tfidf", [node("TfIdfVectorizer", "x", "y", mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=0, ngram_counts=[0, 2], ngram_indexes=[1, 0, 2],
                    pool_int64s=[5, 7, 5, 7])], [("x", I64, [5, 7, 5, 7, 7])], [("y", F, [3.0, 2.0, 2.0])])


def with_tensor(n, name, dtype, v):
    return n + field(5, field(1, name) + field(5, tensor(name, dtype, v)) + field(20, 4))


tree = node("TreeEnsemble", "x", "y", nodes_featureids=[1, 0], nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 1], nodes_falsenodeids=[2, 1], nodes_falseleafs=[1, 1],
            leaf_targetids=[0, 0, 0], tree_roots=[0], n_targets=1, aggregate_function=1, post_transform=0)
for name, dtype, v in (("nodes_splits", F, [0.0, 0.5]), ("nodes_modes", U8, [0, 0]), ("leaf_weights", F, [1.5, -2.0, 4.0])):
    tree = with_tensor(tree, name, dtype, v)
case("tree_ensemble", [of(ML, tree)], [("x", F, x)], [("y", F, [[4.0 if r[1] > 0 else 1.5 if r[0] <= 0.5 else -2.0] for r in x])])
