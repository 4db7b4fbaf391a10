// Runs an ONNX file on ONNX Runtime with the inputs of generated/runner.c and prints what that prints.
//     node ort.mjs MODEL.onnx [SAMPLES [f16|bf16]]
// With a type, weights (initialisers of float and rank 2 or more) are rounded to it first.
import { readFileSync } from "node:fs";
import ort from "onnxruntime-node";
import { round_weights } from "./round.mjs";

const samples = Number(process.argv[3] ?? 1);
const session = await ort.InferenceSession.create(process.argv[4] ? round_weights(readFileSync(process.argv[2]), process.argv[4]) : process.argv[2], {
    graphOptimizationLevel: "disabled", intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3,
});

let seed = 1;
function number() {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed >>> 8;
}

// The same numbers in the same order as fill() of runner.c: bytes first, for every type.
function input({ type, shape }) {
    const count = shape.reduce((a, b) => a * b, 1);
    const width = { float32: 4, int32: 4, int64: 8 }[type] ?? 1;
    const bytes = new Uint8Array(count * width);
    for (let i = 0; i < bytes.length; i++)
        bytes[i] = type === "bool" ? number() >> 8 & 1 : number() >> 8 & 255;
    const make = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, int8: Int8Array }[type] ?? Uint8Array;
    const data = new make(bytes.buffer);
    if (type === "float32")
        for (let i = 0; i < count; i++) data[i] = number() / (1 << 23) - 1;
    if (type === "int64")
        for (let i = 0; i < count; i++) data[i] = BigInt(number() % 4);
    return new ort.Tensor(type, data, shape);
}

for (let s = 0; s < samples; s++) {
    const feeds = Object.fromEntries(session.inputMetadata.map((m) => [m.name, input(m)]));
    const results = await session.run(feeds);
    for (const { name } of session.outputMetadata) {
        const { data } = results[name];
        const lines = [`sample ${s} output ${name} ${data.length}`];
        const step = data.length > 10000 ? Math.floor(data.length / 5000) | 1 : 1; // as in print() of runner.c
        for (let i = 0; i < data.length; i += step) lines.push(Number(Number(data[i]).toPrecision(9)).toString());
        process.stdout.write(lines.join("\n") + "\n");
    }
}
