import assert from "node:assert/strict";
import test from "node:test";

import { cameraInImage, isClose, resampleCrop, roundHalfEven, squareAroundBox, squareAroundPoints } from "../app/crop.js";
import { keepBest, overlap } from "../app/overlap.js";
import { imageFromModel, rollMatrix } from "../app/geometry.js";

const WHOLE = { size: 64, roll: 0, margin: 1 };

test("the crop box around a box has its centre and its longer side", () => {
  assert.deepEqual(squareAroundBox([10, 20, 30, 80], WHOLE), { x: 20, y: 50, side: 60, size: 64, roll: 0 });
});

test("the crop box around points is that of their box, and turns with them", () => {
  const points = [0, 0, 0, 40, 0, 0, 40, 20, 0];
  assert.deepEqual(squareAroundPoints(points, WHOLE), { x: 20, y: 10, side: 40, size: 64, roll: 0 });
  const turned = squareAroundPoints([0, 0, 0, 0, -40, 0, 20, -40, 0], { ...WHOLE, roll: Math.PI / 2 });
  for (const [found, expected] of [[turned.x, 10], [turned.y, -20], [turned.side, 40]]) {
    assert.ok(Math.abs(found - expected) < 1e-9);
  }
});

test("a camera of a crop is the same camera in the photo", () => {
  const cropBox = { x: 30, y: 40, side: 128, size: 64, roll: 0.3 };
  const camera = { rotation: rollMatrix(0), scale: 0.2, translation: [32, 32, 0] };
  const there = imageFromModel(cameraInImage(cropBox, camera), [0, 0, 0, 100, 0, 0]);
  // The crop's middle is the crop box's; 100 mm are 20 px of the crop, 40 of the photo, along the box's own axis.
  const expected = [30, 40, 0, 30 + 40 * Math.cos(0.3), 40 - 40 * Math.sin(0.3), 0];
  there.forEach((value, k) => assert.ok(Math.abs(value - expected[k]) < 1e-4, `${there}`));
});

test("cropBoxes are close whatever way round their angles are written", () => {
  const cropBox = { x: 0, y: 0, side: 100, size: 64, roll: 3.1 };
  const limits = { shift: 0.1, scale: 0.1, roll: 0.2 };
  assert.ok(isClose(cropBox, { ...cropBox, roll: -3.1 }, limits));
  assert.ok(!isClose(cropBox, { ...cropBox, roll: 2.8 }, limits));
  assert.ok(!isClose(cropBox, { ...cropBox, x: 11 }, limits));
  assert.ok(!isClose(cropBox, { ...cropBox, side: 111 }, limits));
});

test("a crop of the photo's own pixels is those pixels, black beyond its edge", () => {
  const data = Uint8Array.from({ length: 4 * 4 * 3 }, (_, k) => k + 1);
  const crop = resampleCrop({ width: 4, height: 4, data }, { x: 2, y: 2, side: 4, size: 4, roll: 0 });
  assert.deepEqual(Array.from(crop.data), Array.from(data));
  const beyond = resampleCrop({ width: 4, height: 4, data }, { x: 20, y: 20, side: 4, size: 4, roll: 0 });
  assert.ok(beyond.data.every((value) => value === 0));
});

test("halves are rounded to the even neighbour, as in Python", () => {
  assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6].map(roundHalfEven), [0, 2, 2, 2, 3]);
});

test("of overlapping faces the better one is kept", () => {
  const face = (left, score) => ({ box: [left, 0, left + 10, 10], score });
  assert.equal(overlap([0, 0, 10, 10], [5, 0, 15, 10]), 1 / 3);
  assert.equal(overlap([0, 0, 10, 10], [20, 0, 30, 10]), 0);
  const kept = keepBest([face(0, 0.5), face(2, 0.9), face(40, 0.3)], 0.5);
  assert.deepEqual(kept.map((candidate) => candidate.score), [0.9, 0.3]);
});
