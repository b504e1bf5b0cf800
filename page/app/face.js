// One aligned face in the page: what was found, and the expression the visitor gives it.

import { rangeOnMesh, reportedWeights, weightsAtRest } from "./expression_keys.js";
import { shownAt } from "./face_mask.js";
import { anglesOf, imageFromModel } from "./geometry.js";
import { landmarkVisibility } from "./landmark_visibility.js";
import { visibleVertices } from "./visibility.js";

export class Face {
  /**
   * @param {import("./aligner.js").Aligned} aligned
   * @param {import("./model.js").FaceModel} model
   * @param {string} scheme  of the landmarks
   * @param {{keys: string, iris_seen: number, iris_hidden: number}} gaze  of settings.json
   */
  constructor(aligned, model, scheme, gaze) {
    this.aligned = aligned;
    this.model = model;
    this.scheme = scheme;
    this.gaze = gaze;
    this.expression = Float32Array.from(aligned.expression); // the one shown
    this.reported = this.read(); // of the expression shown, by the model's own names
    this.found = this.shape(); // as in the photograph
    this.visibility = this.visibleVertices();
  }

  /** Vertices and landmarks in the photo, and the vertices of the model, with the expression shown. */
  shape() {
    const { identity, camera } = this.aligned;
    const verticesModel = this.model.vertices(identity, this.expression);
    const landmarksModel = this.model.landmarks(verticesModel, identity, this.expression, this.scheme, camera.rotation);
    return {
      verticesModel,
      vertices: imageFromModel(camera, verticesModel),
      landmarks: imageFromModel(camera, landmarksModel),
    };
  }

  /** How far each vertex is seen: not hidden by the head itself, nor by what is in front of it. @returns {Float32Array} */
  visibleVertices() {
    const { vertices } = this.found;
    const visibility = visibleVertices(vertices, this.model.triangles);
    if (!this.aligned.shown) return visibility;
    const shown = shownAt(this.aligned.shown, vertices);
    return visibility.map((seen, vertex) => seen * shown[vertex]);
  }

  /** The same of the landmarks. @returns {number[]} */
  get landmarkVisibility() {
    return landmarkVisibility(this.visibility, this.model.neighbours(this.scheme));
  }

  get anglesDegrees() {
    const { yaw, pitch, roll } = anglesOf(this.aligned.camera.rotation);
    return { yaw: degrees(yaw), pitch: degrees(pitch), roll: degrees(roll) };
  }

  /** What is reported of the expression found: 0 at rest, 1 as far as a key goes. @returns {number[]} */
  read() {
    const { model, aligned } = this;
    const reported = reportedWeights(model.expressionNames, aligned.expression, aligned.keyScales, this.gaze);
    return reported.map((weight) => Math.min(Math.max(weight, 0), 1));
  }

  asFound() {
    this.expression.set(this.aligned.expression);
    this.reported = this.read();
  }

  atRest() {
    this.expression.set(weightsAtRest(this.model.expressionNames, this.aligned.expression, this.aligned.keyScales));
    this.reported.fill(0);
  }

  /** Moves one key to a reported weight. */
  raise(number, reported) {
    const name = this.model.expressionNames[number];
    const [atRest] = weightsAtRest([name], [this.aligned.expression[number]], this.aligned.keyScales);
    this.expression[number] = atRest + reported * rangeOnMesh(this.aligned.keyScales, name);
    this.reported[number] = reported;
  }
}

const degrees = (radians) => (radians * 180) / Math.PI;
