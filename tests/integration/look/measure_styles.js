// Where the title and the picture of every article stand, and where both lead. For articles of any style.
() => [...document.querySelectorAll("h2.title, h3.title")].map(h => {
  const box = e => {
    if (!e) return null;
    const { left, right, top, width, height } = e.getBoundingClientRect();
    return { left, right, top, width, height };
  };
  const cell = h.closest(".card, td"), row = h.closest("tr"), before = row.previousElementSibling;
  const image = cell.querySelector("img") || row.querySelector(".thumb img")
    || (before && !before.querySelector("h2, h3") ? before.querySelector("img") : null);
  return {
    title: box(h), size: parseFloat(getComputedStyle(h).fontSize), href: h.querySelector("a")?.href,
    picture: box(image), pictureHref: image?.closest("a")?.href, beside: !!row.querySelector(".thumb img"),
  };
})
