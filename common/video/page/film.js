// The film behind the keypoints. While it plays, its clock is the page's: a frame is drawn with its picture.
const film = { video: null, ready: false, shown: 0 };
const filmTime = index => data.film.start + (index + 0.5) / data.fps;       // the middle of a frame
const filmFrame = () => Math.floor((film.shown - data.film.start) * data.fps + 0.01);

function openFilm() {
  if (!data.film) return;
  const video = film.video = document.createElement("video"), inside = element("inside");
  Object.assign(video, { muted: true, playsInline: true, preload: "auto" });
  video.addEventListener("loadeddata", () => {
    film.ready = true;
    const [w, h] = [video.videoWidth, video.videoHeight];
    if (Math.abs(w / h * data.height / data.width - 1) > 0.02) element("filmstate").textContent =
      ` (the film has ${w} × ${h} pixels, the keypoints' picture ${data.width} × ${data.height})`;
    element("films").hidden = false;
    page.dataset.film = "ready";
    if (playing) play(true); else seekFilm();
    draw();
  });
  video.addEventListener("error", () => {
    film.ready = false;
    page.dataset.film = "failed";
    element("filmstate").textContent = data.film.link
      ? ` (this browser cannot play ${data.film.name}, or it is not where it was)`
      : ` (this browser cannot play ${data.film.name})`;
    draw();
  });
  const next = (_, { mediaTime }) => {
    film.shown = mediaTime + 0.5 / data.fps;
    if (!playing) draw();
    video.requestVideoFrameCallback(next);
  };
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(next);
  else video.addEventListener("seeked", draw);
  if (inside) {
    video.src = URL.createObjectURL(new Blob([bytes(inside.textContent)], { type: data.film.type }));
    inside.remove();
  } else video.src = data.film.link;
}

function seekFilm() {
  if (!film.ready) return;
  film.video.currentTime = Math.min(filmTime(frame), film.video.duration);
  film.shown = filmTime(frame);
}

function playFilm(on) {
  if (!film.ready) return;
  if (!on) return film.video.pause();
  film.video.playbackRate = Number(element("speed").value);
  seekFilm();
  film.video.play().catch(() => { film.ready = false; });
}

// The frame that the film shows; at the end of the loop it goes back.
function followFilm() {
  const { video } = film;
  if (video.seeking) return frame;
  if (!video.requestVideoFrameCallback) film.shown = video.currentTime;
  if (video.ended || filmFrame() > loop[1] || filmFrame() < loop[0]) {
    frame = loop[0];
    playFilm(true);
  }
  return Math.max(loop[0], Math.min(loop[1], filmFrame()));
}
