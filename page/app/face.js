// One aligned face in the page: what was found, and the expression the visitor gives it.

import { anglesOf, imageFromModel } from "./geometry.js";
import { visibleVertices } from "./visibility.js";

export class Face {
  /**
   * @param {import("./aligner.js").Aligned} aligned
   * @param {import("./model.js").FaceModel} model
   * @param {string} scheme  of the landmarks
   */
  constructor(aligned, model, scheme) {
    this.aligned = aligned;
    this.model = model;
    this.scheme = scheme;
    this.expression = Float32Array.from(aligned.expression); // the one shown
    this.found = this.shape(); // as in the photograph
    this.visibility = visibleVertices(this.found.vertices, model.triangles);
  }

  /** Vertices and landmarks in the photo, and the vertices of the model, with the expression shown. */
  shape() {
    const { identity, camera } = this.aligned;
    const verticesModel = this.model.vertices(identity, this.expression);
    const landmarksModel = this.model.landmarks(verticesModel, identity, this.expression, this.scheme);
    return {
      verticesModel,
      vertices: imageFromModel(camera, verticesModel),
      landmarks: imageFromModel(camera, landmarksModel),
    };
  }

  get anglesDegrees() {
    const { yaw, pitch, roll } = anglesOf(this.aligned.camera.rotation);
    return { yaw: degrees(yaw), pitch: degrees(pitch), roll: degrees(roll) };
  }

  asFound() {
    this.expression.set(this.aligned.expression);
  }

  atRest() {
    this.expression.fill(0);
  }
}

const degrees = (radians) => (radians * 180) / Math.PI;
