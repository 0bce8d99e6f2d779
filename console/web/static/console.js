// Puts what the server has drawn into the page. The forms need none of this.
"use strict";
(() => {
  const STALE_MS = 5000;
  const stale = document.getElementById("stale");
  const line = document.getElementById("state-line");
  let heard = Date.now();
  const put = (place, html) => {
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    const link = focused && focused.getAttribute("href");
    const label = focused && focused.getAttribute("aria-label");
    const places = [...place.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
    place.innerHTML = html;
    place.querySelectorAll(".scroll").forEach((each, n) => {
      if (places[n]) [each.scrollLeft, each.scrollTop] = places[n];
    });
    if (!focused) return;
    const again = [...place.querySelectorAll("[href], [aria-label]")].find(
      (each) => (link ? each.getAttribute("href") === link : label && each.getAttribute("aria-label") === label));
    if (again) again.focus({ preventScroll: true });
  };
  const events = new EventSource("/events");
  events.addEventListener("frame", (message) => {
    const said = JSON.parse(message.data);
    heard = Date.now();
    stale.hidden = true;
    for (const [name, html] of Object.entries(said.panels)) {
      put(document.querySelector(`[data-panel="${name}"]`), html);
    }
    for (const [name, text] of Object.entries(said.ages)) {
      document.querySelector(`[data-age="${name}"]`).textContent = text;
    }
    if (line.textContent !== said.state) line.textContent = said.state;
    line.className = `state ${said.mood}`;
  });
  events.addEventListener("over", () => {
    events.close();
    location.assign("/login");
  });
  setInterval(() => { stale.hidden = Date.now() - heard < STALE_MS; }, 500);
})();
