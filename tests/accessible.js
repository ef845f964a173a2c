// What keeps a reader out of a page: each function returns sentences that say where, or nothing.
(() => {
  const name = (element) => {
    const id = element.closest("[id]");
    const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 30);
    return `${id ? `#${id.id} ` : ""}${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""} “${text}”`;
  };
  const seen = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    element.getClientRects().length > 0;
  const distinct = (list) => [...new Set(list)];

  // Colours as a browser paints them: [r, g, b, alpha].
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colours = new Map();
  const colour = (text) => {
    if (!colours.has(text)) {
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = text;
      paint.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
      colours.set(text, [r, g, b, a / 255]);
    }
    return colours.get(text);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const background = colour(getComputedStyle(at).backgroundColor);
      if (background[3] > 0) layers.push(background);
      if (background[3] === 1) break;
    }
    const canvas = [255, 255, 255];
    return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
  };

  const texts = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const elements = new Set();
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() && !parent.closest("script, style, template, :disabled"))
        elements.add(parent);
    }
    return [...elements].filter(seen);
  };
  const pale = () =>
    distinct(
      texts().flatMap((element) => {
        const style = getComputedStyle(element);
        const ink = colour(element.closest("svg") ? style.fill : style.color);
        const paper = behind(element);
        const ratio = contrast(over(ink, paper), paper);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        return ratio < (large ? 3 : 4.5) - 0.005 ? [`${ratio.toFixed(2)}:1 ${name(element)}`] : [];
      }),
    );

  // Boxes beyond the window that nothing around them scrolls or cuts off.
  const wide = () => {
    const width = document.documentElement.clientWidth;
    const contained = (element) => {
      for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
        if (getComputedStyle(at).overflowX !== "visible" && at.getBoundingClientRect().right <= width + 1)
          return true;
      return false;
    };
    const page = document.documentElement.scrollWidth;
    return (page > width ? [`the page is ${page} wide`] : []).concat(
      [...document.body.querySelectorAll("*")]
        .filter((element) => seen(element) && !element.closest("svg")?.contains(element.parentElement))
        .filter((element) => {
          const box = element.getBoundingClientRect();
          return box.width > 0 && (box.right > width + 1 || box.left < -1) && !contained(element);
        })
        .map((element) => `${Math.round(element.getBoundingClientRect().right)} ${name(element)}`),
    );
  };

  const structure = () => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(seen);
    const jumps = levels.filter((each, i) => i && each.tagName[1] - levels[i - 1].tagName[1] > 1);
    return [
      ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"]),
      ...(document.documentElement.lang ? [] : ["no lang"]),
      ...jumps.map((heading) => `a level is left out before ${name(heading)}`),
      ...[...document.images].filter((image) => !image.hasAttribute("alt")).map(name),
      ...[...document.querySelectorAll("table")].filter(seen).filter((table) => !table.querySelector("th, td")).map(name),
    ];
  };

  const moving = () =>
    distinct(
      [document.documentElement, ...document.body.querySelectorAll("*")]
        .filter((element) => {
          const style = getComputedStyle(element);
          const transition = style.transitionDuration.split(",").some((part) => parseFloat(part) > 0);
          return transition || style.animationName !== "none" || style.scrollBehavior === "smooth";
        })
        .map(name),
    );

  const CONTROLS = "a[href], button, select, input, textarea, summary, [tabindex]";
  // What can be used: each with a number, by which `focused` calls it.
  const controls = () => {
    const all = [...document.querySelectorAll(CONTROLS)].filter(
      (element) => seen(element) && !element.disabled && element.getAttribute("tabindex") !== "-1",
    );
    // Of radio buttons Tab reaches one, and arrows the others.
    const reached = all.filter((element) => element.type !== "radio" || element.checked);
    reached.forEach((element, i) => (element.dataset.control = i));
    return reached.map(name);
  };
  const focused = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const style = getComputedStyle(element);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    return { control: element.dataset.control ?? null, ring, name: name(element) };
  };
  // What the mouse can use and no key reaches.
  const mouse = () =>
    distinct(
      [...document.body.querySelectorAll("*")]
        .filter((element) => getComputedStyle(element).cursor === "pointer" && seen(element))
        .filter((element) => !element.closest(`${CONTROLS}, label`))
        .map(name),
    );

  window.accessible = { pale, wide, structure, moving, controls, focused, mouse };
})();
