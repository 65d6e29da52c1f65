// Draws the charts of a sweep.
"use strict";

charts.all(page.read(document.getElementById("numbers")).charts);
