// What stands beside the photograph: the faces, how they are shown, their expressions, downloads.

import { jsonText, objText, saveFile } from "./files.js";
import { fetchBytes } from "./files_of_page.js";
import { glbBytes } from "./glb.js";
import { readInside } from "./head_parts.js";
import { makeSliders } from "./sliders.js";
import { textureJpeg } from "./texture.js";

const PICTURE_PX = 2048; // longer side of a saved picture, at most
const LARGEST_PNG_PX = 1e6; // larger pictures are JPEG files

const byId = (id) => /** @type {any} */ (document.getElementById(id));

export class Panel {
  /**
   * @param {import("./stage.js").Stage} stage
   * @param {import("./model.js").FaceModel} model
   * @param {any} settings
   * @param {(text: string, isError?: boolean) => void} say
   */
  constructor(stage, model, settings, say) {
    this.stage = stage;
    this.model = model;
    this.settings = settings;
    this.say = say;
    /** @type {import("./face.js").Face[]} */
    this.faces = [];
    /** @type {import("./head_parts.js").Inside | null} loaded when first needed */
    this.inside = null;
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
   * @param {string} method  the network that found them
   * @param {boolean} [goesOn]  the next picture of a film: buttons stay where there are as many faces
   */
  show(photo, faces, method, goesOn = false) {
    const areAsMany = goesOn && faces.length === this.faces.length;
    this.photo = photo;
    this.method = method;
    this.faces = faces;
    byId("panel").hidden = faces.length === 0;
    if (!areAsMany) byId("faces").replaceChildren(...faces.map((_, number) => this.faceButton(number)));
    if (faces.length) this.choose(this.stage.chosen);
    this.stage.draw();
  }

  faceButton(number) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Face ${number}`; // as in files, tables and Python
    button.addEventListener("click", () => this.choose(number));
    return button;
  }

  choose(number) {
    this.stage.choose(number);
    [...byId("faces").children].forEach((button, k) => button.setAttribute("aria-pressed", String(k === number)));
    this.setSliders(this.face.reported);
    byId("facts").replaceChildren(...facts(this.face, this.method));
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
    byId("save-json").addEventListener("click", () => this.save(".json", "application/json", () => this.jsonText()));
    byId("save-obj").addEventListener("click", () => this.save(`${this.suffix}.obj`, "model/obj", () => this.objText()));
    byId("save-glb").addEventListener("click", () => this.save(`${this.suffix}.glb`, "model/gltf-binary", () => this.glb()));
    byId("save-picture").addEventListener("click", () => {
      const type = this.pictureType();
      this.save(`_overlay.${type === "image/png" ? "png" : "jpg"}`, type, () => this.picture(type));
    });
  }

  /** Of the chosen face's files. */
  get suffix() {
    return `_face${this.stage.chosen}`;
  }

  /**
   * Makes a file and hands it to the browser's downloads; what goes wrong is said.
   * @param {string} ending  of its name, which begins with the photograph's
   * @param {() => BlobPart | Promise<BlobPart>} make
   */
  async save(ending, type, make) {
    const name = `${this.photo.name.replace(/\.[^.]*$/, "")}${ending}`;
    this.say(`Making ${name} …`);
    await new Promise((done) => setTimeout(done, 30)); // so that it can be read while the page is busy
    try {
      saveFile(name, await make(), type);
      this.say(`${name} is in the downloads`);
    } catch (error) {
      this.say(`${name} could not be made: ${error.message}`, true);
    }
  }

  shown() {
    const { identity, keyScales } = this.face.aligned;
    return { identity, keyScales, expression: this.face.expression, reported: this.face.reported };
  }

  jsonText() {
    const faces = this.faces.map((face) => ({
      aligned: face.aligned,
      landmarks: face.found.landmarks,
      landmarkVisibility: face.landmarkVisibility,
    }));
    const { name, picture } = this.photo;
    return jsonText(faces, this.model, this.settings, { name, width: picture.width, height: picture.height });
  }

  objText() {
    return objText(this.shown(), this.model, this.settings);
  }

  async glb() {
    const jpeg = await textureJpeg(this.face, this.photo, this.settings.texture);
    this.inside ??= readInside((await fetchBytes("model/inside.bin")).buffer, await fetchBytes("model/inside.png"));
    return glbBytes(this.shown(), this.model, this.settings, jpeg, this.inside);
  }

  /** PNG where that is small, or has clear parts; as overlays of `lineament align`. */
  pictureType() {
    const { width, height } = this.photo.picture;
    const hasClearParts = !byId("layers").querySelector("[value=background]").checked;
    return hasClearParts || width * height <= LARGEST_PNG_PX ? "image/png" : "image/jpeg";
  }

  async picture(type) {
    const blob = await this.stage.picture(PICTURE_PX, type);
    if (!blob) throw new Error("it needs more memory than this browser gives");
    return blob;
  }
}

/** @param {import("./face.js").Face} face @param {string} method */
function facts(face, method) {
  const { yaw, pitch, roll } = face.anglesDegrees;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}°`;
  const values = [
    ["Network", method],
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
