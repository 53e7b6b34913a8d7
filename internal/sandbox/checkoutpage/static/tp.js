// A stub of Piano's script: the queue tp, the handler checkoutComplete and tp.offer.show.
(function () {
  "use strict";
  var queue = Array.isArray(window.tp) ? window.tp : [];
  var handlers = {};
  var conversions = 0;

  function fire(event, detail) {
    (handlers[event] || []).forEach(function (handler) { handler(detail); });
  }

  function element(name, text, attributes) {
    var e = document.createElement(name);
    if (text) { e.textContent = text; }
    Object.keys(attributes || {}).forEach(function (key) { e.setAttribute(key, attributes[key]); });
    return e;
  }

  function show(offer) {
    var box = document.getElementById("checkout");
    var form = element("form");
    var code = element("input", "", { id: "promo", name: "promo" });
    code.value = offer.promoCode || "";
    var message = element("p", "", { id: "message" });
    form.append(element("h2", "Subscribe"), element("p", "Offer " + offer.offerId + ", term " + offer.termId),
      element("label", "Promo code", { for: "promo" }), code, element("button", "Pay", { id: "pay" }), message);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      pay(offer, code.value.trim(), message);
    });
    box.replaceChildren(form);
    box.hidden = false;
  }

  function pay(offer, code, message) {
    fetch("/prices").then(function (answer) { return answer.json(); }).then(function (offers) {
      var found = offers.filter(function (o) { return o.code.toUpperCase() === code.toUpperCase(); })[0];
      if (code && !found) {
        message.textContent = "The promo code is not valid.";
        return;
      }
      conversions += 1;
      message.textContent = "Thank you.";
      fire("checkoutComplete", {
        termId: offer.termId,
        termConversionId: "TC-STUB-" + conversions,
        promotionId: found ? found.promotion_id : null,
        chargeAmount: 50,
        chargeCurrency: "NOK",
        uid: "stub-user",
        email: "stub@example.com"
      });
    });
  }

  var tp = {
    offer: { show: show },
    push: function (command) {
      if (command[0] === "init") { command[1](); }
      if (command[0] === "addHandler") { (handlers[command[1]] = handlers[command[1]] || []).push(command[2]); }
    }
  };
  window.tp = tp;
  // Piano calls init when it is ready, after all handlers of the queue.
  queue.filter(function (c) { return c[0] !== "init"; }).forEach(tp.push);
  queue.filter(function (c) { return c[0] === "init"; }).forEach(tp.push);
})();
