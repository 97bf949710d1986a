"use strict";
// Sorting, filters, hidden columns and the pair player. The whole state lives in the address after "#".
(function () {
  const said = document.getElementById("said");

  function make(tag, text, attributes) {
    const element = document.createElement(tag);
    if (text) { element.textContent = text; }
    Object.keys(attributes || {}).forEach(function (k) { element.setAttribute(k, attributes[k]); });
    return element;
  }

  function say(text) { if (said) { said.textContent = text; } }

  // -- the address: "#key=value&..." is state, anything else an anchor ----------------------------------------------
  const state = new URLSearchParams(location.hash.indexOf("=") > 0 ? location.hash.slice(1) : "");

  function remember(key, value) {
    if (value === null || value === "") { state.delete(key); } else { state.set(key, value); }
    const hash = "#" + state.toString();
    try { history.replaceState(null, "", hash === "#" ? location.pathname + location.search : hash); }
    catch (error) { location.replace(hash); }
  }

  function copyLink(button) {
    const text = location.href;
    function done() { say("The link is copied"); button.textContent = "Copied"; setTimeout(function () { button.textContent = "Copy link"; }, 1500); }
    function old() {
      const area = make("textarea", "", { "aria-hidden": "true" });
      area.value = text;
      document.body.appendChild(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      done();
    }
    if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done, old); } else { old(); }
  }

  // -- tables ----------------------------------------------------------------------------------------------------------
  function keyOf(cell, textual) {
    if (textual) { return cell.textContent.trim().toLowerCase(); }
    const v = parseFloat(cell.dataset.v);
    return Number.isNaN(v) ? null : v;
  }

  function compare(a, b, sign) {
    if (a === null || b === null) { return (a === null) - (b === null); }
    return (a < b ? -1 : a > b ? 1 : 0) * sign;
  }

  function Table(table) {
    const self = this;
    this.table = table;
    this.id = table.id;
    this.heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
    this.hidden = new Set();
    this.heads.forEach(function (head, index) { self.addSort(head, index); });
    if (table.classList.contains("board-table") || this.rows().length > 16) { this.addTools(); }
    this.restore();
  }

  Table.prototype.rows = function () {
    return Array.from(this.table.tBodies).reduce(function (all, body) {
      return all.concat(Array.from(body.rows).filter(function (r) { return !r.classList.contains("divider"); }));
    }, []);
  };

  Table.prototype.name = function (index) {
    const head = this.heads[index].cloneNode(true);
    head.querySelectorAll(".info, .winnable, .flag, .hidden").forEach(function (e) { e.remove(); });
    return head.textContent.replace(/\s+/g, " ").trim();
  };

  Table.prototype.addSort = function (head, index) {
    const self = this, info = head.querySelector(".info"), button = make("button", "", { type: "button", "class": "sort" });
    Array.from(head.childNodes).forEach(function (child) { if (child !== info) { button.appendChild(child); } });
    head.insertBefore(button, info);
    button.addEventListener("click", function () {
      const first = head.dataset.sort === "higher" ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      self.sort(index, head.getAttribute("aria-sort") === first ? other : first);
    });
  };

  Table.prototype.sort = function (index, order) {
    const head = this.heads[index], textual = head.dataset.sort === "text", sign = order === "ascending" ? 1 : -1;
    this.heads.forEach(function (th) { th.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", order);
    Array.from(this.table.tBodies).forEach(function (body) {
      const rows = Array.from(body.rows).filter(function (r) { return !r.classList.contains("divider"); });
      const keyed = rows.map(function (r) { return [keyOf(r.cells[index], textual), r]; });
      keyed.sort(function (a, b) { return compare(a[0], b[0], sign); });
      keyed.forEach(function (pair) { body.appendChild(pair[1]); });
    });
    if (this.id) { remember("sort." + this.id, index + (sign > 0 ? "a" : "d")); }
    say("Sorted by " + this.name(index) + ", " + order);
  };

  Table.prototype.filter = function (text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    Array.from(this.table.tBodies).forEach(function (body) {
      let left = 0;
      Array.from(body.rows).forEach(function (row) {
        if (row.classList.contains("divider")) { return; }
        const head = row.querySelector("th"), own = (row.textContent + " " + ((head && head.dataset.f) || "")).toLowerCase();
        row.hidden = !words.every(function (w) { return w[0] === "-" && w.length > 1 ? own.indexOf(w.slice(1)) < 0 : own.indexOf(w) >= 0; });
        left += !row.hidden;
      });
      body.hidden = left === 0;
      shown += left;
    });
    if (this.count) { this.count.textContent = words.length ? shown + " of " + this.rows().length + " rows" : ""; }
    remember("find." + this.id, text);
  };

  Table.prototype.hide = function (index, hidden) {
    if (hidden) { this.hidden.add(index); } else { this.hidden.delete(index); }
    const gone = this.hidden, total = this.heads.length;
    this.heads.forEach(function (h, i) { h.hidden = gone.has(i); });
    this.rows().forEach(function (r) { Array.from(r.cells).forEach(function (c, i) { c.hidden = gone.has(i); }); });
    this.table.querySelectorAll(".divider th").forEach(function (th) { th.colSpan = total - gone.size; });
    const families = this.table.querySelector(".families");
    if (families) { families.hidden = gone.size > 0; }
    remember("hide." + this.id, Array.from(gone).sort(function (a, b) { return a - b; }).join("."));
  };

  Table.prototype.addTools = function () {
    const self = this, tools = make("div", "", { "class": "tools" });
    const label = make("label", "Filter ");
    this.input = make("input", "", { type: "search", placeholder: this.table.classList.contains("board-table") ? "name, year, licence, -word …" : "words, -word …", spellcheck: "false" });
    label.appendChild(this.input);
    this.input.addEventListener("input", function () { self.filter(self.input.value); });
    this.count = make("span", "", { "class": "count", role: "status" });
    tools.append(label, this.count);
    if (this.heads.length > 3) { tools.appendChild(this.columnMenu()); }
    const link = make("button", "Copy link", { type: "button" });
    link.addEventListener("click", function () { copyLink(link); });
    tools.appendChild(link);
    const box = this.table.closest(".scroll") || this.table;
    box.parentNode.insertBefore(tools, box);
  };

  Table.prototype.columnMenu = function () {
    const self = this, menu = make("details", "", { "class": "columns-menu" }), list = make("div", "", { "class": "list" });
    menu.append(make("summary", "Columns"), list);
    this.boxes = this.heads.map(function (head, index) {
      const box = make("input", "", { type: "checkbox" });
      box.checked = true;
      if (index > 0) {
        const label = make("label", "");
        label.append(box, " " + self.name(index));
        box.addEventListener("change", function () { self.hide(index, !box.checked); });
        list.appendChild(label);
      }
      return box;
    });
    return menu;
  };

  Table.prototype.restore = function () {
    const self = this, sorted = /^(\d+)([ad])$/.exec(state.get("sort." + this.id) || "");
    if (sorted && this.heads[sorted[1]]) { this.sort(Number(sorted[1]), sorted[2] === "a" ? "ascending" : "descending"); }
    if (!this.input) { return; }
    const text = state.get("find." + this.id);
    if (text) { this.input.value = text; this.filter(text); }
    (state.get("hide." + this.id) || "").split(".").filter(Boolean).map(Number).forEach(function (index) {
      if (self.boxes && index > 0 && self.boxes[index]) { self.boxes[index].checked = false; self.hide(index, true); }
    });
  };

  document.querySelectorAll("table.sortable").forEach(function (table) { new Table(table); });

  // -- metric cards: by click and tap without a script; here also under the pointer, beside what they belong to -----
  document.querySelectorAll(".info[popovertarget]").forEach(function (button) {
    const card = document.getElementById(button.getAttribute("popovertarget"));
    if (!card || !card.showPopover) { return; }
    let timer = null;
    function place() {
      const at = button.getBoundingClientRect();
      card.style.margin = "0";
      card.style.left = Math.max(8, Math.min(at.left, innerWidth - card.offsetWidth - 8)) + "px";
      card.style.top = (at.bottom + card.offsetHeight + 12 < innerHeight ? at.bottom + 6 : Math.max(8, at.top - card.offsetHeight - 6)) + "px";
    }
    card.addEventListener("toggle", function (event) { if (event.newState === "open") { place(); } });
    button.addEventListener("mouseenter", function () { timer = setTimeout(function () { if (!card.matches(":popover-open")) { card.showPopover(); } }, 250); });
    button.addEventListener("mouseleave", function () { clearTimeout(timer); timer = setTimeout(function () { if (card.matches(":popover-open") && !card.matches(":hover")) { card.hidePopover(); } }, 250); });
    card.addEventListener("mouseleave", function () { if (card.matches(":popover-open")) { card.hidePopover(); } });
  });

  // -- the pair player: every track is a grid of frames, all show the same one ---------------------------------------
  function Grid(img, box) {
    this.img = img;
    this.width = Number(box.width);
    this.height = Number(box.height);
    this.columns = Number(box.columns);
    this.rows = Number(box.rows);
    this.count = Number(box.count);
  }

  Grid.prototype.size = function (view, side) {
    const scale = side / Math.max(this.width, this.height);
    this.w = Math.round(this.width * scale);
    this.h = Math.round(this.height * scale);
    view.style.width = this.w + "px";
    view.style.height = this.h + "px";
    this.img.style.width = this.w * this.columns + "px";
    this.img.style.height = this.h * this.rows + "px";
  };

  Grid.prototype.show = function (index) {
    const k = Math.min(index, this.count - 1);
    this.img.style.transform = "translate(" + -(k % this.columns) * this.w + "px," + -Math.floor(k / this.columns) * this.h + "px)";
  };

  function Player(root) {
    const self = this;
    this.root = root;
    this.frames = root.dataset.frames.split(" ").map(Number);
    this.fps = Number(root.dataset.fps) || 12;
    this.at = Math.max(0, this.frames.indexOf(Number(state.get("frame")) - 1));
    this.playing = false;
    this.find = function (s) { return root.querySelector(s); };
    this.tracks = Array.from(root.querySelectorAll(".track")).map(function (figure) {
      const img = figure.querySelector(".view img");
      return { figure: figure, view: figure.querySelector(".view"), grid: img ? new Grid(img, figure.dataset) : null };
    });
    root.classList.add("live");
    root.tabIndex = 0;
    this.find(".controls").hidden = false;
    this.find(".keys").hidden = false;
    this.toggles();
    this.find(".play").addEventListener("click", function () { self.toggle(); });
    this.find(".back").addEventListener("click", function () { self.step(-1); });
    this.find(".next").addEventListener("click", function () { self.step(1); });
    this.find(".at").addEventListener("input", function () { self.stop(); self.show(Number(this.value)); });
    this.find(".link").addEventListener("click", function () { copyLink(this); });
    ["speed", "size", "mode", "a", "b", "wipe", "gain"].forEach(function (name) {
      const control = self.find("." + name), kept = state.get(name);
      if (kept !== null) { control.value = kept; }
      if (control.tagName === "SELECT" && control.selectedIndex < 0) { control.selectedIndex = 0; }
      control.addEventListener(control.type === "range" ? "input" : "change", function () { remember(name, control.value); self.layout(); });
    });
    if (innerWidth < 640 && !state.has("size")) { this.find(".size").value = "128"; }
    root.addEventListener("keydown", function (event) { self.key(event); });
    this.layout();
  }

  Player.prototype.toggles = function () {
    const self = this, menu = make("details", "", { "class": "columns-menu" }), list = make("div", "", { "class": "list" });
    const off = new Set((state.get("off") || "").split(".").filter(Boolean).map(Number));
    menu.append(make("summary", "Tracks"), list);
    this.tracks.forEach(function (track, index) {
      const label = make("label", ""), box = make("input", "", { type: "checkbox" });
      box.checked = !off.has(index);
      track.figure.hidden = !box.checked;
      label.append(box, " " + track.figure.querySelector("figcaption b").textContent);
      box.addEventListener("change", function () {
        if (box.checked) { off.delete(index); } else { off.add(index); }
        track.figure.hidden = !box.checked;
        remember("off", Array.from(off).sort(function (a, b) { return a - b; }).join("."));
      });
      list.appendChild(label);
    });
    this.find(".controls").insertBefore(menu, this.find(".link"));
  };

  Player.prototype.layout = function () {
    const side = Number(this.find(".size").value), mode = this.find(".mode").value, stage = this.find(".stage"), self = this;
    this.tracks.forEach(function (t) { if (t.grid) { t.grid.size(t.view, side); } });
    this.find(".compare").hidden = mode === "side";
    this.find(".wiper").hidden = mode !== "wipe";
    this.find(".gainer").hidden = mode !== "difference";
    stage.textContent = "";
    this.pair = [];
    if (mode !== "side") {
      stage.className = "stage is-" + mode;
      stage.style.filter = mode === "difference" ? "brightness(" + this.find(".gain").value + ")" : "";
      ["a", "b"].forEach(function (which) {
        const track = self.tracks[Number(self.find("." + which).value)];
        if (!track || !track.grid) { return; }
        const view = make("div", "", { "class": "view" }), img = track.grid.img.cloneNode(false);
        img.alt = "";
        view.appendChild(img);
        stage.appendChild(view);
        const grid = new Grid(img, track.figure.dataset);
        grid.size(view, Math.max(side, 288));
        stage.style.width = grid.w + "px";
        stage.style.height = grid.h + "px";
        if (mode === "wipe" && which === "b") { view.style.clipPath = "inset(0 0 0 " + self.find(".wipe").value + "%)"; }
        self.pair.push(grid);
      });
    }
    this.show(this.at);
  };

  Player.prototype.show = function (index) {
    const total = this.frames.length, at = Math.min(Math.max(index, 0), total - 1), frame = this.frames[at];
    this.at = at;
    this.tracks.forEach(function (t) { if (t.grid) { t.grid.show(at); } });
    (this.pair || []).forEach(function (grid) { grid.show(at); });
    this.find(".at").value = String(at);
    this.find(".at").setAttribute("aria-valuetext", "frame " + (frame + 1));
    this.find(".frame").textContent = (frame + 1) + " / " + (this.frames[total - 1] + 1);
    this.root.querySelectorAll(".chart").forEach(function (svg) {
      const left = Number(svg.dataset.left), right = Number(svg.dataset.right);
      const x = left + frame / Math.max(1, Number(svg.dataset.total) - 1) * (right - left), cursor = svg.querySelector(".cursor");
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
    });
    if (!this.playing) { remember("frame", at ? String(frame + 1) : null); }
  };

  Player.prototype.step = function (by) { this.stop(); this.show(this.at + by); };
  Player.prototype.toggle = function () { if (this.playing) { this.stop(); } else { this.start(); } };

  Player.prototype.start = function () {
    const self = this;
    this.playing = true;
    this.find(".play").textContent = "❚❚ Pause";
    let last = performance.now();
    function tick(now) {
      if (!self.playing) { return; }
      const wait = 1000 / (self.fps * Number(self.find(".speed").value));
      if (now - last >= wait) {
        last = now - last > 4 * wait ? now : last + wait;
        self.show((self.at + 1) % self.frames.length);
      }
      requestAnimationFrame(tick);
    }
    requestAnimationFrame(tick);
  };

  Player.prototype.stop = function () {
    if (!this.playing) { return; }
    this.playing = false;
    this.find(".play").textContent = "▶ Play";
    this.show(this.at);
  };

  Player.prototype.key = function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|SUMMARY|A)$/.test(event.target.tagName)) { return; }
    const last = this.frames.length - 1;
    if (event.key === " " && event.target.tagName !== "BUTTON") { this.toggle(); }
    else if (event.key === "ArrowLeft") { this.step(-1); }
    else if (event.key === "ArrowRight") { this.step(1); }
    else if (event.key === "Home") { this.stop(); this.show(0); }
    else if (event.key === "End") { this.stop(); this.show(last); }
    else { return; }
    event.preventDefault();
  };

  document.querySelectorAll(".player").forEach(function (root) { new Player(root); });
})();
