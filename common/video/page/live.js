// Live: frames come from the program. The arrays hold the newest seconds; the last row is now.
const live = { frame: 0, posed: 0, dropped: 0, unseen: 0, waiting: false };

function append(values, row) {
  values.copyWithin(0, row.length);
  values.set(row, values.length - row.length);
}

function receive({ frame: number, dropped, unseen, root, pose, keypoints, angles }) {
  const [person] = people, first = person.count === 0;
  Object.assign(live, { frame: number, dropped, unseen });
  if (pose !== null) {
    const passed = first ? frames : Math.max(1, Math.min(frames, number - live.posed));
    live.posed = number;
    const unknown = angles.map(() => UNKNOWN);
    for (let i = passed; i > 0; i--) {                // a frame that did not come is held
      append(person.pose.values, pose); append(person.root.values, root);
      append(person.keypoints.values, keypoints); append(person.angles.values, i > 1 ? unknown : angles);
    }
    person.lowest.copyWithin(0, passed);
    person.lowest.fill(lowestAt(person, frames - 1), frames - passed);
    person.count = frames;
    const height = scene.height;
    scene = surveyed();
    scene.floor = Math.min(...person.lowest);
    scene.height = Math.max(1.5, scene.height, 0.999 * height);
    if (!playing) frame = Math.max(0, frame - passed);
  }
  if (live.waiting) return;
  live.waiting = true;
  requestAnimationFrame(() => { live.waiting = false; draw(); });
}

function sayLive(words, on) {
  element("state").className = on ? "on" : "";
  const delay = on && data.live.delay ? ` · ${data.live.delay.toFixed(1)} s behind` : "";
  element("state").textContent = `${words}${delay} · frame ${live.frame + 1}`
    + ` · ${live.dropped} dropped` + (live.unseen ? ` · ${live.unseen} joints unseen` : "");
  page.dataset.state = words;
}

function listenLive() {
  const source = new EventSource("frames");
  element("state").hidden = false;
  element("state").textContent = "Waiting for the first frame";
  source.onmessage = event => { receive(JSON.parse(event.data)); sayLive("Live", true); };
  source.addEventListener("end", event => {
    source.close();
    Object.assign(live, JSON.parse(event.data));
    sayLive("Ended", false);
  });
  source.onerror = () => { if (page.dataset.state !== "Ended") sayLive("Not connected", false); };
}
