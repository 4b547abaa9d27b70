// Package dashboard is the page: what a browser shows of the models, from files that are in the program.
//
// # Model
//
// A [Page] is one index.html, which is the answer to each route of the page, and assets below a folder whose name is the digest of
// them all, so that a browser keeps them for ever: one script, which the modules in static are joined to, one style sheet, and the
// script that draws charts. The page is a client of the public HTTP surface alone; nothing here knows the store. What it shows and why
// is in docs/page.md.
//
// # Guarantees
//
// Nothing is fetched from another host, no script and no style stands in the markup, and nothing has to be built: modules are joined as
// they are, less comments and types, when a Page is made. Charts are drawn by uPlot, which is taken from a Go module and held to its digest by a test.
//
// # Concurrency
//
// A Page is safe for concurrent use. A file is compressed once, when it is first asked for in that coding.
package dashboard
