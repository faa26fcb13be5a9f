// The two views. The film lies behind the keypoints; several people are told apart by colour and name.
const START = { yaw: 0.6, pitch: 0.2, zoom: 1, pan: [0, 0] };
const VIEWS = { front: [0, 0], side: [Math.PI / 2, 0], top: [0, Math.PI / 2] };
const TRAIL_SECONDS = 1;
const BUTTONS = 48;                                   // pixels below the body, where the buttons lie
const view = { ...START };
let frame = 0, focus = 0, theme = {};

function readTheme() {
  const style = getComputedStyle(page);
  for (const name of ["ink", "dim", "line", "back", "panel", "panel2", "grid", "shadow", "left", "right",
                      "middle", "band", "person0", "person1", "person2", "person3", "person4"])
    theme[name] = style.getPropertyValue(`--${name}`).trim();
}

const sideOf = name => name.startsWith("left_") ? "left" : name.startsWith("right_") ? "right" : "middle";
const colorOf = index => theme[`person${index % 5}`];
const colorsOf = index => data.joints.map(name => index === focus ? theme[sideOf(name)] : colorOf(index));

function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = canvas;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  pen.lineCap = pen.lineJoin = "round";
  return { pen, w, h };
}

function line(pen, from, to, width, color) {
  pen.strokeStyle = color; pen.lineWidth = width;
  pen.beginPath(); pen.moveTo(from[0], from[1]); pen.lineTo(to[0], to[1]); pen.stroke();
}

function dot(pen, at, radius, color) {
  pen.fillStyle = color; pen.beginPath(); pen.arc(at[0], at[1], radius, 0, 2 * Math.PI); pen.fill();
}

// A joint of `color`; that of a filled keypoint is hollow.
function mark(pen, at, radius, color, hollow) {
  dot(pen, at, radius, color);
  if (hollow) dot(pen, at, radius * 0.64, theme.panel);
}

function label(pen, text, at, color) {
  pen.font = "12px system-ui, sans-serif"; pen.textAlign = "center";
  pen.strokeStyle = theme.panel; pen.lineWidth = 3; pen.strokeText(text, at[0], at[1]);
  pen.fillStyle = color; pen.fillText(text, at[0], at[1]);
}

function place2d(w, h) {
  const whole = data.width && (film.ready || people.length > 1 || data.live);
  const box = whole ? [0, 0, data.width, data.height] : scene.box;
  const margin = whole ? 0 : 0.12 * Math.max(box[2] - box[0], box[3] - box[1], 1);
  const [wide, tall] = [box[2] - box[0] + 2 * margin, box[3] - box[1] + 2 * margin];
  const scale = Math.min((w - 16) / wide, (h - 46) / tall);
  const [cx, cy] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  return ([x, y]) => [w / 2 + (x - cx) * scale, h / 2 + 13 + (y - cy) * scale];
}

function drawPicture(pen, place) {
  const [a, b] = [place([0, 0]), place([data.width, data.height])];
  if (film.ready && element("film").checked) {
    pen.drawImage(film.video, a[0], a[1], b[0] - a[0], b[1] - a[1]);
    return;
  }
  pen.strokeStyle = theme.line; pen.lineWidth = 1; pen.setLineDash([4, 4]);
  pen.strokeRect(a[0], a[1], b[0] - a[0], b[1] - a[1]); pen.setLineDash([]);
}

function draw2d() {
  const { pen, w, h } = prepared(element("view2d")), place = place2d(w, h);
  if (data.width) drawPicture(pen, place);
  people.forEach((person, index) => {
    if (!isThere(person, frame)) return;
    const row = rowOf(person, frame), colors = colorsOf(index);
    const points = data.joints.map((_, joint) => place(joint2d(person, row, joint)));
    const width = Math.max(2, Math.min(w, h) / 130);
    drawTrails(pen, person, (at, joint) => place(joint2d(person, at, joint)), colors);
    for (const [parent, child] of bones) line(pen, points[parent], points[child], width + 2, theme.panel2);
    for (const [parent, child] of bones) line(pen, points[parent], points[child], width, colors[child]);
    points.forEach((point, joint) => mark(pen, point, width, colors[joint], isFilled(person, row, joint)));
    if (people.length > 1) label(pen, person.name, [points[0][0], Math.min(...points.map(p => p[1])) - 10],
                                 colorOf(index));
  });
}

// A function (row, joint) -> the joint's place; with feet on the floor each pose is moved up or down.
function standing(person) {
  return (row, joint) => {
    const point = joint3d(person, row, joint);
    if (element("ground").checked) point[1] -= person.lowest[row] - scene.floor;
    return point;
  };
}

function target() {
  const person = people[focus], followed = data.joints.indexOf(element("follow").value);
  const middle = [scene.middle[0], scene.floor + scene.height * 0.52, scene.middle[1]];
  if (followed < 0 || !person.count) return middle;
  const point = standing(person)(rowOf(person, frame), followed);
  return followed === data.root ? [point[0], middle[1], point[2]] : point;
}

