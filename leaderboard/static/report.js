"use strict";
(function () {
  const said = document.getElementById("said");

  // -- sortable tables: a button in each header; rows stay within their group, cells without a number go last --------
  function keyOf(cell, textual) {
    if (textual) { return cell.textContent.trim().toLowerCase(); }
    const v = parseFloat(cell.dataset.v);
    return Number.isNaN(v) ? null : v;
  }

  function compare(a, b, sign) {
    if (a === null || b === null) { return (a === null) - (b === null); }
    return (a < b ? -1 : a > b ? 1 : 0) * sign;
  }

  function sort(table, head, index) {
    const textual = head.dataset.sort === "text";
    const first = head.dataset.sort === "higher" ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    table.querySelectorAll("thead th").forEach(function (th) { th.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    Array.from(table.tBodies).forEach(function (body) {
      const rows = Array.from(body.rows).filter(function (r) { return !r.classList.contains("divider"); });
      const keyed = rows.map(function (r) { return [keyOf(r.cells[index], textual), r]; });
      keyed.sort(function (a, b) { return compare(a[0], b[0], sign); });
      keyed.forEach(function (pair) { body.appendChild(pair[1]); });
    });
    said.textContent = "Sorted by " + head.innerText.replace(/\s+/g, " ").trim() + ", " + order;
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells).forEach(function (head, index) {
      const button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      button.addEventListener("click", function () { sort(table, head, index); });
    });
  });

  // -- samples: all videos of a pair on one clock --------------------------------------------------------------------
  function Sample(figure) {
    this.videos = Array.from(figure.querySelectorAll("video"));
    this.frames = Math.max(1, Number(figure.dataset.frames));
    this.fps = Number(figure.dataset.fps) || 25;
    this.play = figure.querySelector(".play");
    this.range = figure.querySelector("input");
    this.output = figure.querySelector("output");
    this.playing = false;
    this.loading = null;
    const self = this;
    this.videos.forEach(function (v) { v.controls = false; v.loop = false; });
    this.play.addEventListener("click", function () { if (self.playing) { self.stop(); } else { self.start(); } });
    this.range.addEventListener("input", function () { self.show(Number(self.range.value)); });
    figure.querySelector(".back").addEventListener("click", function () { self.show(self.frame() - 1); });
    figure.querySelector(".next").addEventListener("click", function () { self.show(self.frame() + 1); });
    figure.querySelector(".controls").hidden = this.videos.length === 0;
  }

  Sample.prototype.frame = function () { return Number(this.range.value); };

  // Nothing is loaded before it is asked for; then all videos of the pair, so that they start together.
  Sample.prototype.load = function () {
    if (this.loading === null) {
      this.loading = Promise.all(this.videos.map(function (v) {
        return new Promise(function (done) {
          v.addEventListener("loadeddata", done, { once: true });
          v.addEventListener("error", done, { once: true });
          v.preload = "auto";
          v.load();
        });
      }));
    }
    return this.loading;
  };

  Sample.prototype.mark = function (frame) {
    this.range.value = String(frame);
    this.output.textContent = (frame + 1) + " / " + this.frames;
  };

  // The middle of a frame's time, so that rounding cannot show its neighbour.
  Sample.prototype.seek = function (frame) {
    const t = (frame + 0.5) / this.fps;
    this.videos.forEach(function (v) { v.currentTime = t; });
  };

  Sample.prototype.show = function (frame) {
    const wanted = Math.min(Math.max(frame, 0), this.frames - 1);
    const self = this;
    this.stop();
    this.mark(wanted);
    this.load().then(function () { if (!self.playing) { self.seek(self.frame()); } });
  };

  Sample.prototype.start = function () {
    const self = this;
    this.playing = true;
    this.play.textContent = "❚❚ Pause";
    this.load().then(function () {
      if (!self.playing) { return; }
      self.began = performance.now() - (self.frame() >= self.frames - 1 ? 0 : self.frame() / self.fps * 1000);
      self.seek(self.frame() >= self.frames - 1 ? 0 : self.frame());
      self.videos.forEach(function (v) { const p = v.play(); if (p) { p.catch(function () {}); } });
      requestAnimationFrame(function () { self.tick(); });
    });
  };

  // One clock for all: a video that drifts by more than one frame is put back; at the end all begin again together.
  Sample.prototype.tick = function () {
    const self = this;
    if (!this.playing) { return; }
    let t = (performance.now() - this.began) / 1000;
    if (t >= this.frames / this.fps) {
      this.began = performance.now();
      t = 0;
      this.seek(0);
      this.videos.forEach(function (v) { const p = v.play(); if (p) { p.catch(function () {}); } });
    }
    const slack = 1 / this.fps;
    this.videos.forEach(function (v) {
      if (!v.seeking && !v.ended && Math.abs(v.currentTime - t) > slack) { v.currentTime = t; }
    });
    this.mark(Math.min(Math.floor(t * this.fps), this.frames - 1));
    requestAnimationFrame(function () { self.tick(); });
  };

  Sample.prototype.stop = function () {
    if (!this.playing) { return; }
    this.playing = false;
    this.play.textContent = "▶ Play";
    this.videos.forEach(function (v) { v.pause(); });
    this.seek(this.frame());
  };

  document.querySelectorAll(".sample").forEach(function (figure) { new Sample(figure); });
})();
