// Everything here can be done without it: it adds hover, keys, copying, the choice of colours, and following the log.
"use strict";
(() => {
  const root = document.documentElement, kept = "trailhouse-theme";
  try { root.dataset.theme = localStorage.getItem(kept) || ""; } catch { /* storage is off */ }
  if (!root.dataset.theme) delete root.dataset.theme;
  const $$ = (what, from = document) => [...from.querySelectorAll(what)];
  const say = (text) => { const live = document.getElementById("live"); if (live) live.textContent = text; };
  const svg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  let tip;
  const hide = () => { tip?.remove(); tip = undefined; };
  const show = (title, lines, x, y) => {
    hide();
    tip = document.createElement("div");
    tip.className = "tip";
    if (title) tip.append(Object.assign(document.createElement("b"), { textContent: title }));
    tip.append(lines.join("\n"));
    document.body.append(tip);
    const box = tip.getBoundingClientRect(), wide = root.clientWidth;
    const left = Math.max(8, Math.min(x + 14 + box.width > wide - 8 ? x - box.width - 14 : x + 14, wide - box.width - 8));
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${Math.max(8, y - box.height - 10) + scrollY}px`;
  };
  const theme = () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try { localStorage.setItem(kept, root.dataset.theme); } catch { /* it holds for this page */ }
  };
  const plot = (figure) => {
    const told = JSON.parse(figure.dataset.plot), places = figure.dataset.places.split(" ").map(Number);
    const canvas = figure.querySelector(".canvas");
    const panel = figure.closest("article"), rows = $$(".as-table tbody tr", panel ?? figure);
    const zoom = figure.closest("[data-zoom]")?.dataset.zoom;
    // A chart of one row a date leads where its table's rows lead.
    const behind = (index) => (rows.length === places.length ? rows[index].querySelector(".behind a")?.href : undefined);
    let at = -1, mark, from = -1, area;
    const leave = () => { at = from = -1; mark?.remove(); area?.remove(); hide(); };
    const go = (index, isSpoken) => {
      at = Math.max(0, Math.min(places.length - 1, index));
      const lines = told.series.filter((each) => each.values[at] !== null)
        .map((each) => (told.series.length > 1 ? `${each.name}: ` : "") + `${each.values[at]} ${told.unit}`);
      if (told.before?.[at]) lines.push(`before: ${told.before[at]}`);
      mark?.remove();
      mark = svg("line", { class: "cursor", x1: `${places[at]}%`, x2: `${places[at]}%`, y1: 0, y2: "100%" });
      canvas.append(mark);
      const box = canvas.getBoundingClientRect();
      show(told.labels[at], lines, box.left + (box.width * places[at]) / 100, box.top + 40);
      if (isSpoken) say(`${told.labels[at]}: ${lines.join(", ")}`);
    };
    const nearest = (event) => {
      const box = canvas.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * 100;
      return places.reduce((best, place, index) => (Math.abs(place - x) < Math.abs(places[best] - x) ? index : best), 0);
    };
    if (behind(0)) figure.dataset.link = "";
    const stretch = () => {
      area?.remove();
      const [low, high] = [Math.min(places[from], places[at]), Math.max(places[from], places[at])];
      area = svg("rect", { class: "chosen", x: `${low}%`, width: `${high - low}%`, y: 0, height: "100%" });
      canvas.append(area);
    };
    figure.addEventListener("pointermove", (event) => { go(nearest(event)); if (from >= 0 && from !== at) stretch(); });
    figure.addEventListener("pointerdown", (event) => { go(nearest(event)); if (event.button === 0 && event.pointerType === "mouse") from = at; });
    figure.addEventListener("pointerup", () => {
      if (from < 0) return;
      const [first, end] = [Math.min(from, at), Math.max(from, at) + 1];
      if (end - first === 1) { if (behind(first)) location.href = behind(first); }
      else if (zoom && told.days) {
        // The last date of the last place is the day before the next one's first.
        let last = told.days[end];
        if (end < places.length) last = new Date(Date.parse(last) - 864e5).toISOString().slice(0, 10);
        location.href = zoom.replace("FIRST", told.days[first]).replace("LAST", last);
      }
      from = -1;
    });
    figure.addEventListener("pointerleave", leave);
    figure.addEventListener("blur", leave);
    figure.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && at >= 0 && behind(at)) location.href = behind(at);
      const to = { ArrowLeft: at < 0 ? places.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: places.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      go(to, true);
    });
  };
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); say("Copied"); show("", ["Copied"], innerWidth / 2, 90); setTimeout(hide, 1200); } catch { return false; }
    return true;
  };
  // The first choice a menu has of these is what the key means there.
  const periods = { d: ["7d", "seven_days", "30d"], w: ["week", "7d", "30d"], m: ["month", "30d", "3m"], y: ["12m", "all"] };
  const choose = (key) => {
    const near = document.activeElement?.closest("article") ?? document.querySelector("article:hover");
    const choices = (from) => $$("[data-period]", from ?? document.createElement("i"));
    const links = [choices(near), choices(document.querySelector(".segments, article:has([data-period])"))].find((each) => each.length);
    for (const period of periods[key]) {
      const found = links?.find((each) => each.dataset.period === period);
      if (found) { found.click(); return; }
    }
  };
  const compare = () => {
    const links = $$(".compare a"), now = links.findIndex((each) => each.ariaCurrent);
    links[(now + 1) % links.length]?.click();
  };
  const wait = async () => {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || page.querySelector("[data-waiting]")) return false;
    location.reload();
    return true;
  };
  // Once more when the last time is over, however long it took, until it says that it is done.
  const again = (what, pause) => setTimeout(async () => { if (!(await what())) again(what, pause); }, pause);
  const follow = async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) { location.reload(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const what of [".log tbody", ".fresh"]) {
      const now = document.querySelector(what), then = page.querySelector(what);
      // The first that a search hits makes the table.
      if (!now && then) { location.reload(); return; }
      if (!then) continue;
      const known = new Set($$("a[href*='/log/']", now).map((each) => each.getAttribute("href")));
      const fresh = $$("tr", then).filter((row) => known.size && !known.has(row.querySelector("a")?.getAttribute("href")));
      for (const row of fresh) row.classList.add("arrived");
      if (fresh.length) say(`${fresh.length} new event${fresh.length > 1 ? "s" : ""}`);
      now.replaceWith(then);
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    for (const each of $$("[data-theme-toggle],[data-copy-text]")) each.hidden = false;
    $$(".plot").forEach(plot);
    for (const each of $$("[data-tip]")) {
      const box = () => each.getBoundingClientRect();
      const [title, ...lines] = each.dataset.tip.split("\n");
      const open = () => show(title, lines, box().left, box().top);
      each.addEventListener("pointerenter", open);
      each.addEventListener("focus", open);
      each.addEventListener("pointerleave", hide);
      each.addEventListener("blur", hide);
    }
    if (document.querySelector("[data-live]")) again(() => follow().catch(() => say("The server does not answer")), 5000);
    if (document.querySelector("[data-waiting]")) again(() => wait().catch(() => undefined), 3000);
    if (/[?&]search=/.test(location.search)) document.querySelector("input[type=search]")?.select();
  });
  document.addEventListener("click", async (event) => {
    for (const menu of $$(".menu[open]")) if (!menu.contains(event.target) || event.target.closest("a")) menu.open = false;
    if (event.target.closest("[data-theme-toggle]")) theme();
    const call = event.target.closest("[data-copy-call]");
    if (call) {
      event.preventDefault();
      if (!(await copy(`curl -H "Authorization: Bearer $TRAILHOUSE_KEY" "${location.origin}${call.dataset.copyCall}"`))) location.href = call.href;
    }
    const gone = event.target.closest("a[href]");
    if (gone && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && !gone.hasAttribute("download") && !gone.hasAttribute("data-copy") && gone.pathname + gone.search !== location.pathname + location.search)
      root.classList.add("loading");
    const link = event.target.closest("[data-copy]"), text = event.target.closest("[data-copy-text]");
    if (link || text) event.preventDefault();
    if (link && !(await copy(link.href))) location.href = link.href;
    if (text) await copy(document.querySelector(text.dataset.copyText).textContent);
  });
  document.addEventListener("submit", () => root.classList.add("loading"));
  addEventListener("pageshow", () => root.classList.remove("loading"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      hide();
      if (event.target.type === "search") event.target.value = "";
      for (const menu of $$(".menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input,select,textarea")) return;
    if (event.key === "/") { const search = document.querySelector("input[type=search]"); if (search) { event.preventDefault(); search.focus(); } }
    if (event.key === "t") theme();
    if (event.key === "x") compare();
    if (event.key === "r") location.reload();
    if (periods[event.key]) choose(event.key);
    if (event.key === "?") document.getElementById("help")?.showModal();
  });
})();
