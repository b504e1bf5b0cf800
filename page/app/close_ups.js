// The second look at a face (methods/closeup_regressor.py): each eye and the mouth by themselves, at the photo's own
// resolution, whose networks correct what the one of the whole face said.

import { CloseUp } from "./close_up.js";
import { CoefficientUpdate } from "./coefficient_update.js";
import { resampleCrop, shareWithin } from "./crop.js";
import { readArrays } from "./model.js";
import { mirrored } from "./pixels.js";

const EYE = "eye";

/** @typedef {import("./regressor.js").Seen} Seen */
/** @typedef {import("./coefficient_update.js").Sighting} Sighting */

export class CloseUps {
  /**
   * @param {Record<string, (crops: import("./pixels.js").Picture[]) => Promise<any>>} runs  the network of each part
   * @param {ArrayBuffer} buffer  of the file that says where they are cut
   * @param {boolean[]} isGaze  which expressions turn an eye
   * @param {any} settings  close_ups of settings.json
   */
  constructor(runs, buffer, isGaze, settings) {
    const { head, arrays } = readArrays(buffer);
    this.runs = runs;
    this.settings = settings;
    /** @type {Record<string, CloseUp[]>} by part, one a side of the face */
    this.parts = {};
    const whitening = {};
    for (const [part, sides] of Object.entries(head.parts)) {
      this.parts[part] = sides.map((cut, number) => new CloseUp(arraysOf(arrays, `${part}/${number}/`), cut));
      whitening[part] = arrays[`${part}/whitening`];
    }
    this.update = new CoefficientUpdate(arrays.information, whitening, settings);
    this.isGaze = isGaze;
  }

  /** The faces as close-ups have them, in their order. @param {Seen[]} faces @returns {Promise<Seen[]>} */
  async finish(picture, faces) {
    /** @type {Sighting[][]} */
    const sightings = faces.map(() => []);
    for (const part of Object.keys(this.parts)) {
      const looks = this.looks(picture, faces, part);
      const seen = await this.sightings(picture, part, looks);
      looks.forEach(({ number }, k) => seen[k] && sightings[number].push(seen[k]));
    }
    return faces.map((face, number) => this.withoutHiddenGaze(this.updated(face, sightings[number])));
  }

  /** Where a part of faces is looked at: where it faces the viewer and the photo does not cut it off. */
  looks(picture, faces, part) {
    const { min_facing: minFacing, grid } = this.settings;
    const shown = faces.flatMap((face, number) => {
      const sides = this.parts[part].filter((side) => side.isShown(face.camera, minFacing));
      return sides.map((closeUp) => ({ number, closeUp, box: closeUp.box(face) }));
    });
    return shown.filter(({ closeUp, box }) => shareWithin(box, picture, grid) >= closeUp.minWithin);
  }

  /** What a part's network sees there, all in one run; null where it gives no numbers. @returns {Promise<(Sighting | null)[]>} */
  async sightings(picture, part, looks) {
    if (looks.length === 0) return [];
    const cut = new Map(); // both looks at a mouth are at the same place
    const crops = looks.map(({ closeUp, box }) => {
      const place = JSON.stringify(box);
      if (!cut.has(place)) cut.set(place, resampleCrop(picture, box));
      return closeUp.mirrored ? mirrored(cut.get(place)) : cut.get(place);
    });
    const found = await this.runs[part](crops);
    return looks.map(({ closeUp, box }, row) => {
      const [points, keys] = ["points", "keys"].map((name) => {
        const length = found[name].length / looks.length;
        return found[name].slice(row * length, (row + 1) * length);
      });
      return [...points, ...keys].every(Number.isFinite) ? { part, closeUp, box, points, keys } : null;
    });
  }

  /** A face moved by what was seen of it. @param {Seen} face @param {Sighting[]} sightings @returns {Seen} */
  updated(face, sightings) {
    if (sightings.length === 0) return face;
    const [least, most] = this.settings.key_limits;
    const { camera, identity, expression } = this.update.apply(face, sightings);
    return { ...face, camera, identity, expression: expression.map((key) => Math.min(Math.max(key, least), most)) };
  }

  /** A face whose eyes look nowhere where they are turned away: networks of whole faces only guess. @returns {Seen} */
  withoutHiddenGaze(face) {
    const hidden = (this.parts[EYE] ?? []).filter((side) => !side.isShown(face.camera, this.settings.min_facing));
    const keys = new Set(hidden.flatMap((side) => [...side.keys].filter((key) => this.isGaze[key])));
    return { ...face, expression: face.expression.map((weight, key) => (keys.has(key) ? 0 : weight)) };
  }
}

/** Those arrays whose names begin so, by the rest of their names. */
function arraysOf(arrays, start) {
  const mine = Object.entries(arrays).filter(([name]) => name.startsWith(start));
  return Object.fromEntries(mine.map(([name, array]) => [name.slice(start.length), array]));
}
