// Package planpage has what the pages of plans share: who confirms and why, the forms of a
// plan, and its state.
//
// The main path: a form of a section makes a task. [Pages.Add] puts it into the book and
// leads to its page. [Pages.Show] writes that page with the section's template, which shows
// the state by {{ template "plan state" . }}. [Pages.Confirm] starts the work, once.
package planpage
