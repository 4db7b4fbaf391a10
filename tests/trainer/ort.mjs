// How many pictures of an IDX test set an ONNX file classifies as their labels say, on ONNX Runtime.
//     node ort.mjs MODEL.onnx DIR
import fs from "node:fs";
import ort from "onnxruntime-node";

const [, , model, dir] = process.argv;
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
const { name, type, shape } = session.inputMetadata[0];
const images = fs.readFileSync(`${dir}/t10k-images-idx3-ubyte`), labels = fs.readFileSync(`${dir}/t10k-labels-idx1-ubyte`);
const bytes = shape.reduce((a, b) => a * b, 1);
let right = 0;
for (let i = 0; i < labels.length - 8; i++) {
    const picture = Uint8Array.from(images.subarray(16 + i * bytes, 16 + (i + 1) * bytes));
    const results = await session.run({ [name]: new ort.Tensor(type, picture, shape) });
    const p = results[session.outputNames[0]].data;
    let best = 0;
    for (let k = 1; k < p.length; k++) if (p[k] > p[best]) best = k;
    right += best === labels[8 + i];
}
console.log(`${right} of ${labels.length - 8}`);
