// Package promo has the pages of promo codes: promotions and their codes, segments,
// experiments, the outcome of redeemed codes, and the scripts for the checkout.
//
// Words:
//
//   - change: what a person is about to change in Piano or in the tables ([change]). It is a
//     plan of package plans: it has a page, is confirmed with a reason, and is executed once.
//   - shown: a plan or a result as the page of a plan writes it.
//   - masked: the text of a code that nobody has used is worth money. Pages have its first
//     characters, until somebody asks for the text with a reason. That is recorded first.
//
// # The main path
//
// [New] makes the section. The pages read Piano and the tables by the packages of
// internal/promo, as the commands do. A form that changes something makes a change
// (pages.propose), which leads to the page of its plan. There it is confirmed. Before the
// work a row is written to actions_log, and after it another one.
//
// All pages need the role promo. Lists of users have their ids only.
package promo
