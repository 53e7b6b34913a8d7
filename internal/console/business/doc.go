// Package business has the pages of a subscription business: subscribers, recurring
// revenue, churn, retention, trials, failed payments, revenue, plan changes, promo codes,
// subscriptions at risk, and the figures of complete months as they were stated.
//
// Words:
//
//   - mart: a table of figures that ClickHouse computes again every few minutes.
//   - cohort: those whose trial, failed payment or first revenue was in the same month.
//   - not yet due: of a cohort that has not been observed long enough. Drawings hatch it,
//     and tables have it in a column of its own.
//
// The main path: [New] makes the section out of one PanelPage for each subject. Every query
// reads a mart or a view of marts, and none reads events. docs/metrics.md defines the
// figures. A page shows one currency, because amounts of several cannot be added.
package business
