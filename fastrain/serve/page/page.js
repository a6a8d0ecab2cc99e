"use strict";
// Sends a picture, a video or frames of the camera to the server that this page is from; nothing goes anywhere else.
const $ = (id) => document.getElementById(id);
const WORDS = { bonafide: "Bona fide", attack: "Attack", "no answer": "No answer" };
const PAUSE = 400; // milliseconds between two frames of the camera
const NAMES = { depth: "depth", ir: "infrared" };
let token = "", model = null, stream = null, turn = 0;
let shownFile = null, parts = {}; // the picture that is shown, and what was chosen beside it, by the name of its part

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

async function readModel() {
  const reply = await fetch("v1/model", { headers: headers() });
  $("ask-token").hidden = reply.status !== 401;
  if (!reply.ok) { $("bundle").textContent = reply.status === 401 ? "" : `The server answers ${reply.status}.`; return; }
  model = await reply.json();
  $("bundle").textContent = `${model.name}, ${model.sha256.slice(0, 12)}`;
  $("trust").replaceChildren(...model.trust.map(item));
  showParts();
  $("stored").textContent = model.keeps
    ? "What is sent is stored by this server, with its answer."
    : "Nothing that is sent is stored.";
}

function item(words) {
  const li = document.createElement("li");
  li.textContent = words;
  return li;
}

async function ask(blob, name, beside = {}) {
  const form = new FormData();
  form.append("file", blob, name);
  for (const [part, file] of Object.entries(beside)) { form.append(part, file, file.name); }
  const reply = await fetch("v1/predict", { method: "POST", body: form, headers: headers() });
  const text = await reply.text();
  let tree;
  try { tree = JSON.parse(text); } catch { tree = { error: { kind: "fault", message: text.slice(0, 200) } }; }
  if (reply.status === 401) { $("ask-token").hidden = false; }
  return tree;
}

// -- What is shown ---------------------------------------------------------------------------------------------------

function show(answer) {
  const failed = answer.error;
  $("word").className = `word ${failed || answer.decision === "no answer" ? "none" : answer.decision}`;
  $("word").textContent = failed ? "Not judged" : WORDS[answer.decision];
  $("why").textContent = failed ? `${failed.kind}: ${failed.message}` : answer.kind ? `${answer.kind}: ${answer.reason}` : "";
  $("unlike").replaceChildren(...(failed ? [] : answer.unlike.map((words) => item(`Unlike anything seen: ${words}`))));
  const frames = failed || answer.frames_used === 1 ? "" : `, ${answer.frames_used} frames`;
  const several = model && model.parts.length > 1 && !failed && answer.modalities.length;
  const seen = several ? `, judged by ${answer.modalities.map((name) => NAMES[name] || "colour").join(", ")}` : "";
  $("time").textContent = failed ? "" : `${Math.round(answer.ms)} ms${frames}${seen}`;
  const scored = !failed && answer.score !== null;
  $("scale").hidden = !scored;
  if (scored) { scale(answer); }
  return scored ? answer.box : null;
}

function scale(answer) {
  const zone = model && model.threshold && model.threshold.attack_below;
  const low = zone ?? answer.threshold;
  // Scores are mostly between 0 and 1; where they are not, the bar reaches as far as it has to.
  const start = Math.min(0, answer.score, low), end = Math.max(1, answer.score, answer.threshold);
  const place = (value) => `${(100 * (value - start)) / (end - start)}%`;
  $("score").style.left = place(answer.score);
  $("limit").style.left = place(answer.threshold);
  $("zone").style.left = place(low);
  $("zone").style.width = `${(100 * (answer.threshold - low)) / (end - start)}%`;
  const between = zone === null || zone === undefined ? "" : `, attack below ${zone.toFixed(3)}`;
  const digits = Math.abs(answer.score - answer.threshold) < 0.002 ? 5 : 3;
  $("numbers").textContent =
    `Score ${answer.score.toFixed(digits)}; bona fide from ${answer.threshold.toFixed(digits)}${between} (${answer.policy}).`;
}

function draw(source, width, height, box, word) {
  const canvas = $("shown"), shrink = Math.min(1, 960 / Math.max(width, height));
  canvas.width = Math.round(width * shrink);
  canvas.height = Math.round(height * shrink);
  canvas.hidden = false;
  $("hint").hidden = true;
  const pen = canvas.getContext("2d");
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  if (!box) { return; }
  pen.lineWidth = Math.max(3, canvas.width / 200);
  pen.strokeStyle = { bonafide: "#1f9d3d", attack: "#d62828" }[word] || "#e0a800";
  pen.strokeRect(box[0] * shrink, box[1] * shrink, (box[2] - box[0]) * shrink, (box[3] - box[1]) * shrink);
}

