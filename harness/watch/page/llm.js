// Asks how the run is doing, and shows its charts. Markup comes from the report's own code, which escapes everything.
(() => {
  "use strict";
  const BUSY_MS = 1000, IDLE_MS = 2000, LOST_MS = 4000;
  const at = (id) => document.getElementById(id);
  const show = (id, isShown) => { at(id).hidden = !isShown; };
  const write = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
  const blocks = new Map(); // by key: the element, its markup, its plots
  const MOST_SHARE = 0.08; // of the time is for drawing: the browser may share its processor with the run
  let seen = "", shownRun = "", plots = null, isOver = false, restsUntil_ms = 0;

  // Plots are drawn only where they can be seen.
  const figures = new WeakMap();
  const inSight = new Set();
  const drawIfDue = (plot) => {
    const due = figures.get(plot);
    if (plots && due && !due.isDrawn && inSight.has(plot)) {
      due.isDrawn = true;
      plots.draw(plot, due.figure);
    }
  };
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      isIntersecting ? inSight.add(target) : inSight.delete(target);
      drawIfDue(target);
    }
  }, { rootMargin: "300px" });

  const allPlots = () => [...document.querySelectorAll(".plot")];
  const drawAll = () => allPlots().forEach((plot) => {
    const due = figures.get(plot);
    if (due) { due.isDrawn = true; plots.draw(plot, due.figure); }
  });

  const setMarkup = (block, markup) => {
    if (block.markup === markup) return;
    const open = [...block.element.querySelectorAll("details")].map((details) => details.open);
    const kept = [...block.element.querySelectorAll(".plot")];
    block.element.innerHTML = markup;
    block.markup = markup;
    block.element.querySelectorAll("details").forEach((details, place) => { details.open = open[place] ?? details.open; });
    block.element.querySelectorAll(".plot").forEach((plot, place) => {
      kept[place] ? plot.replaceWith(kept[place]) : sight.observe(plot);
    });
  };

  const setFigures = (block, found) => {
    block.element.querySelectorAll(".plot").forEach((plot, place) => {
      const figure = found[place];
      const text = JSON.stringify(figure);
      if (figures.get(plot)?.text === text) return;
      figure.layout.uirevision = shownRun; // keeps what was zoomed
      figures.set(plot, { figure, text, isDrawn: false });
      drawIfDue(plot);
    });
  };

  const blockOf = ({ key }) => {
    if (!blocks.has(key)) {
      const element = document.createElement("div");
      element.dataset.key = key;
      blocks.set(key, { element, markup: null });
    }
    return blocks.get(key);
  };

  const drawBlocks = (drawing) => {
    plots ??= plotter(drawing.style);
    if (!drawBlocks.listens) { plots.onChange(drawAll); drawBlocks.listens = true; }
    const keys = new Set(drawing.blocks.map(({ key }) => key));
    for (const [key, { element }] of blocks) {
      if (!keys.has(key)) { element.remove(); blocks.delete(key); }
    }
    let before = null;
    for (const given of drawing.blocks) {
      const block = blockOf(given);
      const place = before ? before.nextSibling : at("blocks").firstChild;
      if (block.element !== place) at("blocks").insertBefore(block.element, place);
      setMarkup(block, given.markup);
      setFigures(block, given.figures);
      before = block.element;
    }
  };

  const forget = () => {
    blocks.clear();
    inSight.clear();
    sight.disconnect();
    at("blocks").replaceChildren();
  };

  const time = (seconds) => {
    const whole = Math.floor(seconds);
    const part = (of) => String(of).padStart(2, "0");
    return whole < 3600 ? `${Math.floor(whole / 60)}:${part(whole % 60)}`
      : `${Math.floor(whole / 3600)}:${part(Math.floor(whole / 60) % 60)}:${part(whole % 60)}`;
  };
  const number = (count) => count.toLocaleString("en");

  const STATES = { ready: "ready", spawning: "starting users", running: "running", cleanup: "ending", stopping: "ending", stopped: "ended", missing: "no worker" };
  const showState = ({ state, users, workers, run, spawn_rate }) => {
    const isOn = state === "running" || state === "spawning";
    const isEnding = state === "cleanup" || state === "stopping" || (run && !run.is_over && !isOn);
    write("state", isEnding ? "ending" : STATES[state] ?? state);
    at("state").className = `state ${isOn ? "on" : isEnding ? "ending" : ""}`;
    const of = workers === undefined ? "" : ` on ${workers} worker${workers === 1 ? "" : "s"}`;
    const parts = run ? [`${number(run.rows)} calls`, time(run.lasts_s)] : [];
    if (isOn) parts.push(`${number(users)} user${users === 1 ? "" : "s"}${of}`);
    else if (!run && of) parts.push(of.trim().replace("on ", ""));
    write("progress", parts.join(" · "));
    show("change", isOn); show("reset", isOn); show("stop", isOn || isEnding); show("new", !isOn && !isEnding);
    const form = at("change");
    if (isOn && !form.contains(document.activeElement) && !form.dataset.touched) {
      form.user_count.value = users; form.spawn_rate.value = spawn_rate;
    }
  };

  const side = ({ provider, model, mode, host }) => `${provider} · ${model}, ${mode === "mock" ? "the built-in mock" : host}`;
  const showAbout = (run) => {
    show("about", run); show("empty", !run); show("footer", run);
    if (!run) return;
    write("what", `${run.provider} · ${run.model}`);
    const where = run.mode === "mock" ? "the built-in mock" : run.host;
    write("where", `${run.api}, ${run.stream ? "streamed" : "not streamed"} · ${where} · run ${run.run_id}`);
    show("against", run.against);
    if (run.against) write("against", `Each call is made twice. The baseline: ${side({ ...run, ...run.against })}`);
    const hints = [];
    if (!run.stream) hints.push("TTFT, ITL and TPOT are empty: they need a stream (the form's “Stream the answer”, or --stream).");
    if (run.since_s && !run.is_over) hints.push(`Reset at ${time(run.since_s)}: what follows is shown. The summary and the files will have all calls.`);
    show("hint", hints.length); write("hint", hints.join(" "));
    showStanding(run.standing);
  };

  const STANDING = { asked: "asked (due by now)", delivered: "delivered (started)", waiting: "waiting for a user", dropped: "dropped" };
  const showStanding = (standing) => {
    show("standing", standing);
    if (!standing) return;
    at("standing").replaceChildren(...Object.entries(STANDING).map(([name, title]) => {
      const tile = document.createElement("div"), head = document.createElement("span"), value = document.createElement("b");
      tile.className = "tile"; head.textContent = title; value.textContent = number(standing[name]);
      tile.append(head, value);
      return tile;
    }));
  };

  const link = (run, name, title, says) => {
    const item = document.createElement("li"), anchor = document.createElement("a"), small = document.createElement("small");
    anchor.href = `llm/files/${encodeURIComponent(run.run_id)}/${encodeURIComponent(name)}`;
    anchor.textContent = title; anchor.download = ""; small.textContent = says;
    item.append(anchor, small);
    return item;
  };
  const showFiles = (run) => {
    const isOver = Boolean(run?.is_over && run.files.length);
    show("files", isOver);
    if (!isOver || at("files").dataset.run === run.run_id) return;
    at("files").dataset.run = run.run_id;
    at("files").querySelector("ul").replaceChildren(
      link(run, "report.html", "report.html", "these charts as one file, made when you ask for it"),
      ...run.files.map(({ name, says }) => link(run, name, name, says)));
  };

  const showProblem = (text) => { show("problem", text); write("problem", text ?? ""); };
  let refused = "";
  const update = ({ status, drawing }) => {
    const { run } = status;
    if ((run?.run_id ?? "") !== shownRun) { shownRun = run?.run_id ?? ""; seen = ""; restsUntil_ms = 0; forget(); }
    showState(status); showAbout(run); showFiles(run);
    if (drawing && !drawing.error) {
      const began_ms = performance.now();
      drawBlocks(drawing);
      seen = run.mark;
      restsUntil_ms = performance.now() + (performance.now() - began_ms) / MOST_SHARE;
    }
    isOver = run?.is_over ?? true;
    const problem = refused || status.refusal || (drawing?.error ? `The charts can't be drawn: ${drawing.error}` : "");
    showProblem(problem);
    show("drawing", run && !blocks.size && !drawing?.error);
    document.title = run ? `${at("state").textContent} · ${run.model}` : "LLM load test";
    return status.state === "running" || status.state === "spawning" || (run && !run.is_over) ? BUSY_MS : IDLE_MS;
  };

  let timer;
  const look = async () => {
    clearTimeout(timer);
    let wait_ms = LOST_MS;
    if (!document.hidden) {
      try {
        const rest = !isOver && performance.now() < restsUntil_ms ? "&rest" : "";
        const answer = await fetch(`llm/data?seen=${encodeURIComponent(seen)}${rest}`, { cache: "no-store" });
        if (answer.redirected) location.reload();
        if (!answer.ok) throw new Error((await answer.text()).trim());
        wait_ms = update(await answer.json());
      } catch (error) {
        write("state", "no answer"); at("state").className = "state";
        for (const id of ["change", "reset", "stop", "new"]) show(id, false);
        showProblem(error instanceof TypeError ? "Locust doesn't answer: has it ended?" : String(error.message));
      }
    }
    clearTimeout(timer);
    timer = setTimeout(look, wait_ms);
  };

  const post = async (path, fields) => {
    refused = "";
    try {
      const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
      const text = await answer.text();
      const said = text.startsWith("{") ? JSON.parse(text) : { success: answer.ok, message: text };
      refused = said.success ? "" : said.message;
    } catch (error) {
      refused = String(error.message);
    }
    look();
  };
  at("stop").addEventListener("click", () => { at("stop").disabled = true; post("stop", {}).finally(() => { at("stop").disabled = false; }); });
  at("reset").addEventListener("click", () => post("stats/reset", {}));
  at("change").addEventListener("input", () => { at("change").dataset.touched = "1"; });
  at("change").addEventListener("submit", (event) => {
    event.preventDefault();
    delete at("change").dataset.touched;
    document.activeElement.blur();
    post("swarm?change", new FormData(event.target));
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  look();
})();
