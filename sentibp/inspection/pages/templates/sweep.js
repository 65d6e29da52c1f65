// Draws the charts of a sweep.
"use strict";

charts.all(JSON.parse(document.getElementById("numbers").textContent).charts);
