// What the reader does: keys, mouse, fingers, buttons.
let playing = false, position = 0, last = 0;

function timeText(index) {
  const seconds = index / data.fps, minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes}:${(seconds % 60).toFixed(2).padStart(5, "0")}` : `${seconds.toFixed(2)} s`;
}

function draw() {
  draw2d(); draw3d(); drawCurves(); showReading();
  const text = data.live ? frame === frames - 1 ? "now" : `${timeText(frames - 1 - frame)} ago`
    : `Frame ${frame + 1} of ${frames} · ${timeText(frame)}`;
  element("scrub").value = frame;
  element("scrub").setAttribute("aria-valuetext", text);
  element("clock").textContent = text;
  page.dataset.frame = frame + 1;
}

function show(index) {
  frame = Math.max(0, Math.min(frames - 1, Math.round(index)));
  position = frame;
  seekFilm();
  draw();
}

function tick(now) {
  if (!playing || data.live) return;
  requestAnimationFrame(tick);
  const passed = Math.max(0, now - last) / 1000;      // a frame may be dated before the click
  last = now;
  if (film.ready) position = followFilm();
  else {
    position += passed * data.fps * Number(element("speed").value);
    if (position >= loop[1] + 1 || position < loop[0]) position = loop[0];
  }
  if (Math.floor(position) !== frame) { frame = Math.floor(position); draw(); }
}

function play(on) {
  if (on && !playing) { last = performance.now(); requestAnimationFrame(tick); }
  playing = on;
  element("play").textContent = on ? "Pause" : data.live ? "To now" : "Play";
  playFilm(on);
  if (data.live && on) show(frames - 1);
}

function stopAt(index) { play(false); show(index); }

function zoom(factor) { view.zoom = Math.max(0.1, Math.min(12, view.zoom * factor)); draw(); }

function look(name) {
  const [yaw, pitch] = VIEWS[name] || [START.yaw, START.pitch];
  Object.assign(view, { yaw, pitch, pan: [0, 0] }, name ? {} : { zoom: 1 });
  draw();
}

function move(dx, dy) {
  const canvas = element("view3d"), { perPixel } = camera(canvas.clientWidth, canvas.clientHeight);
  view.pan = [view.pan[0] - dx * perPixel, view.pan[1] + dy * perPixel];
}

function setLoop(end) {
  if (data.live) return;
  if (end === "all") loop = [0, frames - 1];
  else loop[end] = frame;
  if (loop[0] > loop[1]) loop = end ? [0, frame] : [frame, frames - 1];
  const whole = loop[0] === 0 && loop[1] === frames - 1, range = Math.max(1, frames - 1);
  const [a, b] = loop.map(at => `calc(${EDGE}px + (100% - ${2 * EDGE}px) * ${at / range})`);
  const track = `linear-gradient(to right, var(--line) ${a}, var(--right) ${a} ${b}, var(--line) ${b})`;
  element("scrub").style.setProperty("--track", whole ? "var(--line)" : track);
  page.dataset.loop = `${loop[0] + 1} to ${loop[1] + 1}`;
  draw();
}

function choosePerson(index) {
  focus = index;
  [...element("people").children].forEach((chip, at) => chip.setAttribute("aria-pressed", at === focus));
  draw();
}

function listenPointers() {
  const canvas = element("view3d"), fingers = new Map();
  const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  canvas.addEventListener("pointermove", event => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const two = fingers.size === 2, old = two ? spread() : 0;
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (two) { move(dx / 2, dy / 2); return zoom(spread() / Math.max(old, 1)); }
    if (event.shiftKey || event.buttons & 6) move(dx, dy);
    else {
      view.yaw -= dx * 0.008;
      view.pitch = Math.max(-0.3, Math.min(Math.PI / 2, view.pitch + dy * 0.008));
    }
    draw();
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, event => fingers.delete(event.pointerId));
  canvas.addEventListener("contextmenu", event => event.preventDefault());
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0012));
  }, { passive: false });
  canvas.addEventListener("dblclick", () => look());
  const curves = element("curves");
  const drag = event => { if (event.buttons) stopAt(frameAt(event.offsetX)); };
  for (const name of ["pointerdown", "pointermove"]) curves.addEventListener(name, drag);
}

function listenButtons() {
  element("reset").addEventListener("click", () => look());
  element("play").addEventListener("click", () => play(!playing));
  element("help").addEventListener("click", () => element("keys").showModal());
  element("scrub").addEventListener("input", event => stopAt(Number(event.target.value)));
  element("speed").addEventListener("change", () => { if (playing) playFilm(true); });
  element("follow").addEventListener("change", () => { view.pan = [0, 0]; draw(); });
  for (const name of ["ground", "trails", "angle", "span", "film"])
    element(name).addEventListener("change", draw);
  for (const button of document.querySelectorAll("[data-view]"))
    button.addEventListener("click", () => look(button.dataset.view));
  for (const button of document.querySelectorAll("[data-end]")) {
    const end = button.dataset.end;
    button.addEventListener("click", () => setLoop(end === "all" ? end : Number(end)));
  }
}

function next(name) {
  const list = element(name);
  list.selectedIndex = (list.selectedIndex + 1) % list.length;
  list.dispatchEvent(new Event("change"));
}

const KEYS = { 0: () => look(), 1: () => look("front"), 2: () => look("side"), 3: () => look("top"),
  i: () => setLoop(0), o: () => setLoop(1), x: () => setLoop("all"), "+": () => zoom(1.2),
  "=": () => zoom(1.2), "-": () => zoom(1 / 1.2), f: () => next("follow"), t: () => next("trails"),
  a: () => next("angle"), p: () => choosePerson((focus + 1) % people.length),
  g: () => element("ground").click(), "?": () => element("keys").showModal() };

function listenKeys() {
  window.addEventListener("keydown", event => {
    const on = event.target.tagName || "", step = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: frame - step, ArrowRight: frame + step, Home: 0, End: frames - 1 };
    if (on === "SELECT" || element("keys").open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !["BUTTON", "SUMMARY"].includes(on) && event.target.type !== "checkbox") {
      event.preventDefault();
      play(!playing);
    }
    if (event.key in moves) { event.preventDefault(); stopAt(moves[event.key]); }
    const act = KEYS[event.key.toLowerCase()];
    if (act) act();
  });
}

// poses.html#frame=30 opens at frame 30 and waits; otherwise the motion plays, unless the reader wants none.
function fromAddress() {
  const wanted = /frame=(\d+)/.exec(location.hash);
  show(wanted ? Number(wanted[1]) - 1 : 0);
  play(data.live || !wanted && frames > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches);
}

function fill(list, names, chosen) {
  for (const [value, text] of names) list.add(new Option(text, value, false, value === chosen));
}

function begin() {
  element("title").textContent = data.title;
  element("scrub").max = frames - 1;
  element("ground").checked = data.feet_on_floor;
  element("ring").hidden = people.every(person => person.filled === null);
  fill(element("follow"), data.joints.map(name => [name, words(name)]),
       people.length === 1 ? data.joints[data.root] : "");
  fill(element("angle"), [...groups.keys()].map(name => [name, words(name)]), "knee_flexion");
  element("people").hidden = people.length < 2;
  people.forEach((person, index) => {
    const chip = document.createElement("button"), color = document.createElement("i");
    chip.type = "button";
    color.style.background = `var(--person${index % 5})`;
    chip.append(color, person.name);
    chip.addEventListener("click", () => choosePerson(index));
    element("people").append(chip);
  });
  if (frames > 60 * data.fps && !data.live) element("span").value = "10";
  if (data.live) for (const name of ["loop", "spans"]) element(name).hidden = true;
  if (data.live) element("speed").parentElement.hidden = true;
  element("options").open = !matchMedia("(max-width: 720px), (max-height: 560px)").matches;
  readTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readTheme(); draw(); });
  window.addEventListener("resize", draw);
  window.addEventListener("hashchange", fromAddress);
  listenPointers(); listenButtons(); listenKeys();
  choosePerson(0);
  openFilm();
  fromAddress();
  if (data.live) listenLive();
  page.dataset.ready = frames;
}

begin();
