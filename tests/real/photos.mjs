// What ONNX Runtime says of the inputs that photos.c wrote: node photos.mjs MODEL.onnx INPUT.bin...
// Prints a line for each: name, best class, its score, all classes of that score.
import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";

const session = await ort.InferenceSession.create(process.argv[2], {
    graphOptimizationLevel: "disabled", intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3,
});
const [{ name, shape }] = session.inputMetadata;
const dims = shape.map((d, i) => (i === 0 ? 1 : d));
for (const file of process.argv.slice(3)) {
    const bytes = fs.readFileSync(file);
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const results = await session.run({ [name]: new ort.Tensor("float32", values, dims) });
    const scores = results[session.outputMetadata[0].name].data;
    let best = 0;
    for (let k = 1; k < scores.length; k++) if (scores[k] > scores[best]) best = k;
    const equal = [...scores.keys()].filter((k) => scores[k] === scores[best]);
    console.log(path.basename(file, ".bin"), best, scores[best].toFixed(4), equal.join(","));
}
