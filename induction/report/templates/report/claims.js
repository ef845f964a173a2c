// Claims.
const verdict = at("verdict"), claims = [...document.querySelectorAll(".claims .group details")];
const filter = () => {
  for (const claim of claims) claim.hidden = ![claim.dataset.verdict, ""].includes(verdict.value);
  const shown = (group) => group.querySelector("details:not([hidden])") !== null;
  const groups = [...document.querySelectorAll(".claims .group:not(#of-controls)")];
  for (const group of groups) group.hidden = !shown(group) && verdict.value !== "";
  at("no-claim").hidden = groups.some(shown);
  at("no-control").hidden = shown(at("of-controls"));
};
verdict.addEventListener("change", filter);
// A link opens the row that it names, also one that the filter hides.
const follow = (hash) => {
  const target = at(hash.slice(1));
  if (!target?.closest(".claims")) return;
  if (target.closest("[hidden]")) {
    verdict.value = "";
    filter();
  }
  if (claims.includes(target)) target.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", () => follow(location.hash));
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  // The same link a second time changes no hash.
  if (link?.hash === location.hash) follow(link.hash);
});
follow(location.hash);
// On paper nobody opens a row.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".claims details:not([open])")];
  for (const claim of opened) claim.open = true;
});
addEventListener("afterprint", () => { for (const claim of opened) claim.open = false; });
