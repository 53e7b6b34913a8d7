// Lists the reports that the script has sent.
(function () {
  "use strict";
  function list() {
    fetch("/reports").then(function (answer) { return answer.json(); }).then(function (reports) {
      var rows = reports.map(function (r) {
        var row = document.createElement("tr");
        [r.audience, r.termId, r.promotionId, r.termConversionId].forEach(function (text) {
          var cell = document.createElement("td");
          cell.textContent = text;
          row.append(cell);
        });
        return row;
      });
      document.getElementById("reports").replaceChildren.apply(document.getElementById("reports"), rows);
    });
  }
  document.addEventListener("pianola:conversion", function () {
    // The report is sent after the event.
    var tries = 0;
    var timer = setInterval(function () {
      list();
      tries += 1;
      if (tries === 5) { clearInterval(timer); }
    }, 200);
  });
  list();
})();
