// How visible landmarks are: as the most visible vertex near each of them, for they lie on silhouettes and in corners
// (geometry/landmark_neighbours.py).

/**
 * The vertices near each landmark of the mean face, the corners of its triangle included.
 * @param {import("./model.js").FaceModel} model
 * @returns {number[][]}
 */
export function landmarkNeighbours(model, scheme) {
  const { neutral } = model;
  const places = model.landmarks(neutral, [], [], scheme);
  const extent = [0, 1].map((axis) => {
    const along = places.filter((_, at) => at % 3 === axis);
    return Math.max(...along) - Math.min(...along);
  });
  const squared = (model.landmarkNear * Math.max(...extent)) ** 2;
  return Array.from({ length: places.length / 3 }, (_, landmark) => {
    const [x, y, z] = places.subarray(landmark * 3, landmark * 3 + 3);
    const near = [...model.schemes[scheme].vertexIndex.subarray(landmark * 3, landmark * 3 + 3)];
    for (let at = 0; at < neutral.length; at += 3) {
      if ((neutral[at] - x) ** 2 + (neutral[at + 1] - y) ** 2 + (neutral[at + 2] - z) ** 2 < squared) near.push(at / 3);
    }
    return near;
  });
}

/** @param {Float32Array} visibility  of vertices, 0 to 1 @param {number[][]} neighbours @returns {number[]} */
export function landmarkVisibility(visibility, neighbours) {
  return neighbours.map((near) => Math.max(...near.map((vertex) => visibility[vertex])));
}
