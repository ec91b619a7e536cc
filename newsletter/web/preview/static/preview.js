// The preview's pages work without this; with it they keep what was chosen, and show what was saved without losing
// one's place. Served as it stands here: no build step.
"use strict";

const CHOICES = ["part", "width", "scheme"];

function recall(main) {
  const fitting = { width: matchMedia("(max-width: 600px)").matches && "375" };
  for (const name of CHOICES) {
    const value = sessionStorage.getItem(name) ?? fitting[name];
    const input = value && main.querySelector(`input[name="${name}"][value="${value}"]`);
    if (input) input.checked = true;
  }
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

recall(document.querySelector("main"));
document.addEventListener("change", (event) => {
  if (CHOICES.includes(event.target.name)) sessionStorage.setItem(event.target.name, event.target.value);
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
if (document.body.dataset.changes) listen(document.body.dataset.changes);
