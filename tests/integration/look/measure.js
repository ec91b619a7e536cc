// What a person would see of a mail, as numbers. Evaluated in the page; everything is in CSS pixels.
() => {
  const shown = element => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.display === "none" || style.visibility === "hidden") return false;
    }
    return true;
  };
  const words = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.data.trim() && shown(node.parentElement)) words.push(node);
  }
  const background = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const block = element => {
    let e = element;
    while (getComputedStyle(e).display.startsWith("inline")) e = e.parentElement;
    return e;
  };
  // The lines of a run of text: a new one begins where a character stands clearly lower than the one before it.
  const lines = element => {
    const found = [];
    let bottom = -Infinity;
    const inside = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (inside.nextNode()) {
      const node = inside.currentNode;
      const range = document.createRange();
      for (let at = 0; at < node.data.length; at++) {
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const box = range.getBoundingClientRect();
        if (!box.width) continue;
        if (box.top > bottom - 4) { found.push(""); bottom = box.bottom; }
        found[found.length - 1] += node.data[at];
        bottom = Math.max(bottom, box.bottom);
      }
    }
    return found.map(line => line.trim()).filter(Boolean);
  };
  const blocks = [...new Set(words.map(node => block(node.parentElement)))];
  return {
    scroll: document.documentElement.scrollWidth,
    lang: document.documentElement.lang,
    dir: document.documentElement.dir,
    paper: background(document.querySelector(".canvas") || document.body),
    words: words.map(node => {
      const style = getComputedStyle(node.parentElement);
      return {
        text: node.data.trim(), size: parseFloat(style.fontSize), weight: +style.fontWeight, colour: style.color,
        background: background(node.parentElement), italic: style.fontStyle !== "normal", font: style.fontFamily,
        tracking: style.letterSpacing, align: style.textAlign, direction: style.direction,
        leading: parseFloat(style.lineHeight) / parseFloat(style.fontSize), title: !!node.parentElement.closest("h1,h2,h3,.masthead"),
      };
    }),
    blocks: blocks.map(e => {
      const box = e.getBoundingClientRect();
      return { tag: e.tagName, left: box.left, right: box.right, width: box.width, lines: lines(e), quote: !!e.closest(".mark"), footer: !!e.closest(".footer") };
    }),
    links: [...document.querySelectorAll("a[href]")].filter(shown).map(a => {
      const box = a.getBoundingClientRect();
      const style = getComputedStyle(a);
      return {
        text: a.textContent.trim(), height: box.height, width: box.width, top: box.top, underlined: style.textDecorationLine === "underline",
        colour: style.color, size: parseFloat(style.fontSize), button: !!a.closest(".button"),
        title: !!a.closest("h2,h3") || !!a.querySelector("img"), masthead: !!a.closest(".masthead"), prose: !!a.closest(".prose p, .prose li") && !a.closest("p.muted"), weight: +style.fontWeight,
        byline: !!a.closest("h2 + p.muted, h3 + p.muted"), footer: !!a.closest(".footer"),
      };
    }),
    images: [...document.images].map(image => {
      const box = image.getBoundingClientRect();
      return {
        alt: image.getAttribute("alt"), width: image.getAttribute("width"), height: image.getAttribute("height"),
        shown: box.width, ratio: box.width / box.height, natural: image.naturalWidth, left: box.left, top: box.top,
        size: parseFloat(getComputedStyle(image).fontSize), colour: getComputedStyle(image).color,
        leading: parseFloat(getComputedStyle(image).lineHeight) / parseFloat(getComputedStyle(image).fontSize),
      };
    }),
  };
}
