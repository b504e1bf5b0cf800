// What stands beside the photograph: the faces, how they are shown, their expressions, downloads.

import { jsonText, objText, saveFile } from "./files.js";
import { glbBytes } from "./glb.js";
import { landmarkNeighbours } from "./landmark_visibility.js";
import { makeSliders } from "./sliders.js";
import { textureJpeg } from "./texture.js";

const byId = (id) => /** @type {any} */ (document.getElementById(id));

export class Panel {
  /**
   * @param {import("./stage.js").Stage} stage
   * @param {import("./model.js").FaceModel} model
   * @param {any} settings
   */
  constructor(stage, model, settings) {
    this.stage = stage;
    this.model = model;
    this.settings = settings;
    /** @type {import("./face.js").Face[]} */
    this.faces = [];
    /** @type {Record<string, number[][]>} by scheme */
    this.neighbours = {};
    this.setSliders = makeSliders(byId("sliders"), model.expressionNames, (number, reported) => {
      this.face.raise(number, reported);
      this.stage.refresh();
    });
    this.listenToLooks();
    this.listenToButtons();
  }

  get face() {
    return this.faces[this.stage.chosen];
  }

  /**
   * @param {import("./photos.js").Photo} photo
   * @param {import("./face.js").Face[]} faces
   * @param {boolean} [goesOn]  the next picture of a film: buttons stay where there are as many faces
   */
  show(photo, faces, goesOn = false) {
    const areAsMany = goesOn && faces.length === this.faces.length;
    this.photo = photo;
    this.faces = faces;
    byId("panel").hidden = faces.length === 0;
    if (!areAsMany) byId("faces").replaceChildren(...faces.map((_, number) => this.faceButton(number)));
    if (faces.length) this.choose(this.stage.chosen);
    this.stage.draw();
  }

  faceButton(number) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Face ${number + 1}`;
    button.addEventListener("click", () => this.choose(number));
    return button;
  }

  choose(number) {
    this.stage.chosen = number;
    [...byId("faces").children].forEach((button, k) => button.setAttribute("aria-pressed", String(k === number)));
    this.setSliders(this.face.reported);
    byId("facts").replaceChildren(...facts(this.face));
    this.stage.draw();
  }

  listenToLooks() {
    const read = () => {
      const layers = Object.fromEntries([...byId("layers").querySelectorAll("input")].map((box) => [box.value, box.checked]));
      const surface = byId("surface").querySelector("input:checked").value;
      this.stage.apply({ surface, layers, opacity: Number(byId("opacity").value) });
    };
    for (const id of ["surface", "layers", "opacity"]) byId(id).addEventListener("input", read);
    byId("reset-view").addEventListener("click", () => this.stage.reset());
    read();
  }

  listenToButtons() {
    const change = (how) => () => {
      how(this.face);
      this.setSliders(this.face.reported);
      this.stage.refresh();
    };
    byId("as-found").addEventListener("click", change((face) => face.asFound()));
    byId("at-rest").addEventListener("click", change((face) => face.atRest()));
    byId("save-json").addEventListener("click", () => this.saveJson());
    byId("save-obj").addEventListener("click", () => this.saveObj());
    byId("save-glb").addEventListener("click", () => this.saveGlb());
  }

  get fileName() {
    const stem = this.photo.name.replace(/\.[^.]*$/, "");
    return this.faces.length > 1 ? `${stem}_face${this.stage.chosen + 1}` : stem;
  }

  shown() {
    const { identity, keyScales } = this.face.aligned;
    return { identity, keyScales, expression: this.face.expression, reported: this.face.reported };
  }

  /** Of each landmark the vertices near it; found once. */
  neighboursIn(scheme) {
    return (this.neighbours[scheme] ??= landmarkNeighbours(this.model, scheme, this.settings.landmark_near));
  }

  saveJson() {
    const faces = this.faces.map((face) => ({
      aligned: face.aligned,
      landmarks: face.found.landmarks,
      landmarkVisibility: face.landmarkVisibility(this.neighboursIn(face.scheme)),
    }));
    const { name, picture } = this.photo;
    const text = jsonText(faces, this.model, this.settings, { name, width: picture.width, height: picture.height });
    saveFile(`${name.replace(/\.[^.]*$/, "")}.json`, text, "application/json");
  }

  saveObj() {
    saveFile(`${this.fileName}.obj`, objText(this.shown(), this.model, this.settings), "model/obj");
  }

  async saveGlb() {
    const jpeg = await textureJpeg(this.face, this.photo);
    saveFile(`${this.fileName}.glb`, glbBytes(this.shown(), this.model, this.settings, jpeg), "model/gltf-binary");
  }
}

/** @param {import("./face.js").Face} face */
function facts(face) {
  const { yaw, pitch, roll } = face.anglesDegrees;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}°`;
  const values = [
    ["Score", face.aligned.detection.score.toFixed(2)],
    ...(face.aligned.uncertainty === null ? [] : [["Uncertainty", `${face.aligned.uncertainty.toFixed(1)} mm`]]),
    ["Yaw", signed(yaw)],
    ["Pitch", signed(pitch)],
    ["Roll", signed(roll)],
  ];
  return values.flatMap(([name, value]) => {
    const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, detail.textContent] = [name, value];
    return [term, detail];
  });
}
