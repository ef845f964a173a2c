// Without this the page stays as it comes, which is what it shows without any script.
if (!("DecompressionStream" in window)) return;
document.documentElement.classList.add("scripted");
const unpacked = (packed) => new Response(
  new Blob([bytes(packed.trim())]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
const data = JSON.parse(await unpacked(at("data").textContent));
