// One face as objects of three.js. Their frame has the photo's px, but y up and z to the viewer; the group turns
// about the middle of the head.

import * as THREE from "../vendored/three.bundle.min.js";
import { depthColours, photoShades, visibilityColours } from "./colours.js";
import { FaceMark } from "./face_mark.js";
import { vertexNormals } from "./geometry.js";
import { LandmarkDots } from "./landmark_dots.js";
import { ThickLines } from "./thick_lines.js";

const CLAY = 0x96c8ff; // of the chosen face
const OTHER_CLAY = 0xc3c8d0;
const AXIS_COLOURS = [0xff6b5e, 0x6fdc8c, 0x78a9ff]; // right, up, to the viewer
const AXIS_MM = 90;
const LINE_PX = 2; // CSS px

export class FaceView {
  /**
   * @param {import("./face.js").Face} face
   * @param {THREE.Texture} photoTexture
   * @param {{width: number, height: number}} photo
   * @param {number | null} number  to mark the face with; null for none
   */
  constructor(face, photoTexture, photo, number) {
    this.face = face;
    this.group = new THREE.Group();
    this.fixed = new THREE.Group(); // does not turn
    const { low, high } = extent(face.found.vertices);
    this.pivot = low.map((value, axis) => (value + high[axis]) / 2);
    this.group.position.set(this.pivot[0], -this.pivot[1], -this.pivot[2]);
    this.geometry = this.makeGeometry(photo);
    this.materials = makeMaterials(photoTexture);
    this.surface = new THREE.Mesh(this.geometry, this.materials.shaded);
    this.dots = new LandmarkDots(face.landmarkVisibility);
    this.axes = this.makeAxes();
    this.box = this.makeBox();
    this.mark = number === null ? null : new FaceMark(number, [low[0], low[1], high[0], high[1]]);
    this.layers = {
      wireframe: new THREE.Mesh(this.geometry, this.materials.wireframe),
      landmarks: this.dots.object,
      axes: this.axes.object,
      box: this.box.object,
    };
    Object.values(this.layers).forEach((layer, order) => (layer.renderOrder = 2 + order));
    this.group.add(this.surface, this.layers.wireframe, this.layers.landmarks, this.layers.axes);
    this.fixed.add(this.layers.box);
    if (this.mark) this.fixed.add(this.mark.object);
    this.style = "shaded";
    this.update();
  }

  makeGeometry({ width, height }) {
    const { vertices } = this.face.found;
    const uv = new Float32Array((vertices.length / 3) * 2);
    for (let from = 0, to = 0; from < vertices.length; from += 3, to += 2) {
      uv[to] = vertices[from] / width;
      uv[to + 1] = 1 - vertices[from + 1] / height;
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setIndex(new THREE.BufferAttribute(this.face.model.triangles, 1));
    geometry.setAttribute("uv", new THREE.BufferAttribute(uv, 2));
    return geometry;
  }

  /** Takes over the expression shown. */
  update() {
    const { vertices, landmarks } = this.face.shape();
    const positions = this.local(vertices);
    this.vertices = vertices;
    this.geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    this.geometry.setAttribute("normal", new THREE.BufferAttribute(vertexNormals(positions, this.face.model.triangles), 3));
    this.geometry.computeBoundingSphere();
    this.dots.place(this.local(landmarks));
    this.show({ surface: this.style });
  }

  /** Points of the photo about the pivot, y up and z to the viewer. */
  local(points) {
    return Float32Array.from(points, (value, at) => (value - this.pivot[at % 3]) * (at % 3 === 0 ? 1 : -1));
  }

  /** @param {{surface?: string, opacity?: number, layers?: Record<string, boolean>}} look */
  show({ surface, opacity, layers }) {
    if (surface !== undefined) {
      this.style = surface;
      this.surface.visible = surface !== "none";
      this.surface.material = this.materials[surface] ?? this.materials.shaded;
      this.setColours(surface);
    }
    if (opacity !== undefined) {
      for (const name of ["shaded", "photo", "depth", "visibility"]) this.materials[name].opacity = opacity;
    }
    for (const [name, on] of Object.entries(layers ?? {})) if (this.layers[name]) this.layers[name].visible = on;
  }

  /** Whether it is the one that is turned, moved and saved. */
  choose(isChosen) {
    this.materials.shaded.color.set(isChosen || !this.mark ? CLAY : OTHER_CLAY);
    this.mark?.choose(isChosen);
  }

  /**
   * Dots, lines and numbers as large as the screen wants them.
   * @param {{unit: number, width: number, height: number, pixelRatio: number, photo: {width: number, height: number}}} screen
   *     photo px a CSS px; device px of the canvas, and those of a CSS px
   */
  fit(screen) {
    this.dots.fit(this.face.aligned.camera.scale / screen.unit, screen.pixelRatio);
    for (const lines of [this.axes, this.box]) lines.fit(screen.width, screen.height, screen.pixelRatio);
    this.mark?.fit(screen);
  }

  setColours(surface) {
    const makers = {
      depth: () => depthColours(this.vertices, this.face.model.triangles),
      visibility: () => visibilityColours(this.face.visibility),
      photo: () => photoShades(this.face.visibility),
    };
    const colours = makers[surface]?.();
    if (colours) this.geometry.setAttribute("color", new THREE.BufferAttribute(colours, 3));
  }

  makeAxes() {
    const { rotation, scale } = this.face.aligned.camera;
    const length = AXIS_MM * scale;
    const ends = [0, 1, 2].map((axis) => [0, 3, 6].map((row) => rotation[row + axis] * length));
    return new ThickLines(ends.map((end) => [0, 0, 0, ...end]), AXIS_COLOURS, LINE_PX);
  }

  makeBox() {
    const [left, top, right, bottom] = this.face.aligned.detection.box;
    const corners = [[left, -top, 0], [right, -top, 0], [right, -bottom, 0], [left, -bottom, 0]];
    const sides = corners.map((corner, k) => [...corner, ...corners[(k + 1) % 4]]);
    return new ThickLines(sides, new Array(4).fill(0xffffff), LINE_PX);
  }

  dispose() {
    this.geometry.dispose();
    for (const part of [this.dots, this.axes, this.box, this.mark]) part?.dispose();
    for (const material of Object.values(this.materials)) material.dispose();
  }
}

function makeMaterials(photoTexture) {
  const surface = { transparent: true, side: THREE.FrontSide, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 };
  return {
    shaded: new THREE.MeshStandardMaterial({ ...surface, color: CLAY, roughness: 0.6, metalness: 0 }),
    photo: new THREE.MeshBasicMaterial({ ...surface, map: photoTexture, vertexColors: true }),
    depth: new THREE.MeshBasicMaterial({ ...surface, vertexColors: true }),
    visibility: new THREE.MeshBasicMaterial({ ...surface, vertexColors: true }),
    wireframe: new THREE.MeshBasicMaterial({ color: 0xffffff, wireframe: true, transparent: true, opacity: 0.22 }),
  };
}

function extent(points) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  points.forEach((value, at) => {
    low[at % 3] = Math.min(low[at % 3], value);
    high[at % 3] = Math.max(high[at % 3], value);
  });
  return { low, high };
}
