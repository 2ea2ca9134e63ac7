// The start form: fields follow the choices above them, and a refusal is shown beside the button.
(() => {
  "use strict";
  const ANOTHER = "\u0000another";
  const form = document.getElementById("start"), problem = document.getElementById("problem");
  const { models, apis } = JSON.parse(document.getElementById("choices").textContent);
  const list = document.getElementById("models"), own = document.getElementById("model");
  const field = (name) => form.elements.namedItem(name);
  const chosen = (name) => form.querySelector(`[data-choice="${name}"]:checked`)?.value === "true";
  const option = (value, text = value) => Object.assign(document.createElement("option"), { value, textContent: text });

  const offerModels = () => {
    const { listed, default: usual, given } = models[field("provider").value];
    const names = new Set(given ? [given, ...listed] : listed);
    list.replaceChildren(...[...names].map((name) => option(name)), option(ANOTHER, "another …"));
    list.value = given || usual || listed[0] || ANOTHER;
    showOwn();
  };
  const showOwn = () => {
    own.hidden = list.value !== ANOTHER;
    own.required = !own.hidden;
    own.value = own.hidden ? list.value : (own.dataset.typed ?? "");
  };
  const offerApis = () => {
    const known = apis[field("provider").value], before = field("api").value;
    field("api").replaceChildren(...known.map((name) => option(name)));
    field("api").value = known.includes(before) ? before : known[0];
  };
  const isFit = (label) => {
    const only = { open: chosen("open"), mock: chosen("mock"), real: !chosen("mock") }[label.dataset.only] ?? true;
    const providers = label.dataset.providers;
    return only && (!providers || providers.split(" ").includes(field("provider").value));
  };
  const follow = () => form.querySelectorAll("[data-only], [data-providers]").forEach((label) => { label.hidden = !isFit(label); });

  // Users needed: the highest rate times the timeout (Little's law).
  const suggestUsers = () => {
    if (!chosen("open") || field("user_count").dataset.typed) return;
    const rates = `${field("rate").value},${field("rate_stages").value}`.split(",").flatMap((stage) => stage.split(":")[0].split("-")).map(Number);
    const needed = Math.min(1000, Math.ceil(Math.max(...rates.filter(Number.isFinite)) * Number(field("timeout").value)));
    if (needed > 0) field("user_count").value = field("spawn_rate").value = needed;
  };

  const fields = () => {
    const found = new FormData(form);
    ["choice mock", "choice open"].forEach((name) => found.delete(name));
    form.querySelectorAll("[data-name]").forEach((box) => found.set(box.dataset.name, String(box.checked)));
    if (field("provider")) {
      found.set("mock", String(chosen("mock")));
      const model = list.value === ANOTHER ? own.value.trim() : list.value;
      found.set("model", model);
      found.set("any_model", String(!models[field("provider").value].listed.includes(model)));
      if (!chosen("open")) { found.set("rate", ""); found.set("rate_stages", ""); found.set("replay", "false"); }
    }
    return found;
  };
  const refuse = (text) => { problem.textContent = text; problem.hidden = !text; };
  const start = async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    refuse("");
    try {
      const answer = await fetch(form.dataset.to, { method: "POST", body: new URLSearchParams(fields()) });
      const text = await answer.text();
      const said = text.startsWith("{") ? JSON.parse(text) : { success: false, message: text };
      said.success ? location.assign("../llm") : refuse(said.message);
    } catch (error) {
      refuse(error instanceof TypeError ? "Locust doesn't answer: has it ended?" : String(error.message));
    }
    button.disabled = false;
  };

  form.addEventListener("submit", start);
  if (!field("provider")) return;
  form.querySelectorAll("[data-choice]").forEach((radio) => { radio.name = `choice ${radio.dataset.choice}`; });
  form.querySelectorAll("[data-choice]").forEach((radio) => radio.addEventListener("change", () => { follow(); suggestUsers(); }));
  form.querySelectorAll('[data-choice="open"]').forEach((radio) => {
    const isOpen = Boolean(field("rate").value || field("rate_stages").value || form.querySelector('[data-name="replay"]').checked);
    radio.checked = (radio.value === "true") === isOpen;
  });
  field("provider").addEventListener("change", () => { offerModels(); offerApis(); follow(); });
  list.addEventListener("change", () => { showOwn(); own.hidden || own.focus(); });
  own.addEventListener("input", () => { own.dataset.typed = own.value; });
  field("user_count").addEventListener("input", (event) => { event.target.dataset.typed = "1"; });
  ["rate", "rate_stages", "timeout"].forEach((name) => field(name).addEventListener("input", suggestUsers));
  offerModels(); offerApis(); follow();
})();
