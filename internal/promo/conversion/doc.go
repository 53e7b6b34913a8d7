// Package conversion reads what Piano knows of redeemed promo codes, and reports their
// outcome.
//
// Words:
//
//   - conversion: a purchase in Piano. This package keeps those with a promo code, without the
//     person, the payment method and the place.
//   - redeemed: the code was used. A code on a trial, or on a delayed payment, is reserved
//     until the first charge, and released if none comes.
//   - life: a subscription and those that it changed to, one after the other.
//   - step-up: the first charge after the discounted periods.
//   - due: redeemed so long ago that the step-up has passed by a week. Who is not due counts
//     neither for nor against a promotion.
//
// # The main path
//
// [Reader.Sync] reads promotions and conversions from Piano into promotion_rules and
// promo_conversions. [Reader.Report] joins them with the table subscriptions by the id of the
// subscription, and with the promo codes of the latest traits. queries/promotions.sql has
// the rules. The report describes: who uses a code differs from who does not. Only an experiment
// shows what a code has caused.
package conversion