function camera(w, whole) {
  const h = whole - BUTTONS;
  const [cy, sy] = [Math.cos(view.yaw), Math.sin(view.yaw)];
  const [cp, sp] = [Math.cos(view.pitch), Math.sin(view.pitch)];
  const wide = element("follow").value && people.length === 1 ? 0 : scene.reach;
  const distance = (3 * scene.height + 2.6 * wide) / view.zoom, focal = 2.35 * Math.min(h, w * 1.25);
  const at = target(), [px, py] = view.pan;
  const [x0, y0, z0] = [at[0] + px * cy - py * sp * sy, at[1] + py * cp, at[2] - px * sy - py * sp * cy];
  const place = ([x, y, z]) => {
    const [dx, dy, dz] = [x - x0, y - y0, z - z0];
    const [side, ahead] = [cy * dx - sy * dz, sy * dx + cy * dz];
    const depth = distance - cp * ahead - sp * dy, scale = focal / Math.max(depth, 0.05);
    return [w / 2 + side * scale, h / 2 - (cp * dy - sp * ahead) * scale, depth, scale];
  };
  return { place, centre: [x0, z0], perPixel: distance / focal };
}

function draw3d() {
  const { pen, w, h } = prepared(element("view3d")), { place, centre } = camera(w, h);
  const thick = 0.022 * scene.height, strokes = [], names = [];
  drawFloor(pen, place, centre);
  people.forEach((person, index) => {
    if (!isThere(person, frame)) return;
    const row = rowOf(person, frame), at = standing(person), colors = colorsOf(index);
    const points = data.joints.map((_, joint) => at(row, joint)), placed = points.map(place);
    drawShadow(pen, points.map(([x, , z]) => place([x, scene.floor, z])), thick);
    drawTrails(pen, person, (past, joint) => place(at(past, joint)), colors);
    for (const [parent, child] of bones) {
      const [a, b] = [placed[parent], placed[child]], width = thick * (a[3] + b[3]) / 2;
      if (Math.min(a[2], b[2]) > 0.05) strokes.push([(a[2] + b[2]) / 2, () => {
        line(pen, a, b, width + 3, theme.panel2);
        line(pen, a, b, width, colors[child]);
      }]);
    }
    placed.forEach((b, joint) => {
      const radius = thick * b[3] * (data.joints[joint] === "head" ? 1.2 : 0.72);
      if (b[2] > 0.05) strokes.push([b[2] - 0.1 * scene.height, () =>
        mark(pen, b, radius, colors[joint], isFilled(person, row, joint))]);
    });
    const top = placed.reduce((a, b) => a[1] < b[1] ? a : b);
    if (top[2] > 0.05) names.push([person.name, [top[0], top[1] - 14], colorOf(index)]);
  });
  for (const [, stroke] of strokes.sort((a, b) => b[0] - a[0])) stroke();       // the far ones first
  if (people.length > 1) for (const [text, at, color] of names) label(pen, text, at, color);
}

// The paths of the chosen joints over the last second; older parts are fainter.
function drawTrails(pen, person, place, colors) {
  const wanted = element("trails").value;
  if (!wanted) return;
  const row = rowOf(person, frame), back = Math.min(row, Math.round(TRAIL_SECONDS * data.fps));
  const step = Math.max(1, Math.ceil(back / 40));
  pen.lineCap = "butt";                               // faint lines must not lie on each other
  data.joints.forEach((name, joint) => {
    if (!new RegExp(`^(left_|right_)?(${wanted})$`).test(name)) return;
    let before = null;
    for (let age = back - back % step; age >= 0; age -= step) {
      const at = place(row - age, joint);
      pen.globalAlpha = 0.75 * (1 - age / (back + 1));
      if (before && !(Math.min(at[2], before[2]) < 0.05)) line(pen, before, at, 2, colors[joint]);
      before = at;
    }
  });
  pen.globalAlpha = 1; pen.lineCap = "round";
}

// One path, so that crossing shadows are no darker than single ones.
function drawShadow(pen, placed, thick) {
  pen.strokeStyle = theme.shadow;
  pen.lineWidth = thick * 1.6 * placed[data.root][3];
  pen.beginPath();
  for (const [a, b] of bones.map(([parent, child]) => [placed[parent], placed[child]]))
    if (Math.min(a[2], b[2]) > 0.05) { pen.moveTo(a[0], a[1]); pen.lineTo(b[0], b[1]); }
  pen.stroke();
}

function drawFloor(pen, place, centre) {
  const wide = people.length > 1 || !element("follow").value ? scene.reach : 0;
  const step = scene.height <= 0.6 ? scene.height / 3 : wide > 3 ? 1 : 0.5;
  const count = Math.min(14, 5 + Math.ceil(wide / step)), reach = count * step;
  const [x0, z0] = [Math.round(centre[0] / step) * step, Math.round(centre[1] / step) * step];
  for (let i = -count; i <= count; i++) for (let k = -count; k < count; k++) {
    const fade = 0.5 * (1 - Math.hypot(i, k + 0.5) * step / (reach * 1.1));
    if (fade <= 0) continue;
    for (const [p, q] of [[[i, k], [i, k + 1]], [[k, i], [k + 1, i]]]) {
      const [a, b] = [p, q].map(([x, z]) => place([x0 + x * step, scene.floor, z0 + z * step]));
      if (Math.min(a[2], b[2]) > 0.05) line(pen, a, b, 1, `rgba(${theme.grid},${fade})`);
    }
  }
}
