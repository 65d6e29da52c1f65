// Draws the charts of a sweep.
"use strict";

page.unpacked(document.getElementById("numbers")).then((numbers) => charts.all(numbers.charts));
