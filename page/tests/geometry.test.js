import assert from "node:assert/strict";
import test from "node:test";

import { anglesOf, imageFromModel, multiply, quaternion, rollMatrix, uprightRoll, vertexNormals } from "../app/geometry.js";

const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];

function assertNear(found, expected, tolerance = 1e-6) {
  assert.equal(found.length, expected.length);
  found.forEach((value, k) => assert.ok(Math.abs(value - expected[k]) <= tolerance, `${found} is not ${expected}`));
}

test("a turn and the turn back are none", () => {
  assertNear(multiply(rollMatrix(0.4), rollMatrix(-0.4)), IDENTITY);
});

test("a roll is read back from its matrix", () => {
  for (const roll of [-3, -0.5, 0, 0.5, 3]) {
    assertNear([anglesOf(rollMatrix(roll)).roll, uprightRoll(rollMatrix(roll))], [roll, roll]);
  }
});

test("the camera turns y and z over, scales and shifts", () => {
  const camera = { rotation: IDENTITY, scale: 2, translation: [100, 50, 0] };
  assertNear(Array.from(imageFromModel(camera, [1, 2, 3, 0, 0, 0])), [102, 46, -6, 100, 50, 0]);
});

test("a triangle seen counter-clockwise from +z has the normal +z at all its corners", () => {
  const normals = vertexNormals([0, 0, 0, 1, 0, 0, 0, 1, 0, 9, 9, 9], [0, 1, 2]);
  assertNear(Array.from(normals), [0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
});

test("quaternions have length one, and half the angle", () => {
  assertNear(quaternion(IDENTITY), [0, 0, 0, 1]);
  assertNear(quaternion(rollMatrix(1)), [0, 0, Math.sin(0.5), Math.cos(0.5)]);
  assertNear([Math.hypot(...quaternion(rollMatrix(Math.PI - 1e-4)))], [1]);
});
