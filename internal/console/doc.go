// Package console is the web server of `pianola console`: pages for operation, the
// business, customer care and promo codes.
//
// The main path of a request: protect (middleware.go) checks the host, limits rate, size
// and time, refuses requests that another site has caused, and sets the headers that bind
// the browser. Then the [auth.Authenticator] finds the person, and authorize compares the
// role with the page. The page reads its figures (package figures) and writes HTML
// (package page).
//
// Sections are packages of their own: operate, business. [New] puts them together. Nothing
// here writes into a table: what changes something goes through the packages that the
// commands use.
package console
