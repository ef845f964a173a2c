// Pictures as one: each with a title above, if it has one.
// `blank` is the width of a place without a picture.
const joined = (pictures, blank = 0) => {
  const parts = [];
  let across = 0, down = 0;
  for (const [image, title] of pictures) {
    const above = title ? 20 : 0;
    let [width, height] = [blank, 0];
    if (title) {
      const text = make("text", { x: across + 6, y: 14, class: "name" }, title);
      parts.push(new XMLSerializer().serializeToString(text));
    }
    if (image) {
      const picture = decoded(image);
      [width, height] = ["width", "height"].map((side) =>
        Number(picture.match(new RegExp(`<svg[^>]* ${side}='([^']+)'`))[1]));
      parts.push(picture.replace("<svg", `<svg x="${across}" y="${above}"`));
    }
    across += width;
    down = Math.max(down, above + height);
  }
  return `<svg xmlns="${SVG}" width="${across}" height="${down}" viewBox="0 0 ${across} ${down}">` +
    `<style>.name{font:11px sans-serif;fill:currentColor}</style>${parts.join("")}</svg>`;
};
