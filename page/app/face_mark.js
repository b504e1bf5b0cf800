// Which face is which, where a photograph has several: a number at its upper left, and corners around the chosen one.

import * as THREE from "../vendored/three.bundle.min.js";
import { ThickLines } from "./thick_lines.js";

const ACCENT = "#96c8ff";
const PLATE_PX = 20; // CSS px high, at most
const SMALLEST_PX = 13;
const ARM = 0.16; // of the box's shorter side
const DRAWN_PX = 64; // of the plate's picture

export class FaceMark {
  /**
   * @param {number} number  what files, tables and Python call the face
   * @param {number[]} box  around the mesh, px of the photo
   */
  constructor(number, box) {
    this.text = String(number);
    this.box = box;
    this.pictures = [false, true].map((isChosen) => new THREE.CanvasTexture(plate(this.text, isChosen)));
    for (const picture of this.pictures) picture.colorSpace = THREE.SRGBColorSpace;
    const material = new THREE.MeshBasicMaterial({ map: this.pictures[0], transparent: true, depthTest: false });
    this.plate = new THREE.Mesh(new THREE.PlaneGeometry(1, 1), material);
    this.plate.renderOrder = 6;
    this.corners = new ThickLines(...brackets(box), 2);
    this.corners.object.renderOrder = 5;
    this.object = new THREE.Group();
    this.object.add(this.plate, this.corners.object);
    this.choose(false);
  }

  choose(isChosen) {
    this.plate.material.map = this.pictures[Number(isChosen)];
    this.corners.object.visible = isChosen;
  }

  /** @param {{unit: number, width: number, height: number, pixelRatio: number, photo: {width: number, height: number}}} screen */
  fit({ unit, width, height, pixelRatio, photo }) {
    const [left, top, right] = this.box;
    const high = Math.min(Math.max((right - left) / unit / 4, SMALLEST_PX), PLATE_PX) * unit;
    const wide = (high * this.pictures[0].image.width) / this.pictures[0].image.height;
    const within = (value, size, length) => Math.min(Math.max(value, length / 2), Math.max(size - length / 2, length / 2));
    this.plate.scale.set(wide, high, 1);
    this.plate.position.set(within(left, photo.width, wide), -within(top, photo.height, high), 0);
    this.corners.fit(width, height, pixelRatio);
  }

  dispose() {
    this.corners.dispose();
    this.plate.geometry.dispose();
    this.plate.material.dispose();
    for (const picture of this.pictures) picture.dispose();
  }
}

/** The number on a rounded plate. */
function plate(text, isChosen) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [DRAWN_PX * (0.55 + 0.45 * text.length), DRAWN_PX].map(Math.round);
  const context = canvas.getContext("2d");
  context.fillStyle = isChosen ? ACCENT : "#14171c";
  context.strokeStyle = isChosen ? "#14171c" : "#e8ecf2";
  context.lineWidth = 5;
  context.beginPath();
  context.roundRect(3, 3, canvas.width - 6, canvas.height - 6, 14);
  context.fill();
  context.stroke();
  context.fillStyle = isChosen ? "#14171c" : "#ffffff";
  context.font = `bold ${DRAWN_PX * 0.66}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, canvas.width / 2, canvas.height * 0.54);
  return canvas;
}

/** The corners of a box, in the stage's frame. */
function brackets([left, top, right, bottom]) {
  const arm = ARM * Math.min(right - left, bottom - top);
  const segments = [
    [left, top, 1, 1],
    [right, top, -1, 1],
    [right, bottom, -1, -1],
    [left, bottom, 1, -1],
  ].flatMap(([x, y, across, down]) => [
    [x, -y, 0, x + across * arm, -y, 0],
    [x, -y, 0, x, -y - down * arm, 0],
  ]);
  return [segments, new Array(segments.length).fill(0x96c8ff)];
}
