// The section that is read is marked in the navigation, which on a phone scrolls to show its name.
const navigation = document.querySelector("nav");
const names = [...navigation.querySelectorAll("a[href^='#']")];
const markSection = () => {
  const isEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  const begun = (name) => at(name.hash.slice(1)).getBoundingClientRect().top < innerHeight / 4;
  const name = isEnd ? names.at(-1) : names.findLast(begun);
  const marked = navigation.querySelector("[aria-current]");
  if (name === marked) return;
  marked?.removeAttribute("aria-current");
  name?.setAttribute("aria-current", "true");
  const middle = name ? name.offsetLeft + name.offsetWidth / 2 : 0;
  navigation.scrollLeft = middle - navigation.clientWidth / 2;
};
addEventListener("scroll", () => requestAnimationFrame(markSection), { passive: true });
markSection();

