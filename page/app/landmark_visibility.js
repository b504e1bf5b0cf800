// How visible landmarks are: as the most visible vertex near each of them, for they lie on silhouettes and in corners
// (geometry/landmark_neighbours.py).

/**
 * The vertices near each landmark of the mean face, the corners of its triangle included.
 * @param {import("./model.js").FaceModel} model
 * @param {number} near  radius, as a part of the extent of all landmarks
 * @returns {number[][]}
 */
export function landmarkNeighbours(model, scheme, near) {
  const places = model.landmarks(model.neutral, [], [], scheme);
  const extent = [0, 1].map((axis) => {
    const along = places.filter((_, at) => at % 3 === axis);
    return Math.max(...along) - Math.min(...along);
  });
  const radius = near * Math.max(...extent);
  const vertices = [...Array(model.neutral.length / 3).keys()];
  return Array.from({ length: places.length / 3 }, (_, landmark) => {
    const away = (vertex) => [0, 1, 2].map((axis) => model.neutral[vertex * 3 + axis] - places[landmark * 3 + axis]);
    const corners = model.schemes[scheme].vertexIndex.subarray(landmark * 3, landmark * 3 + 3);
    return [...vertices.filter((vertex) => Math.hypot(...away(vertex)) < radius), ...corners];
  });
}

/** @param {Float32Array} visibility  of vertices, 0 to 1 @param {number[][]} neighbours @returns {number[]} */
export function landmarkVisibility(visibility, neighbours) {
  return neighbours.map((near) => Math.max(...near.map((vertex) => visibility[vertex])));
}
