// Joint angles as curves under the time line. The curves' ends lie below the ends of the scrub bar.
const EDGE = 8;                                       // pixels: half the scrub bar's handle
const GAP = 180;                                      // degrees between two frames: the angle turned over
let loop = [0, frames - 1];

// Angles by name: [[column, side], ..]. knee_flexion has a left and a right column.
const groups = new Map();
data.angles.forEach((name, column) => {
  const group = name.replace(/^(left|right)_/, "");
  groups.set(group, [...groups.get(group) || [], [column, sideOf(name)]]);
});

function spanShown() {
  const seconds = Number(element("span").value);
  if (!seconds || seconds * data.fps >= frames) return [0, frames - 1];
  const half = seconds * data.fps / 2;
  return data.live ? [frames - 1 - 2 * half, frames - 1] : [frame - half, frame + half];
}

const ranges = new Map();                             // by person and angle: [lowest, highest], degrees

function rangeOf(group) {
  const key = `${focus} ${group}`, person = people[focus];
  if (ranges.has(key) && !data.live) return ranges.get(key);
  let [low, high] = [Infinity, -Infinity];
  for (const [column] of groups.get(group)) for (let row = 0; row < person.count; row++) {
    const value = angleAt(person, row, column);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = [0, 90];
  const spare = Math.max(0, 30 - (high - low)) / 2;
  ranges.set(key, [Math.floor((low - spare) / 10) * 10, Math.ceil((high + spare) / 10) * 10]);
  return ranges.get(key);
}

function drawCurves() {
  const canvas = element("curves"), group = element("angle").value;
  if (!canvas.clientHeight) return;
  const { pen, w, h } = prepared(canvas), [a, b] = spanShown(), person = people[focus];
  const across = at => EDGE + (w - 2 * EDGE) * (at - a) / Math.max(1, b - a);
  if (loop[0] > 0 || loop[1] < frames - 1) {
    const [from, to] = loop.map(end => Math.max(0, Math.min(w, across(end))));
    pen.fillStyle = theme.band;
    pen.fillRect(from, 0, to - from, h);
  }
  if (group) {
    const [low, high] = rangeOf(group), down = value => 6 + (h - 12) * (high - value) / (high - low);
    for (const [column, side] of groups.get(group))
      drawCurve(pen, person, column, { across, down, a, b, w }, theme[side]);
    drawScale(pen, [w, h], low, high, down);
  }
  line(pen, [across(frame), 0], [across(frame), h], 1, theme.ink);
}

function drawScale(pen, [w, h], low, high, down) {
  const step = [10, 20, 30, 45, 60, 90, 180].find(size => (high - low) / size <= h / 24) || 180;
  pen.font = "11px system-ui, sans-serif"; pen.textAlign = "left"; pen.fillStyle = theme.dim;
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    line(pen, [EDGE, down(value)], [w - EDGE, down(value)], 1, theme.line);
    if (down(value) < 12) continue;
    pen.strokeStyle = theme.back; pen.lineWidth = 3;
    pen.strokeText(`${value}°`, EDGE + 2, down(value) - 3);
    pen.fillText(`${value}°`, EDGE + 2, down(value) - 3);
  }
}

// One angle; of the frames that share a column of pixels, the lowest and the highest are joined.
function drawCurve(pen, person, column, { across, down, a, b, w }, color) {
  const step = Math.max(1, Math.floor((b - a) / w));
  const end = Math.min(person.first + person.count, Math.ceil(b) + 2);
  let before = NaN;
  pen.strokeStyle = color; pen.lineWidth = 1.5; pen.beginPath();
  for (let at = Math.max(person.first, Math.floor(a) - 1); at < end; at += step) {
    let [low, high, last] = [Infinity, -Infinity, NaN];
    for (let k = at; k < Math.min(end, at + step); k++) {
      last = angleAt(person, k - person.first, column);
      if (last < low) low = last;
      if (last > high) high = last;
    }
    if (low > high) { before = NaN; continue; }
    const joins = Math.abs(low - before) < GAP;
    if (joins) pen.lineTo(across(at), down(low)); else pen.moveTo(across(at), down(low));
    pen.lineTo(across(at), down(high));
    before = high;
  }
  pen.stroke();
}

function showReading() {
  const group = element("angle").value, person = people[focus], parts = [];
  element("reading").replaceChildren();
  if (!group) return;
  const write = (text, color) => {
    const part = document.createElement(color ? "b" : "span");
    part.textContent = text;
    if (color) part.style.color = color;
    parts.push(part);
  };
  write(words(group));
  for (const [column, side] of groups.get(group)) {
    const value = isThere(person, frame) ? angleAt(person, rowOf(person, frame), column) : NaN;
    write(`${side === "middle" ? "" : `${side} `}${Number.isNaN(value) ? "–" : `${Math.round(value)}°`}`,
          theme[side]);
  }
  parts.forEach((part, index) => element("reading").append(
    ...index === 1 ? [document.createElement("br")] : index ? [" \u2002"] : [], part));
}

const words = name => name.replaceAll("_", " ");

// The frame below a place on the canvas, pixels from its left.
function frameAt(x) {
  const [a, b] = spanShown(), w = element("curves").clientWidth;
  return Math.max(0, Math.min(frames - 1, Math.round(a + (b - a) * (x - EDGE) / (w - 2 * EDGE))));
}
