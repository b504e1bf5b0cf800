// Runs the page's own modules in Node: reads a job (JSON on standard input), prints answers as JSON.
// The page's folder is the first argument; photographs come as files of raw RGB bytes.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2]);
const load = (name) => import(pathToFileURL(join(folder, name)).href);
const bytes = (name) => new Uint8Array(readFileSync(join(folder, name)));
const { imageFromModel } = await load("app/geometry.js");
const job = JSON.parse(readFileSync(0, "utf8"));
const picture = ({ file, width, height }) => ({ width, height, data: new Uint8Array(readFileSync(file)) });

const answers = {
  async pixels({ photo, crops, letterboxes }) {
    const { resampleCrop } = await load("app/crop.js");
    const { letterbox } = await load("app/detect.js");
    const source = picture(photo);
    return {
      crops: crops.map((cropBox) => Array.from(resampleCrop(source, cropBox).data)),
      letterboxes: letterboxes.map(([side, least]) => {
        const { canvas, scaleX, scaleY } = letterbox(source, side, least, 32);
        return { width: canvas.width, height: canvas.height, data: Array.from(canvas.data), scale: [scaleX, scaleY] };
      }),
    };
  },

  async model({ identity, expression, camera }) {
    const { FaceModel } = await load("app/model.js");
    const { vertexNormals, anglesOf, quaternion } = await load("app/geometry.js");
    const { visibleVertices } = await load("app/visibility.js");
    const model = new FaceModel(bytes("model/lfm.bin").buffer);
    const vertices = model.vertices(identity, expression);
    const image = imageFromModel(camera, vertices);
    const landmarks = model.landmarks(vertices, identity, expression, "ibug-68", camera.rotation);
    return {
      vertices: Array.from(image),
      landmarks: Array.from(imageFromModel(camera, landmarks)),
      normals: Array.from(vertexNormals(vertices, model.triangles)),
      visibility: Array.from(visibleVertices(image, model.triangles)),
      angles: anglesOf(camera.rotation),
      quaternion: quaternion(camera.rotation),
    };
  },

  async keys({ expressions, method }) {
    const { FaceModel } = await load("app/model.js");
    const { blendshapes } = await load("app/files.js");
    const model = new FaceModel(bytes("model/lfm.bin").buffer);
    const settings = JSON.parse(readFileSync(join(folder, "settings.json"), "utf8"));
    const keyScales = settings.regressors[method].expression_keys;
    return expressions.map((expression) => blendshapes(expression, model, settings, keyScales));
  },

  async closeUps({ photo, faces, method, sightings }) {
    const { CloseUps } = await load("app/close_ups.js");
    const settings = JSON.parse(readFileSync(join(folder, "settings.json"), "utf8"));
    const { buffer } = bytes(settings.regressors[method].close_ups.file);
    const closeUps = new CloseUps({}, buffer, [], settings.close_ups); // networks are not run
    const known = faces.map(({ camera, identity, expression, shown }) => ({
      camera,
      shown: shown && { ...shown, values: Float32Array.from(shown.values) },
      identity: Float32Array.from(identity),
      expression: Float32Array.from(expression),
    }));
    const looks = Object.keys(closeUps.parts).flatMap((part) => closeUps.looks(picture(photo), known, part).map((look) => ({ part, ...look })));
    return {
      boxes: looks.map(({ part, number, box, closeUp }) => ({ part, number, box, mirrored: closeUp.mirrored })),
      updated: known.map((face, number) => {
        const mine = looks.filter((look) => look.number === number);
        return plain(closeUps.updated(face, mine.map((look, k) => ({ ...look, ...sightings[number][k] }))));
      }),
    };
  },

  async files({ face, photo }) {
    const { FaceModel } = await load("app/model.js");
    const { glbBytes } = await load("app/glb.js");
    const { readInside } = await load("app/head_parts.js");
    const inside = readInside(bytes("model/inside.bin").buffer, bytes("model/inside.png"));
    const { jsonText, objText } = await load("app/files.js");
    const model = new FaceModel(bytes("model/lfm.bin").buffer);
    const settings = JSON.parse(readFileSync(join(folder, "settings.json"), "utf8"));
    const { landmarkVisibility } = (await saidBy({ settings }, model))(face.aligned);
    return {
      json: jsonText([{ ...face, landmarkVisibility }], model, settings, photo),
      obj: objText(face, model, settings),
      glb: Buffer.from(glbBytes({ ...face, keyScales: face.aligned.keyScales }, model, settings, null, inside)).toString("base64"),
    };
  },

  async texture({ photo, aligned, size }) {
    const { FaceModel } = await load("app/model.js");
    const { Face } = await load("app/face.js");
    const { FaceTexturer } = await load("app/face_texture.js");
    const model = new FaceModel(bytes("model/lfm.bin").buffer);
    const settings = JSON.parse(readFileSync(join(folder, "settings.json"), "utf8"));
    const texturer = new FaceTexturer(model, settings.texture, size);
    const face = new Face(aligned, model, settings.landmarks, settings.gaze);
    const { colours, trust } = texturer.visible(face, picture(photo));
    const encoded = (array) => Buffer.from(array.buffer).toString("base64");
    return { colours: encoded(texturer.texture(face, picture(photo))), seen: encoded(colours), trust: encoded(trust) };
  },

  async align({ photos, method, max_uncertainty_mm }) {
    const { aligner, model } = await openAligner();
    await aligner.open(method);
    Object.assign(aligner.regressors[method].settings, max_uncertainty_mm && { max_uncertainty_mm });
    const all = [];
    const said = await saidBy(aligner, model);
    for (const photo of photos) {
      const faces = await aligner.align(picture(photo), { method });
      all.push(
        faces.map((face) => ({
          score: face.detection.score,
          uncertainty: face.uncertainty,
          cropBox: face.cropBox,
          ...plain(face),
          ...said(face),
          ...shapeOf(model, face),
        })),
      );
    }
    return all;
  },

  async follow({ photos, times, method }) {
    const { aligner, model } = await openAligner();
    await aligner.open(method);
    const detector = aligner.detectors[method];
    const detect = detector.detect.bind(detector);
    let looks = 0;
    detector.detect = (photo) => detect(photo, (looks += 1));
    const frames = [];
    for (const [k, photo] of photos.entries()) {
      const faces = await aligner.follow(picture(photo), { method, time: times[k], isFirst: k === 0 });
      frames.push(faces.map((face) => ({ cropBox: face.cropBox, landmarks: shapeOf(model, face).landmarks })));
    }
    return { frames, looks };
  },
};

