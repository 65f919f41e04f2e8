"use strict";
(() => {
  // ---- numbers for people, as traceql/model/units.py writes them
  const three = (v) => v.toFixed(Math.abs(v) < 10 ? 2 : Math.abs(v) < 100 ? 1 : 0);
  const scaled = (v, steps) => {
    const size = Math.abs(v);
    for (const [scale, unit] of steps) if (size >= scale) return three(v / scale) + " " + unit;
    return null;
  };
  const plainNumber = (v) => Number.isInteger(v) ? v.toLocaleString("en-US") : String(Number(v.toPrecision(4)));
  const FORMAT = {
    ns: (v) => scaled(v, [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) || (v ? Number(v.toPrecision(3)) + " ns" : "0"),
    bytes: (v) => scaled(v, [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) || Math.round(v) + " B",
    ratio: (v) => three(100 * v) + " %",
    hz: (v) => scaled(v, [[1e9, "GHz"], [1e6, "MHz"], [1e3, "kHz"]]) || v + " Hz",
    w: (v) => plainNumber(v) + " W", j: (v) => plainNumber(v) + " J", celsius: (v) => plainNumber(v) + " °C",
  };
  const write = (v, unit) => v === null || v === undefined ? "" : (FORMAT[unit] || plainNumber)(v);
  // On an axis trailing zeros are noise.
  const onAxis = (v, unit) => write(v, unit).replace(/(\.\d*?)0+(?= |$)/, "$1").replace(/\.(?= |$)/, "");

  // ---- colours come from the style sheet, so that light, dark and print agree
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  let printing = false;
  const palette = () => printing
    ? { ink: "#000", muted: "#444", rule: "#bbb", faint: "#ddd", paper: "#fff", bar: "#2f6ba8", soft: "#dbe7f4", match: "#b3126b", dark: false }
    : { ink: css("ink"), muted: css("muted"), rule: css("rule"), faint: css("faint"), paper: css("paper"), bar: css("bar"),
        soft: css("accent-soft"), match: css("match"), dark: isDark() };
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const HUES = [212, 28, 160, 265, 48, 190, 340, 95];
  const hash = (text) => {
    let h = 2166136261;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
    return h >>> 0;
  };
  const fill = (name, dark) => {
    const h = hash(name), hue = HUES[h % HUES.length], shift = (h >>> 8) % 8;
    return dark ? `hsl(${hue}, 26%, ${31 + shift}%)` : `hsl(${hue}, 48%, ${77 + shift}%)`;
  };
  const lineColours = (c) => c.dark
    ? ["#7db3ee", "#f0a868", "#7fcfa6", "#c9a2ec", "#e0be57", "#76c7d4", "#f095b8", "#a9c66c"]
    : ["#1d5c9e", "#b4480c", "#1c7a52", "#6d3fa0", "#7d5c00", "#0f7685", "#a82a62", "#557a14"];

  // ---- small parts of the page; texts of a trace only ever become text nodes
  const element = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const tip = (title, ...lines) => {
    const made = element("div", undefined, "tip");
    if (title) made.append(element("b", title));
    for (const line of lines) if (line) made.append(element("div", line));
    return made;
  };
  const tooltip = (c, formatter) => ({
    trigger: "item", confine: true, formatter, backgroundColor: c.paper, borderColor: c.rule, borderWidth: 1, padding: [5, 9],
    textStyle: { color: c.ink, fontSize: 12.5 }, extraCssText: "box-shadow: 0 1px 5px rgba(0,0,0,.18); border-radius: 4px;",
  });
  const FONT = getComputedStyle(document.body).fontFamily;
  const axis = (c, more) => ({
    axisLine: { lineStyle: { color: c.rule } }, axisTick: { show: false }, splitLine: { lineStyle: { color: c.faint } },
    axisLabel: { color: c.muted, fontSize: 11.5, hideOverlap: true, ...((more || {}).axisLabel || {}) },
    nameTextStyle: { color: c.muted, fontSize: 11.5 },
    ...Object.fromEntries(Object.entries(more || {}).filter(([k]) => k !== "axisLabel")),
  });
  const start = (el, height, renderer) => {
    const chart = echarts.init(el, null, {
      renderer, height, width: el.clientWidth || 680, devicePixelRatio: Math.max(2, window.devicePixelRatio || 1),
    });
    live.push(chart);
    return chart;
  };
  const base = (c) => ({ animation: false, textStyle: { fontFamily: FONT, color: c.ink } });
  let live = [];

  // ---- forms
  const DRAW = {
    bars(el, spec, c, height) {
      const width = el.clientWidth || 680, room = Math.round(Math.min(340, width * 0.42));
      start(el, height, "svg").setOption({
        ...base(c),
        grid: { left: room + 10, right: 78, top: 6, bottom: 24 },
        tooltip: tooltip(c, (p) => tip(p.name, write(spec.values[p.dataIndex], spec.unit))),
        xAxis: axis(c, { type: "value", splitNumber: width < 500 ? 2 : 4, axisLabel: { formatter: (v) => onAxis(v, spec.unit) } }),
        yAxis: axis(c, {
          type: "category", inverse: true, data: spec.labels, axisLine: { show: false },
          axisLabel: { color: c.ink, width: room, overflow: "truncate", interval: 0, fontSize: 12, hideOverlap: false },
        }),
        series: [{
          type: "bar", data: spec.values, barWidth: 13, itemStyle: { color: c.bar },
          label: { show: true, position: "right", color: c.muted, fontSize: 11.5, formatter: (p) => write(spec.values[p.dataIndex], spec.unit) },
        }],
      });
    },

    histogram(el, spec, c) {
      const grid = element("div", undefined, "multiples");
      el.append(grid);
      const alone = spec.series.length === 1;
      if (alone) grid.style.gridTemplateColumns = "1fr";
      for (const one of spec.series) {
        const box = element("div");
        if (one.name) { const title = element("h5", one.name); title.title = one.name; box.append(title); }
        const place = element("div");
        box.append(place);
        grid.append(box);
        if (!one.bins.length) { place.append(element("p", "no values", "note")); continue; }
        // One series may be narrow where all together are wide.
        const least = (one.bins.find((b) => b[0] > 0) || [0])[0];
        const log = spec.log && least > 0 && one.bins[one.bins.length - 1][1] > 8 * least;
        const at = (v) => log ? Math.log10(Math.max(v, least / 2)) : v;
        const total = one.bins.reduce((sum, b) => sum + b[2], 0);
        const low = Math.min(...one.bins.map((b) => at(b[0]))), high = Math.max(...one.bins.map((b) => at(b[1])));
        const pad = (high - low) * 0.02 || 0.5;
        start(place, alone ? 240 : 150, "svg").setOption({
          ...base(c),
          grid: { left: 46, right: 14, top: 10, bottom: 24 },
          tooltip: tooltip(c, (p) => {
            const b = one.bins[p.dataIndex];
            return tip(`${write(b[0], spec.unit)} to ${write(b[1], spec.unit)}`, `${plainNumber(b[2])} of ${plainNumber(total)} (${write(b[2] / total, "ratio")})`);
          }),
          xAxis: axis(c, {
            type: "value", min: low - pad, max: high + pad, splitLine: { show: false }, splitNumber: alone ? 6 : 3,
            minInterval: log && high - low > 2.5 ? 1 : undefined,
            axisLabel: { formatter: (v) => onAxis(log ? Number((10 ** v).toPrecision(2)) : v, spec.unit), showMinLabel: false, showMaxLabel: false },
          }),
          yAxis: axis(c, { type: "value", splitNumber: 3, minInterval: 1, axisLine: { show: false }, axisLabel: { formatter: (v) => v >= 1e4 ? Number((v / 1e3).toPrecision(3)) + " k" : v } }),
          series: [{
            type: "custom", encode: { x: [0, 1], y: 2 }, data: one.bins.map((b) => [at(b[0]), at(b[1]), b[2]]),
            renderItem: (params, api) => {
              const [x0, y0] = api.coord([api.value(0), api.value(2)]), [x1, y1] = api.coord([api.value(1), 0]);
              const gap = x1 - x0 > 4 ? 0.5 : 0;
              // A bin of one event among thousands must still be seen.
              const tall = api.value(2) > 0 ? Math.max(1.5, y1 - y0) : 0;
              return { type: "rect", shape: { x: x0 + gap, y: y1 - tall, width: Math.max(1, x1 - x0 - 2 * gap), height: tall }, style: { fill: c.bar } };
            },
          }],
        });
      }
    },

    line(el, spec, c) {
      const many = spec.series.length > 1;
      start(el, 290, "svg").setOption({
        ...base(c), color: lineColours(c),
        grid: { left: 64, right: 18, top: many ? 34 : 12, bottom: 28 },
        legend: many ? { type: "plain", top: 0, left: 0, textStyle: { color: c.ink, width: 180, overflow: "truncate" }, icon: "roundRect", itemWidth: 14, itemHeight: 3 } : undefined,
        tooltip: { ...tooltip(c, (ps) => tip(write(ps[0].value[0], spec.x_unit), ...ps.map((p) => (p.seriesName && many ? p.seriesName + ": " : "") + write(p.value[1], spec.unit)))), trigger: "axis" },
        xAxis: axis(c, { type: "value", scale: true, splitLine: { show: false }, axisLabel: { formatter: (v) => onAxis(v, spec.x_unit) } }),
        yAxis: axis(c, { type: "value", scale: true, axisLine: { show: false }, axisLabel: { formatter: (v) => onAxis(v, spec.unit) } }),
        series: spec.series.map((one) => ({ type: "line", name: one.name, data: one.points, showSymbol: one.points.length < 60, symbolSize: 4, lineStyle: { width: 1.6 } })),
      });
    },

    timeline(el, spec, c, height) {
      const width = el.clientWidth || 680, room = Math.round(Math.min(230, width * 0.3)), inner = 18;
      const end = Math.max(1, ...spec.cells.map((cell) => cell[1] + cell[2]));
      const named = (i) => spec.names && spec.name_of[i] >= 0 ? spec.names[spec.name_of[i]] : "";
      start(el, height, "canvas").setOption({
        ...base(c),
        grid: { left: room + 10, right: 18, top: 24, bottom: 56 },
        tooltip: tooltip(c, (p) => {
          const [lane, ts, dur, share] = spec.cells[p.dataIndex];
          return tip(named(p.dataIndex) || spec.lanes[lane], `from ${write(ts, "ns")}, for ${write(dur, "ns")}`, spec.shares || share < 1 ? `busy ${write(share, "ratio")}` : "");
        }),
        dataZoom: [
          { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: true },
          { type: "slider", filterMode: "none", height: 18, bottom: 8, borderColor: c.rule, fillerColor: c.soft + "88", handleStyle: { color: c.paper, borderColor: c.muted },
            moveHandleSize: 0, showDataShadow: false, brushSelect: false, backgroundColor: "transparent", labelFormatter: (v) => write(v, "ns"), textStyle: { color: c.muted, fontSize: 11 } },
        ],
        xAxis: axis(c, { type: "value", min: 0, max: end, position: "top", splitNumber: width < 500 ? 3 : 8, axisLabel: { formatter: (v) => onAxis(v, "ns") } }),
        yAxis: axis(c, { type: "category", inverse: true, data: spec.lanes, axisLabel: { color: c.ink, width: room, overflow: "truncate", interval: 0, hideOverlap: false }, splitLine: { show: false } }),
        series: [{
          type: "custom", clip: true, encode: { x: [1, 2], y: 0 }, data: spec.cells.map(([lane, ts, dur, share]) => [lane, ts, ts + dur, share]),
          renderItem: (params, api) => {
            const [x0, y] = api.coord([api.value(1), api.value(0)]), [x1] = api.coord([api.value(2), api.value(0)]);
            const left = params.coordSys.x, right = left + params.coordSys.width;
            if (x1 < left || x0 > right) return undefined;
            const share = api.value(3);
            // Neighbouring bins meet on whole pixels; otherwise their seams make stripes.
            const snap = spec.shares || !spec.names ? Math.round : (x) => x;
            const a = snap(Math.max(x0, left)), wide = Math.max(0.6, snap(Math.min(x1, right)) - a);
            const tall = Math.max(1, inner * share), name = named(params.dataIndex);
            const rect = { type: "rect", shape: { x: a, y: y + inner / 2 - tall, width: wide, height: tall }, style: { fill: name ? fill(name, c.dark) : c.bar } };
            if (spec.names) {
              // An empty text where there is no room: none at all would leave that of the last zoom.
              rect.textContent = { style: { text: wide > 34 ? name : "", fill: c.ink, fontSize: 11, width: Math.max(1, wide - 6), overflow: "truncate", ellipsis: "…" } };
              rect.textConfig = { position: "insideLeft", distance: 3 };
            }
            return rect;
          },
        }],
      });
    },

    flame(el, spec, c, height) { flame(el, spec, c, height); },
  };

  // ---- the icicle: root on top, children below, as wide as their value
  const ROW = 19, MOST_ROWS = 40;
  function flame(el, spec, c, height) {
    const nodes = spec.nodes.map(([parent, name, value, ...extra]) => ({ parent, name: spec.names[name], value: value || 0, extra, depth: 0, x: 0, below: 0 }));
    // A root over all roots, so that there is one place to return to.
    const root = { parent: null, name: "all", value: 0, extra: [], depth: 0, x: 0, below: 0 };
    for (const node of nodes) if (node.parent < 0) root.value += node.value;
    for (const node of nodes) {
      const above = node.parent < 0 ? root : nodes[node.parent];
      node.above = above;
      node.depth = above.depth + 1;
      node.x = above.x + above.below;
      above.below += node.value;
    }
    const all = [root, ...nodes], state = el.flame || (el.flame = { focus: 0, text: "" });
    const tools = element("div", undefined, "bar-tools"), search = element("input"), reset = element("button", "Whole chart"), said = element("span");
    search.type = "search"; search.placeholder = "Find a name"; search.setAttribute("aria-label", "Find a name in " + spec.title); search.value = state.text;
    reset.type = "button";
    said.setAttribute("role", "status");
    tools.append(search, reset, said);
    const place = element("div");
    el.append(tools, place);
    const chart = start(place, height, "svg"), rows = MOST_ROWS, width = chart.getWidth();

    const matches = (node) => state.text && node.name.toLowerCase().includes(state.text);
    const within = (node, focus) => { for (let n = node; n; n = n.above) if (n === focus) return true; return false; };
    const matched = () => all.filter((n) => { if (!matches(n)) return false; for (let a = n.above; a; a = a.above) if (matches(a)) return false; return true; })
      .reduce((sum, n) => sum + n.value, 0);

    const render = () => {
      const focus = all[state.focus], scale = width / (focus.value || 1), first = Math.max(0, focus.depth - 2), above = new Set();
      for (let n = focus.above; n; n = n.above) above.add(n);
      const data = [];
      let deeper = false, lowest = 0;
      all.forEach((node, i) => {
        const row = node.depth - first;
        const whole = above.has(node), x = whole ? 0 : (node.x - focus.x) * scale, wide = whole ? width : node.value * scale;
        if (row < 0 || wide < 0.6 || (!whole && !within(node, focus))) return;
        if (row >= rows) { deeper = true; return; }
        data.push([x, row * ROW, wide, i]);
        lowest = Math.max(lowest, row);
      });
      chart.resize({ height: (lowest + 1) * ROW + 2 });
      el.style.minHeight = "0";
      // Boxes are made anew: ECharts would keep the text of a box that has none any more.
      chart.clear();
      chart.setOption({
        ...base(c),
        tooltip: tooltip(c, (p) => describe(all[p.value[3]])),
        series: [{
          type: "custom", coordinateSystem: "none", data,
          renderItem: (params, api) => {
            const x = api.value(0), wide = api.value(2), node = all[api.value(3)], hit = matches(node);
            const dim = state.text && !hit;
            const colour = node === root ? c.faint : fill(node.name, c.dark);
            const gap = wide > 3 ? 0.5 : 0;
            const box = {
              type: "rect", shape: { x: x + gap, y: api.value(1) + 0.5, width: Math.max(0.5, wide - 2 * gap), height: ROW - 1 },
              style: { fill: colour, opacity: dim ? 0.3 : above.has(node) ? 0.55 : 1, stroke: hit ? c.match : undefined, lineWidth: hit ? 1.5 : 0 },
              emphasis: { style: { stroke: c.ink, lineWidth: 1 } },
            };
            if (wide > 26) {
              box.textContent = { style: { text: node.name, fill: c.ink, opacity: dim ? 0.5 : 1, fontSize: 11.5, fontFamily: FONT, width: wide - 8, overflow: "truncate", ellipsis: "…" } };
              box.textConfig = { position: "insideLeft", distance: 4 };
            }
            return box;
          },
        }],
      });
      reset.hidden = state.focus === 0 && !state.text;
      const share = root.value ? focus.value / root.value : 0;
      said.textContent = state.text ? `${write(matched(), spec.unit)} matched, ${write(root.value ? matched() / root.value : 0, "ratio")} of all`
        : state.focus ? `${focus.name.length > 60 ? focus.name.slice(0, 60) + "…" : focus.name}: ${write(focus.value, spec.unit)}, ${write(share, "ratio")} of all`
        : `${write(root.value, spec.unit)} in all. Click a box to enlarge it.${deeper ? " It goes deeper than is drawn." : ""}`;
    };
    const describe = (node) => {
      const lines = [`${write(node.value, spec.unit)}, ${write(root.value ? node.value / root.value : 0, "ratio")} of all`];
      spec.extra.forEach((what, i) => { if (node.extra[i] !== undefined && node.extra[i] !== null) lines.push(`${what} ${write(node.extra[i], what === "self" ? spec.unit : "count")}`); });
      return tip(node.name, ...lines);
    };
    chart.on("click", (event) => {
      const picked = event.value[3];
      state.focus = picked === state.focus && all[picked].above ? all.indexOf(all[picked].above) : picked;
      render();
    });
    reset.addEventListener("click", () => { state.focus = 0; state.text = search.value = ""; render(); });
    search.addEventListener("input", () => { state.text = search.value.trim().toLowerCase(); render(); });
    render();
  }

  const openMore = () => { const more = document.querySelector(".more-findings"); if (more) more.open = true; };
  addEventListener("beforeprint", openMore);

  // ---- draw what comes into view, all of it for print, and anew when size or colours change
  const source = document.getElementById("charts");
  const specs = source ? JSON.parse(source.textContent) : [];
  const places = [...document.querySelectorAll(".chart")];
  const drawn = new Set();
  const LEFT = { bars: "rows are", histogram: "series are", line: "series are", timeline: "lanes are", flame: "small boxes are" };
  const draw = (el) => {
    const spec = specs[Number(el.dataset.chart)];
    el.textContent = "";
    drawn.add(el);
    DRAW[spec.form](el, spec, palette(), Number(el.dataset.height));
    if (spec.left_out) el.append(element("p", `${plainNumber(spec.left_out)} more ${LEFT[spec.form]} not drawn.`, "note"));
  };

  const redraw = (which) => {
    for (const chart of live) chart.dispose();
    live = [];
    const again = which || [...drawn];
    for (const el of again) draw(el);
  };
  if (places.length) {
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) {
        watcher.unobserve(entry.target);
        if (!drawn.has(entry.target)) draw(entry.target);
      }
    }, { rootMargin: "800px" });
    places.forEach((el) => watcher.observe(el));
    let width = innerWidth, timer;
    addEventListener("resize", () => {
      if (innerWidth === width || printing) return;
      width = innerWidth;
      clearTimeout(timer);
      timer = setTimeout(redraw, 150);
    });
    addEventListener("beforeprint", () => {
      printing = true;
      places.forEach((el) => { el.style.width = "690px"; });
      redraw(places);
      for (const chart of live) chart.getZr().flush();
    });
    addEventListener("afterprint", () => {
      printing = false;
      places.forEach((el) => { el.style.width = ""; });
      redraw();
    });
  }

  // ---- theme
  const button = document.getElementById("theme"), THEMES = ["auto", "light", "dark"];
  const keep = (value) => { try { localStorage.setItem("traceql-theme", value); } catch { /* a file:// page may have no storage */ } };
  const kept = () => { try { return localStorage.getItem("traceql-theme"); } catch { return null; } };
  let theme = (/theme=(light|dark)/.exec(location.hash) || [])[1] || kept() || "auto";
  const apply = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
    button.setAttribute("aria-label", "Colours: " + { auto: "as the system", light: "light", dark: "dark" }[theme]);
    redraw();
  };
  button.addEventListener("click", () => { theme = THEMES[(THEMES.indexOf(theme) + 1) % 3]; keep(theme); apply(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (theme === "auto") redraw(); });
  apply();

  // ---- tables sort by a click on a heading
  const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
  for (const table of document.querySelectorAll("table.data")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const text = head.textContent, press = element("button", text);
      press.type = "button";
      head.textContent = "";
      head.append(press);
      press.addEventListener("click", () => {
        const number = head.classList.contains("number");
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : number;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => number ? (row.cells[column].dataset.v === undefined ? NaN : Number(row.cells[column].dataset.v)) : row.cells[column].textContent;
        const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
        // Cells without a value stay last, whichever way the rest goes.
        const empty = (k) => number ? Number.isNaN(k) : k === "";
        rows.sort(([a], [b]) => empty(a) || empty(b) ? empty(a) - empty(b) : down ? compare(b, a) : compare(a, b));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  // ---- long names are cut to three lines until one asks for more
  addEventListener("click", (event) => {
    const cell = event.target.closest("td.text:first-child");
    if (cell && !String(getSelection())) cell.classList.toggle("whole");
  });

  // ---- findings by severity
  const filters = [...document.querySelectorAll(".filters button")];
  for (const filter of filters) filter.addEventListener("click", () => {
    filters.forEach((other) => other.setAttribute("aria-pressed", String(other === filter)));
    const only = filter.dataset.severity;
    if (only) openMore();
    for (const card of document.querySelectorAll(".finding")) card.classList.toggle("hidden", Boolean(only) && card.dataset.severity !== only);
  });

  // ---- copy
  for (const copy of document.querySelectorAll(".copy")) copy.addEventListener("click", async () => {
    const code = copy.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
})();
