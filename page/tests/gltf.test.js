import assert from "node:assert/strict";
import test from "node:test";

import { GlbFile } from "../app/gltf.js";

function documentOf(bytes) {
  const view = new DataView(bytes.buffer);
  const length = view.getUint32(12, true);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + length)));
}

test("a file begins with its mark, its version and its length, in words of four bytes", () => {
  const file = new GlbFile("a test");
  file.addIndices(Uint16Array.from([0, 1, 2]));
  const bytes = file.toBytes();
  const view = new DataView(bytes.buffer);
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 4)), "glTF");
  assert.deepEqual([view.getUint32(4, true), view.getUint32(8, true)], [2, bytes.length]);
  assert.equal(bytes.length % 4, 0);
  assert.equal(documentOf(bytes).asset.generator, "a test");
});

test("differences that are mostly zero are written sparse, others in full", () => {
  const file = new GlbFile("a test");
  const values = new Float32Array(30);
  values[4] = 1;
  file.addDifferences(values);
  file.addDifferences(new Float32Array(30).fill(1));
  const [sparse, full] = documentOf(file.toBytes()).accessors;
  assert.equal(sparse.sparse.count, 1);
  assert.equal(full.sparse, undefined);
  assert.deepEqual([sparse.count, full.count], [10, 10]);
});