async function openAligner() {
  const { Aligner } = await load("app/aligner.js");
  const { FaceModel } = await load("app/model.js");
  const ort = await load("vendored/ort.wasm.min.js");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = bytes("vendored/ort-wasm-simd-threaded.wasm");
  ort.env.wasm.wasmPaths = { mjs: pathToFileURL(join(folder, "vendored/ort-wasm-simd-threaded.js")).href };
  const model = new FaceModel(bytes("model/lfm.bin").buffer);
  const settings = JSON.parse(readFileSync(join(folder, "settings.json"), "utf8"));
  return { aligner: new Aligner(ort, model, settings, async (name) => bytes(name)), model };
}

const plain = ({ camera, identity, expression }) => ({ camera, identity: Array.from(identity), expression: Array.from(expression) });

/** What the page says of a face beside its shape. */
async function saidBy({ settings }, model) {
  const { blendshapes } = await load("app/files.js");
  const { Face } = await load("app/face.js");
  return (aligned) => {
    const face = new Face(aligned, model, settings.landmarks, settings.gaze);
    return {
      blendshapes: blendshapes(aligned.expression, model, settings, aligned.keyScales),
      sliders: face.reported,
      visibility: Array.from(face.visibility),
      landmarkVisibility: face.landmarkVisibility,
    };
  };
}

/** Landmarks, those that crops are cut by, and vertices in the photo. */
function shapeOf(model, { camera, identity, expression }) {
  const vertices = model.vertices(identity, expression);
  const landmarks = model.landmarks(vertices, identity, expression, "ibug-68", camera.rotation);
  const framing = model.landmarks(vertices, identity, expression, "300w-lp");
  return {
    landmarks: Array.from(imageFromModel(camera, landmarks)),
    framing: Array.from(imageFromModel(camera, framing)),
    vertices: Array.from(imageFromModel(camera, vertices)),
  };
}

console.log(JSON.stringify(await answers[job.task](job)));
