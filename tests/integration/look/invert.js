// Colours as a mail program changes them that forces a dark scheme: "full" gives each the opposite lightness, "partial" only
// light grounds and the dark words on them. Pictures keep theirs.
kind => {
  const parts = colour => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => (Math.max(r, g, b) + Math.min(r, g, b)) / 2 > 127;
  const turned = ([r, g, b]) => {
    const shift = 255 - Math.max(r, g, b) - Math.min(r, g, b);
    return `rgb(${[r, g, b].map(part => Math.round(Math.min(255, Math.max(0, part + shift)))).join()})`;
  };
  const changes = [];
  const visit = (element, ground) => {
    const style = getComputedStyle(element);
    const own = parts(style.backgroundColor);
    const under = own.length === 4 && own[3] === 0 ? ground : own;
    if (under === own && (kind === "full" || light(own))) changes.push([element, "background-color", turned(own)]);
    if (kind === "full" || (light(under) && !light(parts(style.color)))) changes.push([element, "color", turned(parts(style.color))]);
    for (const side of ["top", "bottom", "left", "right"])
      if (kind === "full" || light(under)) changes.push([element, `border-${side}-color`, turned(parts(style[`border-${side}-color`] || style.color))]);
    for (const child of element.children) visit(child, under);
  };
  document.documentElement.style.backgroundColor = "#ffffff";
  visit(document.documentElement, [255, 255, 255]);
  for (const [element, key, value] of changes) element.style.setProperty(key, value, "important");
}