// -- A file ----------------------------------------------------------------------------------------------------------

function chooseFile(file) {
  shownFile = file;
  parts = {}; // those of the picture before
  showParts();
  judgeFile(file).catch(failed);
}

async function judgeFile(file) {
  stopCamera();
  const mine = ++turn;
  $("word").className = "word none";
  $("word").textContent = "Judging …";
  $("why").textContent = "";
  const answer = await ask(file, file.name, parts);
  if (mine !== turn) { return; }
  const box = show(answer);
  const source = await pictureOf(file, answer).catch(() => null);
  if (mine !== turn) { return; }
  if (source) { draw(source, source.videoWidth || source.width, source.videoHeight || source.height, box, answer.decision); }
  else { $("shown").hidden = true; $("hint").hidden = false; $("hint").textContent = `${file.name}: no preview here`; }
}

async function pictureOf(file, answer) {
  if (file.type.startsWith("image/")) { return createImageBitmap(file); }
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(file);
  await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = failed; });
  const first = answer.frames && answer.frames[0];
  if (first && first.time > 0) {
    video.currentTime = first.time;
    await new Promise((done) => { video.onseeked = done; });
  }
  return video;
}

// Networks that see more than colour: a button for each further part, of the picture that was chosen last.
function showParts() {
  if (!model) { return; }
  const further = model.parts.filter((part) => part.name !== "rgb");
  $("parts").hidden = !further.length;
  if (!further.length) { return; }
  const names = further.map((part) => NAMES[part.name] || part.name).join(" and ");
  $("parts-hint").textContent =
    `This network sees ${names} too. Choose the colour picture first, then what was taken with it; the camera has colour alone.`;
  $("part-buttons").replaceChildren(...further.map(partButton));
}

function partButton(part) {
  const label = document.createElement("label"), input = document.createElement("input");
  label.className = "button";
  label.title = part.is;
  const chosen = parts[part.name];
  label.textContent = `Add ${NAMES[part.name] || part.name}`;
  if (chosen) { label.textContent = `${NAMES[part.name] || part.name}: ${chosen.name}`; }
  input.type = "file";
  input.id = `part-${part.name}`;
  input.disabled = !shownFile;
  input.addEventListener("change", () => {
    if (!input.files[0]) { return; }
    parts[part.name] = input.files[0];
    showParts();
    judgeFile(shownFile).catch(failed);
  });
  label.append(input);
  return label;
}

// -- The camera ------------------------------------------------------------------------------------------------------

async function startCamera() {
  if (!navigator.mediaDevices) {
    show({ error: { kind: "no camera", message: "browsers give it to pages of this machine, or over HTTPS, alone" } });
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
  } catch (error) {
    show({ error: { kind: "no camera", message: error.message } });
    return;
  }
  $("webcam").textContent = "Stop the camera";
  const camera = $("camera"), mine = ++turn;
  camera.srcObject = stream;
  await camera.play();
  while (stream && mine === turn) {
    const still = document.createElement("canvas");
    still.width = camera.videoWidth;
    still.height = camera.videoHeight;
    still.getContext("2d").drawImage(camera, 0, 0);
    const blob = await new Promise((done) => still.toBlob(done, "image/png"));
    const answer = await ask(blob, "camera.png").catch((error) => ({ error: { kind: "no server", message: error.message } }));
    if (!stream || mine !== turn) { return; }
    draw(still, still.width, still.height, show(answer), answer.decision);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

function stopCamera() {
  if (!stream) { return; }
  stream.getTracks().forEach((track) => track.stop());
  stream = null;
  turn += 1;
  $("webcam").textContent = "Use the camera";
}

// -- What the visitor does -------------------------------------------------------------------------------------------

const failed = (error) => show({ error: { kind: "no server", message: error.message } });
$("file").addEventListener("change", (event) => {
  const file = event.target.files[0];
  if (file) { chooseFile(file); }
  event.target.value = "";
});
$("webcam").addEventListener("click", () => { if (stream) { stopCamera(); } else { startCamera().catch(failed); } });
$("drop").addEventListener("click", () => { if (!stream) { $("file").click(); } });
$("drop").addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { $("file").click(); } });
for (const name of ["dragenter", "dragover"]) {
  $("drop").addEventListener(name, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
$("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) { chooseFile(event.dataTransfer.files[0]); }
});
$("ask-token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value;
  readModel().catch(failed);
});
readModel().catch(failed);
