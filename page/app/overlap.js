// Which boxes are of the same face.

/** @typedef {import("./detect.js").Candidate} Candidate */

/** Those that no better one overlaps by more than `maxOverlap`, best first. @param {Candidate[]} faces */
export function keepBest(faces, maxOverlap) {
  const kept = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => overlap(better.box, face.box) <= maxOverlap)) kept.push(face);
  }
  return kept;
}

/** Intersection over union of two boxes. */
export function overlap(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  return (width * height) / Math.max(area(a) + area(b) - width * height, 1e-9);
}
