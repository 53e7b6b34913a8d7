// Package care has the pages of customer care: the users, one user, and what an agent may
// change about a user in Piano.
//
// Words:
//
//   - list: the users of our tables. Its filters are URL parameters and hold nothing
//     personal (filter.go). Piano's marks are read live for one page.
//   - search: a POST form, since a name or an address must not stand in a URL.
//   - tab: one part of a user's page. It says where its rows come from, and what the API
//     does not offer.
//   - masked: what names a person is hidden until an agent asks for it. Each showing is a
//     row of actions_log, written before.
//   - plan: what an action would send ([actions.Plan]). Its id is the nonce of the form, so
//     a second click, a reload or a second agent changes nothing.
//
// # The main path
//
// [New] makes the section. users reads the list, userPage one user with a tab. A button
// posts to plan, which reads Piano and writes the form of the execution. execute sends the
// request once and shows what is true then. What is possible is decided by package actions
// alone.
//
// Personal data is in memory of one request. The pages are not cached (the server says
// no-store), and errors name no value.
package care
