import assert from "node:assert/strict";
import test from "node:test";

import { fillSmoothly, fromOtherSide } from "../app/completion.js";
import { rasterize, spread } from "../app/raster.js";

const grey = (size, value) => new Float32Array(size * size * 3).fill(value);

test("one known colour fills the map, and known colours stay", () => {
  const values = grey(8, 0);
  const weight = new Float32Array(64);
  values.set([10, 20, 30], 3 * 27);
  weight[27] = 1;
  const filled = fillSmoothly(values, weight, 8);
  for (let at = 0; at < 64; at++) {
    [10, 20, 30].forEach((value, k) => assert.ok(Math.abs(filled[at * 3 + k] - value) < 1e-3));
  }
  assert.deepEqual(fillSmoothly(grey(8, 7), new Float32Array(64).fill(1), 8), grey(8, 7));
});

test("what one side hides is the other side's, in the light of what both show", () => {
  const [size, colours, trust] = [8, grey(8, 0), new Float32Array(64)];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = row * size + column;
      trust[at] = column < 5 ? 1 : 0; // the middle is seen from both sides
      colours.fill(column < 4 ? 100 : 80, at * 3, at * 3 + 3); // the right one is darker
    }
  }
  const whole = fromOtherSide(colours, trust, size, 35);
  assert.equal(whole[3], 100);
  assert.ok(Math.abs(whole[7 * 3] - 80) < 1e-3);
  const narrow = fromOtherSide(colours, trust, size, 5); // no more light than that is made up for
  assert.ok(Math.abs(narrow[7 * 3] - 95) < 1e-3);
});

test("the nearer triangle is drawn, of two as near the first, and nothing where there is none", () => {
  const vertices = [0, 0, 5, 8, 0, 5, 0, 8, 5, 0, 0, 5, 8, 0, 5, 0, 8, 5, 0, 0, 1, 2, 0, 1, 0, 2, 1];
  const raster = rasterize(vertices, [0, 1, 2, 3, 4, 5, 6, 7, 8], 8, 8);
  assert.equal(raster.triangle[3 * 8 + 3], 0);
  assert.equal(raster.depth[3 * 8 + 3], 5);
  assert.equal(raster.triangle[0], 2);
  assert.equal(raster.triangle[63], -1);
  assert.equal(raster.depth[63], Infinity);
});

test("values of vertices are spread as a plane", () => {
  const raster = rasterize([0, 0, 0, 8, 0, 0, 0, 8, 0], [0, 1, 2], 8, 8);
  const across = spread(raster, [0, 1, 2], [0, 8, 0]);
  assert.ok(Math.abs(across[2 * 8 + 3] - 3.5) < 1e-6);
  assert.equal(across[63], 0);
});
