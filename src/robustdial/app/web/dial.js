"use strict";
// The networks of all positions are ONNX files; this page runs the one that the slider points at.
const at = (id) => document.getElementById(id);
const node = (tag, props = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...inside);
  return made;
};
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const sessions = new Map();
let facts, shown, turn = 0;

async function begin() {
  ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
  ort.env.wasm.numThreads = 1;
  facts = await (await fetch("facts.json")).json();
  at("about").textContent = `One network, one set of weights (recipe ${facts.recipe}). Everything runs in this browser.`;
  const lams = lambdas();
  at("lam").max = lams.length - 1;
  at("lam").value = Math.floor(lams.length / 2);
  at("lam").parentElement.hidden = lams.length < 2;
  for (const width of widths()) at("width").append(node("option", { value: width, textContent: `${100 * width} %` }));
  at("width").value = Math.max(...widths());
  at("width-label").hidden = widths().length < 2;
  at("attacked").append(node("option", { value: -1, textContent: "not attacked" }));
  lams.forEach((lam, k) => at("attacked").append(node("option", { value: k, textContent: `lambda ${short(lam)}` })));
  at("attacked").value = at("lam").value;
  facts.images.forEach((image) => {
    const pick = node("button", { title: facts.classes[image.label] }, node("img", { src: image.clean, alt: facts.classes[image.label] }));
    pick.onclick = () => show(image);
    at("gallery").append(pick);
  });
  for (const id of ["lam", "width"]) at(id).oninput = () => refresh();
  at("attacked").onchange = () => show(shown.source);
  at("file").onchange = () => mine(at("file").files[0]);
  drawing();
  await show(facts.images[0]);
}

const lambdas = () => [...new Set(facts.positions.map((p) => p.lam))];
const widths = () => [...new Set(facts.positions.map((p) => p.width))];
const short = (lam) => (lam === null ? "none" : String(Number(lam.toFixed(3))));

function position() {
  const lam = lambdas()[Number(at("lam").value)], width = Number(at("width").value);
  return facts.positions.findIndex((p) => p.lam === lam && p.width === width);
}

async function network(number) {
  if (!sessions.has(number)) sessions.set(number, ort.InferenceSession.create(`networks/${number}.onnx`));
  return sessions.get(number);
}

// Pixels of a drawable thing, cut square and brought to the network's size, as [1, C, H, W] in [0, 1].
function pixels(source, wide, high) {
  const [channels, height, width] = facts.shape, side = Math.min(wide, high);
  const canvas = node("canvas", { width, height }), pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, (wide - side) / 2, (high - side) / 2, side, side, 0, 0, width, height);
  const rgba = pen.getImageData(0, 0, width, height).data, values = new Float32Array(channels * height * width);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b] = rgba.slice(4 * i, 4 * i + 3);
    if (channels === 1) values[i] = (0.299 * r + 0.587 * g + 0.114 * b) / 255;
    else [r, g, b].forEach((v, c) => (values[c * height * width + i] = v / 255));
  }
  return values;
}

async function read(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return pixels(image, image.naturalWidth, image.naturalHeight);
}

async function show(image) {
  const where = Number(at("attacked").value);
  const url = where >= 0 && image.attacked ? image.attacked[where] : null;
  shown = { source: image, label: image.label ?? null, clean: await read(image.clean), adv: url && (await read(url)) };
  at("images").replaceChildren(figure(image.clean, shown.label === null ? "your image" : facts.classes[shown.label]));
  if (url) at("images").append(figure(url, `attacked at lambda ${short(lambdas()[where])}${facts.eps ? `, eps ${facts.eps.toFixed(3)}` : ""}`));
  at("adv-part").hidden = !url;
  await refresh();
}

const figure = (src, words) => node("figure", {}, node("img", { src, alt: words }), node("figcaption", { textContent: words }));

async function probabilities(session, values) {
  const tensor = new ort.Tensor("float32", values, [1, ...facts.shape]);
  const { data } = (await session.run({ [session.inputNames[0]]: tensor }))[session.outputNames[0]];
  const top = Math.max(...data), raised = Array.from(data, (v) => Math.exp(v - top)), sum = raised.reduce((a, b) => a + b);
  return raised.map((v) => v / sum);
}

