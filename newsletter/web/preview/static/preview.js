// The preview's pages work without this; with it they keep what was chosen, and show what was saved without losing
// one's place. Served as it stands here: no build step.
"use strict";

const CHOICES = ["part", "width", "scheme", "images"];

// What was chosen: by the address (#width=320&images=off), else before in this tab, else what fits the window.
function recall(main) {
  const address = new URLSearchParams(location.hash.slice(1));
  const fitting = { width: matchMedia("(max-width: 600px)").matches ? "375" : null };
  for (const name of CHOICES) {
    const inputs = [...main.querySelectorAll(`input[name="${name}"]`)];
    const input = [address.get(name), sessionStorage.getItem(name), fitting[name]]
      .map((value) => inputs.find((input) => input.value === value))
      .find((input) => input);
    if (input) input.checked = true;
  }
}

function remember(main) {
  const chosen = [...main.querySelectorAll("input:checked")].filter((input) => CHOICES.includes(input.name));
  for (const input of chosen) sessionStorage.setItem(input.name, input.value);
  const address = new URLSearchParams(
    chosen.filter((input) => !input.defaultChecked).map((input) => [input.name, input.value]),
  );
  if (chosen.length && address.toString() !== location.hash.slice(1)) {
    history.replaceState(null, "", `${location.pathname}${location.search}${address.size ? `#${address}` : ""}`);
  }
}

// An email that is wider than the window is scaled down, so that its whole width is seen.
function fit(main) {
  const frame = shownFrame(main);
  if (!frame) return;
  const part = frame.closest(".part");
  const scale = Math.min(1, part.clientWidth / frame.offsetWidth);
  part.style.setProperty("--fit", scale);
  part.classList.toggle("fitted", scale < 1);
  const told = main.querySelector(".fit");
  told.hidden = scale === 1;
  told.textContent = `Shown at ${Math.round(scale * 100)} %`;
}

// The list is there at once; an issue that nobody has looked at is compiled when its row is seen, one at a time.
let counting = Promise.resolve();

function count(main) {
  const seen = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      seen.unobserve(target);
      counting = counting.then(() => countOne(target)).catch(() => target.querySelector(".pending")?.remove());
    }
  });
  for (const place of main.querySelectorAll("[data-counts]")) {
    place.insertAdjacentHTML("beforeend", '<span class="pending">Checking …</span>');
    seen.observe(place);
  }
}

async function countOne(place) {
  if (!place.isConnected) return; // the list was replaced meanwhile
  const response = await fetch(place.dataset.counts, { cache: "no-store" });
  if (!response.ok) throw new Error(response.statusText);
  place.innerHTML = await response.text();
}

function shownFrame(main) {
  return [...main.querySelectorAll("iframe")].find((frame) => frame.getClientRects().length);
}

function loaded(frame) {
  return new Promise((resolve) => {
    frame.addEventListener("load", resolve, { once: true });
    setTimeout(resolve, 3000); // an image that does not come must not keep the mail from being shown
  });
}

// First the email alone, as soon as it is made: checking takes longer. It comes behind the present one, as all does.
async function showEmail() {
  const frame = shownFrame(document.querySelector("main"));
  if (!frame) return;
  const next = frame.cloneNode();
  next.loading = "eager";
  next.classList.add("arriving");
  frame.after(next);
  const [answer] = await Promise.all([fetch(frame.src, { method: "HEAD", cache: "no-store" }), loaded(next)]);
  if (!answer.ok) return next.remove();
  const scroll = frame.contentWindow.scrollY;
  frame.remove();
  next.classList.remove("arriving");
  next.contentWindow.scrollTo(0, scroll);
}

async function refresh() {
  const response = await fetch(location.href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const present = document.querySelector("main");
  const next = document.importNode(page.querySelector("main"), true);
  const scroll = shownFrame(present)?.contentWindow.scrollY ?? 0;
  const parts = [...present.querySelectorAll("pre.part")].map((part) => part.scrollTop);
  recall(next);
  next.classList.add("arriving"); // laid out behind the present one until its mail is there: nothing flickers
  present.after(next);
  fit(next);
  const frame = shownFrame(next);
  if (frame) {
    frame.loading = "eager";
    await loaded(frame);
    frame.contentWindow.scrollTo(0, scroll);
  }
  next.querySelectorAll("pre.part").forEach((part, number) => (part.scrollTop = parts[number] ?? 0));
  present.remove();
  next.classList.remove("arriving");
  next.querySelectorAll("pre.part").forEach((part, number) => (part.scrollTop = parts[number] ?? 0));
  fit(next);
  count(next);
  document.title = page.title;
  document.body.dataset.version = page.body.dataset.version;
}

// One refresh at a time; whatever is saved meanwhile is fetched by one more.
let underway = false;
let wanted = "";

async function follow(version) {
  wanted = version;
  if (underway) return;
  underway = true;
  try {
    while (wanted !== document.body.dataset.version) {
      const asked = wanted;
      await showEmail();
      await refresh();
      if (wanted === asked) break;
    }
  } catch {
    location.reload(); // the server went away in between, or answered with something else than a page of ours
  } finally {
    underway = false;
  }
}

function listen(url) {
  const sign = document.querySelector(".live");
  let source = null;
  const open = () => {
    source = new EventSource(url);
    source.onmessage = (event) => {
      sign.hidden = false;
      sign.textContent = "Live";
      sign.classList.remove("lost");
      follow(event.data);
    };
    source.onerror = () => {
      sign.hidden = false;
      sign.textContent = "Waiting for the preview";
      sign.classList.add("lost");
    };
  };
  // Browsers allow six connections to one host: pages in the background give theirs back.
  document.addEventListener("visibilitychange", () => {
    source?.close();
    if (!document.hidden) open();
  });
  open();
}

function begin() {
  const main = document.querySelector("main");
  recall(main);
  remember(main);
  fit(main);
}

begin();
count(document.querySelector("main"));
addEventListener("hashchange", begin);
addEventListener("resize", () => fit(document.querySelector("main")));
document.addEventListener("change", () => {
  remember(document.querySelector("main"));
  fit(document.querySelector("main"));
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
if (document.body.dataset.changes) listen(document.body.dataset.changes);
