// Package page defines what a page of the console is, and writes it as HTML.
//
// Words:
//
//   - section: pages of one subject, such as operation; a package of its own ([Section]).
//   - panel: one table of figures with its chart, its SQL, its sources and its age
//     ([Panel]). Its table can be downloaded as CSV.
//   - drawing: the chart of a panel. The server draws SVG with numbers in it
//     ([Waterfall], [Stacked], [Funnel], [Ranking], [Triangle]). [Lines] are drawn in the
//     browser, out of the table.
//   - choice: a parameter that a visitor selects, such as the currency ([Choice]).
//
// The main path: [Panels] makes the handler of a page of panels. It reads the span and the
// choices of the request, reads every panel's table at once (load), and renders the layout
// with them (Renderer.Page). With ?csv=PANEL it writes that table alone.
//
// Every text goes through html/template, so no value can become markup.
package page
