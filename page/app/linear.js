// Symmetric systems of equations: as much linear algebra as the update of a face needs.

/** Adds S' S to the lower half of a square table. @param {Float64Array} table  D * D @param {Float64Array} rows  n * D, S */
export function addSquare(table, rows, width) {
  const count = rows.length / width;
  for (let row = 0; row < width; row++) addRows(table, row * width, row + 1, rows, width, count, rows, row, width);
}

/**
 * Adds rows of a table, each times its weight, to the numbers of `target` from `to` on: the first `length` of each.
 * Four at once, which takes half of the time.
 * @param {ArrayLike<number>} rows  `count` of them, `width` numbers each
 * @param {ArrayLike<number>} weights  that of the first at `from`, each next one `stride` on
 */
export function addRows(target, to, length, rows, width, count, weights, from, stride) {
  let row = 0;
  for (; row + 3 < count; row += 4) {
    const first = row * width;
    const [second, third, last] = [first + width, first + 2 * width, first + 3 * width];
    const at = from + row * stride;
    const [a, b, c, d] = [weights[at], weights[at + stride], weights[at + 2 * stride], weights[at + 3 * stride]];
    for (let k = 0; k < length; k++) {
      target[to + k] += a * rows[first + k] + b * rows[second + k] + c * rows[third + k] + d * rows[last + k];
    }
  }
  for (; row < count; row++) {
    const weight = weights[from + row * stride];
    for (let k = 0; k < length; k++) target[to + k] += weight * rows[row * width + k];
  }
}

/**
 * x of A x = b, by Cholesky's method; both are overwritten.
 * @param {Float64Array} table  D * D, the lower half of A, positive definite
 * @param {Float64Array} values  D, b, which becomes x
 */
export function solve(table, values) {
  const width = values.length;
  for (let row = 0; row < width; row++) {
    for (let column = 0; column <= row; column++) {
      const left = table[row * width + column] - dot(table, row * width, table, column * width, column);
      table[row * width + column] = row === column ? Math.sqrt(left) : left / table[column * width + column];
    }
    values[row] = (values[row] - dot(table, row * width, values, 0, row)) / table[row * width + row];
  }
  for (let row = width - 1; row >= 0; row--) {
    values[row] /= table[row * width + row];
    for (let above = 0; above < row; above++) values[above] -= table[row * width + above] * values[row];
  }
  return values;
}

/** Of `count` numbers of each, from places on. */
export function dot(a, fromA, b, fromB, count) {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += a[fromA + at] * b[fromB + at];
  return sum;
}
