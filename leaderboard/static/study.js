"use strict";
// A study: every participant sees the items in another order; answers are saved as a file and leave no other way.
(function () {
  const root = document.querySelector(".study"), items = JSON.parse(root.dataset.items);
  const key = "study-" + root.dataset.study;
  const criteria = [
    ["continuity", "Continuity: does it move smoothly, without flicker or jumps?"],
    ["appearance", "Appearance: is it the person of the photo, face and clothes?"],
    ["geometry", "Geometry: are body and pose right?"],
    ["overall", "Overall"]
  ];
  const asks = {
    preference: "Which video shows the person of the photo doing the motion of the driving video better?",
    jnd: "One of the two is a real recording. Which one?",
    rating: "How good is this video? 1 is the worst, 5 the best."
  };
  let kept = load(), at = 0, timers = [], current = null;

  function load() {
    try { const found = JSON.parse(localStorage.getItem(key)); if (found && found.order && found.order.length === items.length) { return found; } } catch (error) { /* a private window keeps nothing */ }
    const order = items.map(function (_, i) { return i; });
    for (let i = order.length - 1; i > 0; i -= 1) { const j = Math.floor(Math.random() * (i + 1)); [order[i], order[j]] = [order[j], order[i]]; }
    const name = Array.from(crypto.getRandomValues(new Uint8Array(8))).map(function (b) { return b.toString(16).padStart(2, "0"); }).join("");
    return { participant: name, order: order, answers: [] };
  }

  function store() { try { localStorage.setItem(key, JSON.stringify(kept)); } catch (error) { /* see above */ } }

  function make(tag, text, attributes) {
    const element = document.createElement(tag);
    if (text) { element.textContent = text; }
    Object.keys(attributes || {}).forEach(function (k) { element.setAttribute(k, attributes[k]); });
    return element;
  }

  function find(selector) { return root.querySelector(selector); }

  function player(grid, label, side) {
    const figure = make("figure", "", { "class": "track" }), view = make("div", "", { "class": "view" }), img = make("img", "", { src: grid.src, alt: label });
    const scale = side / Math.max(grid.w, grid.h), w = Math.round(grid.w * scale), h = Math.round(grid.h * scale);
    view.style.width = w + "px";
    view.style.height = h + "px";
    img.style.width = w * grid.columns + "px";
    img.style.height = h * grid.rows + "px";
    view.appendChild(img);
    figure.append(view, make("figcaption", label));
    figure.show = function (k) { const n = k % grid.n; img.style.transform = "translate(" + -(n % grid.columns) * w + "px," + -Math.floor(n / grid.columns) * h + "px)"; };
    return figure;
  }

  function ask() {
    timers.forEach(clearInterval);
    timers = [];
    if (at >= items.length) { return finish(); }
    const item = items[kept.order[at]], players = [];
    current = { item: item.id, began: Date.now() };
    find(".progress").textContent = "Question " + (at + 1) + " of " + items.length;
    find(".ask").textContent = asks[item.task];
    [[find(".context"), [[item.source, "Photo"], [item.driving, "Driving video"]], 160],
      [find(".shown"), item.shown.map(function (g, i) { return [g, item.shown.length > 1 ? (i ? "Right (2)" : "Left (1)") : "Video"]; }), 288]
    ].forEach(function (part) {
      part[0].textContent = "";
      part[1].forEach(function (p) { const figure = player(p[0], p[1], part[2]); part[0].appendChild(figure); players.push(figure); });
    });
    let k = 0;
    timers.push(setInterval(function () { k += 1; players.forEach(function (p) { p.show(k); }); }, 90));
    players.forEach(function (p) { p.show(0); });
    answerControls(item);
    find(".go").disabled = true;
    find(".ask").focus();
  }

  function answerControls(item) {
    const box = find(".answer");
    box.textContent = "";
    if (item.task === "rating") {
      current.ratings = {};
      criteria.forEach(function (c) {
        const set = make("fieldset", "", { "data-criterion": c[0] });
        set.appendChild(make("legend", c[1]));
        for (let v = 1; v <= 5; v += 1) {
          const label = make("label", ""), radio = make("input", "", { type: "radio", name: c[0], value: String(v) });
          radio.addEventListener("change", function () { rate(c[0], v); });
          label.append(radio, " " + v);
          set.appendChild(label);
        }
        box.appendChild(set);
      });
      return;
    }
    const set = make("fieldset", "");
    set.appendChild(make("legend", "Your answer"));
    [["left", "Left (1)"], ["right", "Right (2)"]].forEach(function (side) {
      const label = make("label", ""), radio = make("input", "", { type: "radio", name: "choice", value: side[0] });
      radio.addEventListener("change", function () { choose(side[0]); });
      label.append(radio, " " + side[1]);
      set.appendChild(label);
    });
    box.appendChild(set);
  }

  function choose(side) {
    current.choice = side;
    find("input[value=" + side + "]").checked = true;
    find(".go").disabled = false;
  }

  function rate(name, value) {
    current.ratings[name] = value;
    find("input[name=" + name + "][value='" + value + "']").checked = true;
    find(".go").disabled = Object.keys(current.ratings).length < criteria.length;
  }

  function next() {
    if (find(".go").disabled) { return; }
    current.seconds = (Date.now() - current.began) / 1000;
    delete current.began;
    kept.answers.push(current);
    store();
    at += 1;
    ask();
  }

  function finish() {
    find(".question").hidden = true;
    find(".end").hidden = false;
    find(".end h2").focus();
  }

  function save() {
    const data = { study: root.dataset.study, participant: kept.participant, answers: kept.answers };
    const link = make("a", "", { download: "answers-" + kept.participant + ".json", href: URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" })) });
    document.body.appendChild(link);
    link.click();
    link.remove();
    document.getElementById("said").textContent = "Saved";
  }

  find(".begin").addEventListener("click", function () {
    find(".intro").hidden = true;
    find(".question").hidden = false;
    at = kept.answers.length;
    store();
    ask();
  });
  find(".go").addEventListener("click", next);
  find(".save").addEventListener("click", save);
  document.addEventListener("keydown", function (event) {
    if (find(".question").hidden || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "Enter" && event.target.tagName !== "BUTTON") { next(); event.preventDefault(); return; }
    const digit = Number(event.key);
    if (!(digit >= 1 && digit <= 5)) { return; }
    if (current.ratings) {
      const open = criteria.map(function (c) { return c[0]; }).filter(function (name) { return !(name in current.ratings); });
      if (open.length) { rate(open[0], digit); }
    } else if (digit <= 2) { choose(digit === 1 ? "left" : "right"); }
    event.preventDefault();
  });
})();
