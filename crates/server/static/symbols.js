// Draws a barcode or QR code from the SVG that the server made. The policy lets no text become
// markup, so its rectangles are read and made anew.

const SVG = "http://www.w3.org/2000/svg";

const attribute = (text, name) => text.match(new RegExp(` ${name}="([^"]*)"`))?.[1];

/** An element of SVG. */
export function svgElement(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** An element that shows the symbol; `label` is what a screen reader says. */
export function symbol(text, label) {
  const viewBox = attribute(text, "viewBox");
  const drawing = svgElement("svg", { viewBox, "shape-rendering": "crispEdges", role: "img", "aria-label": label });
  const [, , width, height] = viewBox.split(" ");
  drawing.append(svgElement("rect", { width, height, fill: "#fff" }));
  const bars = text.slice(text.indexOf("<g ")).match(/<rect [^>]*>/g) ?? [];
  for (const bar of bars) {
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => attribute(bar, name));
    drawing.append(svgElement("rect", { x, y, width: w, height: h, fill: "#000" }));
  }
  return drawing;
}
