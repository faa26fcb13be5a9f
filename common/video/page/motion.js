// The motion: data of the page -> joints of a person in a frame.
// Space of the 3D view: metres, x right, y up, z towards the camera that filmed. J joints, frames from 0.
// Arrays are flat, frame after frame. A person's arrays begin at frame `first` and last for `count` frames.
const page = document.documentElement;
window.addEventListener("error", event => { page.dataset.error = event.message; });
const element = id => document.getElementById(id);
const data = JSON.parse(element("data").textContent);
element("data").remove();
const J = data.joints.length, frames = data.frames, UNKNOWN = -32768;
const bones = data.parents.map((parent, child) => [parent, child]).filter(bone => bone[0] >= 0);
const people = data.people.map(unpacked);

function bytes(text) {
  const binary = atob(text), found = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) found[i] = binary.charCodeAt(i);
  return found;
}

// Whole numbers of 16 bits, of which one stands for `unit` metres, pixels or degrees.
function numbers({ unit, values }) { return { unit, values: new Int16Array(bytes(values).buffer) }; }

function unpacked(person) {
  const found = { ...person, pose: numbers(person.pose), root: numbers(person.root),
                  keypoints: numbers(person.keypoints), angles: numbers(person.angles),
                  filled: person.filled === null ? null : bytes(person.filled) };
  found.lowest = new Float32Array(person.count);
  for (let row = 0; row < person.count; row++) found.lowest[row] = lowestAt(found, row);
  return found;
}

function lowestAt({ pose, root }, row) {
  let low = -Infinity;
  for (let i = row * J * 3 + 1; i < (row + 1) * J * 3; i += 3) low = Math.max(low, pose.values[i]);
  return -low * pose.unit - root.values[row * 3 + 1] * root.unit;
}

const isThere = (person, frame) => frame >= person.first && frame < person.first + person.count;
const rowOf = (person, frame) => Math.max(0, Math.min(person.count - 1, frame - person.first));

function joint3d({ pose, root }, row, joint) {
  const i = (row * J + joint) * 3, k = row * 3;
  return [pose.values[i] * pose.unit + root.values[k] * root.unit,
          -pose.values[i + 1] * pose.unit - root.values[k + 1] * root.unit,
          -pose.values[i + 2] * pose.unit - root.values[k + 2] * root.unit];
}

function joint2d({ keypoints }, row, joint) {
  const i = (row * J + joint) * 2;
  return [keypoints.values[i] * keypoints.unit, keypoints.values[i + 1] * keypoints.unit];
}

function isFilled({ filled }, row, joint) {
  const bit = row * J + joint;
  return filled !== null && Boolean(filled[bit >> 3] >> (7 - (bit & 7)) & 1);
}

const angleAt = ({ angles }, row, column) => {
  const value = angles.values[row * data.angles.length + column];
  return value === UNKNOWN ? NaN : value * angles.unit;
};

const quantile = (values, share) => values.sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];

// What all frames have in common: the floor's height, the tallest person's, where people are. At most about
// 4000 poses are looked at.
function surveyed() {
  const low = [], tall = [], x = [], z = [], box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const person of people) {
    const every = Math.max(1, Math.floor(person.count * people.length / 4000));
    for (let row = 0; row < person.count; row += every) {
      if (data.live && row < person.count - 1) continue;
      let high = -Infinity;
      for (let joint = 0; joint < J; joint++) {
        high = Math.max(high, joint3d(person, row, joint)[1]);
        const [u, v] = joint2d(person, row, joint);
        box[0] = Math.min(box[0], u); box[1] = Math.min(box[1], v);
        box[2] = Math.max(box[2], u); box[3] = Math.max(box[3], v);
      }
      const root = joint3d(person, row, data.root);
      low.push(person.lowest[row]); tall.push(high - person.lowest[row]); x.push(root[0]); z.push(root[2]);
    }
  }
  if (!low.length) return { floor: 0, height: 1.7, box: [0, 0, 1, 1], middle: [0, 0], reach: 0 };
  const [left, right] = [quantile(x, 0.02), quantile(x, 0.98)];
  const [far, near] = [quantile(z, 0.02), quantile(z, 0.98)];
  return { floor: quantile(low, 0.02), height: Math.max(0.01, quantile(tall, 0.9)), box,
           middle: [(left + right) / 2, (far + near) / 2], reach: Math.hypot(right - left, near - far) / 2 };
}

let scene = surveyed();
