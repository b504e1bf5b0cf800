import assert from "node:assert/strict";
import test from "node:test";

import { addRows, addSquare, solve } from "../app/linear.js";

const ROWS = Float64Array.from([1, 2, 0, 1, 3, 1, 0, 1, 1, 2, 0, 1, 1, 1, 1]); // 5 * 3

test("rows are added by their weights, however many there are", () => {
  for (const count of [1, 4, 5]) {
    const target = new Float64Array(4);
    addRows(target, 1, 2, ROWS, 3, count, [1, 0, 10, 0, 100, 0, 1000, 0, 10000], 0, 2);
    const expected = [0, 1].map((k) => [0, 1, 2, 3, 4].slice(0, count).reduce((sum, row) => sum + 10 ** row * ROWS[row * 3 + k], 0));
    assert.deepEqual(Array.from(target), [0, ...expected, 0]);
  }
});

test("a square table is solved: what it makes of the answer is what was asked", () => {
  const table = Float64Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  addSquare(table, ROWS, 3);
  const whole = [0, 1, 2].map((row) => [0, 1, 2].map((column) => table[Math.max(row, column) * 3 + Math.min(row, column)]));
  assert.equal(whole[1][0], 1 * 2 + 1 * 3 + 0 * 1 + 2 * 0 + 1 * 1);
  const answer = solve(table, Float64Array.from([1, -2, 3]));
  const found = whole.map((row) => row.reduce((sum, value, k) => sum + value * answer[k], 0));
  found.forEach((value, k) => assert.ok(Math.abs(value - [1, -2, 3][k]) < 1e-12));
});