async function refresh() {
  const mine = ++turn, number = position(), point = facts.positions[number];
  at("lam-now").textContent = short(point.lam);
  plot(point);
  const session = await network(number);
  if (mine !== turn) return; // the slider has moved on
  bars("clean-bars", await probabilities(session, shown.clean));
  if (shown.adv) bars("adv-bars", await probabilities(session, shown.adv));
}

function bars(id, shares) {
  const order = shares.map((p, k) => [p, k]).sort((a, b) => b[0] - a[0]).slice(0, 6);
  at(id).replaceChildren(...order.flatMap(([p, k], rank) => {
    const kind = k === shown.label ? "right" : rank === 0 && shown.label !== null ? "wrong" : "";
    const fill = node("div", { className: `fill ${kind}` });
    fill.style.width = percent(p).replace(" ", "");
    return [node("span", { className: "name", textContent: facts.classes[k] }), node("div", { className: "track" }, fill),
      node("span", { textContent: `${(100 * p).toFixed(0)} %` })];
  }));
}

function plot(point) {
  const found = facts.positions.filter((p) => p.width === point.width && p.clean !== undefined);
  if (!found.length) return void (at("worth").textContent = "Not measured yet: robustdial frontier measures it.");
  const room = (values) => {
    const low = Math.min(...values), high = Math.max(...values), pad = Math.max(0.02, 0.15 * (high - low));
    return [Math.max(0, low - pad), Math.min(1, high + pad)];
  };
  const [left, right] = room(found.map((p) => p.clean)), [low, high] = room(found.map((p) => p.robust));
  const place = (p) => [46 + (380 * (p.clean - left)) / (right - left), 190 - (165 * (p.robust - low)) / (high - low)];
  const draw = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const measured = point.clean !== undefined;
  const [x, y] = measured ? place(point) : [0, 0];
  at("plot").replaceChildren(
    draw("path", { d: "M46 20V190H430", fill: "none", stroke: "currentColor", opacity: 0.4 }),
    draw("text", { x: 46, y: 206 }, percent(left)), draw("text", { x: 430, y: 206, "text-anchor": "end" }, percent(right)),
    draw("text", { x: 2, y: 34 }, percent(high)), draw("text", { x: 2, y: 190 }, percent(low)),
    draw("text", { x: 238, y: 220, "text-anchor": "middle" }, "clean accuracy"), draw("text", { x: 52, y: 16 }, "robust accuracy"),
    draw("polyline", { points: found.map((p) => place(p).join(",")).join(" "), fill: "none", stroke: "#4a6fd6", "stroke-width": 2 }),
    ...found.map((p) => draw("circle", { cx: place(p)[0], cy: place(p)[1], r: 3.5, fill: "#4a6fd6" })),
    ...(measured ? [draw("circle", { cx: x, cy: y, r: 8, fill: "#f2a33a", stroke: "#fff", "stroke-width": 2 })] : []));
  at("worth").textContent = !measured ? "Not measured at this lambda: robustdial frontier measures it." : `${percent(point.clean)} clean, ${percent(point.robust)} robust (${point.attack}, n = ${point.n})`;
}

async function mine(file) {
  at("trouble").textContent = "";
  if (!file) return;
  const url = URL.createObjectURL(file);
  try {
    await show({ clean: url });
  } catch {
    at("trouble").textContent = "That file is no image that this browser can read. Take a PNG or a JPEG.";
  }
}

function drawing() {
  const pad = at("pad"), pen = pad.getContext("2d");
  const wipe = () => { pen.fillStyle = "#000"; pen.fillRect(0, 0, pad.width, pad.height); };
  const spot = (event) => [(event.offsetX * pad.width) / pad.clientWidth, (event.offsetY * pad.height) / pad.clientHeight];
  Object.assign(pen, { lineWidth: 26, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  wipe();
  pad.onpointerdown = (event) => { pad.setPointerCapture(event.pointerId); pen.beginPath(); pen.moveTo(...spot(event)); };
  pad.onpointermove = (event) => { if (event.buttons) { pen.lineTo(...spot(event)); pen.stroke(); } };
  at("wipe").onclick = wipe;
  at("look").onclick = () => show({ clean: pad.toDataURL() });
}

begin().catch((error) => (at("trouble").textContent = `The page could not start: ${error.message}`));
