#!/usr/bin/env python3
"""What fuzzing found, made small: DIR/NAME.onnx, DIR/NAME.net. Each ends in an error or in C code; what is expected stands in DIR/NAME.expect:
"ok", or a part of the error's text."""
import os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "operators"))
sys.dont_write_bytecode = True
from onnx_file import F, I8, I64, field, node, tensor, value_info  # noqa: E402


def write(name, expect, data):
    for path, text in ((name, data), (name[: name.rindex(".")] + ".expect", expect + "\n")):
        with open(os.path.join(sys.argv[1], path), "wb") as f:
            f.write(text.encode() if isinstance(text, str) else text)


def model(name, expect, nodes, inputs, outputs, constants=(), graph=b""):
    graph += b"".join(field(1, n) for n in nodes) + b"".join(field(5, tensor(*c)) for c in constants)
    graph += b"".join(field(11, value_info(*i)) for i in inputs) + b"".join(field(12, value_info(*o)) for o in outputs)
    write(name + ".onnx", expect, field(1, 8) + field(7, graph) + field(8, field(2, 21)))


# kernels count in int
model("wide", "more than 2147483647 elements", [node("Conv", "x w", "y", kernel_shape=[1, 1])], [("x", F, [1, 1, 22, 1207960068])], [("y", F, [1])],
      [("w", F, [[[[1.0]]]] * 3)])
model("wide_row", "ok", [node("Conv", "x w", "y", kernel_shape=[1, 1])], [("x", F, [1, 1, 4, 134217732])], [("y", F, [1, 1, 4, 134217732])],
      [("w", F, [[[[1.0]]]])])
model("far_padding", "too many", [node("Conv", "x w", "y", kernel_shape=[1], pads=[2000000000, 2000000000], strides=[1000000])], [("x", F, [1, 1, 8])],
      [("y", F, [1])], [("w", F, [[[1.0]]])])
model("far_window", "too large", [node("MaxPool", "x", "y", kernel_shape=[70000], dilations=[70000], auto_pad="SAME_UPPER")], [("x", F, [1, 1, 8])], [("y", F, [1])])
# scales so far apart that no factor of integers says their quotient
quantised = lambda name: node("DequantizeLinear", f"{name} {name}_s", name + "_r")
model("scales", "ok", [quantised("a"), quantised("b"), node("Add", "a_r b_r", "c"), node("QuantizeLinear", "c y_s z", "q")],
      [("a", I8, [4]), ("b", I8, [4])], [("q", I8, [4])], [("a_s", F, 1e30), ("b_s", F, 1e3), ("y_s", F, 1e-9), ("z", I8, 0)])
# weights of another type than the operand
model("types", "has type int8, expected float32", [quantised("x"), node("Conv", "x_r w", "y")], [("x", I8, [1, 1, 4])], [("y", F, [1, 1, 4])],
      [("w", I8, [[[1]]]), ("x_s", F, 0.5)])
# one of several operands left out
model("left_out", "input 1 is missing", [node("Sum", "a - b", "y")], [("a", F, [3]), ("b", F, [3])], [("y", F, [3])])
model("left_out_of_terms", "input 1 is missing", [node("Einsum", "a - b", "y", equation="i,i,i->i")], [("a", F, [3]), ("b", F, [3])], [("y", F, [3])])
model("left_out_last", "does not fit the shapes", [node("Einsum", "a -", "y", equation="i,i->i")], [("a", F, [3])], [("y", F, [3])])
# an absent operand behind the last
model("one_more", "ok", [node("GatherElements", "x i -", "y")], [("x", F, [3])], [("y", F, [2])], [("i", I64, [0, 2])])
# a sparse initialiser of values only
model("sparse", "lacks its indices", [node("Relu", "s", "y")], [], [("y", F, [3])], graph=field(15, field(1, tensor("s", F, [1.0])) + field(3, 3)))
# a length that is no integer
model("real_length", "input 1 is float32, expected int", [node("DFT", "x l", "y", axis=1)], [("x", F, [1, 4, 1])], [("y", F, [1, 4, 2])], [("l", F, 4.0)])
# a sequence with a gap
model("gap", "operand 1 is missing", [node("SequenceConstruct", "a - a", "s"), node("ConcatFromSequence", "s", "y", axis=0)], [("a", F, [3])], [("y", F, [9])])
# a name for each of many layers, in time
write("names.net", "ok", "input x[1]\nrepeat 5000 { x = relu(x) }\noutput x\n")
