import assert from "node:assert/strict";
import test from "node:test";

import { cameraInCrop, cameraInImage, shareWithin } from "../app/crop.js";
import { rangeOnMesh, reportedWeights, weightsAtRest } from "../app/expression_keys.js";
import { shownAt } from "../app/face_mask.js";
import { matrixFromVector, rollMatrix } from "../app/geometry.js";
import { mirrored } from "../app/pixels.js";

const GAZE = { keys: "eyeLook", iris_seen: 0.5, iris_hidden: 0.85 };

test("a camera goes into a crop and back", () => {
  const cropBox = { x: 30, y: 40, side: 128, size: 64, roll: 0.3 };
  const camera = { rotation: rollMatrix(0.7), scale: 2, translation: [35, 20, 4] };
  const back = cameraInImage(cropBox, cameraInCrop(cropBox, camera));
  const numbers = ({ rotation, scale, translation }) => [...rotation, scale, ...translation];
  numbers(back).forEach((value, k) => assert.ok(Math.abs(value - numbers(camera)[k]) < 1e-12));
});

test("half of a crop box over the edge is half of it, turned or not", () => {
  const photo = { width: 100, height: 100 };
  const box = { x: 50, y: 100, side: 40, size: 64, roll: 0 };
  assert.equal(shareWithin({ ...box, y: 50 }, photo, 16), 1);
  assert.equal(shareWithin(box, photo, 16), 0.5);
  assert.ok(Math.abs(shareWithin({ ...box, roll: Math.PI / 4 }, photo, 16) - 0.5) < 0.04);
});

test("a turn about the viewing axis is a roll, and none is none", () => {
  matrixFromVector([0, 0, 0.4]).forEach((value, k) => assert.ok(Math.abs(value - rollMatrix(0.4)[k]) < 1e-12));
  assert.deepEqual(matrixFromVector([0, 0, 0]), [1, 0, 0, 0, 1, 0, 0, 0, 1]);
});

test("a mirror exchanges left and right", () => {
  const picture = { width: 2, height: 2, data: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) };
  assert.deepEqual(Array.from(mirrored(picture).data), [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
});

test("a mask is read between the centres of its cells, and beyond its crop as the nearest has it", () => {
  const mask = { values: Float32Array.from([0, 1, 0, 1]), box: { x: 10, y: 10, side: 20, size: 8, roll: 0 } };
  assert.deepEqual(Array.from(shownAt(mask, [5, 5, 0, 10, 10, 0, 15, 10, 0, 21, 10, 0, -9, 10, 0])), [0, 0.5, 1, 1, 0]);
});

test("what rests above zero is reported as zero there, and eyes behind their lids look nowhere", () => {
  const names = ["eyeBlinkLeft", "eyeLookUpLeft", "jawOpen", "eyeLookUpRight"];
  const scale = { rest: 0, full: 1, measured: true };
  const scales = { eyeLookUpLeft: scale, eyeLookUpRight: scale, jawOpen: { rest: 0.25, full: 0.75, measured: true } };
  assert.deepEqual(reportedWeights(names, [0, 0.5, 0.5, 0.5], scales, GAZE), [0, 0.5, 0.5, 0.5]);
  assert.deepEqual(reportedWeights(names, [0.9, 0.5, 0.25, 0.5], scales, GAZE), [0.9, 0, 0, 0.5]);
  assert.deepEqual(weightsAtRest(names, [0.9, 0.5, 0.4, 0.5], scales), [0, 0, 0.25, 0]);
  const unknown = { jawOpen: { ...scale, measured: false } };
  assert.deepEqual(reportedWeights(names, [0, 0, 0.4, 0], unknown, GAZE)[2], 0);
  assert.deepEqual(weightsAtRest(names, [0, 0, 0.4, 0], unknown)[2], 0.4);
});

test("a key may be read from several weights, and the mesh keeps its own rest", () => {
  const names = ["jawOpen", "mouthPucker"];
  const scales = { jawOpen: { rest: 0.1, full: 0.6, measured: true, mix: { jawOpen: 0.5, mouthPucker: -0.5 }, mesh_rest: 0.3 } };
  const [jaw, pucker] = reportedWeights(names, [1, 0.2], scales, GAZE);
  assert.ok(Math.abs(jaw - 0.6) < 1e-9);
  assert.equal(pucker, 0.2);
  assert.deepEqual(weightsAtRest(names, [1, 0.2], scales), [0.3, 0]);
  assert.equal(rangeOnMesh(scales, "jawOpen"), 1);
});
