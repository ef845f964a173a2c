// Claims.
const verdict = at("verdict"), claims = [...document.querySelectorAll(".claims details")];
verdict.addEventListener("change", () => {
  for (const claim of claims) claim.hidden = ![claim.dataset.verdict, ""].includes(verdict.value);
});
// On paper nobody opens a row.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".claims details:not([open])")];
  for (const claim of opened) claim.open = true;
});
addEventListener("afterprint", () => { for (const claim of opened) claim.open = false; });
