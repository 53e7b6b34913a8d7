// Package promo simulates promotions and promo codes of Piano.
//
// The main path: New has a few promotions (seed.go). An endpoint (endpoints.go,
// code_endpoints.go, change_endpoints.go) reads or changes a Catalogue. Who has redeemed a
// code is not stored: OfSubscription derives it from the id of a subscription, and the
// Catalogue asks for all redemptions (code.go).
//
// Words used here:
//
//   - promotion: a rule for a discount. Its codes refer to it.
//   - fixed code: one code for everybody. Each redemption is a code object of its own.
//   - generated codes: codes with the promotion's prefix, each for one use.
//   - redemption: the use of a code by a subscription. A code that a free trial or a
//     delayed payment has reserved is not redeemed yet.
package promo
